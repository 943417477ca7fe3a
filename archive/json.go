package archive

import (
	"bytes"
	"errors"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// This file alone knows which JSON library the package uses: the one that is
// to become the standard library's, for its speed. Names are compared with
// their case. Archives hold what programs of other languages wrote and what
// people typed: a name that occurs twice and a byte that is not UTF-8 are no
// reason to lose a record.

// unmarshal decodes one JSON value.
func unmarshal(data []byte, v any) error {
	return jsonv2.Unmarshal(data, v, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// marshal spells v as one compact JSON value, with "<" and "&" as they are.
func marshal(v any) ([]byte, error) {
	return jsonv2.Marshal(v, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// valid returns nil if data is one JSON value, and otherwise what is wrong.
func valid(data []byte) error {
	if jsontext.Value(data).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) {
		return nil
	}
	var v jsontext.Value
	return unmarshal(data, &v)
}

// unquote returns what a JSON string says, without a copy if nothing in it is
// escaped.
func unquote(text []byte) []byte {
	if bytes.IndexByte(text, '\\') < 0 {
		return text[1:max(1, len(text)-1)]
	}
	plain, _ := jsontext.AppendUnquote(nil, text)
	return plain
}

// plain makes an error of its text alone: that of the JSON library holds on to
// what could not be decoded, which may be large.
func plain(err error) error { return errors.New(shorten(err.Error())) }
