//go:build unix

package durable

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

func open(name string, write bool) (*os.File, error) {
	flag := os.O_RDONLY
	if write {
		flag = os.O_RDWR | os.O_CREATE
	}
	return os.OpenFile(name, flag|syscall.O_NOFOLLOW, 0o600)
}

// isForeign reports whether f belongs neither to us nor to the owner of its folder.
// The owner of the folder can replace any file in it. On some network and shared file
// systems that owner owns all files, even files that we create.
func isForeign(name string, f *os.File) bool {
	info, err := f.Stat()
	if err != nil {
		return false
	}
	folder, err := os.Stat(filepath.Dir(name))
	if err != nil {
		return false
	}
	mine, ok1 := info.Sys().(*syscall.Stat_t)
	above, ok2 := folder.Sys().(*syscall.Stat_t)
	return ok1 && ok2 && int(mine.Uid) != os.Geteuid() && mine.Uid != above.Uid
}

func rename(oldname, newname string) error { return os.Rename(oldname, newname) }

func syncDir(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	// Some network and FUSE file systems cannot sync a folder, and return these errors.
	if err := dir.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}
