package archive

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"time"
)

// An Entry is a file or directory in an archive. It can be read until the loop that
// yielded it moves on; afterwards, reading fails.
type Entry struct {
	Name       string // slash-separated, without "./" and the wrapping directory
	Kind       EntryKind
	Repository string // for KindGit: "owner/name", or "owner/name.wiki"
	RecordType string // for KindRecords: the type in the name of the file, such as "issue"
	Size       int64  // of a file, in bytes
	// Mode has the type of the entry and its permissions. Hard links and sparse files
	// are [fs.ModeIrregular].
	Mode    fs.FileMode
	ModTime time.Time

	reader  *Reader
	special string    // describes an entry that is neither file nor directory: "a symbolic link"
	ranged  bool      // Records was ranged over
	offset  int64     // of the record that the loop over Records is at
	tee     io.Writer // gets a copy of the content, if not nil; its errors are ignored
}

// Records yields the records of a file of records, and nothing for other entries. It
// can be ranged over once, and not after Read.
//
// A [Fault] is about one record, and the sequence continues, or about the rest of the
// file. If the archive is damaged or its reader fails, the sequence only stops: the
// loop over the entries yields the error next.
func (e *Entry) Records() iter.Seq2[Record, error] { return e.records(nil) }

// Read reads the content of a file. If the archive is damaged or its reader
// fails, the loop over the entries yields the same error next.
func (e *Entry) Read(p []byte) (int, error) {
	switch {
	case e.stale():
		return 0, fmt.Errorf("read %s: %w", e.Name, errStale)
	case !e.Mode.IsRegular():
		return 0, io.EOF
	}
	n, err := e.reader.container.read(p)
	if e.tee != nil {
		e.tee.Write(p[:n]) //nolint:errcheck // a tee keeps its error
	}
	return n, err
}

// stale reports whether the loop over the archive has moved past the entry.
func (e *Entry) stale() bool { return e.reader == nil || e.reader.entry != e }

// records yields the records of these types, or all records if types is empty.
func (e *Entry) records(types []string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		switch {
		case e.Kind != KindRecords:
			return
		case e.ranged:
			yield(nil, fmt.Errorf("read %s: %w", e.Name, errSecondPass))
			return
		case e.stale():
			yield(nil, fmt.Errorf("read %s: %w", e.Name, errStale))
			return
		}
		e.ranged = true
		s := &e.reader.splitter
		s.reset(e, e.Name, e.reader.limits.RecordSize)
		for {
			element, offset, err := s.next()
			var record Record
			switch {
			case isEOF(err), e.reader.countRecords(1), e.reader.container.err != nil:
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
			if e.stale() { // the splitter may be at another entry
				yield(nil, fmt.Errorf("read %s: %w", e.Name, errStale))
				return
			}
		}
	}
}

// wanted reports whether an element has one of the types, or types is empty.
func wanted(types []string, element []byte) bool {
	if len(types) == 0 {
		return true
	}
	kind := typeOf(element)
	return slices.ContainsFunc(types, func(t string) bool { return t == string(kind) })
}

// schema reads schema.json. It leaves errors of the whole archive to the loop over
// the entries.
func (e *Entry) schema() (schema Schema, err error) {
	text, err := io.ReadAll(io.LimitReader(e, 1<<20))
	if err != nil {
		return schema, nil //nolint:nilerr // the loop over the entries yields the error
	}
	if err := unmarshal(bytes.TrimPrefix(text, byteOrderMark()), &schema); err != nil {
		return schema, &Fault{Entry: e.Name, Offset: -1, Err: plainError(err)}
	}
	if !isKnownVersion(schema.Version) {
		err := fmt.Errorf("unsupported version %q: want 1 as the major version", shorten(schema.Version))
		return schema, &Fault{Entry: e.Name, Offset: -1, Err: err}
	}
	return schema, nil
}

// isKnownVersion reports whether this package knows a version of the schema.
func isKnownVersion(version string) bool {
	major, _, _ := strings.Cut(version, ".")
	return major == "1"
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

// typeBits returns the type of an entry, and a description if it is neither a file
// nor a directory.
func typeBits(header *tar.Header) (mode fs.FileMode, special string) {
	if what, ok := specialTypes[header.Typeflag]; ok {
		return what.mode, what.name
	}
	switch {
	case isSparse(header):
		return fs.ModeIrregular, "a sparse file"
	case header.Typeflag == tar.TypeReg, header.Typeflag == tar.TypeCont:
		return 0, ""
	default:
		return fs.ModeIrregular, fmt.Sprintf("a tar entry of type %q", header.Typeflag)
	}
}

var specialTypes = map[byte]struct {
	mode fs.FileMode
	name string
}{
	tar.TypeDir:     {fs.ModeDir, ""},
	tar.TypeSymlink: {fs.ModeSymlink, "a symbolic link"},
	tar.TypeLink:    {fs.ModeIrregular, "a hard link"},
	tar.TypeChar:    {fs.ModeDevice | fs.ModeCharDevice, "a character device"},
	tar.TypeBlock:   {fs.ModeDevice, "a block device"},
	tar.TypeFifo:    {fs.ModeNamedPipe, "a named pipe"},
}
