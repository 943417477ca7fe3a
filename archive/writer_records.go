package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// A shard holds the records of a type that wait to become a file.
type shard struct {
	prefix  string // of the file's name
	number  int    // of the latest file
	text    []byte
	records int
}

const (
	shardRecords = 100 // as GitHub's exporter
	waitingBytes = 16 << 20
)

func (w *Writer) write(r Record) error {
	if v := reflect.ValueOf(r); r == nil || v.Kind() == reflect.Pointer && v.IsNil() {
		return errors.New("it is nil")
	}
	kind, url := r.Kind(), r.Key()
	if kind == "" || strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return fmt.Errorf("%s: a type is made of lower case letters, this is %q", url, kind)
	}
	if url == "" && r.Raw() == nil { // what was read is passed on as it is
		return fmt.Errorf("the %s has no URL", kind)
	}
	text, err := textOf(r)
	if err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	if t := typeOf(text); string(t) != kind { // the readers' word for it
		return fmt.Errorf("%s: the %s has the type %q", url, kind, t)
	}
	s := w.shard(plural(kind))
	before := len(s.text)
	separator := ",\n  "
	if s.records == 0 {
		separator = "[\n  "
	}
	s.text = appendPretty(append(s.text, separator...), text, 1)
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
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(r)
	return b.Bytes(), err
}

func (w *Writer) shard(prefix string) *shard {
	i := slices.IndexFunc(w.shards, func(s *shard) bool { return s.prefix == prefix })
	if i < 0 {
		i = len(w.shards)
		w.shards = append(w.shards, &shard{prefix: prefix})
	}
	return w.shards[i]
}

// flush makes a file of the records that wait in s.
func (w *Writer) flush(s *shard) error {
	if s.records == 0 {
		return nil
	}
	s.number++
	err := w.add(fmt.Sprintf("%s_%06d.json", s.prefix, s.number), append(s.text, "\n]"...))
	w.waiting -= len(s.text)
	s.text, s.records = s.text[:0], 0
	if cap(s.text) > 1<<20 {
		s.text = nil // an unusual one
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
