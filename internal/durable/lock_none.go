//go:build aix || solaris || (!unix && !windows)

package durable

import "os"

func lock(*os.File) error { return ErrNoLocks }

func unlock(*os.File) error { return ErrNoLocks }
