package export

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/ghmigrate/ghmigrate/internal/durable"
)

// A disk is the file system that a run lives on.
type disk interface {
	durable.FS

	// MkdirAll makes a private folder and those above it, durably.
	MkdirAll(name string) error
	// ReadDir lists the folders in a folder, by name.
	ReadDir(name string) ([]string, error)
}

type osDisk struct{ durable.OS }

func (d osDisk) MkdirAll(name string) error {
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

func (osDisk) ReadDir(name string) ([]string, error) {
	entries, err := os.ReadDir(name)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		info, err := os.Stat(filepath.Join(name, e.Name())) // a link too: a run may have moved
		if err == nil && info.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// writeFile puts a file in place as a whole: a crash leaves the old one or the
// new one.
func writeFile(d disk, path string, data []byte) error {
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

// removeFile removes a file that may be gone already.
func removeFile(d disk, path string) error {
	if err := d.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
