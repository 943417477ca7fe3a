package durable

import (
	"errors"
	"math/rand/v2"
	"os"
	"syscall"
	"time"
	"unsafe"
)

// open opens a file so that it can be renamed and removed while it is open, which
// package os does not allow. A part is renamed, and its log removed, while both are
// open.
func open(name string, write bool) (*os.File, error) {
	path, err := syscall.UTF16PtrFromString(name)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	access, create := uint32(syscall.GENERIC_READ), uint32(syscall.OPEN_EXISTING)
	if write {
		access, create = access|syscall.GENERIC_WRITE, syscall.OPEN_ALWAYS
	}
	handle, err := syscall.CreateFile(path, access,
		syscall.FILE_SHARE_READ|syscall.FILE_SHARE_WRITE|syscall.FILE_SHARE_DELETE, nil, create,
		syscall.FILE_ATTRIBUTE_NORMAL|syscall.FILE_FLAG_OPEN_REPARSE_POINT, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(handle), name), nil
}

const (
	errAccessDenied     = syscall.Errno(5)
	errSharingViolation = syscall.Errno(32)
	errLockViolation    = syscall.Errno(33)
)

// isForeign returns false: owners of files are not compared on Windows.
func isForeign(string, *os.File) bool { return false }

func rename(oldname, newname string) error {
	deadline := time.Now().Add(5 * time.Second)
	for wait := 10 * time.Millisecond; ; wait *= 2 {
		err := os.Rename(oldname, newname)
		if err == nil || !time.Now().Before(deadline) ||
			!errors.Is(err, errAccessDenied) && !errors.Is(err, errSharingViolation) && !errors.Is(err, errLockViolation) {
			return err
		}
		<-time.NewTimer(wait/2 + rand.N(wait/2)).C //nolint:gosec // spreads load, keeps no secret
	}
}

func syncDir(string) error { return nil }

const (
	lockfileFailImmediately = 1
	lockfileExclusiveLock   = 2
)

// lockRange returns a range of one byte after the end of any file. A lock on Windows
// keeps other programs from reading the locked range, and they may read a part.
func lockRange() *syscall.Overlapped { return &syscall.Overlapped{Offset: 0, OffsetHigh: 1<<31 - 1} }

func lock(f *os.File) error {
	ok, _, err := syscall.NewLazyDLL("kernel32.dll").NewProc("LockFileEx").Call(
		f.Fd(), lockfileExclusiveLock|lockfileFailImmediately, 0, 1, 0, uintptr(unsafe.Pointer(lockRange()))) //nolint:gosec // as the call wants it
	switch {
	case ok != 0:
		return nil
	case errors.Is(err, errLockViolation), errors.Is(err, syscall.ERROR_IO_PENDING):
		return ErrLocked
	default:
		return err
	}
}

func unlock(f *os.File) error {
	ok, _, err := syscall.NewLazyDLL("kernel32.dll").NewProc("UnlockFileEx").Call(
		f.Fd(), 0, 1, 0, uintptr(unsafe.Pointer(lockRange()))) //nolint:gosec // as the call wants it
	if ok == 0 {
		return err
	}
	return nil
}
