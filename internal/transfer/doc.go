// Package transfer fetches one large object that lies behind signed URLs, and
// does not let go of it: [File] puts it into a file, [Open] gives it as a stream.
//
// An archive of many gigabytes takes longer than its URL lives, than storage
// keeps a connection, and often than the process runs. So the object is read
// over as many connections as that takes, each for a range of it, and every
// answer must prove that it belongs to the same object.
//
// # Requests
//
// The first request is the first part of the transfer and not a probe: a GET
// with "Range: bytes=0-" and the end of the first chunk, for a file over several
// connections, and "Accept-Encoding: identity". Storage that gives all of the
// object instead is taken at its word. Storage signs a URL for GET alone, so
// there is no HEAD. Later requests carry "If-Match" with the strong ETag of the
// first answer, or else "If-Unmodified-Since" with its date, unless that is the
// very second of the answer: there may be another object of the same. One with
// neither cannot be resumed: a cut starts a file over, a few times, and ends
// a stream.
//
// A 206 must start exactly where it was asked to and repeat the validator and
// the size; a body must be exactly as long as announced; the object must begin
// as gzip does. A 412, a 416 that tells another size, or a 200 in answer to a
// later range mean that the object changed. A file is then started over, once;
// a stream, and a second change, end with [ErrChanged]. A 200 that has the same
// strong ETag and size, and a 501, mean that storage gives no ranges after all: a
// file is started over, once, with one request for all of it.
//
// # Ranges side by side
//
// Storage serves one connection slowly and many fast. A file that is not small is
// cut into chunks, sixteen for each range that is fetched at once, which are
// handed out in the order of the file and not far ahead of the first gap. All
// ranges share one signed URL, which one of them renews. While the last bytes of
// a chunk are on their way, the next one is asked for, and its answer waits until
// they have come: no more bodies are read at once than there are ranges.
//
// Where the caller leaves their number to us, there is one range at first. As long
// as that is about as fast as the sum can be made it stays alone, and is asked for
// all of the rest at once. When it is slower, most of that is left to all.
//
// Storage that answers 429 or 503, or that gives others their bytes but no
// answer to one more request, has too many ranges to serve. Then there are half
// as many, but not fewer than those that get bytes, and that at most every five
// seconds; half a minute after the last trouble one more is tried. A range that
// has to wait for more than ten seconds is left to the others.
//
// A schedule knows which chunk is next, workers fetch chunks into the file,
// a follower hashes the gapless beginning while it is still in memory,
// a recorder writes the log; together they are a crew. An object without
// a size, a validator or ranges is fetched over one connection, by a crew of one worker
// with one chunk. A stream has one connection, and reads ahead.
//
// # Trouble
//
// A refused URL is replaced by a fresh one from [Source].Locate; when two fresh
// ones in a row are refused, storage's answer is returned as a [StatusError].
// After 408, 425, 429, 5xx, broken connections and answers that contradict
// themselves it asks again, with jittered exponential backoff or after the
// Retry-After of storage. Certificate errors, redirects and other answers are
// final.
//
// There is no total timeout and no number of retries. A connection that gives
// no byte for a minute is dropped, and so is one that for ten seconds is at less
// than a quarter of the usual speed while other ranges wait for its bytes, or
// gives no answer for as long while others get bytes. The next one for the same
// bytes is given twice the time. A
// transfer that gets less than 1 MiB in five minutes, over all its connections,
// ends. Time in which Locate waits for
// GitHub, the reader of a stream does not read or a disk is slow does not count,
// nor do waits that storage asks all ranges for, up to an hour between one MiB
// and the next; if it asks for more, its answer is returned.
//
// # What is on the disk
//
// While a file is fetched, it is beside its path with the suffix ".part", and
// a log with the suffix ".part.log" tells how far it is: lines of JSON in a
// [durable.Log]. The first names the object; each later one holds the ranges
// that are there, and the state of the SHA-256 at some place in the first range;
// the last one tells size and sum of the complete object. About once a second,
// and whenever a call ends, the part is synced, then such a line is written,
// then the log is synced: what the log tells is there whatever happened since,
// and what it does not tell is not believed. Hence neither a cut nor a kill nor
// a power failure costs more than a second of the line, and the sum needs no
// second pass. A part without a log is started over. A log that has grown is
// written anew beside the old one and takes its name.
//
// A line also holds the sum of the last 64 KiB that were hashed. A part that has
// other bytes there is started over: it is another file, of another migration
// perhaps. That does not catch one that differs elsewhere only, nor one that was
// exchanged before anything of it was hashed. A part that the log calls complete
// is hashed once more before it is put in place.
//
// At the end: sync the part, log that it is complete, rename it, sync the
// folder, remove the log. A call finishes what an earlier one left undone
// between any two of these steps. What was renamed or removed under its hands
// is never put in place.
//
// # Secrets
//
// The query of a signed URL is a password. It reaches storage and nothing else:
// no error, no log line, no file.
package transfer
