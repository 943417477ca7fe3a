//go:build unix

package durable

import (
	"errors"
	"os"
	"syscall"
)

func open(name string, write bool) (*os.File, error) {
	flag := os.O_RDONLY
	if write {
		flag = os.O_RDWR | os.O_CREATE
	}
	return os.OpenFile(name, flag|syscall.O_NOFOLLOW, 0o600)
}

func rename(oldname, newname string) error { return os.Rename(oldname, newname) }

func syncDir(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	// Some network and FUSE file systems cannot sync a folder, and say so.
	if err := dir.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}
