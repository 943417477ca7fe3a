// Package simdisk is a disk for tests, in memory, that forgets what a real one
// may forget. Killing a process proves no sync: the system keeps what it wrote.
// Here the machine itself can stop, after any operation, and what was not
// synced is then lost, or not, as a seed decides.
//
// A test gives [Disk] to the code under test in place of [durable.OS], and
// stops it with [Disk.StopAfter] or [Disk.Stop]. It goes on with the disk that
// [Disk.PowerCut] returns, or [Disk.Kill] if only the process died:
//
//	disk := simdisk.New(seed, "/data")
//	disk.StopAfter(17)
//	err := work(disk)           // fails with ErrStopped somewhere
//	disk = disk.PowerCut(seed)  // what the next process finds
//	err = work(disk)
//
// # What a power cut takes
//
// What Sync of a file returned for stays, and nothing else is certain. Each
// write and truncation since then is kept, or dropped, or kept in some of its
// blocks, in any order. The size may have grown without the bytes, which are
// then zeros. Each name that was created, renamed or removed since SyncDir of
// its folder is old or new, in any order. A rename is never half done, and no
// file has two names.
//
// # What an error does
//
// [Disk.Fail] makes operations fail. A write that fails gets a part of its
// bytes to the file. A Sync that fails leaves part of its data on the disk and
// loses the rest for good, although the rest can still be read. As on Linux,
// the next Sync succeeds and does not bring it back. Everything else that fails
// has not happened.
package simdisk
