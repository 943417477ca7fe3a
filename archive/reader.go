package archive

import (
	"archive/tar"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"
	"time"
)

// Limits bound what an archive can make its reader do. What goes beyond one is
// a [Fault] that names it.
type Limits struct {
	// RecordSize bounds a record, in bytes; 0 means 16 MiB, and more than 1 GiB
	// means 1 GiB. It also bounds what a record needs when it is decoded: for each
	// 64 of these bytes, a record may have one value, that is 262,144 of them if
	// RecordSize is 0. One beyond that is passed over.
	RecordSize int64
	// UnpackedSize bounds the unpacked archive, in bytes; 0 means 100 GiB.
	// Nothing is read beyond it.
	UnpackedSize int64
	// Entries bounds the number of files and directories; 0 means 10 million.
	// Nothing is read beyond it.
	Entries int64
}

// check tells which limit is none.
func (l Limits) check() error {
	for _, limit := range []struct {
		name  string
		value int64
	}{{"RecordSize", l.RecordSize}, {"UnpackedSize", l.UnpackedSize}, {"Entries", l.Entries}} {
		if limit.value < 0 {
			return fmt.Errorf("negative Limits.%s", limit.name)
		}
	}
	return nil
}

// orDefaults returns the limits that are meant.
func (l Limits) orDefaults() Limits {
	return Limits{
		RecordSize:   min(cmp.Or(l.RecordSize, 16<<20), 1<<30),
		UnpackedSize: cmp.Or(l.UnpackedSize, 100<<30),
		Entries:      cmp.Or(l.Entries, 10_000_000),
	}
}

// ReaderOptions are the options of [NewReader] and [Open].
type ReaderOptions struct {
	Limits Limits
}

// A Reader reads an archive once, from its beginning to its end, in constant
// memory: by [Reader.Records] or by [Reader.Entries].
//
// Errors come where they are found, and what is good goes on: a [Fault] that
// names an entry is about that entry, or about one record in it, and more may
// follow. A Fault without an entry is about the archive as a whole, such as one
// that was cut: it is the last thing that a sequence yields, and so is an error
// of the stream that the archive is read from, which is wrapped. A sequence that
// ends without any error has seen the whole archive, and that its checksum is
// right; until then what it yields may belong to an archive that is damaged.
//
// A Reader is not for concurrent use.
type Reader struct {
	source    io.Reader // nil once a range has begun
	limits    Limits
	container *container
	names     names
	entries   int64
	entry     *Entry // that the loop is at
	splitter  splitter
}

// NewReader returns a Reader of the archive in r: a file, a body of HTTP, or
// whatever else holds exactly one. The error tells what is wrong with the
// arguments; nil options are good.
//
// A loop over a sequence of the Reader reads r in a goroutine of its own, which
// has ended when the loop has, also after a break: a Reader needs no Close, and
// r may be used again then. Only, ending a loop has to wait for a call of r.Read
// that is under way. Nothing is read before a loop begins.
func NewReader(r io.Reader, opts *ReaderOptions) (*Reader, error) {
	var limits Limits
	if opts != nil {
		limits = opts.Limits
	}
	if r == nil {
		return nil, fmt.Errorf("new archive reader: %w", errNoInput)
	}
	if err := limits.check(); err != nil {
		return nil, fmt.Errorf("new archive reader: %w", err)
	}
	return &Reader{
		source: r,
		limits: limits.orDefaults(),
	}, nil
}

// Records yields the records of these types, such as "issue" and
// "issue_comment", in the archive's own order; all records if no type is named.
// What else the archive holds is passed over.
//
// A schema of another major version than 1 is a [Fault] that names schema.json,
// and not the last: its records may not be what they seem.
//
// A record's own type counts, not the name of its file. Records of other types
// cost little, for they are not decoded; what is wrong inside of them is not
// found either.
//
// The archive is read once: a second range over a sequence of the same Reader
// yields an error, and nothing else. See [Reader] about errors.
func (r *Reader) Records(types ...string) iter.Seq2[Record, error] {
	types = slices.Clone(types)
	return func(yield func(Record, error) bool) {
		if err := checkTypes(types); err != nil {
			yield(nil, err)
			return
		}
		for e, err := range r.Entries() {
			if err == nil && e.Kind == KindSchema {
				_, err = e.schema()
				if r.container.err != nil {
					continue // It comes again instead of the next entry.
				}
			}
			if err != nil {
				if !yield(nil, err) {
					return
				}
				continue
			}
			for record, err := range e.records(types) {
				if r.container.err != nil {
					break // It comes again instead of the next entry.
				}
				if !yield(record, err) {
					return
				}
			}
		}
	}
}

// Entries yields what is in the archive, files and directories, in the archive's
// own order: anything may come first. An entry can be read until the loop goes
// on; what was not read of it is passed over.
//
// Entries that are neither a file nor a directory are yielded too, as their Mode
// tells, but have no content. An entry whose name is absolute or has ".." in it
// is not yielded; a [Fault] tells its name.
//
// The archive is read once: a second range over a sequence of the same Reader
// yields an error, and nothing else. See [Reader] about errors.
func (r *Reader) Entries() iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		if r.source == nil {
			yield(nil, errSecondRange)
			return
		}
		r.container = newContainer(r.source, r.limits.UnpackedSize)
		r.source = nil
		defer func() {
			r.entry = nil
			r.container.close()
		}()
		var held *Entry // a directory that may turn out to be around everything
		for {
			e, err := r.next()
			if held != nil && held.Name+"/" != r.names.wrapper {
				if r.entry = held; !yield(held, nil) {
					return
				}
			}
			held = nil
			switch {
			case isEOF(err):
				return
			case err != nil:
				r.entry = nil
				if fault, ok := errors.AsType[*Fault](err); !yield(nil, err) || !ok || fault.Entry == "" {
					return
				}
			case e.Mode.IsDir() && r.names.mayWrap(e.Name):
				held = e
			default:
				if r.entry = e; !yield(e, nil) {
					return
				}
			}
		}
	}
}

var (
	errSecondRange = errors.New("the archive was read already: its Reader has one sequence, for one loop")
	errSecondPass  = errors.New("the records of the entry were read already")
	errNoInput     = errors.New("the io.Reader is nil")
	errStale       = errors.New("the loop over the archive has gone on: an entry is read before the next")
)

// An Entry is a file or directory in an archive. Its content can be read until
// the loop that yielded it goes on; reading it later fails.
type Entry struct {
	Name       string // slash-separated, without "./" and a directory around everything
	Kind       EntryKind
	Repository string // for KindGit: "owner/name", or "owner/name.wiki"
	RecordType string // for KindRecords: the type that the name of the file tells, such as "issue"
	Size       int64  // of a file, in bytes
	// Mode tells files, directories and other things apart. Links that are not
	// symbolic, and files with holes, are [fs.ModeIrregular].
	Mode    fs.FileMode
	ModTime time.Time

	reader  *Reader
	special string    // what it is if neither file nor directory, such as "a symbolic link"
	ranged  bool      // over Records
	offset  int64     // of the record that the loop over them is at
	tee     io.Writer // if not nil, it gets what is read; it has no errors
}

// Records yields the records of a file of records, and nothing for other
// entries. One loop is possible, and no Read before it.
//
// A [Fault] that names the entry is about one record, and more may follow, or
// about the file, whose rest cannot be told then. Any other error is about the
// archive as a whole: it comes again, the same value, as the last thing in the
// loop over the entries.
func (e *Entry) Records() iter.Seq2[Record, error] { return e.records(nil) }

// Read reads the content of a file. The error of an archive that is damaged
// comes again in the loop over the entries.
func (e *Entry) Read(p []byte) (int, error) {
	switch {
	case e.reader.entry != e:
		return 0, fmt.Errorf("read %s: %w", e.Name, errStale)
	case !e.Mode.IsRegular():
		return 0, io.EOF
	}
	n, err := e.reader.container.read(p)
	if e.tee != nil {
		e.tee.Write(p[:n]) //nolint:errcheck // it has none
	}
	return n, err
}

// next returns the next entry. A Fault that names an entry is not the last.
func (r *Reader) next() (*Entry, error) {
	for {
		header, err := r.container.next()
		if err != nil {
			return nil, err
		}
		if r.entries++; r.entries > r.limits.Entries {
			err := fmt.Errorf("it has more than %d entries (Limits.Entries)", r.limits.Entries)
			return nil, &Fault{Offset: r.container.inflater.offset, Err: err}
		}
		if header.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		name, err := r.names.resolve(header.Name)
		if err != nil {
			return nil, &Fault{Entry: name, Offset: -1, Err: err}
		}
		e := r.newEntry(name, header)
		switch {
		case name != rootName:
			return e, nil
		case !e.Mode.IsDir():
			err := fmt.Errorf("%s in place of the directory around everything", cmp.Or(e.special, "a file"))
			return nil, &Fault{Entry: path.Clean(header.Name), Offset: -1, Err: err}
		}
	}
}

func (r *Reader) newEntry(name string, header *tar.Header) *Entry {
	e := &Entry{
		Name:    name,
		Mode:    fs.FileMode(header.Mode) & fs.ModePerm, //nolint:gosec // nine bits of it
		ModTime: header.ModTime,
		reader:  r,
	}
	var kind fs.FileMode
	kind, e.special = typeBits(header)
	e.Mode |= kind
	if e.Mode.IsRegular() {
		e.Size = header.Size
	}
	e.Kind, e.Repository, e.RecordType = classify(name, e.Mode)
	return e
}

// typeBits tells what an entry is, and says so if it is neither a file nor a
// directory.
func typeBits(header *tar.Header) (mode fs.FileMode, special string) {
	switch header.Typeflag {
	case tar.TypeReg, tar.TypeCont:
		if isSparse(header) {
			return fs.ModeIrregular, "a sparse file"
		}
		return 0, ""
	case tar.TypeDir:
		return fs.ModeDir, ""
	case tar.TypeSymlink:
		return fs.ModeSymlink, "a symbolic link"
	case tar.TypeLink:
		return fs.ModeIrregular, "a hard link"
	case tar.TypeChar:
		return fs.ModeDevice | fs.ModeCharDevice, "a character device"
	case tar.TypeBlock:
		return fs.ModeDevice, "a block device"
	case tar.TypeFifo:
		return fs.ModeNamedPipe, "a named pipe"
	case tar.TypeGNUSparse:
		return fs.ModeIrregular, "a sparse file"
	default:
		return fs.ModeIrregular, fmt.Sprintf("a tar entry of type %q", header.Typeflag)
	}
}

// records is Records for these types only, or all.
func (e *Entry) records(types []string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		switch {
		case e.Kind != KindRecords:
			return
		case e.ranged:
			yield(nil, fmt.Errorf("read %s: %w", e.Name, errSecondPass))
			return
		}
		e.ranged = true
		s := &e.reader.splitter
		s.reset(e, e.Name, e.reader.limits.RecordSize)
		for {
			element, offset, err := s.next()
			var record Record
			switch {
			case isEOF(err):
				return
			case err != nil:
			case !wanted(types, element):
				continue
			default:
				e.offset = offset
				if record, err = decode(bytes.Clone(element)); err != nil {
					err = &Fault{Entry: e.Name, Offset: offset, Err: err}
				}
			}
			if !yield(record, err) {
				return
			}
		}
	}
}

// schema reads schema.json. The error is a *Fault that names the entry, or that
// of reading.
func (e *Entry) schema() (schema Schema, err error) {
	text, err := io.ReadAll(io.LimitReader(e, 1<<20))
	if err != nil {
		return schema, err
	}
	if err := json.Unmarshal(bytes.TrimPrefix(text, byteOrderMark()), &schema); err != nil {
		return schema, &Fault{Entry: e.Name, Offset: -1, Err: plain(err)}
	}
	if major, _, _ := strings.Cut(schema.Version, "."); major != "1" {
		err := fmt.Errorf("version %q, but only those that begin with 1 are known", shorten(schema.Version))
		return schema, &Fault{Entry: e.Name, Offset: -1, Err: err}
	}
	return schema, nil
}

// checkTypes tells names of files from types of records.
func checkTypes(types []string) error {
	for _, t := range types {
		if kind := singular(t); kind != t && newRecord(t) == nil && newRecord(kind) != nil {
			return fmt.Errorf("%q names files: want %q", t, kind)
		}
	}
	return nil
}

// wanted tells whether an element is of one of the types, or of any if none is
// named.
func wanted(types []string, element []byte) bool {
	if len(types) == 0 {
		return true
	}
	kind := typeOf(element)
	return slices.ContainsFunc(types, func(t string) bool { return t == string(kind) })
}
