package archive

import (
	"encoding/json"
)

// A Record is one element of a file of records: an issue, a comment, a user. Its
// dynamic type is a pointer to a struct of this package, such as *[Issue], or an
// *[Unknown].
//
// The fields of the structs have the names of the archive. The first one is Type,
// which callers may leave empty in a record that they write. A field is zero if the
// archive has null or nothing. A field of type [URL] names another record, or is
// empty. In a record that was never read, an empty URL, [Time] or pointer is written
// as null, an empty string as "". A field that not every archive has is left out if
// it is zero.
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
// does not fit its type. It is not an error; [All] for the type does not yield it.
type Unknown struct {
	// Type and URL name the record. Either may be empty.
	Type string `json:"type"`
	URL  URL    `json:"url"`
	// Err tells why a record does not fit its type. It is nil if the type is not
	// known.
	Err error `json:"-"`

	raw `json:"-"`
}

// Kind returns the record's type.
func (u *Unknown) Kind() string { return u.Type }

// Key returns the record's URL.
func (u *Unknown) Key() URL { return u.URL }

// member returns a string member of the record.
func (u *Unknown) member(name string) string { return string(stringMember(u.text, name)) }

// raw is the text that a record was read from.
type raw struct{ text json.RawMessage }

// Raw returns the text of the record in the archive, with the fields that its struct
// does not have. It is nil for a record that was not read. The caller must not
// change it.
func (r *raw) Raw() json.RawMessage { return r.text }

func (r *raw) keep(text json.RawMessage) { r.text = text }

// A keeper is a record of this package.
type keeper interface {
	Record
	keep(text json.RawMessage)
}

// decode decodes one element, which it keeps. The error is about the syntax: a
// record that does not fit its type becomes an *Unknown.
func decode(element json.RawMessage) (Record, error) {
	r := newRecord(string(typeOf(element)))
	if r == nil {
		return decodeUnknown(element, nil)
	}
	if err := unmarshal(element, r); err != nil {
		return decodeUnknown(element, plain(err))
	}
	r.keep(element)
	return r, nil
}

// decodeUnknown makes an *Unknown of an element, with the reason why it does not fit
// its type.
func decodeUnknown(element json.RawMessage, reason error) (Record, error) {
	if err := valid(element); err != nil {
		return nil, plain(err)
	}
	u := &Unknown{Err: reason}
	u.keep(element)
	u.Type = string(typeOf(element))
	u.URL = URL(stringMember(element, "url"))
	return u, nil
}
