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

// isForeign returns false: files have no comparable owner on these systems.
func isForeign(string, *os.File) bool { return false }

func rename(oldname, newname string) error { return os.Rename(oldname, newname) }

func syncDir(string) error { return nil }
