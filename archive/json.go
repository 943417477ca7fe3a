package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Only this file uses the JSON library of the package. The library becomes
// encoding/json/v2, and is faster than encoding/json. Names are case-sensitive.
// Duplicate names and invalid UTF-8 are accepted, because some exporters write them.

// unmarshal decodes one JSON value.
func unmarshal(data []byte, v any) error {
	return jsonv2.Unmarshal(data, v, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// marshal encodes v as one compact JSON value. "<" and "&" are not escaped.
func marshal(v any) ([]byte, error) {
	return jsonv2.Marshal(v, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// marshalForeign encodes a record of another package, whose methods and tags
// are made for encoding/json.
func marshalForeign(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return b.Bytes(), err
}

// valid returns nil if data is one JSON value.
func valid(data []byte) error { return unmarshal(data, new(jsontext.Value)) }

// unquote decodes a JSON string, without a copy if nothing is escaped.
func unquote(text []byte) []byte {
	if bytes.IndexByte(text, '\\') < 0 {
		return text[1:max(1, len(text)-1)]
	}
	plain, _ := jsontext.AppendUnquote(nil, text)
	return plain
}

// plainError returns an error that has only the text of err. An error of the JSON
// library refers to the value that could not be decoded, which may be large.
func plainError(err error) error {
	text := strings.TrimPrefix(err.Error(), "jsontext: ")
	return errors.New(shorten(strings.TrimPrefix(text, "json: ")))
}
