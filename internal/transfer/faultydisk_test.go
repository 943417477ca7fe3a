package transfer_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/durable"
)

var errDead = errors.New("the process is dead")

// A disk is the file system of the operating system. It notes its operations, and
// fails at operations that a test chooses. It does not sync, because the machine does
// not stop.
type disk struct {
	durable.OS

	// fail returns the error of the nth operation, from 1. op is the operation with
	// the suffix of the file, such as "write .part". A write that fails writes half of
	// its bytes.
	fail func(n int, op string) error

	mu    sync.Mutex
	ops   []string
	reads []int64 // the offsets of reads of the part
}

// failAt returns a disk on which the operation op fails.
func failAt(op string, err error) *disk {
	return &disk{fail: func(_ int, next string) error {
		if next == op {
			return err
		}
		return nil
	}}
}

// dieAt returns a disk on which all operations after the nth fail.
func dieAt(n int) *disk {
	return &disk{fail: func(number int, _ string) error {
		if number > n {
			return errDead
		}
		return nil
	}}
}

// dieBefore returns a disk on which op and all later operations fail.
func dieBefore(op string) *disk {
	dead := false
	return &disk{fail: func(_ int, next string) error {
		if dead = dead || next == op; dead {
			return errDead
		}
		return nil
	}}
}

// note notes an operation, and returns its error.
func (d *disk) note(op, name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if name != "" {
		op += " " + strings.TrimPrefix(filepath.Base(name), "backup.tar.gz")
	}
	d.ops = append(d.ops, op)
	if d.fail == nil {
		return nil
	}
	return d.fail(len(d.ops), op)
}

func (d *disk) OpenLocked(name string) (durable.File, error) {
	if err := d.note("lock", name); err != nil {
		return nil, err
	}
	f, err := d.OS.OpenLocked(name)
	if err != nil {
		return nil, err
	}
	return &diskFile{File: f, disk: d, name: name}, nil
}

func (d *disk) Open(name string) (durable.File, error) {
	if err := d.note("open", name); err != nil {
		return nil, err
	}
	return d.OS.Open(name)
}

func (d *disk) Rename(oldname, newname string) error {
	if err := d.note("rename", oldname); err != nil {
		return err
	}
	return d.OS.Rename(oldname, newname)
}

func (d *disk) Remove(name string) error {
	if err := d.note("remove", name); err != nil {
		return err
	}
	return d.OS.Remove(name)
}

func (d *disk) SyncDir(string) error {
	return d.note("sync folder", "")
}

func (d *disk) Lstat(name string) (fs.FileInfo, error) {
	if err := d.note("look at", name); err != nil {
		return nil, err
	}
	return d.OS.Lstat(name)
}

type diskFile struct {
	durable.File
	disk *disk
	name string
}

func (f *diskFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.disk.note("read", f.name); err != nil {
		return 0, err
	}
	if strings.HasSuffix(f.name, ".part") {
		f.disk.mu.Lock()
		f.disk.reads = append(f.disk.reads, off)
		f.disk.mu.Unlock()
	}
	return f.File.ReadAt(p, off)
}

func (f *diskFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.disk.note("write", f.name); err != nil {
		n, _ := f.File.WriteAt(p[:len(p)/2], off)
		return n, err
	}
	return f.File.WriteAt(p, off)
}

func (f *diskFile) Truncate(size int64) error {
	if err := f.disk.note("truncate", f.name); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *diskFile) Sync() error {
	return f.disk.note("sync", f.name)
}

func (f *diskFile) Stat() (fs.FileInfo, error) {
	if err := f.disk.note("stat", f.name); err != nil {
		return nil, err
	}
	return f.File.Stat()
}

// A slowDisk is unsynced, and each read takes a minute.
type slowDisk struct{ unsynced }

func (d slowDisk) OpenLocked(name string) (durable.File, error) {
	f, err := d.unsynced.OpenLocked(name)
	return slowDiskFile{f}, err
}

type slowDiskFile struct{ durable.File }

func (f slowDiskFile) ReadAt(p []byte, off int64) (int, error) {
	time.Sleep(time.Minute)
	return f.File.ReadAt(p, off)
}
