package browse

import (
	"cmp"
	"encoding/json"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate/archive"
)

// A post is a part of a conversation: a comment, an event, a review or a review thread,
// with the posts inside it.
type post struct {
	Anchor      string
	Kind        string
	Author      person
	At          time.Time
	Body        template.HTML
	Event       []link // the sentence about the event, in parts
	Verdict     string // of a review
	Path        string // of a review thread
	Lines       string // of the file that a review thread is about
	Hunk        []hunkLine
	Resolved    string // "resolved by mona"; empty for an open review thread
	Reactions   []reaction
	Attachments []fileView
	Raw         string
	Inside      []*post

	e *entry
}

// A reaction is an emoji, and the users who gave it.
type reaction struct {
	Emoji, Name string
	Count       int
	Who         string
}

// posts returns the posts for records, in the same order.
func (p *repositoryPage) posts(t *thread, found []*entry) ([]*post, error) {
	all := make([]*post, 0, len(found))
	for _, e := range found {
		all = append(all, &post{e: e})
	}
	return t.fill(all)
}

// maxPageSize bounds the posts of a page, in bytes. Later posts are left out.
const maxPageSize = 16 << 20

// fullNote is the note of a page that leaves out posts.
const fullNote = "The page is full. It leaves out some posts."

func (p *repositoryPage) isFull() bool { return p.size > maxPageSize }

// fill fills in the content of posts, and of the posts inside them. It returns the posts
// that the page has room for.
func (t *thread) fill(posts []*post) ([]*post, error) {
	for i, x := range posts {
		if t.isFull() {
			return posts[:i], nil
		}
		x.Anchor, x.Kind = anchorOf(x.e), x.e.kind.hyphenated()
		x.Author, x.At, x.Raw = t.personOf(x.e.author), x.e.at(), t.rawLink(x.e)
		if err := t.content(x); err != nil {
			return nil, err
		}
		var err error
		if x.Inside, err = t.fill(x.Inside); err != nil {
			return nil, err
		}
	}
	return posts, nil
}

// anchorOf returns the anchor of the post for a record.
func anchorOf(e *entry) string { return e.kind.hyphenated() + "-" + itoa(e.id) }

// content fills in the content of a post from its record. The post of a record that does
// not fit its type has only a link to the JSON.
func (t *thread) content(x *post) error {
	raw, err := t.store.raw(t.ctx, x.e.id)
	if err != nil {
		return err
	}
	before := t.size
	switch x.e.kind {
	case kindComment:
		decode(raw, func(c *archive.IssueComment) { t.say(x, c.Body, c.Reactions) })
	case kindEvent:
		decode(raw, func(e *archive.IssueEvent) { x.Event = t.event(e) })
	case kindReview:
		decode(raw, func(r *archive.PullRequestReview) {
			t.say(x, r.Body, r.Reactions)
			x.Verdict = verdict(r.State)
		})
	case kindThread:
		decode(raw, func(r *archive.PullRequestReviewThread) {
			x.Path, x.Hunk = truncate(r.Path, maxTitle), hunk(r.DiffHunk)
			x.Lines = lines(r)
			if !r.ResolvedAt.IsZero() {
				x.Resolved = "resolved"
				if by := login(r.Resolver); by != "" {
					x.Resolved += " by " + by
				}
			}
		})
	case kindReviewComment:
		decode(raw, func(c *archive.PullRequestReviewComment) {
			t.say(x, c.Body, c.Reactions)
			if c.PullRequestReviewThread == "" && c.InReplyTo == "" { // the exporter wrote no review threads
				x.Path, x.Hunk = truncate(c.Path, maxTitle), hunk(c.DiffHunk)
			}
		})
	case kindCommitComment:
		decode(raw, func(c *archive.CommitComment) {
			t.say(x, c.Body, c.Reactions)
			x.Path = truncate(c.Path, maxTitle)
		})
	default: // not part of a conversation
	}
	x.Attachments, err = t.attachments(x.e)
	x.hideShown()
	t.size = max(t.size, before+len(raw)+postSize+fileSize*len(x.Attachments))
	return err
}

// The sizes of parts of a page besides the texts of the archive, in bytes.
const (
	postSize = 1000
	fileSize = 1000
)

// hideShown hides the attached images that the text of the post shows already.
func (x *post) hideShown() {
	for i, f := range x.Attachments {
		if f.Image && strings.Contains(string(x.Body), `src="`+f.Href+`"`) {
			x.Attachments[i].Image = false
		}
	}
}

// say fills in the text and the reactions of a post.
func (t *thread) say(x *post, body string, reactions []archive.Reaction) {
	x.Body, x.Reactions = t.render(body, t.resolver()), countReactions(reactions)
}

func verdict(s archive.ReviewState) string {
	switch s {
	case archive.ReviewApproved:
		return "approved these changes"
	case archive.ReviewChangesRequested:
		return "requested changes"
	case archive.ReviewCommented:
		return "reviewed"
	default:
		return "reviewed (state " + s.String() + ")"
	}
}

// emojis are the emojis of reactions, by their names in archives and in the API.
var emojis = [][2]string{
	{"+1", "👍"}, {"-1", "👎"}, {"laugh", "😄"}, {"smile", "😄"}, {"tada", "🎉"}, {"hooray", "🎉"},
	{"thinking_face", "😕"}, {"confused", "😕"}, {"heart", "❤️"}, {"rocket", "🚀"}, {"eyes", "👀"},
}

func countReactions(all []archive.Reaction) []reaction {
	var counted []reaction
	for _, r := range all {
		name := truncate(string(r.Content), 30)
		i := slices.IndexFunc(counted, func(c reaction) bool { return c.Name == name })
		if i < 0 {
			if len(counted) == 30 {
				continue
			}
			emoji := ":" + name + ":"
			for _, e := range emojis {
				if e[0] == name {
					emoji = e[1]
				}
			}
			counted, i = append(counted, reaction{Emoji: emoji, Name: name}), len(counted)
		}
		counted[i].Count++
		if counted[i].Count <= 20 {
			who := cmp.Or(login(r.User), "deleted account")
			counted[i].Who = strings.TrimPrefix(counted[i].Who+", "+who, ", ")
		}
	}
	return counted
}

// decode decodes the JSON of a record, and calls use if the JSON fits the type.
func decode[T any](raw []byte, use func(*T)) {
	v := new(T)
	if json.Unmarshal(raw, v) == nil {
		use(v)
	}
}
