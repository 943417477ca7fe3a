package archive

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
)

// A shard collects the records of a type for the next file.
type shard struct {
	prefix  string // of the file's name
	number  int    // of the latest file
	text    []byte
	records int
}

const (
	shardRecords = 100 // like GitHub's exporter
	waitingBytes = 16 << 20
)

// write adds a record to the shard of its type.
func (w *Writer) write(r Record) error {
	if v := reflect.ValueOf(r); r == nil || v.Kind() == reflect.Pointer && v.IsNil() {
		return errors.New("the record is nil")
	}
	kind, url := r.Kind(), r.Key()
	if prefix, ok := recordFile(plural(kind) + "_000001.json"); !ok || kind == "" || singular(prefix) != kind {
		return fmt.Errorf("%s: %q cannot be a type: want lower-case letters, and a file name that no other type has", url, shorten(kind))
	}
	if url == "" && r.Raw() == nil { // a record that was read is copied even without a URL
		return fmt.Errorf("the %s has no URL", kind)
	}
	text, err := textOf(r)
	if err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	if t := typeOf(text); string(t) != kind {
		return fmt.Errorf("%s: the JSON has the type %q, not %q", url, t, kind)
	}
	s := w.shard(plural(kind))
	before := len(s.text)
	separator := ",\n  "
	if s.records == 0 {
		separator = "[\n  "
	}
	s.text = append(s.text, separator...)
	begin := len(s.text)
	s.text = appendPretty(s.text, text, 1, w.limits.RecordSize)
	if err := checkRecord(s.text[begin:], w.limits.RecordSize); err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	s.records++
	w.waiting += len(s.text) - before
	if s.records == shardRecords {
		return w.flush(s)
	}
	if w.waiting >= waitingBytes {
		return w.flushAll()
	}
	return nil
}

// textOf returns a record in JSON.
func textOf(r Record) ([]byte, error) {
	t := reflect.TypeOf(r)
	if t.Kind() == reflect.Pointer && t.Elem().PkgPath() == reflect.TypeFor[Writer]().PkgPath() {
		return encode(r)
	}
	return marshalForeign(r)
}

// shard returns the shard of the files with this prefix.
func (w *Writer) shard(prefix string) *shard {
	i := slices.IndexFunc(w.shards, func(s *shard) bool { return s.prefix == prefix })
	if i < 0 {
		i = len(w.shards)
		w.shards = append(w.shards, &shard{prefix: prefix})
	}
	return w.shards[i]
}

// flush writes the records in s to a file.
func (w *Writer) flush(s *shard) error {
	if s.records == 0 {
		return nil
	}
	s.number++
	err := w.add(fmt.Sprintf("%s_%06d.json", s.prefix, s.number), append(s.text, "\n]"...))
	w.waiting -= len(s.text)
	s.text, s.records = s.text[:0], 0
	if cap(s.text) > 1<<20 {
		s.text = nil // records are rarely that large
	}
	return err
}

func (w *Writer) flushAll() error {
	for _, s := range w.shards {
		if err := w.flush(s); err != nil {
			return err
		}
	}
	return nil
}
