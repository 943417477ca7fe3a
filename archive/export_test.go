package archive

import (
	"encoding/json"
	"io"
)

// What the reader, the writer and the checks of an archive do with one record,
// for tests that care about records alone.

func DecodeRecord(element json.RawMessage) (Record, error) { return decode(element) }

func EncodeRecord(r Record) (json.RawMessage, error) { return encode(r) }

func TypeOf(element []byte) string { return string(typeOf(element)) }

func References(r Record) map[string][]URL {
	all := map[string][]URL{}
	newReferenceReader().each(r, func(kind string, to URL) { all[kind] = append(all[kind], to) })
	return all
}

func Keys(r Record) (all []URL) {
	keys(r, func(key URL) { all = append(all, key) })
	return all
}

func Links(r Record) (all []string) {
	links(r.Raw(), func(link string) { all = append(all, link) })
	return all
}

// Forget makes r a record that was never read.
func Forget(r Record) Record {
	r.(ownRecord).setRaw(nil)
	return r
}

// A Splitter is a splitter for tests that care about splitting alone.
type Splitter struct{ s splitter }

func NewSplitter(r io.Reader, limit int64) *Splitter {
	var s Splitter
	s.s.reset(r, "shard", limit)
	return &s
}

func (s *Splitter) Next() ([]byte, int64, error) { return s.s.next() }

func (s *Splitter) Memory() int { return cap(s.s.buffer) }

func Plural(kind string) string { return plural(kind) }

func Singular(prefix string) string { return singular(prefix) }

// OrRefuse returns what becomes of an error of making a file.
func OrRefuse(err error) error { return new(extraction).orRefuse("x", err) }
