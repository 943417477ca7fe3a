//go:build !arm

package durable

import (
	"os"
	"syscall"
)

func startSync(f *os.File, offset, length int64) {
	const write = 2 // SYNC_FILE_RANGE_WRITE: begin, and do not wait
	_ = syscall.SyncFileRange(int(f.Fd()), offset, length, write)
}
