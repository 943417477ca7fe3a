package archive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// encode encodes a record of this package. A record that was read keeps the fields that
// its struct does not have.
func encode(r Record) (json.RawMessage, error) {
	if _, ok := r.(ownRecord); !ok {
		return nil, fmt.Errorf("%T is not a record of this package", r)
	}
	if u, ok := r.(*Unknown); ok && u.text != nil {
		return u.text, nil
	}
	now, err := encodeFields(r)
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

// encodeFields encodes only the fields of the struct. The type is r.Kind(), because
// callers may leave Type empty.
func encodeFields(r Record) ([]byte, error) {
	text, err := marshal(r)
	if err != nil {
		return nil, err
	}
	kind, err := marshal(r.Kind())
	if err != nil {
		return nil, err
	}
	// The type is the first field of every struct. A Label leaves out an empty type.
	rest, ok := bytes.CutPrefix(text, []byte(`{"type":`))
	if ok {
		rest = rest[skipValue(rest, 0):]
	} else {
		rest = append([]byte(","), text[1:]...)
	}
	return slices.Concat([]byte(`{"type":`), kind, rest), nil
}

// merge applies the changes from base to now to text. Text is the record that was read,
// base its encoding before the changes, and now its encoding after them.
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

// mergeObjects is merge for objects. It keeps members that are not in base, because
// the struct does not know them.
func mergeObjects(text, base, now []byte) []byte {
	texts, was, is := maps.Collect(membersByName(text)), maps.Collect(membersByName(base)), maps.Collect(membersByName(now))
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

// mergeArrays is merge for arrays. Unchanged elements keep their text in any order.
// Changed elements keep unknown fields only if the length is the same.
func mergeArrays(text, base, now []byte) []byte {
	texts, was, is := slices.Collect(elements(text)), slices.Collect(elements(base)), slices.Collect(elements(now))
	if len(texts) != len(was) {
		return now
	}
	first := make(map[string]int, len(was)) // the first index of each element
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
