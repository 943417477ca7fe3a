package archive

import (
	"bytes"
	"iter"
)

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
