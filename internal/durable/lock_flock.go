//go:build unix && !aix && !solaris

package durable

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

func lock(f *os.File) error {
	err := flock(f, syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return ErrLocked
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, syscall.ENOLCK), errors.Is(err, syscall.EINVAL):
		return fmt.Errorf("%w: %w", ErrNoLocks, err)
	}
	return err
}

func unlock(f *os.File) error { return flock(f, syscall.LOCK_UN) }

// flock takes or releases a lock that belongs to the open file. A lock of fcntl would
// belong to the process, which could then take it twice.
func flock(f *os.File, how int) error {
	for {
		if err := syscall.Flock(int(f.Fd()), how); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
