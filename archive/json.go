package archive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"

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

// typeOf returns the "type" of an element without decoding the rest; empty if
// it has none. It takes valid JSON for granted: of anything else it may return
// anything, in linear time. The result may point into the element.
func typeOf(element []byte) []byte { return stringMember(element, "type") }

// stringMember returns the first string that an object has under this name.
func stringMember(object []byte, name string) []byte {
	for key, value := range members(object) {
		if value[0] == '"' && string(unquote(key)) == name { // compares without a copy
			return unquote(value)
		}
	}
	return nil
}

// encode spells a record. What the struct does not know of the text that it
// was read from is kept.
func encode(r Record) (json.RawMessage, error) {
	if _, ok := r.(keeper); !ok {
		return nil, fmt.Errorf("%T is no record of this package", r)
	}
	if u, ok := r.(*Unknown); ok && u.text != nil {
		return u.text, nil
	}
	now, err := spell(r)
	text := r.Raw()
	if err != nil || text == nil {
		return now, err
	}
	read := newRecord(r.Kind())
	if err := unmarshal(text, read); err != nil {
		return nil, err
	}
	base, err := marshal(read)
	if err != nil {
		return nil, err
	}
	return merge(text, base, now), nil
}

// spell spells a record as its struct alone knows it. Its type is its Kind,
// whatever Type says: nobody has to fill that in.
func spell(r Record) ([]byte, error) {
	text, err := marshal(r)
	if err != nil {
		return nil, err
	}
	kind, err := marshal(r.Kind())
	if err != nil {
		return nil, err
	}
	const before = `{"type":` // the first field of every struct
	return slices.Concat(text[:len(before)], kind, text[skipValue(text, len(before)):]), nil
}

// merge returns text, which was read and then spelled as base, with what
// changed from base to now.
func merge(text, base, now []byte) []byte {
	text = text[skipSpace(text, 0):]
	switch kind := at(now, 0); {
	case bytes.Equal(base, now):
		return text
	case at(text, 0) != kind || at(base, 0) != kind:
		return now
	case kind == '{':
		return mergeObjects(text, base, now)
	case kind == '[':
		return mergeArrays(text, base, now)
	default:
		return now
	}
}

// mergeObjects is merge for objects. Members that are not in base are not the
// struct's, and stay.
func mergeObjects(text, base, now []byte) []byte {
	texts, was, is := maps.Collect(named(text)), maps.Collect(named(base)), maps.Collect(named(now))
	merged := []byte("{")
	add := func(key, value []byte) {
		if len(merged) > 1 {
			merged = append(merged, ',')
		}
		merged = append(append(append(merged, key...), ':'), value...)
	}
	for key := range members(text) {
		name := string(unquote(key))
		value, first := texts[name]
		if !first {
			continue // the name occurs twice: the last value counts
		}
		delete(texts, name)
		before, known := was[name]
		after, kept := is[name]
		delete(is, name)
		switch {
		case kept && known:
			add(key, merge(value, before, after))
		case kept:
			add(key, after)
		case !known:
			add(key, value)
		}
	}
	for key, after := range members(now) {
		name := unquote(key)
		if _, missing := is[string(name)]; missing && !bytes.Equal(was[string(name)], after) {
			add(key, after)
		}
	}
	return append(merged, '}')
}

// mergeArrays is merge for arrays. Elements that did not change keep their
// spelling wherever they are now; others keep what the struct does not know if
// none were added or removed.
func mergeArrays(text, base, now []byte) []byte {
	texts, was, is := slices.Collect(elements(text)), slices.Collect(elements(base)), slices.Collect(elements(now))
	if len(texts) != len(was) {
		return now
	}
	first := make(map[string]int, len(was)) // place of each element
	for i, element := range slices.Backward(was) {
		first[string(element)] = i
	}
	for i, element := range is {
		if i < len(was) && bytes.Equal(was[i], element) {
			is[i] = texts[i]
		} else if j, ok := first[string(element)]; ok {
			is[i] = texts[j]
		} else if len(is) == len(was) {
			is[i] = merge(texts[i], was[i], element)
		}
	}
	return slices.Concat([]byte("["), bytes.Join(is, []byte(",")), []byte("]"))
}

// named yields the members of an object by their plain names.
func named(object []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for key, value := range members(object) {
			if !yield(string(unquote(key)), value) {
				return
			}
		}
	}
}

// members yields the names of an object, as they are spelled, and the values.
// It yields nothing of anything else.
func members(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		i := skipSpace(object, 0)
		if at(object, i) != '{' {
			return
		}
		for i = skipSpace(object, i+1); at(object, i) == '"'; i = skipComma(object, i) {
			key := object[i:skipString(object, i)]
			i = skipSpace(object, i+len(key))
			if at(object, i) != ':' {
				return
			}
			i = skipSpace(object, i+1)
			value := object[i:skipValue(object, i)]
			if len(value) == 0 || !yield(key, value) {
				return
			}
			i += len(value)
		}
	}
}

// elements yields the elements of an array.
func elements(array []byte) iter.Seq[[]byte] {
	return func(yield func(element []byte) bool) {
		i := skipSpace(array, 0)
		if at(array, i) != '[' {
			return
		}
		for i = skipSpace(array, i+1); i < len(array); i = skipComma(array, i) {
			element := array[i:skipValue(array, i)]
			if len(element) == 0 || !yield(element) {
				return
			}
			i += len(element)
		}
	}
}

// skipComma returns the beginning of what follows the value that ends at i.
func skipComma(text []byte, i int) int {
	if i = skipSpace(text, i); at(text, i) == ',' {
		i = skipSpace(text, i+1)
	}
	return i
}

// at returns the byte at i, or 0 at the end.
func at(text []byte, i int) byte {
	if i < len(text) {
		return text[i]
	}
	return 0
}

func skipSpace(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\n' || text[i] == '\r' || text[i] == '\t') {
		i++
	}
	return i
}

// skipString returns the end of the string that begins at i.
func skipString(text []byte, i int) int {
	for i++; i < len(text); i++ {
		n := bytes.IndexByte(text[i:], '"')
		if n < 0 {
			break
		}
		i += n
		escapes := 0
		for text[i-1-escapes] == '\\' { // ends at the opening quote at the latest
			escapes++
		}
		if escapes%2 == 0 {
			return i + 1
		}
	}
	return len(text)
}

// skipValue returns the end of the value that begins at i.
func skipValue(text []byte, i int) int {
	for depth := 0; i < len(text); {
		switch text[i] {
		case '"':
			i = skipString(text, i)
		case '{', '[':
			depth++
			i++
			continue
		case '}', ']':
			if depth--; depth < 0 {
				return i // the end of what holds the value
			}
			i++
		case ',', ' ', '\n', '\r', '\t':
			if depth == 0 {
				return i
			}
			i++
			continue
		default:
			i++
			continue
		}
		if depth == 0 {
			return i
		}
	}
	return i
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
