// Package partfile holds a file that arrives in pieces, and the log of how far it
// is. It knows nothing of where the pieces come from.
//
// While a file is fetched it is beside its path with the suffix ".part". The
// suffix ".part.log" marks its log: lines of JSON in a [durable.Log]. The first
// line names the object. Each later line holds the ranges that are in the part,
// and the state of the SHA-256 at some place in the first range. The last line
// tells size and SHA-256 of the complete object.
//
// A line is written after the part is synced, and is synced itself. So the log
// never promises bytes that a crash can take, and bytes that it does not mention
// are not believed. A part without a log is started over. A log that has grown is
// written anew beside the old one and takes its name.
//
// A line also holds the sum of the last 64 KiB before the hashed place. A part
// with other bytes there is another file and is started over. A part that the log
// calls complete is hashed once more before it is put in place.
//
// At the end the part is synced, logged as complete and renamed, the folder is
// synced, and the log is removed. The next call finishes what a crash leaves
// undone between any two of these steps. A part that another program renamed or
// removed is never put in place.
package partfile
