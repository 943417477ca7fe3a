package archive

import (
	"archive/tar"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/klauspost/compress/gzip"
)

// WriterOptions are the options of [NewWriter].
type WriterOptions struct {
	// ModTime is the time of the archive and of its entries; zero means now. The
	// same calls with the same time produce the same bytes.
	ModTime time.Time
	// Level is the level of gzip, from 1 (fast) to 9 (small); 0 means the default
	// level, and -1 no compression.
	Level int
	// Schema is the content of schema.json; zero means version 1.0.1, which GitHub's
	// importer accepts.
	Schema Schema
	// Shallow lets AddRepository accept shallow repositories, whose history is truncated.
	// GitHub's importer does not accept them.
	Shallow bool
}

// A Writer writes an archive in GitHub's layout: records with [Writer.Write],
// repositories with [Writer.AddRepository], attachments and other files with
// [Writer.Create], in any order, and at the end [Writer.Close].
//
// A Writer does not buffer files. It collects records until it has 100 of a type, or
// 16 MiB in all. It also remembers the names of all entries, because names must be
// unique.
//
// After a failed call the archive is incomplete. So all later calls, including Close,
// do nothing and return the same error.
//
// A Writer refuses names and records that a [Reader] would refuse. It does not check
// that records and files fit together; [Verify] does. A Writer is not for concurrent
// use.
type Writer struct {
	gzip    *gzip.Writer
	tar     *tar.Writer
	size    counter // the size of the tar
	modTime time.Time
	schema  Schema
	shallow bool
	limits  Limits                 // the limits of a Reader with the default options
	entries map[string]fs.FileMode // directories and files, by name
	lower   map[string]bool        // directories of repositories, in lower case
	shards  []*shard               // in the order of their first records
	waiting int                    // the bytes of the records in all shards
	file    *fileWriter            // the file of the latest Create, until the next call
	err     error                  // the first error
}

const tarRecord = 10240 // GNU tar pads a tar to a multiple of this size

var errWriterClosed = errors.New("the archive is closed")

// NewWriter returns a Writer that writes an archive to w. It writes nothing itself. The
// first call of a method reports invalid options. A nil opts means the defaults.
func NewWriter(w io.Writer, opts *WriterOptions) *Writer {
	var o WriterOptions
	if opts != nil {
		o = *opts
	}
	level := o.Level
	switch level {
	case 0:
		level = gzip.DefaultCompression
	case -1:
		level = gzip.NoCompression
	}
	a := &Writer{
		modTime: o.ModTime,
		schema:  o.Schema,
		shallow: o.Shallow,
		limits:  Limits{}.orDefaults(),
		entries: make(map[string]fs.FileMode),
		lower:   make(map[string]bool),
	}
	a.schema.Version = cmp.Or(a.schema.Version, "1.0.1")
	switch {
	case w == nil:
		a.err = errors.New("the io.Writer is nil")
		return a
	case o.Level < -1 || o.Level > 9:
		a.err = fmt.Errorf("level %d: want -1 to 9", o.Level)
		return a
	case !isKnownVersion(a.schema.Version):
		a.err = fmt.Errorf("schema version %q: want 1 as the major version", a.schema.Version)
		return a
	}
	if a.modTime.IsZero() {
		a.modTime = time.Now()
	}
	a.modTime = a.modTime.Truncate(time.Second) // the precision of gzip and tar
	a.gzip, a.err = gzip.NewWriterLevel(w, level)
	a.gzip.ModTime = a.modTime
	a.gzip.OS = 3 // Unix
	a.size.w = a.gzip
	a.tar = tar.NewWriter(&a.size)
	return a
}

// Write adds a record, of this package or of another type that implements
// [Record]. A record that was read keeps the fields that its struct does not know.
// Types of other packages are encoded by encoding/json; the result must be an
// object that has the record's type.
//
// A record needs a type and a URL, and may be as large as a [Reader] accepts by
// default. GitHub's importer needs more: each record that another record refers to,
// the file that the asset_url of an attachment names, and the repository that the
// git_url of a repository names. The git_url of the repository that AddRepository
// adds as "owner/name" is "tarball://root/repositories/owner/name.git".
func (w *Writer) Write(r Record) error {
	if err := w.begin(); err != nil {
		return err
	}
	return w.result("write a record", w.write(r))
}

// Create adds a file of size bytes, and the directories above it. The name is
// relative, slash-separated and unique: it is the link to the file without
// tarball://root/. GitHub's names are "attachments/<guid>/<name>",
// "repository_files/<id>/<name>" and "releases/<guid>/<name>". Create refuses names
// that Verify or Extract would refuse, and names that a Reader would take for a part
// of a wrapping directory.
//
// The caller must write all bytes of the file before the next call of a method of the
// Writer, which otherwise fails. Writing more bytes fails at once.
func (w *Writer) Create(name string, size int64) (io.Writer, error) {
	if err := w.begin(); err != nil {
		return nil, err
	}
	err := checkFileName(name)
	if err == nil {
		err = w.create(name, size)
	}
	if err != nil {
		return nil, w.result("create "+name, err)
	}
	return w.file, nil
}

// AddRepository adds the bare repository in fsys, such as an [os.DirFS], under the
// name "owner/name"; a wiki is "owner/name.wiki". Nothing may change the repository
// meanwhile.
//
// All files are added unchanged. They include the configuration, which may hold
// secrets. A file github-config marks a repository from [Extract]. There, files whose
// names begin with "github-" get their original names back, so that the new archive is
// like the original archive.
//
// AddRepository refuses the files that Extract refuses: links, hooks, names that
// Windows cannot hold. It also refuses repositories with reftables and incomplete
// repositories: shallow repositories (see [WriterOptions]), partial clones, and
// repositories that borrow objects (git clone --shared).
func (w *Writer) AddRepository(name string, fsys fs.FS) error {
	if err := w.begin(); err != nil {
		return err
	}
	return w.result("add repository "+name, w.addRepository(name, fsys))
}

// Close writes the remaining records and ends the archive. It does not close the
// underlying writer.
func (w *Writer) Close() error {
	if err := w.begin(); err != nil {
		if errors.Is(err, errWriterClosed) {
			return nil
		}
		return err
	}
	if err := w.result("close the archive", w.end()); err != nil {
		return err
	}
	w.err = errWriterClosed
	return nil
}

// begin begins a call. It fails if an earlier call failed, or if the file of the latest
// Create is incomplete.
func (w *Writer) begin() error {
	if f := w.file; w.err == nil && f != nil {
		if f.written < f.size {
			w.err = fmt.Errorf("write %s: got %d of %d bytes", f.name, f.written, f.size)
		}
		w.file = nil
	}
	return w.err
}

// result returns err with its context, and makes it the error of all later calls.
func (w *Writer) result(doing string, err error) error {
	if err != nil {
		w.err = fmt.Errorf("%s: %w", doing, err)
	}
	return w.err
}

// end writes the end of the archive.
func (w *Writer) end() error {
	if err := w.flushAll(); err != nil {
		return err
	}
	schema, err := marshal(w.schema)
	if err != nil {
		return err
	}
	if err := w.add("schema.json", schema); err != nil {
		return err
	}
	if err := w.tar.Close(); err != nil {
		return err
	}
	if over := w.size.n % tarRecord; over != 0 {
		if _, err := w.size.Write(make([]byte, tarRecord-over)); err != nil {
			return err
		}
	}
	return w.gzip.Close()
}

// A counter counts the bytes that are written to w.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
