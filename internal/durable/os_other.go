//go:build !unix && !windows

package durable

import "os"

func open(name string, write bool) (*os.File, error) {
	flag := os.O_RDONLY
	if write {
		flag = os.O_RDWR | os.O_CREATE
	}
	return os.OpenFile(name, flag, 0o600)
}

// isForeign is always false: a file has no owner here that would tell.
func isForeign(string, *os.File) bool { return false }

func rename(oldname, newname string) error { return os.Rename(oldname, newname) }

func syncDir(string) error { return nil }
