package archive

import (
	"encoding/json"
)

// A Record is one element of the archive's record files: an issue, a comment,
// a user. Its dynamic type is a pointer to one of this package's structs
// (*[Issue], *[User], ...), or an *[Unknown].
//
// The structs have the fields that archives are known to have, by their names
// there, and first Type, which repeats the Kind and may be left empty in a
// record to be written. Where archives say null or nothing, fields are zero. A
// field of type [URL] names another record or is empty. In a record that was
// never read, an empty URL, [Time] or pointer is written as null, an empty
// string as "", and a field that not every archive has not at all.
type Record interface {
	// Kind is the record's type in GitHub's spelling, such as "issue_comment".
	Kind() string
	// Key is the record's URL, which is unique in an archive.
	Key() URL
	// Raw is the record as the archive spells it, with the fields that this
	// package does not know; nil for a record that was not read.
	Raw() json.RawMessage
}

// Unknown is a record of a type that this package does not know, or one that
// does not fit what it knows of the type: that is no error, and [All] for the
// type does not yield it.
type Unknown struct {
	// Type and URL are the record's own, empty if it has none.
	Type string `json:"type"`
	URL  URL    `json:"url"`
	// Err tells why a record of a known type is not a struct of that type; nil
	// if the type is not known.
	Err error `json:"-"`

	raw `json:"-"`
}

// Kind returns the record's type.
func (u *Unknown) Kind() string { return u.Type }

// Key returns the record's URL.
func (u *Unknown) Key() URL { return u.URL }

// member returns a string that the record has under a name.
func (u *Unknown) member(name string) string { return string(stringMember(u.text, name)) }

// raw is the spelling that a record was read from.
type raw struct{ text json.RawMessage }

// Raw returns the record as the archive spells it, with the fields that its
// struct does not have; nil for a record that was not read. Do not change it.
func (r *raw) Raw() json.RawMessage { return r.text }

func (r *raw) keep(text json.RawMessage) { r.text = text }

// keeper is what all structs of records have in common.
type keeper interface {
	Record
	keep(text json.RawMessage)
}

// newRecord returns an empty record of a type; nil if the type is not known.
func newRecord(kind string) keeper {
	switch kind {
	case "attachment":
		return new(Attachment)
	case "commit_comment":
		return new(CommitComment)
	case "discussion":
		return new(Discussion)
	case "discussion_category":
		return new(DiscussionCategory)
	case "issue":
		return new(Issue)
	case "issue_comment":
		return new(IssueComment)
	case "issue_event":
		return new(IssueEvent)
	case "label":
		return new(Label)
	case "milestone":
		return new(Milestone)
	case "organization":
		return new(Organization)
	case "project":
		return new(Project)
	case "protected_branch":
		return new(ProtectedBranch)
	case "pull_request":
		return new(PullRequest)
	case "pull_request_review":
		return new(PullRequestReview)
	case "pull_request_review_comment":
		return new(PullRequestReviewComment)
	case "pull_request_review_thread":
		return new(PullRequestReviewThread)
	case "release":
		return new(Release)
	case "repository":
		return new(Repository)
	case "repository_file":
		return new(RepositoryFile)
	case "team":
		return new(Team)
	case "user":
		return new(User)
	default:
		return nil
	}
}

// decode makes a record of one element. The element is kept, not copied. The
// error is about its syntax: what does not fit a type becomes an *Unknown.
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

// decodeUnknown makes an *Unknown of an element that does not fit a struct for
// the reason given.
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
