// Package durable is the ground that downloads and exports stand on: the few
// file operations whose order decides what a crash can take away.
//
// It has two parts. [FS] and [File] are a seam: everything that must survive a
// crash goes through them. A test can put package simdisk underneath: a disk
// that stops after any operation, and loses, reorders or tears writes that were
// not synced. [OS] is the real thing. [Log] is an append-only file of
// checksummed lines, the memory of a job between two processes.
//
// # What may be relied on
//
// A write is safe when Sync of its file has returned; a new name, a renamed or
// a removed one when [FS.SyncDir] of the folder has. Everything else may be
// lost, in any order, and the last write may be there in part. So the rule of
// every user is the same: sync the data, then log the line that tells of it,
// then sync the log. A line that survived then never promises data that did
// not.
//
// # Locks
//
// [FS.OpenLocked] takes a lock that belongs to the open file. A second call
// fails with [ErrLocked], from this process and from another. The lock ends
// when the file is closed or its process dies, however it dies. There is
// nothing to clean up after a kill. Locks on network file systems are as good
// as the file system makes them.
//
// # Names
//
// Neither way of opening a file follows a symbolic link at the name itself:
// in a folder that others can write to, a link would decide what gets
// overwritten. Links among the folders above are followed as always.
package durable
