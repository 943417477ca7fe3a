//go:build !arm

package durable

import (
	"os"
	"syscall"
)

func startSync(f *os.File) {
	const write = 2 // SYNC_FILE_RANGE_WRITE: begin, and do not wait
	_ = syscall.SyncFileRange(int(f.Fd()), 0, 0, write)
}
