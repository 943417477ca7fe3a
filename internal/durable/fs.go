package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"syscall"
)

// FS is the part of a file system that downloads and exports use. Its methods are
// named after functions of package os. They return the errors of that package, such as
// [fs.ErrNotExist] in a *[fs.PathError].
type FS interface {
	// OpenLocked opens the regular file name for reading and writing, and locks it
	// until it is closed. It creates a missing file, and makes the file private (mode
	// 0600). When OpenLocked returns, name still leads to the file. OpenLocked fails
	// with
	//   - ErrLocked while another open file holds the lock,
	//   - ErrNoLocks where there are no locks,
	//   - ErrNotRegular for a link, a folder or a device,
	//   - ErrForeign for a file of another user, unless that user owns the folder too.
	OpenLocked(name string) (File, error)

	// Open opens the regular file name for reading.
	// It fails with ErrNotRegular for anything else.
	Open(name string) (File, error)

	// Lstat describes name. It does not follow a link at name.
	Lstat(name string) (fs.FileInfo, error)

	// Leads reports whether name still leads to f. It does not if another program has
	// renamed or removed the file.
	Leads(name string, f File) (bool, error)

	// Rename renames a file, and replaces a file at newname. A crash leaves the old
	// file or the new file at newname, never a part.
	Rename(oldname, newname string) error

	// Remove removes the file name.
	Remove(name string) error

	// SyncDir makes created, renamed and removed names in the folder survive a crash.
	SyncDir(name string) error
}

// File is an open regular file. *[os.File] implements it.
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

	// Truncate sets the file's size. Added bytes are zeros.
	Truncate(size int64) error
}

var (
	// ErrLocked reports that another open file holds the lock, in this process or
	// in another.
	ErrLocked = errors.New("in use by another process or call")

	// ErrForeign reports that a file belongs to another user, who could change it at
	// any time.
	ErrForeign = errors.New("belongs to another user")

	// ErrNoLocks reports that the system, or the file system, has no file locks. Two
	// processes could then write to one file without noticing.
	ErrNoLocks = errors.New("no file locks here: choose a folder on a local disk")

	// ErrNotRegular reports that a name leads to a link, a folder or a device.
	ErrNotRegular = errors.New("not a regular file")
)

// CannotSync reports whether an error of [FS.SyncDir] means that the folder can never
// be synced: the process may not open it, or the file system has no such operation.
// Such an error does not mean a broken disk.
func CannotSync(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL)
}

// Regular returns nil if info describes a regular file. Otherwise it returns an error
// that matches [ErrNotRegular] and says what name leads to.
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

// WriteFile writes data to the file path, and replaces an older file. A crash leaves
// the old file or the new file, never a part.
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

// Rewrite writes the content of a file again, in place, and syncs it. It is needed
// after a Sync that failed in an earlier process: the system may still show bytes that
// the disk has lost, and later Syncs do not write them.
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
