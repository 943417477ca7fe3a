package archive

import (
	"encoding/json"
	"io"
)

// The functions below give tests access to the handling of single records.

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

// Forget turns r into a record that was not read from an archive.
func Forget(r Record) Record {
	r.(ownRecord).setRaw(nil)
	return r
}

// A Splitter gives tests access to a splitter.
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

// OrRefuse returns the result of an error of the file system.
func OrRefuse(err error) error { return new(extraction).orRefuse("x", err) }
