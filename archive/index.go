package archive

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"sync"
)

// ErrNotFound is the error of [Archive.Lookup] if no record has the URL.
var ErrNotFound = errors.New("no such record")

// An Archive looks up records by URL and joins them. It is safe for concurrent use.
type Archive struct {
	spill *os.File     // the temporary file: the texts of all records, one after another
	close func() error // closes and removes the temporary file, once
	index index
}

// Open reads an archive once and indexes its records by URL. It copies the
// records to a temporary file in [os.TempDir], which only the current user can
// read; r is not needed afterwards. The index needs 32 bytes of memory for each
// record, and 24 more for each parent of the record. A nil opts means the
// defaults.
//
// Open fails if the archive is truncated or a record cannot be read: a missing
// record would look like a record that was never written. The error is then a
// [*FaultError]; a [Reader] can read the other records. If r fails or ctx ends, the
// error wraps the cause. Open does not check Git repositories and files; [Verify]
// does.
func Open(ctx context.Context, r io.Reader, opts *ReaderOptions) (*Archive, error) {
	a, err := newArchive()
	if err != nil {
		return nil, fmt.Errorf("open archive: %w", err)
	}
	if err := a.read(ctx, r, opts); err != nil {
		return nil, errors.Join(fmt.Errorf("open archive: %w", err), a.Close())
	}
	return a, nil
}

// Close removes the temporary file. Reading a record afterwards fails with an error
// that matches [os.ErrClosed]. Close may be called again.
func (a *Archive) Close() error { return a.close() }

// Lookup returns the first record with this URL. If no record has the URL, the error
// matches [ErrNotFound]: a reference may name a record that was not exported.
func (a *Archive) Lookup(url URL) (Record, error) {
	for number := range a.index.find(url) {
		r, err := a.record(number)
		if err != nil {
			return nil, err
		}
		if r.Key() == url {
			return r, nil
		}
	}
	return nil, fmt.Errorf("%w: %q", ErrNotFound, url)
}

// All yields the records of type T, such as *[Issue], in the order of the archive. T
// may be [Record] for all records. An error ends the sequence.
func All[T Record](a *Archive) iter.Seq2[T, error] {
	return records(a, a.index.all(kindOf[T]()), func(T) bool { return true })
}

// records yields the records with these numbers that are of type T and wanted.
func records[T Record](a *Archive, numbers iter.Seq[uint32], wanted func(T) bool) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for number := range numbers {
			r, err := a.record(number)
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			if r, ok := r.(T); ok && wanted(r) && !yield(r, nil) {
				return
			}
		}
	}
}

// newArchive makes the temporary file. Where the system permits, the file has no
// name, so that it is gone when the program ends.
func newArchive() (*Archive, error) {
	f, err := os.CreateTemp("", "archive-*.json")
	if err != nil {
		return nil, err
	}
	unnamed := os.Remove(f.Name()) == nil
	return &Archive{
		spill: f,
		close: sync.OnceValue(func() error {
			err := f.Close()
			if !unnamed {
				err = errors.Join(err, os.Remove(f.Name()))
			}
			return err
		}),
		index: newIndex(),
	}, nil
}

// read copies the records of an archive and indexes them.
func (a *Archive) read(ctx context.Context, in io.Reader, opts *ReaderOptions) error {
	r, err := NewReader(contextual(ctx, in), opts)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(a.spill, 1<<20)
	var faults FaultError
	for rec, err := range r.Records() {
		if fault, ok := errors.AsType[*Fault](err); ok {
			faults.add(fault)
			continue
		}
		if err != nil {
			return err
		}
		text := rec.Raw()
		a.index.add(rec, len(text))
		if _, err := out.Write(text); err != nil {
			return err
		}
	}
	if err := faults.orNil(); err != nil {
		return err
	}
	a.index.sort()
	return out.Flush()
}

// record reads one record from the temporary file.
func (a *Archive) record(number uint32) (Record, error) {
	offset, size := a.index.place(number)
	text := make([]byte, size)
	if _, err := a.spill.ReadAt(text, offset); err != nil {
		return nil, fmt.Errorf("read record: %w", err)
	}
	return decode(text)
}
