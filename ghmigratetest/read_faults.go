package ghmigratetest

import (
	"bytes"
	"cmp"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"
)

// ReadFaults reads faults from JSON: a list of objects, or an object whose property
// "faults" is the list. The tags of [Fault] and [Fate] are the names. Durations
// are strings such as "90s" and "1h30m". The value of a header is a string, a
// list of strings, or null to remove the header. The body is a string, or any
// other JSON value that the server sends as it is. An empty string is [NoBody].
//
//	[
//	  {"operation": "migrations/get-status-*", "times": 2, "status": 404},
//	  {"origin": "storage", "probability": 0.1, "cut_after": 100000}
//	]
//
// An error names the fault and the field. "ghmigrate fake --faults" reads a file
// in this format.
func ReadFaults(r io.Reader) ([]Fault, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read faults: %w", err)
	}
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\ufeff"))) // programs on Windows write a byte order mark
	list := json.RawMessage(data)
	if len(data) > 0 && data[0] == '{' {
		var file struct {
			Faults json.RawMessage `json:"faults"`
		}
		if err := json.Unmarshal(data, &file); err != nil {
			return nil, fmt.Errorf("read faults: %w", err)
		}
		if file.Faults == nil {
			return nil, errors.New(`read faults: the object has no list "faults"`)
		}
		list = file.Faults
	}
	var texts []json.RawMessage
	if err := json.Unmarshal(list, &texts); err != nil {
		return nil, fmt.Errorf("read faults: %w", plainError(err))
	}
	if texts == nil {
		return nil, errors.New("read faults: null in place of the list")
	}
	faults := make([]Fault, len(texts))
	for i, text := range texts {
		err := faults[i].UnmarshalJSON(text)
		if err == nil {
			err = faults[i].check()
		}
		if err != nil {
			return nil, fmt.Errorf("read faults: fault %s: %w", strings.TrimSpace(fmt.Sprint(i+1, " ", faults[i].Name)), err)
		}
	}
	return faults, nil
}

// UnmarshalJSON implements [json.Unmarshaler], for [ReadFaults].
func (f *Fault) UnmarshalJSON(data []byte) error {
	return unmarshal(data, f, map[string]func(json.RawMessage) (any, error){
		"header": readHeader,
		"body":   readBody,
	})
}

// UnmarshalJSON implements [json.Unmarshaler], for [ReadFaults].
func (f *Fate) UnmarshalJSON(data []byte) error { return unmarshal(data, f, nil) }

// unmarshal decodes an object into a struct. Durations are strings, and an unknown
// field is an error. special has functions for the fields that encoding/json
// cannot decode.
func unmarshal(data []byte, into any, special map[string]func(json.RawMessage) (any, error)) error {
	var values map[string]json.RawMessage
	if err := json.Unmarshal(data, &values); err != nil {
		return plainError(err)
	}
	if values == nil {
		return errors.New("null in place of an object")
	}
	fields := jsonFields(into)
	known := make([]string, len(fields))
	for i, field := range fields {
		known[i] = field.name
		raw, ok := values[field.name]
		if !ok {
			continue
		}
		delete(values, field.name)
		convert := special[field.name]
		if field.isDuration {
			convert = readDuration
		}
		if convert != nil {
			value, err := convert(raw)
			if err != nil {
				return fmt.Errorf("%s: %w", field.name, err)
			}
			raw = encode(value)
		}
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber() // Set keeps the text of a number, such as 79.0 or 1e400
		if err := dec.Decode(field.value.Addr().Interface()); err != nil {
			return fmt.Errorf("%s: %w", field.name, plainError(err))
		}
	}
	for name := range values {
		return fmt.Errorf("unknown field %q; the fields are %s", name, strings.Join(known, ", "))
	}
	return nil
}

// plainError replaces an error of encoding/json about a Go type by an error about
// a JSON type.
func plainError(err error) error {
	wrong, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return err
	}
	want := map[reflect.Kind]string{
		reflect.String: "a string", reflect.Bool: "true or false",
		reflect.Float64: "a number", reflect.Slice: "a list", reflect.Map: "an object",
	}[wrong.Type.Kind()]
	text := reflect.TypeFor[encoding.TextUnmarshaler]()
	if wrong.Type.Implements(text) || reflect.PointerTo(wrong.Type).Implements(text) { // Go 1.27 has no pointer here
		want = "a string"
	}
	return fmt.Errorf("%s in place of %s", wrong.Value, cmp.Or(want, "a whole number"))
}

// A jsonField is a field of a struct that has a name in JSON.
type jsonField struct {
	name       string
	value      reflect.Value
	isDuration bool
}

func jsonFields(pointer any) []jsonField {
	v := reflect.ValueOf(pointer).Elem()
	var fields []jsonField
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if name != "-" {
			fields = append(fields, jsonField{name, v.Field(i), v.Field(i).Type() == reflect.TypeFor[time.Duration]()})
		}
	}
	return fields
}

func readDuration(raw json.RawMessage) (any, error) {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return nil, fmt.Errorf("%s is not a string such as \"90s\"", raw)
	}
	return time.ParseDuration(text)
}

func readHeader(raw json.RawMessage) (any, error) {
	var texts map[string]json.RawMessage
	if err := json.Unmarshal(raw, &texts); err != nil {
		return nil, plainError(err)
	}
	header := make(http.Header, len(texts))
	for name, raw := range texts {
		var one string
		var many []string
		if json.Unmarshal(raw, &one) == nil && string(raw) != "null" {
			many = []string{one}
		} else if err := json.Unmarshal(raw, &many); err != nil {
			return nil, fmt.Errorf("%s is not a string, a list of strings or null", name)
		}
		header[http.CanonicalHeaderKey(name)] = slices.Clip(many)
	}
	return header, nil
}

func readBody(raw json.RawMessage) (any, error) {
	var text string
	if len(raw) == 0 || raw[0] != '"' {
		return string(raw), nil
	}
	if err := json.Unmarshal(raw, &text); err != nil {
		return nil, err
	}
	if text == "" {
		return NoBody, nil
	}
	return text, nil
}
