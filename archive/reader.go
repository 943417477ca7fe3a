package archive

import (
	"archive/tar"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"slices"
)

// ReaderOptions are the options of [NewReader] and [Open].
type ReaderOptions struct {
	Limits Limits
}

// A Reader reads an archive once, from its beginning to its end, in constant
// memory: by [Reader.Records] or by [Reader.Entries].
//
// A sequence yields errors where it finds them. A [Fault] that names an entry is
// about that entry or about one record in it; the sequence goes on. A Fault
// without an entry is about the archive as a whole, for instance a truncated
// one. Such a Fault is the last thing that a sequence yields. So is an error of
// the stream below, which is wrapped. A sequence that ends without an error has
// read the whole archive and checked its checksum. Until then, the values may
// come from a damaged archive.
//
// Errors of the archive as a whole come from the sequence over the Reader alone:
// [Entry.Records] only stops at such an error, which the outer loop yields next.
//
// A Reader is not for concurrent use.
type Reader struct {
	source    io.Reader // nil once a range has begun
	limits    Limits
	container *container
	names     names
	entries   int64
	records   int64  // and the URLs that they refer to, for readers that have to remember them
	entry     *Entry // that the loop is at
	splitter  splitter
}

// NewReader returns a Reader of the archive in r: a file, the body of a response, or
// any other stream of exactly one archive. The error is about the arguments. A nil
// opts means the defaults.
//
// NewReader reads nothing. A loop over a sequence of the Reader reads r in a
// goroutine, which has ended when the loop has, also after a break. So a Reader
// needs no Close, and r can be used again. The end of a loop waits for a call of
// r.Read that is under way.
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
// "issue_comment", in the order of the archive. Without an argument it yields
// all records. A type that this package does not know is an error, the only
// thing that the sequence yields.
//
// The type in the record counts, not the name of its file. A record of another
// type costs little, because it is not decoded; a fault inside it is not found.
// A record that does not fit its type is an *[Unknown].
//
// A schema whose major version is not 1 is a [Fault] that names schema.json; the
// sequence goes on. The archive can be read once: a second range over a sequence
// of the same Reader yields an error and nothing else. See [Reader] about errors.
func (r *Reader) Records(types ...string) iter.Seq2[Record, error] {
	types = slices.Clone(types)
	return func(yield func(Record, error) bool) {
		for _, t := range types {
			if err := checkType(t); err != nil {
				yield(nil, err)
				return
			}
		}
		for e, err := range r.Entries() {
			if err == nil && e.Kind == KindSchema {
				_, err = e.schema()
			}
			if err != nil {
				if !yield(nil, err) {
					return
				}
				continue
			}
			for record, err := range e.records(types) {
				if !yield(record, err) {
					return
				}
			}
		}
	}
}

// Records yields the records of type T, such as *[Issue], in the order of the
// archive. A record of the type that does not fit T is a [Fault] that tells why;
// the sequence goes on. With T = *[Unknown] Records yields the records that have
// no other struct, with T = [Record] all records. The rest is as for
// [Reader.Records].
func Records[T Record](r *Reader) iter.Seq2[T, error] {
	var types []string
	kind := kindOf[T]()
	if kind != "" && kind != unknownKind {
		types = append(types, kind)
	}
	return func(yield func(T, error) bool) {
		for record, err := range r.Records(types...) {
			typed, ok := record.(T)
			if unknown, misfit := record.(*Unknown); !ok && misfit && unknown.Type == kind {
				err = &Fault{Entry: r.entry.Name, Offset: r.entry.offset, Err: unknown.Err}
			}
			if (ok || err != nil) && !yield(typed, err) {
				return
			}
		}
	}
}

// Entries yields the files and directories of the archive in its order: anything may
// come first. An entry can be read until the loop goes on; the rest of it is
// skipped.
//
// Entries that are neither files nor directories have no content; Mode tells what
// they are. An entry is not yielded if its name is absolute, has ".." in it, or lies
// beside the directory around everything; a [Fault] tells its name.
//
// The archive can be read once: a second range over a sequence of the same Reader
// yields an error and nothing else. See [Reader] about errors.
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
			for _, fault := range r.names.wrong {
				if !yield(nil, fault) {
					return
				}
			}
			r.names.wrong = nil
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

// next returns the next entry. After a Fault that names an entry, more entries
// follow.
func (r *Reader) next() (*Entry, error) {
	for {
		header, err := r.container.next()
		if err != nil {
			return nil, err
		}
		if r.entries++; r.entries > r.limits.Entries {
			err := fmt.Errorf("it has more than %d entries (Limits.Entries)", r.limits.Entries)
			return nil, &Fault{Offset: r.container.unpacker.offset, Err: err}
		}
		if header.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		mode, _ := typeBits(header)
		name, err := r.names.resolve(header.Name, mode.IsRegular())
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

// tooMany counts n more records or references, and ends the archive if there are too
// many.
func (r *Reader) tooMany(n int) bool {
	if r.records += int64(n); r.records <= r.limits.Records {
		return false
	}
	if r.container.err == nil {
		err := fmt.Errorf("it has more than %d records and references (Limits.Records)", r.limits.Records)
		r.container.err = &Fault{Offset: r.container.unpacker.offset, Err: err}
	}
	return true
}

// checkType reports a name that is not the type of a record.
func checkType(name string) error {
	if newRecord(name) != nil {
		return nil
	}
	if kind := singular(name); newRecord(kind) != nil {
		return fmt.Errorf("%q is a name of files: the type of their records is %q", name, kind)
	}
	return fmt.Errorf("%q is not a type of records that this package knows", name)
}
