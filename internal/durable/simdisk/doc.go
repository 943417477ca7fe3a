// Package simdisk is a disk in memory for tests. It loses what a real disk may lose
// in a power cut. Killing a process tests no sync, because the system keeps what the
// process wrote. A [Disk] can stop after any operation, and then keeps or loses what
// was not synced, as a seed decides.
//
// A test passes a [Disk] to the code under test in place of [durable.OS], and
// stops it with [Disk.StopAfter] or [Disk.Stop]. The next process of the test uses the
// disk that [Disk.PowerCut] returns, or [Disk.Kill] if only the process died:
//
//	disk := simdisk.New(seed, "/data")
//	disk.StopAfter(17)
//	err := work(disk)           // fails with ErrStopped somewhere
//	disk = disk.PowerCut(seed)  // what the next process finds
//	err = work(disk)
//
// # What a power cut loses
//
// Bytes stay when Sync of their file has returned. Each write and truncation since
// then is kept, dropped, or kept in some of its blocks, in any order. The size may
// have grown without the bytes, which are then zeros. Each name that was created,
// renamed or removed since SyncDir of its folder is old or new, in any order. A rename
// is never half done, and no file has two names.
//
// # What an error does
//
// [Disk.Fail] makes operations fail. A write that fails writes a part of its bytes. A
// Sync that fails leaves a part of the data on the disk and loses the rest, although
// the rest can still be read. As on Linux, the next Sync succeeds and does not write
// the lost data. Any other operation that fails has no effect.
package simdisk
