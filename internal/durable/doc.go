// Package durable holds the file operations that downloads and exports need to
// survive a crash, and a log that survives a crash.
//
// It has two parts. The interfaces [FS] and [File] are the file operations whose order
// decides what a crash can lose. [OS] implements FS with the operating system. A
// test uses the disk of package simdisk instead: it stops after any operation, and
// loses, reorders or tears writes that were not synced. [Log] is an append-only file
// of checksummed lines, which tells the next process how far the last process got.
//
// # What survives a crash
//
// Bytes survive when Sync of their file has returned. A created, renamed or removed
// name survives when [FS.SyncDir] of its folder has returned. Everything else may be
// lost, in any order, and the last write may be torn. So every user of this package
// syncs the data, then appends a line about the data to a log, then syncs the log. A
// line that survives never describes data that was lost.
//
// # Locks
//
// [FS.OpenLocked] takes a lock that belongs to the open file. A second call
// fails with [ErrLocked], in this process and in another. The lock ends when the file
// is closed or its process dies, so a killed process leaves no lock behind. On a
// network file system, the lock is only as reliable as the file system.
//
// # Names
//
// OpenLocked and Open do not follow a symbolic link at the name itself. In a folder
// that others can write to, a link would decide which file is overwritten. Links in
// the path of the folder are followed.
package durable
