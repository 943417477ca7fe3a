package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// OS is the file system of the operating system.
//
// It locks files by flock on Unix and by LockFileEx on Windows. On a system or
// a file system without these locks, OpenLocked fails with [ErrNoLocks].
type OS struct{}

var _ FS = OS{}

// OpenLocked implements [FS].
func (OS) OpenLocked(name string) (File, error) {
	// Between open and lock, the last holder may rename the file. It is then a finished
	// file under another name, and must not be written to. So check the name again
	// after the lock. Each repetition means that another holder has taken and released
	// the lock, so ten are enough.
	for range 10 {
		_, err := os.Lstat(name)
		existed := err == nil
		f, err := openRegular(name, true)
		if err != nil {
			return nil, err
		}
		if err := lock(f); err != nil {
			_ = f.Close()
			if !existed && errors.Is(err, ErrNoLocks) {
				_ = os.Remove(name)
			}
			return nil, &fs.PathError{Op: "lock", Path: name, Err: err}
		}
		if ok, _ := (OS{}).Leads(name, f); ok {
			if existed && isForeign(name, f) {
				_ = unlock(f)
				_ = f.Close()
				return nil, &fs.PathError{Op: "open", Path: name, Err: ErrForeign}
			}
			// An existing file may be readable by everyone. Chmod fails for a file of
			// another user and on systems without modes, which is accepted.
			_ = f.Chmod(0o600)
			return &lockedFile{f}, nil
		}
		_ = unlock(f)
		_ = f.Close()
	}
	return nil, &fs.PathError{Op: "lock", Path: name, Err: ErrLocked}
}

// Open implements [FS].
func (OS) Open(name string) (File, error) {
	f, err := openRegular(name, false)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Lstat implements [FS].
func (OS) Lstat(name string) (fs.FileInfo, error) { return os.Lstat(name) }

// Leads implements [FS].
func (OS) Leads(name string, f File) (bool, error) {
	opened, err := f.Stat()
	if err != nil {
		return false, err
	}
	named, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(opened, named), err
}

// Rename implements [FS]. On Windows it tries for some seconds while another
// program, such as a virus scanner, has one of the files open.
func (OS) Rename(oldname, newname string) error { return rename(oldname, newname) }

// Remove implements [FS].
func (OS) Remove(name string) error { return os.Remove(name) }

// SyncDir implements [FS]. Windows has no such operation and does not need it: NTFS
// logs its names itself.
func (OS) SyncDir(name string) error { return syncDir(name) }

// MkdirAll makes a private folder and its missing parents, and makes them survive a
// crash.
func (d OS) MkdirAll(name string) error {
	parent := filepath.Dir(name)
	if info, err := os.Stat(name); err != nil && parent != name {
		if err := d.MkdirAll(parent); err != nil {
			return err
		}
		if err := os.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	} else if err == nil && !info.IsDir() {
		return &fs.PathError{Op: "mkdir", Path: name, Err: syscall.ENOTDIR}
	} else {
		return err
	}
	// A parent that may be entered but not read cannot be synced.
	if err := d.SyncDir(parent); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}

// ReadDir lists the folders in the folder name, including links that lead to folders.
func (OS) ReadDir(name string) ([]string, error) {
	entries, err := os.ReadDir(name)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		info, err := os.Stat(filepath.Join(name, e.Name()))
		if err == nil && info.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// openRegular opens name without following a link at name itself. It fails unless the
// opened file is a regular file.
func openRegular(name string, write bool) (*os.File, error) {
	// Opening a pipe would wait for its other end, and opening a link fails with
	// an obscure error. If name changes after this check, open fails or the second
	// check does.
	info, err := os.Lstat(name)
	switch {
	case err == nil:
		if err := Regular(name, info); err != nil {
			return nil, err
		}
	case !write || !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	f, err := open(name, write)
	if err != nil {
		return nil, err
	}
	info, err = f.Stat()
	if err == nil {
		err = Regular(name, info)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// A lockedFile releases its lock before it is closed. Otherwise a child process could
// keep the lock: between fork and exec, it has a copy of the descriptor.
type lockedFile struct{ *os.File }

func (f *lockedFile) Close() error {
	_ = unlock(f.File)
	return f.File.Close()
}
