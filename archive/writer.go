package archive

import (
	"archive/tar"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

// WriterOptions are the options of [NewWriter].
type WriterOptions struct {
	// ModTime is the time of the archive and of everything in it; zero means
	// now. The same calls with the same time make the same bytes.
	ModTime time.Time
	// Level is how hard to compress, from 1 (fast) to 9 (small); 0 picks, and
	// -1 stores everything as it is, for content that does not compress.
	Level int
	// Schema is what schema.json says; zero means version 1.0.1, which GitHub's
	// importer takes.
	Schema Schema
}

// A Writer writes an archive in the layout of GitHub's: records by [Writer.Write],
// repositories by [Writer.AddRepository], attachments and other files by
// [Writer.Create], in any order, and [Writer.Close] at the end.
//
// Files are written at once. Records wait for others of their type, until there
// are 100 for a file or all that wait come to 16 MiB; beside them a Writer
// keeps the names that it has written, for there must be no two of a name.
//
// An archive lacks whatever a call failed to add. So the first error is the
// last word: later calls do nothing but return it, Close among them.
//
// A Writer does not see to it that records and files fit together; [Verify]
// tells. A Writer is not for concurrent use.
type Writer struct {
	gzip    *gzip.Writer
	tar     *tar.Writer
	size    counter // of the tar
	modTime time.Time
	schema  Schema
	entries map[string]fs.FileMode // what there is, by name: a directory or a file
	shards  []*shard               // in the order of their first records
	waiting int                    // bytes of records in all shards
	file    *fileWriter            // the latest of Create, until the next call
	err     error
}

const tarRecord = 10240 // GNU tar writes a multiple of it

var errWriterClosed = errors.New("the archive is closed")

// NewWriter returns a Writer of an archive to w. Nothing is written before the
// first call of one of its methods, which also returns what is wrong with opts;
// nil means the defaults.
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
		entries: make(map[string]fs.FileMode),
	}
	if o.Level < -1 || o.Level > 9 {
		a.err = fmt.Errorf("level %d: want -1 to 9", o.Level)
		return a
	}
	if a.modTime.IsZero() {
		a.modTime = time.Now()
	}
	a.modTime = a.modTime.Truncate(time.Second) // more does not fit
	a.schema.Version = cmp.Or(a.schema.Version, "1.0.1")
	a.gzip, a.err = gzip.NewWriterLevel(w, level)
	a.gzip.ModTime = a.modTime
	a.gzip.OS = 3 // Unix
	a.size.w = a.gzip
	a.tar = tar.NewWriter(&a.size)
	return a
}

// Write adds a record. Any type that implements [Record] will do: those of this
// package keep what they were read with and their struct does not know, others
// are spelled by [encoding/json] and must come out as an object with that type.
//
// A record needs a type and a URL. GitHub's importer needs more: for each URL
// of another record, except null, that record; for each repository with a
// git_url of "tarball://root/repositories/owner/name.git" the call of
// AddRepository with "owner/name"; for each attachment the file that its
// asset_url names.
func (w *Writer) Write(r Record) error {
	if err := w.begin(); err != nil {
		return err
	}
	return w.keep("write a record", w.write(r))
}

// Create adds a file of size bytes, and the directories above it. The name is
// that of the link to it, without tarball://root/: relative, separated by
// slashes, and new. GitHub has "attachments/<guid>/<name>",
// "repository_files/<id>/<name>" and "releases/<guid>/<name>".
//
// The file must be written before the next call of one of the Writer's methods,
// which fails if it has not got all its bytes. A byte too many fails at once.
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

// AddRepository adds the bare repository in fsys, [os.DirFS] of it for
// instance, under the name "owner/name"; a wiki is "owner/name.wiki". The
// repository should be at rest.
//
// All its files are added as they are, also the configuration, which may hold
// what others should not read. Links are refused, and so is a repository that
// borrows objects from another one (git clone --shared), because GitHub would
// not have them.
func (w *Writer) AddRepository(name string, fsys fs.FS) error {
	if err := w.begin(); err != nil {
		return err
	}
	return w.keep("add repository "+name, w.addRepository(name, fsys))
}

// Close writes the records that wait and ends the archive. It does not close
// the writer below.
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

// begin begins a call: nothing may have failed, and the file of the call before
// must be whole.
func (w *Writer) begin() error {
	if f := w.file; w.err == nil && f != nil {
		if f.written < f.size {
			w.err = fmt.Errorf("write %s: has %d of its %d bytes", f.name, f.written, f.size)
		}
		w.file = nil
	}
	return w.err
}

// keep makes a failure the result of all later calls.
func (w *Writer) keep(doing string, err error) error {
	if err != nil {
		w.err = fmt.Errorf("%s: %w", doing, err)
	}
	return w.err
}

// add adds a file at once.
func (w *Writer) add(name string, data []byte) error {
	err := w.create(name, int64(len(data)))
	if err == nil {
		_, err = w.tar.Write(data)
	}
	w.file = nil
	return err
}

// create begins a file, which becomes w.file.
func (w *Writer) create(name string, size int64) error {
	if size < 0 {
		return fmt.Errorf("the size is %d", size)
	}
	if _, taken := w.entries[name]; taken {
		return errors.New("the name is taken")
	}
	if err := w.directory(path.Dir(name)); err != nil {
		return err
	}
	w.entries[name] = 0
	w.file = &fileWriter{w: w, name: name, size: size}
	return w.header(&tar.Header{Typeflag: tar.TypeReg, Name: "./" + name, Size: size, Mode: 0o644})
}

// directory adds a directory and those above it, unless they are there.
func (w *Writer) directory(name string) error {
	mode, there := w.entries[name]
	switch {
	case there && mode.IsDir():
		return nil
	case there:
		return fmt.Errorf("%s is a file", name)
	case name == ".":
		w.entries[name] = fs.ModeDir
		return w.header(&tar.Header{Typeflag: tar.TypeDir, Name: "./", Mode: 0o755})
	}
	if err := w.directory(path.Dir(name)); err != nil {
		return err
	}
	w.entries[name] = fs.ModeDir
	return w.header(&tar.Header{Typeflag: tar.TypeDir, Name: "./" + name + "/", Mode: 0o755})
}

// header begins an entry. GitHub.com's entries are of git/git (500), those of
// other exporters of root: then what root unpacks belongs to root, and git does
// not take fright at somebody else's repository.
func (w *Writer) header(h *tar.Header) error {
	h.Uname, h.Gname = "root", "root"
	h.ModTime = w.modTime
	h.Format = tar.FormatGNU
	return w.tar.WriteHeader(h)
}

// checkFileName refuses what is no name for a file of the caller.
func checkFileName(name string) error {
	if name == "schema.json" {
		return errors.New("it is written by Close")
	}
	if _, ok := recordFile(name); ok {
		return errors.New("files of records are written by Write")
	}
	return checkName(name)
}

// checkName refuses names that readers would refuse, or take for others.
func checkName(name string) error {
	if !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "\\\x00") {
		return errors.New("want a relative name, clean and separated by slashes")
	}
	return nil
}

// A fileWriter writes a file until the Writer goes on.
type fileWriter struct {
	w       *Writer
	name    string
	size    int64
	written int64
}

func (f *fileWriter) Write(p []byte) (int, error) {
	switch {
	case f.w.err != nil:
		return 0, f.w.err
	case f.w.file != f:
		return 0, fmt.Errorf("write %s: the archive has gone on", f.name)
	case int64(len(p)) > f.size-f.written:
		return 0, f.w.keep("write "+f.name, fmt.Errorf("gets more than its %d bytes", f.size))
	}
	n, err := f.w.tar.Write(p)
	f.written += int64(n)
	return n, f.w.keep("write "+f.name, err)
}

// end writes all that an archive ends with.
func (w *Writer) end() error {
	if err := w.flushAll(); err != nil {
		return err
	}
	schema, err := json.Marshal(w.schema)
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
