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
	"strings"
)

// ReaderOptions are the options of [NewReader] and [Open].
type ReaderOptions struct {
	Limits Limits
}

// A Reader reads an archive once, from its beginning to its end, in constant
// memory: with [Reader.Records] or with [Reader.Entries].
//
// A sequence yields each error at the place where it occurs:
//
//   - A [Fault] that names an entry is about the entry or one record in it. The
//     sequence continues.
//   - A Fault without an entry is about the whole archive, which may be truncated.
//     It ends the sequence.
//   - An error of the underlying reader is wrapped, and ends the sequence.
//
// A sequence that ends without an error has read the whole archive and checked its
// checksum. Until then, the values may come from a damaged archive.
//
// Only the sequences of the Reader yield errors that end them. [Entry.Records]
// stops at such an error, and the outer loop yields the error next.
//
// A Reader is not for concurrent use.
type Reader struct {
	source    io.Reader // nil once a range has begun
	limits    Limits
	container *container
	names     names
	entries   int64
	records   int64  // records, and what Verify remembers for them
	entry     *Entry // the entry that the loop is at
	splitter  splitter
}

// NewReader returns a Reader of the archive in r: a file, the body of a response, or
// any other stream of exactly one archive. It fails if an argument is invalid. A nil
// opts means the defaults.
//
// NewReader reads nothing. A loop over a sequence of the Reader reads r in a
// goroutine. When the loop ends, also by a break, it waits for a pending call of
// r.Read and for the goroutine. So a Reader needs no Close, and r can be used again.
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
// all records. If a type is unknown, the sequence yields an error and nothing else.
//
// The type in the record counts, not the name of its file. Records of other types
// are skipped without decoding, so that faults inside them are not found. A record
// that does not fit its type is an *[Unknown].
//
// A schema whose major version is not 1 is a [Fault] that names schema.json; the
// sequence continues. The archive can be read once: a second range over a sequence
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
// archive. If the text of such a record does not fit T, the sequence yields a [Fault]
// with the reason, and continues. With T = *[Unknown], Records yields the records
// that fit no other struct; with T = [Record], all records. In all other respects,
// it is like [Reader.Records].
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

// Entries yields the files and directories of the archive in their order: any entry
// may come first. An entry can be read until the loop moves on, which skips the rest
// of the entry.
//
// An entry that is neither a file nor a directory has no content; its Mode has
// its type. In place of an entry whose name is absolute, contains "..", or is outside
// the wrapping directory, Entries yields a [Fault] with the name.
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
		var pending *Entry // a directory that may be the wrapping directory
		for {
			e, err := r.next()
			if pending != nil && pending.Name+"/" != r.names.wrapper {
				if r.entry = pending; !yield(pending, nil) {
					return
				}
			}
			pending = nil
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
				pending = e
			default:
				if r.entry = e; !yield(e, nil) {
					return
				}
			}
		}
	}
}

var (
	errSecondRange = errors.New("the archive was read already: a Reader can be ranged over once")
	errSecondPass  = errors.New("the records of the entry were read already")
	errNoInput     = errors.New("the io.Reader is nil")
	errStale       = errors.New("the loop over the archive has moved past this entry")
)

// next returns the next entry. Entries may follow a Fault that names an entry. Every
// other error is final.
func (r *Reader) next() (*Entry, error) {
	for {
		header, err := r.container.next()
		if err != nil {
			return nil, err
		}
		if r.entries++; r.entries > r.limits.Entries {
			err := fmt.Errorf("more than %d entries (Limits.Entries)", r.limits.Entries)
			return nil, &Fault{Offset: r.container.unpacker.offset, Err: err}
		}
		if header.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		mode, _ := typeBits(header)
		name, err := r.names.resolve(header.Name, mode.IsRegular())
		name = strings.Clone(name) // the name in the tar may be a part of a header of a mebibyte
		if err != nil {
			return nil, &Fault{Entry: name, Offset: -1, Err: err}
		}
		e := r.newEntry(name, header)
		switch {
		case name != rootName:
			return e, nil
		case !e.Mode.IsDir():
			err := fmt.Errorf("%s in place of the wrapping directory", cmp.Or(e.special, "a file"))
			return nil, &Fault{Entry: strings.Clone(path.Clean(header.Name)), Offset: -1, Err: err}
		}
	}
}

// countRecords counts n more records or references. If there are too many, it ends
// the archive and returns true.
func (r *Reader) countRecords(n int) (tooMany bool) {
	if r.records += int64(n); r.records <= r.limits.Records {
		return false
	}
	if r.container.err == nil {
		err := fmt.Errorf("more than %d records and references (Limits.Records)", r.limits.Records)
		r.container.err = &Fault{Offset: r.container.unpacker.offset, Err: err}
	}
	return true
}

// checkType returns an error if this package does not know the type of record.
func checkType(name string) error {
	if newRecord(name) != nil {
		return nil
	}
	if kind := singular(name); newRecord(kind) != nil {
		return fmt.Errorf("%q is a file name: its records have the type %q", name, kind)
	}
	return fmt.Errorf("unknown record type %q", name)
}
