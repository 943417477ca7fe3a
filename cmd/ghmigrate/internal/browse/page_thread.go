package browse

import (
	"cmp"
	"errors"
	"html/template"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate/archive"
)

// perThread is the number of posts on a page of a conversation.
const perThread = 200

// maxParts bounds the records of a conversation that are shown.
const maxParts = 200_000

// A post is a part of a conversation: a comment, an event, a review, a review thread,
// with the posts inside it.
type post struct {
	Anchor      string
	Kind        string
	Author      person
	At          time.Time
	Body        template.HTML
	Event       []link // what happened, in pieces
	Verdict     string // of a review
	Path        string // of a review thread
	Lines       string
	Hunk        []hunkLine
	Resolved    string
	Reactions   []reaction
	Attachments []fileView
	Raw         string
	Inside      []*post

	e *entry
}

// A reaction is an emoji and who gave it.
type reaction struct {
	Emoji, Name string
	Count       int
	Who         string
}

// A hunkLine is a line of a diff.
type hunkLine struct{ Class, Text string }

// A threadPage shows an issue, a pull request, a discussion or a release.
type threadPage struct {
	Kind, State, Number string
	First               *post
	Facts               []fact
	Labels              []label
	Assets              []fileView
	Posts               []*post
	Total               int
	Pager               pager
	Note                string
	Tag                 string
}

// A fact is a line beside a conversation.
type fact struct {
	Name  string
	Links []link
}

// A thread is a conversation while its page is made.
type thread struct {
	*repositoryPage
	top *entry
}

func (p *repositoryPage) thread(k kind, arg string) (*page, error) {
	top, err := p.find(k, arg)
	if err != nil {
		return nil, err
	}
	t := &thread{repositoryPage: p, top: top}
	v := threadPage{Kind: k.String(), State: top.state.String()}
	if top.number > 0 {
		v.Number = "#" + itoa(top.number)
	}
	tree, err := t.tree()
	if err != nil {
		return nil, err
	}
	v.Total = len(tree)
	from := min(int((p.pageNumber()-1)*perThread), len(tree))
	to := min(from+perThread, len(tree))
	if v.First, err = t.first(&v); err != nil {
		return nil, err
	}
	if err := t.fill(tree[from:to]); err != nil {
		return nil, err
	}
	v.Posts = tree[from:to]
	v.Pager = p.pagerOf(itemPath(p.repo, top), to < len(tree))
	if k == kindDiscussion && len(tree) == 0 {
		v.Note = "GitHub does not export the comments on discussions."
	}
	section := map[kind]string{kindIssue: "issues", kindPull: "pulls", kindDiscussion: "discussions", kindRelease: "releases"}[k]
	title := cmp.Or(top.title, "(no title)")
	kinds := strings.ToUpper(k.plural()[:1]) + k.plural()[1:]
	return p.page(section, &page{
		Template: "thread", Title: title, Crumbs: p.crumbs(link{kinds, p.links.page(p.repo.slug + "/" + section)}), Data: &v,
	})
}

// tree returns the posts of a conversation in the order in which they happened. A post
// of a review or a thread is inside it. The posts have no content yet.
func (t *thread) tree() ([]*post, error) {
	parts, err := t.store.entries(t.ctx, `thread = ? AND thread <> 0 AND id <> ? AND kind BETWEEN ? AND ? ORDER BY created, id LIMIT ?`,
		t.top.key, t.top.id, kindComment, kindReviewComment, maxParts)
	if err != nil || t.top.key == 0 {
		return nil, err
	}
	byKey := make(map[int64]*post, len(parts))
	posts := make([]*post, len(parts))
	for i, e := range parts {
		posts[i] = &post{e: e}
		if e.key != 0 && byKey[e.key] == nil {
			byKey[e.key] = posts[i]
		}
	}
	var roots []*post
	for _, x := range posts {
		parent := byKey[x.e.parent]
		if parent == nil || leadsTo(byKey, parent, x) {
			roots = append(roots, x)
			continue
		}
		if parent.e.kind == kindReviewComment { // an answer stands beside what it answers
			if above := byKey[parent.e.parent]; above != nil && above.e.kind == kindThread {
				parent = above
			}
		}
		parent.Inside = append(parent.Inside, x)
	}
	return roots, nil
}

// leadsTo reports whether x is above from, or too far up: parents of a hostile archive
// may go in circles.
func leadsTo(byKey map[int64]*post, from, x *post) bool {
	for range 8 {
		if from == nil {
			return false
		}
		if from == x {
			return true
		}
		from = byKey[from.e.parent]
	}
	return true
}

// threadPageOf returns the number of the page that shows a part of a conversation;
// empty for the first.
func (r *request) threadPageOf(top, e *entry) string {
	n, err := r.store.count(r.ctx, `SELECT count(*) FROM record WHERE thread = ? AND thread <> 0 AND kind BETWEEN ? AND ?`, top.key, kindComment, kindReviewComment)
	if err != nil || n <= perThread {
		return ""
	}
	repo := &repository{}
	t := &thread{repositoryPage: &repositoryPage{request: r, repo: repo}, top: top}
	tree, err := t.tree()
	if err != nil {
		return ""
	}
	for i, x := range tree {
		if x.holds(e.id) && i >= perThread {
			return itoa(int64(i/perThread + 1))
		}
	}
	return ""
}

func (x *post) holds(id int64) bool {
	return x.e.id == id || slices.ContainsFunc(x.Inside, func(y *post) bool { return y.holds(id) })
}

// posts returns records as posts with their content, without an order of their own.
func (p *repositoryPage) posts(t *thread, found []*entry) ([]*post, error) {
	all := make([]*post, 0, len(found))
	for _, e := range found {
		all = append(all, &post{e: e})
	}
	return all, t.fill(all)
}

// fill reads the content of posts and of those inside them.
func (t *thread) fill(posts []*post) error {
	for _, x := range posts {
		x.Anchor, x.Kind = anchorOf(x.e), strings.ReplaceAll(x.e.kind.String(), " ", "-")
		x.Author, x.At, x.Raw = t.personOf(x.e.author), x.e.at(), t.rawLink(x.e)
		if err := t.content(x); err != nil {
			return err
		}
		if err := t.fill(x.Inside); err != nil {
			return err
		}
	}
	return nil
}

var anchorPattern = regexp.MustCompile(`[^A-Za-z0-9_-]`)

// anchorOf returns the anchor of a post on its page.
func anchorOf(e *entry) string { return e.kind.anchor() + itoa(e.id) }

func (k kind) anchor() string { return anchorPattern.ReplaceAllString(k.String(), "-") + "-" }

// content reads what a post shows. A record that does not fit its type shows nothing
// but a link to its text.
func (t *thread) content(x *post) error {
	raw, err := t.store.raw(t.ctx, x.e.id)
	if err != nil {
		return err
	}
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
			x.Path, x.Hunk = cut(r.Path, maxTitle), hunk(r.DiffHunk)
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
			if c.PullRequestReviewThread == "" && c.InReplyTo == "" { // of an exporter that writes no threads
				x.Path, x.Hunk = cut(c.Path, maxTitle), hunk(c.DiffHunk)
			}
		})
	case kindCommitComment:
		decode(raw, func(c *archive.CommitComment) {
			t.say(x, c.Body, c.Reactions)
			x.Path = cut(c.Path, maxTitle)
		})
	default: // not in a conversation
	}
	x.Attachments, err = t.attachments(x.e)
	x.hideShown()
	return err
}

// hideShown leaves out the images that the text of the post shows already.
func (x *post) hideShown() {
	for i, f := range x.Attachments {
		if f.Image && strings.Contains(string(x.Body), `src="`+f.Href+`"`) {
			x.Attachments[i].Image = false
		}
	}
}

func (t *thread) say(x *post, body string, reactions []archive.Reaction) {
	x.Body, x.Reactions = t.render(body, t.place()), countReactions(reactions)
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

// lines tells which lines a thread is about.
func lines(r *archive.PullRequestReviewThread) string {
	line, start := r.Line, r.StartLine
	if line == nil {
		line, start = r.OriginalLine, r.OriginalStartLine
	}
	text := ""
	switch {
	case line == nil:
	case start != nil && *start != *line:
		text = "lines " + itoa(*start) + " to " + itoa(*line)
	default:
		text = "line " + itoa(*line)
	}
	if r.Outdated || r.Line == nil && r.OriginalLine != nil {
		text += ", outdated"
	}
	return strings.TrimPrefix(text, ", ")
}

// maxHunk bounds the lines of a diff that a thread shows. The last one is the line that
// the thread is about.
const maxHunk = 16

func hunk(diff string) []hunkLine {
	if diff == "" {
		return nil
	}
	all := strings.Split(strings.TrimRight(cut(strings.ReplaceAll(diff, "\r\n", "\n"), 64<<10), "\n"), "\n")
	var shown []hunkLine
	if len(all) > maxHunk {
		if strings.HasPrefix(all[0], "@@") {
			shown = append(shown, diffLine(all[0]))
		}
		all = all[len(all)-maxHunk:]
	}
	for _, l := range all {
		shown = append(shown, diffLine(l))
	}
	return shown
}

func diffLine(text string) hunkLine {
	l := hunkLine{Text: cut(text, 1000)}
	switch {
	case strings.HasPrefix(text, "@@"):
		l.Class = "at"
	case strings.HasPrefix(text, "+"):
		l.Class = "add"
	case strings.HasPrefix(text, "-"):
		l.Class = "del"
	}
	return l
}

// emojis are the reactions by their names in archives, in GitHub's order.
var emojis = [][2]string{
	{"+1", "👍"}, {"-1", "👎"}, {"laugh", "😄"}, {"smile", "😄"}, {"tada", "🎉"}, {"hooray", "🎉"},
	{"thinking_face", "😕"}, {"confused", "😕"}, {"heart", "❤️"}, {"rocket", "🚀"}, {"eyes", "👀"},
}

func countReactions(all []archive.Reaction) []reaction {
	var counted []reaction
	for _, r := range all {
		name := cut(string(r.Content), 30)
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

// A fileView is a file that a page shows or offers.
type fileView struct {
	Name, Href, Type string
	Size             int64
	Image            bool // it is shown
	Missing          bool // the archive has the record alone
	Author           person
	At               time.Time
}

// fileView returns a file of the archive by its link.
func (r *request) fileView(href, name, contentType string) (fileView, error) {
	v := fileView{Name: cmp.Or(cut(name, maxTitle), "file"), Type: cut(mediaType(contentType), 100)}
	f, err := r.store.fileOf(r.ctx, href)
	if errors.Is(err, errNotFound) {
		v.Missing = true
		return v, nil
	}
	if err != nil {
		return v, err
	}
	v.Href, v.Size, v.Image = r.links.file(f), f.size, rasterTypes[v.Type]
	return v, nil
}

// attachments returns the attachments of a record.
func (r *request) attachments(of *entry) ([]fileView, error) {
	if of.key == 0 {
		return nil, nil
	}
	found, err := r.store.entries(r.ctx, `parent = ? AND kind = ? AND kind IN (12, 17) ORDER BY created, id LIMIT 200`, of.key, kindAttachment)
	if err != nil {
		return nil, err
	}
	var all []fileView
	for _, e := range found {
		a, err := read[archive.Attachment](r.ctx, r.store, e.id)
		if err != nil {
			continue // the records have it
		}
		v, err := r.fileView(a.AssetURL, a.AssetName, a.AssetContentType)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}
