// Package partfile holds a file that is fetched in ranges, and the log of the fetched
// ranges. It does not know where the bytes come from.
//
// While a file is fetched, its path has the suffix ".part". Its log has the
// suffix ".part.log" and consists of lines of JSON in a [durable.Log]. The first line
// names the object. Each later line holds the ranges that are in the part, and the
// state of the SHA-256 at some offset in the first range. The last line holds the size
// and the SHA-256 of the complete object.
//
// A line is written after the part is synced, and is then synced itself. So the log
// never names bytes that a crash can lose. Bytes that the log does not name are not
// used, and a part without a log is started over. A log that has grown too long is
// rewritten beside the old log, and then renamed over it.
//
// A line also holds the checksum of the 64 KiB before the hashed offset. If a part has
// other bytes there, another program has changed it, and it is started over. A part
// that the log calls complete is hashed once more before it gets its name.
//
// At the end the part is synced, logged as complete and renamed. Then the folder is
// synced, and the log is removed. After a crash between two of these steps, the next
// call finishes them. A part that another program has renamed or removed never gets
// the name of the file.
package partfile
