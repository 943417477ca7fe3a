package ghmigrate

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// This file alone knows the JSON library, the standard library's
// encoding/json/v2. The library is fast and strict. GitHub changes the types of
// properties without notice, so decode takes a second, tolerant look at what
// the library refuses.

// decodeOptions say how names and values are compared.
type decodeOptions = json.Options

// exact are the options for this package's types: names are compared with their
// case.
var exact = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) //nolint:gochecknoglobals // a constant

// classic are the options for a caller's types, which are tagged for
// encoding/json.
var classic = json.JoinOptions(jsonv1.DefaultOptionsV1(), jsonv1.ReportErrorsWithLegacySemantics(false)) //nolint:gochecknoglobals // a constant

// encode returns v as JSON, as encoding/json does.
func encode(v any) ([]byte, error) { return jsonv1.Marshal(v) }

// unmarshal decodes one JSON value exactly.
func unmarshal(data []byte, out any) error { return json.Unmarshal(data, out, exact) }

// An oddValue is a value of another JSON type than documented.
type oddValue struct {
	path string // a JSON pointer, such as "/repositories/3/size"
	got  string // the value's JSON type
	want string // the documented type
}

var errNotJSON = errors.New("malformed JSON")

// decode decodes one JSON value into out. A property of another type than out
// has is left at its zero value, and an element of a list that is not of the
// list's type is left out; both are returned. It fails if data is not JSON, or
// is not even an object or a list where out is one.
func decode(data []byte, out any, options decodeOptions) ([]oddValue, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // a byte order mark, which some gateways add
	err := json.Unmarshal(data, out, options)
	if err == nil && !hasNullElement(data) {
		return nil, nil
	}
	if !jsontext.Value(data).IsValid(options) {
		return nil, errNotJSON
	}
	t := tolerator{}
	all := json.WithUnmarshalers(json.UnmarshalFromFunc(t.unmarshal))
	if err := json.Unmarshal(data, out, options, all); err != nil {
		return nil, err
	}
	if len(t.odd) > 0 && t.odd[0].path == "" {
		return nil, fmt.Errorf("%s in place of %s", t.odd[0].got, t.odd[0].want)
	}
	return t.odd, nil
}

// hasNullElement reports whether a list may have a null element, of which the
// strict decoder makes an empty one. A string may look like such a list.
func hasNullElement(data []byte) bool {
	null := []byte("null")
	for rest := data; ; {
		i := bytes.Index(rest, null)
		if i < 0 {
			return false
		}
		before := bytes.TrimRight(rest[:i], " \t\r\n")
		if bytes.HasSuffix(before, []byte(",")) || bytes.HasSuffix(before, []byte("[")) {
			return true
		}
		rest = rest[i+len(null):]
	}
}

// A tolerator decodes value by value and notes what does not fit.
type tolerator struct{ odd []oddValue }

// unmarshal is called for every value, with a pointer to where it goes.
func (t *tolerator) unmarshal(d *jsontext.Decoder, out any) error {
	to := reflect.ValueOf(out).Elem()
	got, want := jsonType(d.PeekKind()), goType(to.Type())
	switch {
	case want == "any":
		return errors.ErrUnsupported
	case got == "null":
		to.SetZero()
		return d.SkipValue()
	case want == "array" && got == want && to.Kind() == reflect.Slice:
		return t.unmarshalList(d, to)
	case (want == "array" || want == "object") && got == want:
		return errors.ErrUnsupported // the library calls unmarshal for what is inside
	}
	value, err := d.ReadValue()
	if err != nil {
		return err
	}
	if json.Unmarshal(value, out, d.Options(), json.WithUnmarshalers(nil)) != nil {
		to.SetZero()
		t.odd = append(t.odd, oddValue{string(d.StackPointer()), got, want})
	}
	return nil
}

// unmarshalList leaves out the elements that do not fit.
func (t *tolerator) unmarshalList(d *jsontext.Decoder, list reflect.Value) error {
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	list.Set(reflect.MakeSlice(list.Type(), 0, 0))
	for d.PeekKind() != ']' {
		before := len(t.odd)
		null := d.PeekKind() == 'n'
		element := reflect.New(list.Type().Elem())
		if err := json.UnmarshalDecode(d, element.Interface()); err != nil {
			return err
		}
		path := string(d.StackPointer())
		if null && list.Type().Elem().Kind() == reflect.Struct {
			t.odd = append(t.odd, oddValue{path, "null", goType(list.Type().Elem())})
		}
		if unfit := len(t.odd) > before && t.odd[before].path == path; !unfit {
			list.Set(reflect.Append(list, element.Elem()))
		}
	}
	_, err := d.ReadToken()
	return err
}

// jsonType returns the JSON type of a value that begins with a token of kind k.
func jsonType(k jsontext.Kind) string {
	switch k {
	case 'n':
		return "null"
	case 't', 'f':
		return "boolean"
	case '"':
		return "string"
	case '0':
		return "number"
	case '[':
		return "array"
	default:
		return "object"
	}
}

// goType returns the JSON type that values of Go type t are decoded from, the
// name of t if it decodes itself, and "any" if t takes every JSON type.
func goType(t reflect.Type) string {
	for t.Kind() == reflect.Pointer && !decodesItself(t) {
		t = t.Elem()
	}
	switch kind := t.Kind(); {
	case decodesItself(t):
		return t.Name()
	case kind == reflect.Bool:
		return "boolean"
	case kind == reflect.String:
		return "string"
	case kind >= reflect.Int && kind <= reflect.Uintptr:
		return "integer"
	case kind == reflect.Float32, kind == reflect.Float64:
		return "number"
	case kind == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		return "string"
	case kind == reflect.Slice, kind == reflect.Array:
		return "array"
	case kind == reflect.Struct, kind == reflect.Map:
		return "object"
	}
	return "any"
}

// decodesItself reports whether values of type t have a method that decodes
// them.
func decodesItself(t reflect.Type) bool {
	for _, method := range []reflect.Type{
		reflect.TypeFor[json.UnmarshalerFrom](), reflect.TypeFor[json.Unmarshaler](), reflect.TypeFor[encoding.TextUnmarshaler](),
	} {
		if t.Implements(method) || reflect.PointerTo(t).Implements(method) {
			return true
		}
	}
	return false
}
