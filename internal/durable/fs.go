package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"syscall"
)

// FS is the part of a file system that downloads and journals use. Its names
// come from package os, and so do its errors: [fs.ErrNotExist] and the like, in
// a *[fs.PathError].
type FS interface {
	// OpenLocked opens the regular file name for reading and writing, creates
	// it if it is missing, and makes it private (mode 0600). It takes a lock
	// that ends when the file is closed. It fails with ErrLocked while another
	// open file holds the lock, and with ErrNoLocks where there are no locks.
	// It fails with ErrNotRegular for a link, a folder or a device. It fails
	// with ErrForeign for a file of another user, unless the folder is that
	// user's too. When it returns, name still leads to the file: a file that
	// its last holder renamed or removed in the meantime is not handed out.
	OpenLocked(name string) (File, error)

	// Open opens the regular file name for reading.
	// It fails with ErrNotRegular for anything else.
	Open(name string) (File, error)

	// Lstat describes name, and not what a link there leads to.
	Lstat(name string) (fs.FileInfo, error)

	// Leads reports whether name leads to f. It does not any more if somebody
	// has renamed or removed the file that was opened by it.
	Leads(name string, f File) (bool, error)

	// Rename gives oldname the name newname, replacing a file that has it.
	// A crash leaves the one file or the other at newname, never a part.
	Rename(oldname, newname string) error

	// Remove removes the file name.
	Remove(name string) error

	// SyncDir makes what was created, renamed and removed in the folder name
	// survive a crash.
	SyncDir(name string) error
}

// File is an open regular file. An *[os.File] is one.
//
// ReadAt, WriteAt and Sync may be called at the same time.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer

	// Stat describes the file.
	Stat() (fs.FileInfo, error)

	// Sync makes everything written before it survive a crash.
	Sync() error

	// Truncate sets the file's size. What it adds reads as zeros.
	Truncate(size int64) error
}

var (
	// ErrLocked says that another open file holds the lock, in this process or
	// in another.
	ErrLocked = errors.New("in use by another process or call")

	// ErrForeign says that a file is another user's, who could change it under
	// our hands and afterwards.
	ErrForeign = errors.New("belongs to another user")

	// ErrNoLocks says that the system, or the file system, has no file locks. Two
	// processes could then write to one file without noticing.
	ErrNoLocks = errors.New("no file locks here: choose a folder on a local disk")

	// ErrNotRegular says that a name leads to a link, a folder or a device.
	ErrNotRegular = errors.New("not a regular file")
)

// CannotSync reports whether err, of [FS.SyncDir], means that a folder cannot
// be synced at all: the process may not open it, or the file system has no such
// operation. It does not mean a broken disk.
func CannotSync(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL)
}

// Regular returns an error that matches [ErrNotRegular], and says what name
// is, unless info describes a regular file.
func Regular(name string, info fs.FileInfo) error {
	var kind string
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		kind = "a folder"
	case mode&fs.ModeSymlink != 0:
		kind = "a symbolic link"
	default:
		kind = "a device, pipe or socket"
	}
	return &fs.PathError{Op: "open", Path: name, Err: fmt.Errorf("%s, %w", kind, ErrNotRegular)}
}

// WriteFile puts a file in place as a whole: a crash leaves the old one or the
// new one.
func WriteFile(d FS, path string, data []byte) error {
	temporary := path + ".new"
	f, err := d.OpenLocked(temporary)
	if err != nil {
		return err
	}
	write := func() error {
		if err := f.Truncate(0); err != nil {
			return err
		}
		if _, err := f.WriteAt(data, 0); err != nil {
			return err
		}
		return f.Sync()
	}
	if err := write(); err != nil {
		_ = f.Close()
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := d.Rename(temporary, path); err != nil {
		return err
	}
	return d.SyncDir(filepath.Dir(path))
}

// Rewrite makes durable what was read of a file, in place. After a failed Sync
// the system may go on showing what the disk has lost, to the next process too,
// and call it synced from then on.
func Rewrite(f File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	data := make([]byte, info.Size())
	if _, err := f.ReadAt(data, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if _, err := f.WriteAt(data, 0); err != nil {
		return err
	}
	return f.Sync()
}
