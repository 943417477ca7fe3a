package main

import (
	"bytes"
	"fmt"
	"os"
	"time"
)

// watchMemory polls the peak memory of a process until stop is called, which
// returns it in bytes, or 0 where there is no /proc. The maximum that wait4
// reports is useless on Linux: it includes the memory of the parent at the fork.
func watchMemory(pid int) (stop func() int64) {
	path, done, peak := fmt.Sprintf("/proc/%d/status", pid), make(chan struct{}), make(chan int64)
	go func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for most := int64(0); ; {
			text, err := os.ReadFile(path)
			if _, rest, ok := bytes.Cut(text, []byte("VmHWM:")); ok && err == nil {
				var kB int64
				if _, err := fmt.Sscan(string(rest), &kB); err == nil {
					most = max(most, kB<<10)
				}
			}
			select {
			case <-tick.C:
			case <-done:
				peak <- most
				return
			}
		}
	}()
	return func() int64 {
		close(done)
		return <-peak
	}
}
