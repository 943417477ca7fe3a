package browse

import (
	"encoding/json"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ghmigrate/ghmigrate/archive"
)

// A row is a record on its way to the index: the columns of the table record, and the
// texts for the search.
type row struct {
	id        int64
	kind      kind
	url       archive.URL
	parent    archive.URL // the record inside which a page shows this record
	thread    archive.URL // the issue, pull request, discussion, release or commit of the conversation
	repo      archive.URL
	number    int64
	created   int64 // Unix time; 0 if unknown
	updated   int64
	state     state
	author    string // the last part of the user's URL
	title     string
	milestone archive.URL
	labels    []archive.URL
	body      string            // the text for the search
	files     map[string]string // the declared types of the files of the record, by entry name
	raw       json.RawMessage
}

// maxTitle bounds the titles in lists, in bytes.
const maxTitle = 500

// describe returns the row of a record.
func describe(r archive.Record) *row {
	d := &row{kind: kindOf(r), url: r.Key(), raw: r.Raw()}
	switch r := r.(type) {
	case *archive.Issue:
		d.item(r.Repository, r.User, r.Title, r.Body, r.CreatedAt, r.UpdatedAt)
		d.labels, d.milestone, d.state = r.Labels, r.Milestone, openUnless(!r.ClosedAt.IsZero())
	case *archive.PullRequest:
		d.item(r.Repository, r.User, r.Title, r.Body, r.CreatedAt, r.ClosedAt)
		d.labels, d.milestone, d.state = r.Labels, r.Milestone, pullState(r)
	case *archive.Discussion:
		d.item(r.Repository, r.User, r.Title, r.Body, r.CreatedAt, r.UpdatedAt)
		d.labels = r.Labels
	case *archive.Release:
		d.item(r.Repository, r.User, releaseTitle(r), r.Body, r.CreatedAt, r.PublishedAt)
		switch {
		case r.State == "draft":
			d.state = stateDraft
		case r.Prerelease:
			d.state = statePrerelease
		}
		for _, a := range r.ReleaseAssets {
			d.file(a.AssetURL, a.AssetContentType)
		}
	case *archive.Milestone:
		d.item(r.Repository, r.User, r.Title, r.Description, r.CreatedAt, r.UpdatedAt)
		d.thread, d.state = "", openUnless(r.State == "closed")
	case *archive.IssueComment:
		d.part(r.Parent(), r.Parent(), r.User, r.Body, r.CreatedAt)
	case *archive.IssueEvent:
		d.part(r.Parent(), r.Parent(), r.Actor, "", r.CreatedAt)
	case *archive.PullRequestReview:
		d.part(r.PullRequest, r.PullRequest, r.User, r.Body, firstTime(r.SubmittedAt, r.CreatedAt))
	case *archive.PullRequestReviewThread:
		d.part(r.PullRequest, firstURL(r.PullRequestReview, r.PullRequest), "", "", r.CreatedAt)
	case *archive.PullRequestReviewComment:
		d.part(r.PullRequest, firstURL(r.PullRequestReviewThread, r.InReplyTo, r.PullRequestReview, r.PullRequest), r.User, r.Body, r.CreatedAt)
	case *archive.CommitComment:
		commit := commitURL(r.Repository, r.CommitID)
		d.part(commit, commit, r.User, r.Body, r.CreatedAt)
		d.repo = r.Repository
	case *archive.Attachment:
		d.part(threadOf(r.Parent()), r.Parent(), r.User, "", r.CreatedAt)
		d.repo, d.title = r.Repository, truncate(r.AssetName, maxTitle)
		d.file(r.AssetURL, r.AssetContentType)
	case *archive.RepositoryFile:
		d.part("", "", r.User, "", r.CreatedAt)
		d.repo, d.title = r.Repository, truncate(r.FileName, maxTitle)
		d.file(r.FileURL, r.FileContentType)
	default:
		d.other(r)
	}
	return d
}

// other fills in a record that is not part of a conversation.
func (d *row) other(r archive.Record) {
	switch r := r.(type) {
	case *archive.Repository:
		d.title, d.body, d.created = truncate(repositoryName(r), maxTitle), r.Description, unix(r.CreatedAt)
	case *archive.User:
		d.title, d.author, d.body, d.created = truncate(r.Login, maxTitle), login(r.URL), r.Name, unix(r.CreatedAt)
	case *archive.Organization:
		d.title, d.body, d.created = truncate(r.Login, maxTitle), r.Name+"\n"+r.Description, unix(r.CreatedAt)
	case *archive.Team:
		d.title, d.body, d.parent, d.created = truncate(r.Name, maxTitle), r.Description, r.Organization, unix(r.CreatedAt)
	case *archive.Label:
		d.title, d.repo = truncate(r.Name, maxTitle), r.Repository
	case *archive.DiscussionCategory:
		d.title, d.repo, d.body = truncate(r.Name, maxTitle), r.Repository, r.Description
	case *archive.Project:
		d.title, d.body, d.author = truncate(r.Name, maxTitle), r.Body, login(r.Creator)
	case *archive.ProtectedBranch:
		d.title, d.repo = truncate(r.Name, maxTitle), r.RepositoryURL
	case *archive.Unknown:
		d.title = truncate(r.Type, maxTitle)
		d.discussionComment(r)
	}
}

// discussionComment fills in a comment on a discussion. Package archive has no type for
// such comments, because no public archive has any.
func (d *row) discussionComment(r *archive.Unknown) {
	if r.Type != "discussion_comment" {
		return
	}
	var c unknownComment
	if json.Unmarshal(r.Raw(), &c) != nil || c.Discussion == "" {
		return
	}
	d.kind, d.title = kindComment, ""
	d.part(c.Discussion, c.Discussion, c.User, c.Body, c.CreatedAt)
}

// An unknownComment is the presumed form of a comment on a discussion: the form of other
// comments.
type unknownComment struct {
	Discussion archive.URL  `json:"discussion"`
	User       archive.URL  `json:"user"`
	Body       string       `json:"body"`
	CreatedAt  archive.Time `json:"created_at"`
}

// item fills in a record that has a page.
func (d *row) item(repo, user archive.URL, title, body string, created, updated archive.Time) {
	d.repo, d.author, d.title, d.body = repo, login(user), truncate(title, maxTitle), body
	d.created, d.updated = unix(created), max(unix(created), unix(updated))
	d.thread, d.number = d.url, d.url.Number()
}

// part fills in a record of a conversation.
func (d *row) part(thread, parent, user archive.URL, body string, created archive.Time) {
	d.thread, d.parent, d.author, d.body, d.created = thread, parent, login(user), body, unix(created)
}

// file adds the declared type of a file. Some exporters percent-encode the names in
// links.
func (d *row) file(link, contentType string) {
	name, err := archive.EntryName(link)
	if err != nil {
		return
	}
	if d.files == nil {
		d.files = map[string]string{}
	}
	d.files[name] = contentType
	if plain, err := url.PathUnescape(name); err == nil {
		d.files[plain] = contentType
	}
}

func openUnless(closed bool) state {
	if closed {
		return stateClosed
	}
	return stateOpen
}

func pullState(p *archive.PullRequest) state {
	switch {
	case !p.MergedAt.IsZero():
		return stateMerged
	case !p.ClosedAt.IsZero():
		return stateClosed
	case p.WorkInProgress:
		return stateDraft
	default:
		return stateOpen
	}
}

func releaseTitle(r *archive.Release) string {
	if r.Name != "" {
		return r.Name
	}
	return r.TagName
}

// commitURL returns the URL of a commit. A commit is not a record, but comments on it
// are.
func commitURL(repo archive.URL, sha string) archive.URL { return repo + "/commit/" + archive.URL(sha) }

// threadOf returns the URL of the issue or pull request of a review or comment.
func threadOf(parent archive.URL) archive.URL {
	u, _, _ := strings.Cut(string(parent), "#")
	u = strings.TrimSuffix(strings.TrimSuffix(u, "/files"), "/diffs")
	return archive.URL(u)
}

// login returns the login of a user: the last part of the URL.
func login(user archive.URL) string {
	name := path.Base(strings.TrimRight(string(user), "/"))
	if name == "." || name == "/" {
		return ""
	}
	if plain, err := url.PathUnescape(name); err == nil {
		name = plain
	}
	return truncate(name, 100)
}

// repositoryName returns the OWNER/NAME of a repository: the name of its Git data, or else
// the end of its URL.
func repositoryName(r *archive.Repository) string {
	if entry, err := archive.EntryName(r.GitURL); err == nil {
		if name, ok := strings.CutPrefix(entry, "repositories/"); ok && strings.Count(name, "/") == 1 {
			return strings.TrimSuffix(name, ".git")
		}
	}
	return nameOfURL(r.URL)
}

// nameOfURL returns the last two parts of a URL.
func nameOfURL(u archive.URL) string {
	parts := strings.Split(strings.TrimRight(string(u), "/"), "/")
	if len(parts) < 2 {
		return strings.Join(parts, "/")
	}
	return strings.Join(parts[len(parts)-2:], "/")
}

func firstURL(urls ...archive.URL) archive.URL {
	for _, u := range urls {
		if u != "" {
			return u
		}
	}
	return ""
}

func firstTime(times ...archive.Time) archive.Time {
	for _, t := range times {
		if !t.IsZero() {
			return t
		}
	}
	return archive.Time{}
}

func unix(t archive.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// timeOf returns the time for a Unix time in the index. 0 means unknown: the zero time.
func timeOf(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// truncate truncates a text to n bytes, and adds an ellipsis.
func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// isSearchable reports whether the search can find a record.
func (d *row) isSearchable() bool {
	switch d.kind {
	case kindEvent, kindThread, kindLabel, kindCategory, kindProtectedBranch, kindUnknown:
		return false
	default:
		return d.title != "" || d.body != ""
	}
}
