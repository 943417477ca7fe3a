package archive

import (
	"bytes"
	"iter"
)

// A lexer finds the end of a JSON value that may come in pieces. It assumes valid
// JSON: it only matches quotes and counts brackets, in linear time.
type lexer struct {
	values  int64 // at least the number of values inside
	depth   int   // of brackets
	quoted  bool  // inside a string
	escaped bool  // a backslash escapes the next byte
}

// value returns how many bytes of p belong to the value, and whether the value
// ends there.
func (l *lexer) value(p []byte) (n int, done bool) {
	for n < len(p) {
		if l.quoted {
			n += l.text(p[n:])
			if !l.quoted && l.depth == 0 {
				return n, true
			}
			continue
		}
		switch p[n] {
		case '"':
			l.quoted = true
		case '{', '[':
			l.depth++
			l.values++
		case '}', ']':
			if l.depth == 0 {
				return n, true // the end of the enclosing array or object
			}
			if l.depth--; l.depth == 0 {
				return n + 1, true
			}
		case ',':
			if l.depth == 0 {
				return n, true
			}
			l.values++
		case ' ', '\n', '\r', '\t':
			if l.depth == 0 {
				return n, true
			}
		}
		n++
	}
	return n, false
}

// text returns how many bytes of p belong to the current string.
func (l *lexer) text(p []byte) int {
	i := 0
	if l.escaped {
		l.escaped = false
		i = 1
	}
	for {
		end := len(p)
		if n := bytes.IndexByte(p[i:], '"'); n >= 0 {
			end = i + n
		}
		plain := bytes.TrimRight(p[i:end], `\`)
		escaped := (end-i-len(plain))%2 == 1
		switch {
		case end == len(p):
			l.escaped = escaped
			return end
		case !escaped:
			l.quoted = false
			return end + 1
		}
		i = end + 1
	}
}

// skipValue returns the end of the value that begins at i.
func skipValue(text []byte, i int) int {
	var l lexer
	n, _ := l.value(text[i:])
	return i + n
}

// skipSpace returns the end of the white space that begins at i.
func skipSpace(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\n' || text[i] == '\r' || text[i] == '\t') {
		i++
	}
	return i
}

// skipComma returns the beginning of the next value, or of the closing bracket, after
// the value that ends at i.
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

// typeOf returns the "type" of an element, which is empty if the element has no type.
// The result may point into the element.
func typeOf(element []byte) []byte { return stringMember(element, "type") }

// stringMember returns the first string member of an object with this name.
func stringMember(object []byte, name string) []byte {
	for key, value := range members(object) {
		if value[0] == '"' && string(unquote(key)) == name { // compares without a copy
			return unquote(value)
		}
	}
	return nil
}

// membersByName yields the unquoted names and the values of an object.
func membersByName(object []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for key, value := range members(object) {
			if !yield(string(unquote(key)), value) {
				return
			}
		}
	}
}

// members yields the quoted names and the values of an object. It yields nothing for
// other values.
func members(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		i := skipSpace(object, 0)
		if at(object, i) != '{' {
			return
		}
		for i = skipSpace(object, i+1); at(object, i) == '"'; i = skipComma(object, i) {
			key := object[i:skipValue(object, i)]
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

// elements yields the elements of an array. It yields nothing for other values.
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
