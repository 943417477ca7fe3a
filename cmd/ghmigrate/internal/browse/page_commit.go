package browse

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate/archive"
)

// A commitPage is the page of a commit and its comments.
type commitPage struct {
	SHA      string
	Missing  string // why the page cannot show the commit
	Commit   *commitView
	Comments []*post
	Note     string
}

// commit makes the page of a commit. The page of a commit that the Git data lack has only
// the comments.
func (p *repositoryPage) commit(sha string) (*page, error) {
	if !isSHA(sha) {
		return nil, errNotFound
	}
	v := commitPage{SHA: sha}
	commit, missing := p.git.commit(p.ctx, p.repo.name, sha)
	if missing == nil {
		v.Commit, sha = commit, commit.SHA
	} else if v.Missing = gitReason(missing); v.Missing == "" {
		return nil, missing
	}
	comments, err := p.store.entries(p.ctx, `thread = ? AND thread <> 0 ORDER BY created, id LIMIT 1000`, keyOf(commitURL(p.repo.url, sha)))
	if err != nil {
		return nil, err
	}
	if isNotFound(missing) && len(comments) == 0 {
		return nil, errNotFound
	}
	if v.Comments, err = p.posts(&thread{repositoryPage: p}, comments); err != nil {
		return nil, err
	}
	if p.isFull() {
		v.Note = fullNote
	}
	return p.page("", &page{Template: "commit", Title: "Commit " + shortSHA(sha), Crumbs: p.crumbs(), Data: &v})
}

// commentedCommits returns links to the commits that have comments.
func (p *repositoryPage) commentedCommits() ([]link, error) {
	found, err := p.store.entries(p.ctx, `repo = ? AND kind = ? AND `+isOther+` ORDER BY id LIMIT 200`, p.repo.key, kindCommitComment)
	if err != nil {
		return nil, err
	}
	var all []link
	seen := map[int64]bool{}
	for _, e := range found {
		if seen[e.thread] {
			continue
		}
		seen[e.thread] = true
		c, err := read[archive.CommitComment](p.ctx, p.store, e.id)
		if err == nil && isSHA(c.CommitID) {
			all = append(all, link{shortSHA(c.CommitID), p.links.page(p.repo.slug + "/commit/" + c.CommitID)})
		}
	}
	return all, nil
}

// A commitView is a commit on a page.
type commitView struct {
	SHA, Author, Email, Subject, Message string
	At                                   time.Time
	Parents                              []string
	Diff                                 []hunkLine
	Truncated                            bool // Diff is
}

// maxDiff bounds the diff of a commit on a page, in bytes.
const maxDiff = 512 << 10

// commit returns a commit and its diff.
func (g *gitRunner) commit(ctx context.Context, name, sha string) (*commitView, error) {
	if !g.has(ctx, name, sha) {
		if _, err := g.dir(ctx, name); err != nil {
			return nil, err
		}
		if g.program == "" {
			return nil, errNoGit
		}
		return nil, errNoCommit
	}
	out, err := g.run(ctx, name, 1<<20, "", "show", "--no-patch", "--no-color", "--no-show-signature", "--format=%H%x00%an%x00%ae%x00%at%x00%P%x00%s%x00%b", sha+"^{commit}", "--")
	if err != nil {
		return nil, err
	}
	f := strings.SplitN(string(out), "\x00", 7)
	if len(f) != 7 {
		return nil, errNoCommit
	}
	seconds, _ := strconv.ParseInt(f[3], 10, 64)
	v := &commitView{
		SHA: f[0], Author: truncate(f[1], 200), Email: truncate(f[2], 200), At: timeOf(seconds), Parents: strings.Fields(f[4]),
		Subject: truncate(f[5], 1000), Message: truncate(strings.TrimSpace(f[6]), 64<<10),
	}
	diff, err := g.run(ctx, name, maxDiff, "", "show", "--format=", "--no-color", "--no-ext-diff", "--no-textconv", "--first-parent", "--stat=100", "--patch", sha+"^{commit}", "--")
	if err != nil {
		return v, nil //nolint:nilerr // the page shows the commit without its diff
	}
	v.Truncated = len(diff) >= maxDiff
	for line := range strings.Lines(string(diff)) {
		l := diffLine(strings.TrimSuffix(line, "\n"))
		if strings.HasPrefix(l.Text, "--- a/") || strings.HasPrefix(l.Text, "--- /dev/null") || strings.HasPrefix(l.Text, "+++ b/") || strings.HasPrefix(l.Text, "+++ /dev/null") {
			l.Class = "" // a file name, not a changed line
		}
		v.Diff = append(v.Diff, l)
	}
	return v, nil
}

func isSHA(s string) bool {
	return len(s) >= 7 && len(s) <= 64 && strings.Trim(s, "0123456789abcdef") == ""
}

func shortSHA(sha string) string { return sha[:min(len(sha), 10)] }
