package archive

import "encoding/json"

// What the reader, the writer and the checks of an archive do with one record,
// for tests that care about records alone.

func DecodeRecord(element json.RawMessage) (Record, error) { return decode(element) }

func EncodeRecord(r Record) (json.RawMessage, error) { return encode(r) }

func TypeOf(element []byte) string { return string(typeOf(element)) }

func References(r Record) map[string][]URL {
	all := map[string][]URL{}
	references(r, func(kind string, to URL) { all[kind] = append(all[kind], to) })
	return all
}

func Keys(r Record) (all []URL) {
	keys(r, func(key URL) { all = append(all, key) })
	return all
}

func Links(r Record) (all []string) {
	links(r, func(link string, _ bool) { all = append(all, link) })
	return all
}

// Forget makes r a record that was never read.
func Forget(r Record) Record {
	r.(keeper).keep(nil)
	return r
}
