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
	// same calls with the same time make the same bytes.
	ModTime time.Time
	// Level is that of gzip, from 1 (fast) to 9 (small). 0 picks one, and -1 does
	// not compress.
	Level int
	// Schema is the content of schema.json; zero means version 1.0.1, which GitHub's
	// importer takes.
	Schema Schema
	// Shallow lets AddRepository take shallow repositories, whose history is cut.
	// GitHub's importer does not take them.
	Shallow bool
}

// A Writer writes an archive in GitHub's layout: records with [Writer.Write],
// repositories with [Writer.AddRepository], attachments and other files with
// [Writer.Create], in any order, and at the end [Writer.Close].
//
// A Writer writes files at once. It collects records until there are 100 of a
// type, or 16 MiB in all. It also holds the names of all entries, because no two
// entries may have one name.
//
// After a failed call the archive is incomplete. So all later calls, Close among
// them, do nothing and return the same error.
//
// A Writer refuses what a [Reader] would refuse. It does not check that records and
// files fit together; [Verify] does. A Writer is not for concurrent use.
type Writer struct {
	gzip    *gzip.Writer
	tar     *tar.Writer
	size    counter // of the tar
	modTime time.Time
	schema  Schema
	shallow bool
	limits  Limits                 // of a Reader with the default options
	entries map[string]fs.FileMode // directories and files, by name
	cased   map[string]bool        // directories of repositories, in lower case
	shards  []*shard               // in the order of their first records
	waiting int                    // bytes of records in all shards
	file    *fileWriter            // the latest of Create, until the next call
	err     error
}

const tarRecord = 10240 // GNU tar writes a multiple of it

var errWriterClosed = errors.New("the archive is closed")

// NewWriter returns a Writer of an archive to w. It writes nothing before the first
// call of a method, which also reports what is wrong with opts. A nil opts means
// the defaults.
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
		cased:   make(map[string]bool),
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
	a.modTime = a.modTime.Truncate(time.Second) // more does not fit
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
// A record needs a type and a URL, and may be as large as a [Reader] takes by
// default. GitHub's importer needs more: each record that another record refers
// to, and for each attachment the file that its asset_url names. For each
// repository with a git_url of "tarball://root/repositories/owner/name.git" it
// needs a call of AddRepository with "owner/name".
func (w *Writer) Write(r Record) error {
	if err := w.begin(); err != nil {
		return err
	}
	return w.keep("write a record", w.write(r))
}

// Create adds a file of size bytes, and the directories above it. The name is
// relative, separated by slashes and new: the link to the file without
// tarball://root/. GitHub has "attachments/<guid>/<name>",
// "repository_files/<id>/<name>" and "releases/<guid>/<name>". Create refuses names
// that Verify or Extract would refuse, or take for a part of a directory around
// everything.
//
// The caller writes the file before the next call of a method of the Writer. That
// call fails if bytes are missing. A byte too many fails at once.
func (w *Writer) Create(name string, size int64) (io.Writer, error) {
	if err := w.begin(); err != nil {
		return nil, err
	}
	err := checkFileName(name)
	if err == nil {
		err = w.create(name, size)
	}
	if err != nil {
		return nil, w.keep("create "+name, err)
	}
	return w.file, nil
}

// AddRepository adds the bare repository in fsys, such as an [os.DirFS], under the
// name "owner/name"; a wiki is "owner/name.wiki". Nothing may change the repository
// meanwhile.
//
// All files are added as they are. That includes the configuration, which may hold
// secrets. In a repository that [Extract] left, the files whose names begin with
// "github-" get their first names back, so that the archive is like the first one.
//
// AddRepository refuses what Extract refuses: links, hooks, names that Windows
// cannot hold. It also refuses repositories that are not whole, because they are
// shallow (see [WriterOptions]), a partial clone, or borrow objects of another one
// (git clone --shared), and repositories with reftables.
func (w *Writer) AddRepository(name string, fsys fs.FS) error {
	if err := w.begin(); err != nil {
		return err
	}
	return w.keep("add repository "+name, w.addRepository(name, fsys))
}

// Close writes the remaining records and ends the archive. It does not close the
// writer below.
func (w *Writer) Close() error {
	if err := w.begin(); err != nil {
		if errors.Is(err, errWriterClosed) {
			return nil
		}
		return err
	}
	if err := w.keep("close the archive", w.end()); err != nil {
		return err
	}
	w.err = errWriterClosed
	return nil
}

// begin begins a call. No call before may have failed, and the file of the latest
// Create must be whole.
func (w *Writer) begin() error {
	if f := w.file; w.err == nil && f != nil {
		if f.written < f.size {
			w.err = fmt.Errorf("write %s: has %d of its %d bytes", f.name, f.written, f.size)
		}
		w.file = nil
	}
	return w.err
}

// keep makes an error the result of all later calls.
func (w *Writer) keep(doing string, err error) error {
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

// A counter counts what is written through it.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
