package browse

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"

	"github.com/ghmigrate/ghmigrate/archive"
)

// A kind is the type of a record, as a number in the index.
type kind int

// The numbers of the kinds are part of the index: see indexVersion.
const (
	kindUnknown kind = iota
	kindIssue
	kindPull
	kindDiscussion
	kindRelease
	kindMilestone
	kindComment // of an issue, a pull request or a discussion
	kindEvent
	kindReview
	kindThread
	kindReviewComment
	kindCommitComment
	kindAttachment
	kindRepositoryFile
	kindRepository
	kindUser
	kindOrganization
	kindTeam
	kindLabel
	kindCategory
	kindProject
	kindProtectedBranch
)

// kindNames has the singular and the plural name of each kind.
var kindNames = [...][2]string{
	kindUnknown:         {"other record", "other records"},
	kindIssue:           {"issue", "issues"},
	kindPull:            {"pull request", "pull requests"},
	kindDiscussion:      {"discussion", "discussions"},
	kindRelease:         {"release", "releases"},
	kindMilestone:       {"milestone", "milestones"},
	kindComment:         {"comment", "comments"},
	kindEvent:           {"event", "events"},
	kindReview:          {"review", "reviews"},
	kindThread:          {"review thread", "review threads"},
	kindReviewComment:   {"review comment", "review comments"},
	kindCommitComment:   {"commit comment", "commit comments"},
	kindAttachment:      {"attachment", "attachments"},
	kindRepositoryFile:  {"file", "files"},
	kindRepository:      {"repository", "repositories"},
	kindUser:            {"user", "users"},
	kindOrganization:    {"organization", "organizations"},
	kindTeam:            {"team", "teams"},
	kindLabel:           {"label", "labels"},
	kindCategory:        {"discussion category", "discussion categories"},
	kindProject:         {"project", "projects"},
	kindProtectedBranch: {"protected branch", "protected branches"},
}

func (k kind) String() string { return kindNames[k][0] }

// plural returns the name of several records of the kind.
func (k kind) plural() string { return kindNames[k][1] }

// hyphenated returns the name of the kind for anchors and style sheets.
func (k kind) hyphenated() string { return strings.ReplaceAll(k.String(), " ", "-") }

// capitalized returns a text with a capital first letter, which must be ASCII.
func capitalized(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// kindOf returns the kind of a record.
func kindOf(r archive.Record) kind {
	switch r.(type) {
	case *archive.Issue:
		return kindIssue
	case *archive.PullRequest:
		return kindPull
	case *archive.Discussion:
		return kindDiscussion
	case *archive.Release:
		return kindRelease
	case *archive.Milestone:
		return kindMilestone
	case *archive.IssueComment:
		return kindComment
	case *archive.IssueEvent:
		return kindEvent
	case *archive.PullRequestReview:
		return kindReview
	case *archive.PullRequestReviewThread:
		return kindThread
	case *archive.PullRequestReviewComment:
		return kindReviewComment
	case *archive.CommitComment:
		return kindCommitComment
	case *archive.Attachment:
		return kindAttachment
	case *archive.RepositoryFile:
		return kindRepositoryFile
	case *archive.Repository:
		return kindRepository
	case *archive.User:
		return kindUser
	case *archive.Organization:
		return kindOrganization
	case *archive.Team:
		return kindTeam
	case *archive.Label:
		return kindLabel
	case *archive.DiscussionCategory:
		return kindCategory
	case *archive.Project:
		return kindProject
	case *archive.ProtectedBranch:
		return kindProtectedBranch
	default:
		return kindUnknown
	}
}

// hasAuthor reports whether records of the kind name their author.
func (k kind) hasAuthor() bool { return k >= kindIssue && k <= kindRepositoryFile }

// A state is the state of an issue, a pull request, a milestone or a release.
type state int

const (
	stateNone state = iota
	stateOpen
	stateDraft // an open pull request, or an unpublished release
	stateClosed
	stateMerged
	statePrerelease
)

var stateNames = [...]string{"", "open", "draft", "closed", "merged", "prerelease"}

func (s state) String() string { return stateNames[s] }

// keyOf returns the key of a URL in the index: 63 bits of a checksum; 0 for an empty URL.
// The index assumes that different URLs have different keys.
func keyOf(url archive.URL) int64 {
	if url == "" {
		return 0
	}
	sum := sha256.Sum256([]byte(url))
	return int64(binary.LittleEndian.Uint64(sum[:]) >> 1)
}
