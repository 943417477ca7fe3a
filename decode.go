package ghmigrate

import (
	"bytes"
	"encoding"
	classicjson "encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// In this package, only this file uses the JSON library, which is the standard
// library's encoding/json/v2. The library is fast and strict. GitHub changes the types of
// properties without notice, so decode decodes a response that the library refuses
// once more, tolerantly.

type decodeOptions = json.Options

// exact are the options for this package's types: the case of names matters.
var exact = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) //nolint:gochecknoglobals // a constant

// classic are the options for a caller's types, which are made for
// encoding/json.
var classic = json.JoinOptions(jsonv1.DefaultOptionsV1(), jsonv1.ReportErrorsWithLegacySemantics(false), json.WithUnmarshalers(numbers)) //nolint:gochecknoglobals // a constant

// numbers decodes a Number of encoding/json. Before Go 1.27 the JSON library has
// a Number type of its own.
var numbers = json.UnmarshalFromFunc(func(d *jsontext.Decoder, n *classicjson.Number) error { //nolint:gochecknoglobals // a constant
	value, err := d.ReadValue()
	if err != nil {
		return err
	}
	return classicjson.Unmarshal(value, n)
})

// encode returns v as JSON.
func encode(v any) ([]byte, error) { return classicjson.Marshal(v) }

// unmarshal decodes one JSON value with the exact options.
func unmarshal(data []byte, out any) error { return json.Unmarshal(data, out, exact) }

// An oddValue is a value of another JSON type than documented.
type oddValue struct {
	path string // a JSON pointer, such as "/repositories/3/size"
	got  string // the value's JSON type
	want string // the documented type
}

// oddValues are the odd values of one response.
type oddValues struct {
	first   []oddValue // at most maxOddValues of them
	count   int
	dropped int // elements that were dropped, if the response is a list
}

// maxOddValues limits the memory for a response with many odd values.
const maxOddValues = 100

// has reports whether the value at a path is odd.
func (o oddValues) has(path string) bool {
	return slices.ContainsFunc(o.first, func(v oddValue) bool { return v.path == path })
}

var errNotJSON = errors.New("malformed JSON")

// decode decodes one JSON value into out. A property of another type than in out
// is left at its zero value. A list element that is not of the list's type is
// dropped. decode returns these odd values. A null decodes to a zero value, but is odd
// in a list of structs. decode fails if data is neither null nor of out's type.
func decode(data []byte, out any, options decodeOptions) (oddValues, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // a byte order mark, which some gateways add
	err := json.Unmarshal(data, out, options)
	if err == nil && !hasNullElement(data) {
		return oddValues{}, nil
	}
	if !jsontext.Value(data).IsValid(options) {
		return oddValues{}, errNotJSON
	}
	t := tolerantDecoder{types: map[reflect.Type]string{}}
	all := json.WithUnmarshalers(json.UnmarshalFromFunc(t.unmarshal))
	if err := json.Unmarshal(data, out, options, all); err != nil {
		return oddValues{}, err
	}
	if t.odd.has("") {
		return oddValues{}, fmt.Errorf("%s instead of %s", t.odd.first[0].got, t.odd.first[0].want)
	}
	return t.odd, nil
}

// hasNullElement reports whether a list may have a null element, which the strict
// decoder would decode to a zero element. It also reports true for a string that
// looks like such a list.
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

// A tolerantDecoder decodes each value by itself and records the odd values.
type tolerantDecoder struct {
	odd      oddValues
	oddDepth int // the number of lists and objects around the latest odd value
	types    map[reflect.Type]string
}

// unmarshal decodes one name or value into the variable that out points to. The
// library calls it for every name and value.
func (t *tolerantDecoder) unmarshal(d *jsontext.Decoder, out any) error {
	to := reflect.ValueOf(out).Elem()
	got, want := jsonType(d.PeekKind()), t.cachedType(to.Type())
	container, position := d.StackIndex(d.StackDepth())
	isName := container == '{' && position%2 == 0
	switch {
	case want == "any":
		return errors.ErrUnsupported
	case want == "array" && got == want && to.Kind() == reflect.Slice:
		return t.unmarshalList(d, to)
	case (want == "array" || want == "object") && got == want:
		return errors.ErrUnsupported // the library calls unmarshal for each element or property
	}
	value, err := d.ReadValue()
	if err != nil {
		return err
	}
	options := []json.Options{d.Options(), json.WithUnmarshalers(numbers)}
	if isName {
		options = append(options, json.StringifyNumbers(true)) // a map's keys
	}
	if json.Unmarshal(value, out, options...) != nil {
		to.SetZero()
		t.note(d, got, want)
	}
	return nil
}

// note adds the value that d has just read to the odd values.
func (t *tolerantDecoder) note(d *jsontext.Decoder, got, want string) {
	t.odd.count++
	t.oddDepth = d.StackDepth()
	if len(t.odd.first) < maxOddValues {
		t.odd.first = append(t.odd.first, oddValue{string(d.StackPointer()), got, want})
	}
}

// unmarshalList decodes a list without its odd elements.
func (t *tolerantDecoder) unmarshalList(d *jsontext.Decoder, list reflect.Value) error {
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	elements, depth := reflect.MakeSlice(list.Type(), 0, 0), d.StackDepth()
	for d.PeekKind() != ']' {
		null := d.PeekKind() == 'n'
		element := reflect.New(list.Type().Elem())
		t.oddDepth = 0
		if err := json.UnmarshalDecode(d, element.Interface()); err != nil {
			return err
		}
		if null && list.Type().Elem().Kind() == reflect.Struct {
			t.note(d, "null", t.cachedType(list.Type().Elem()))
		}
		switch fits := t.oddDepth != depth; { // an odd value at depth is the element itself
		case fits:
			elements = reflect.Append(elements, element.Elem())
		case depth == 1:
			t.odd.dropped++
		}
	}
	list.Set(elements)
	_, err := d.ReadToken()
	return err
}

// cachedType caches the results of goType.
func (t *tolerantDecoder) cachedType(of reflect.Type) string {
	name, ok := t.types[of]
	if !ok {
		name = goType(of)
		t.types[of] = name
	}
	return name
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

// goType returns the JSON type that a value of Go type t is decoded from. It
// returns the name of t if t decodes itself, and "any" if t accepts every JSON
// type.
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
