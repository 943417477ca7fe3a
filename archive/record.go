package archive

import (
	"encoding/json"
)

// A Record is one element of a file of records: an issue, a comment, a user. Its
// dynamic type is a pointer to a struct of this package, such as *[Issue], or an
// *[Unknown].
//
// The fields of a struct have the names that archives use. The first field is Type,
// which callers may leave empty in a record that they write. A field is zero if the
// archive has null or lacks the field. A field of type [URL] names another record,
// or is empty.
//
// A [Writer] writes an empty URL, [Time] or pointer as null, and an empty string as
// "". It leaves out a zero field that not every archive has. A record that was read
// keeps the text of its unchanged fields instead.
type Record interface {
	// Kind is the record's type in GitHub's spelling, such as "issue_comment".
	Kind() string
	// Key is the record's URL, which is unique in an archive.
	Key() URL
	// Raw is the text of the record in the archive, with the fields that this
	// package does not know. It is nil for a record that was not read.
	Raw() json.RawMessage
}

// An Unknown is a record of a type that this package does not know, or a record that
// does not fit its type. It is not an error. [All] yields it as an *Unknown or as a
// [Record], never as its type.
type Unknown struct {
	// Type and URL name the record. Either may be empty.
	Type string `json:"type"`
	URL  URL    `json:"url"`
	// Err is the reason why a record does not fit its type. It is nil if the type is
	// unknown.
	Err error `json:"-"`

	raw `json:"-"`
}

// Kind returns the record's type.
func (u *Unknown) Kind() string { return u.Type }

// Key returns the record's URL.
func (u *Unknown) Key() URL { return u.URL }

// member returns a string member of the record.
func (u *Unknown) member(name string) string { return string(stringMember(u.text, name)) }

// raw is the text of a record in the archive. The structs of records embed it.
type raw struct{ text json.RawMessage }

// Raw returns the text of the record in the archive, with the fields that its struct
// does not have. It is nil for a record that was not read. The caller must not
// change it.
func (r *raw) Raw() json.RawMessage { return r.text }

func (r *raw) setRaw(text json.RawMessage) { r.text = text }

// An ownRecord is a record whose struct this package defines.
type ownRecord interface {
	Record
	setRaw(text json.RawMessage)
}

// decode decodes one element and keeps its text. It fails only if the element is not
// JSON: a record that does not fit its type becomes an *Unknown.
func decode(element json.RawMessage) (Record, error) {
	r := newRecord(string(typeOf(element)))
	if r == nil {
		return decodeUnknown(element, nil)
	}
	if err := unmarshal(element, r); err != nil {
		return decodeUnknown(element, plainError(err))
	}
	r.setRaw(element)
	return r, nil
}

// decodeUnknown makes an *Unknown of an element. The reason says why the element
// does not fit its type; it is nil if the type is unknown.
func decodeUnknown(element json.RawMessage, reason error) (Record, error) {
	if err := valid(element); err != nil {
		return nil, plainError(err)
	}
	u := &Unknown{Err: reason}
	u.setRaw(element)
	u.Type = string(typeOf(element))
	u.URL = URL(stringMember(element, "url"))
	return u, nil
}
