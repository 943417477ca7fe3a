package archive

import (
	"strconv"
	"strings"
)

// URL names a record: its own URL, or that of the record it refers to. Empty
// stands for null: nobody, or an account that is gone.
type URL string

// Number returns the number that ends the URL: 5 of …/issues/5, 123 of
// …/pull/5#issuecomment-123 and of …/pull/5/files#r123. It is 0 if the URL ends
// in none: a tag such as …/releases/tag/v1.2.3 is a name and no number.
func (u URL) Number() int64 {
	path, fragment, found := strings.Cut(string(u), "#")
	digits, named := strings.TrimLeft(fragment, "abcdefghijklmnopqrstuvwxyz-_"), fragment
	if !found {
		digits, named = path[strings.LastIndexByte(path, '/')+1:], path
	}
	n, err := strconv.ParseUint(digits, 10, 63) // unlike ParseInt, it takes no sign
	if err != nil || digits == named {
		return 0
	}
	return int64(n)
}

// MarshalJSON returns the URL as a string, or null if it is empty.
func (u URL) MarshalJSON() ([]byte, error) {
	if u == "" {
		return []byte("null"), nil
	}
	return marshal(string(u))
}
