//go:build linux || darwin

package main

import "syscall"

// freeSpace is how many bytes may be written to a folder.
func freeSpace(dir string) (int64, bool) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return 0, false
	}
	return int64(stat.Bavail) * int64(stat.Bsize), true //nolint:gosec,unconvert // the types differ between systems
}
