package browse

import (
	"errors"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate/archive"
)

// A repositoryPage makes the pages of a repository.
type repositoryPage struct {
	*request
	repo *repository

	markdownSpent time.Duration
	references    map[string]string // addresses, by how a text names them
}

// crumbs lead back to the repository.
func (p *repositoryPage) crumbs(more ...link) []link {
	return append([]link{{p.repo.name, p.links.page(p.repo.slug)}}, more...)
}

// sections are the parts of a repository, in the order of the tabs.
var sections = []struct {
	name, title string
	kind        kind
}{
	{"", "Overview", 0},
	{"issues", "Issues", kindIssue},
	{"pulls", "Pull requests", kindPull},
	{"discussions", "Discussions", kindDiscussion},
	{"releases", "Releases", kindRelease},
	{"milestones", "Milestones", kindMilestone},
	{"labels", "Labels", kindLabel},
	{"files", "Files", kindRepositoryFile},
}

// page returns a page with the tabs of the repository.
func (p *repositoryPage) page(current string, v *page) (*page, error) {
	for _, s := range sections {
		var n int64
		var err error
		switch s.kind {
		case kindUnknown: // the overview
		case kindLabel:
			n, err = p.store.count(p.ctx, `SELECT count(*) FROM label WHERE repo = ?`, p.repo.key)
		default:
			n, err = p.store.count(p.ctx, `SELECT coalesce(sum(n), 0) FROM tally WHERE repo = ? AND kind = ?`, p.repo.key, s.kind)
		}
		if err != nil {
			return nil, err
		}
		if n == 0 && s.kind != 0 && s.kind != kindIssue && s.kind != kindPull && s.name != current {
			continue // nobody looks for it here
		}
		path := p.repo.slug
		if s.name != "" {
			path += "/" + s.name
		}
		v.Tabs = append(v.Tabs, tab{link{s.title, p.links.page(path)}, n, false, s.name == current})
	}
	return v, nil
}

// A repositoryHome is the first page of a repository.
type repositoryHome struct {
	HasRecord                           bool
	Description, Website, DefaultBranch string
	Private, Archived                   bool
	Created                             time.Time
	Topics                              []string
	Collaborators                       []member
	Hooks, Keys                         []string
	Raw                                 string
	Git                                 gitView
	Wiki                                string // the command that clones it
	WikiMissing                         string
	Readme                              template.HTML
	ReadmeName                          string
	CommitComments                      []link
	Issues, Pulls                       []itemRow
	IssuesHref, PullsHref, OwnerHref    string
}

// A gitView is what a page shows of Git data.
type gitView struct {
	Missing        string // why there is none
	Clone          string // the command that clones it
	Branches, Tags []refView
	More           int // refs that are not shown
}

type refView struct {
	Name, Commit string
	Href         string
	Subject      string
	At           time.Time
	Default      bool
}

func (p *repositoryPage) home() (*page, error) {
	h := repositoryHome{IssuesHref: p.links.page(p.repo.slug + "/issues"), PullsHref: p.links.page(p.repo.slug + "/pulls")}
	if p.repo.record != 0 {
		if err := p.describe(&h); err != nil {
			return nil, err
		}
	}
	var err error
	if h.Git, err = p.refs(p.repo.name, h.DefaultBranch); err != nil {
		return nil, err
	}
	if has, err := p.hasGit(p.repo.name + ".wiki"); err != nil {
		return nil, err
	} else if has {
		h.Wiki = p.cloneCommand(p.repo.name + ".wiki")
	}
	if h.Git.Missing == "" {
		h.ReadmeName, h.Readme = p.readme(h.DefaultBranch)
	}
	if h.CommitComments, err = p.commentedCommits(); err != nil {
		return nil, err
	}
	for _, of := range []struct {
		kind kind
		rows *[]itemRow
	}{{kindIssue, &h.Issues}, {kindPull, &h.Pulls}} {
		newest, err := p.store.entries(p.ctx, `repo = ? AND kind = ? AND kind BETWEEN 1 AND 5 ORDER BY created DESC, id DESC LIMIT 5`, p.repo.key, of.kind)
		if err != nil {
			return nil, err
		}
		if *of.rows, err = p.itemRows(newest, false); err != nil {
			return nil, err
		}
	}
	owner, _, _ := strings.Cut(p.repo.slug, "/")
	return p.page("", &page{Template: "repository", Title: p.repo.name, Crumbs: []link{{fromPart(owner), p.links.page(owner)}}, Data: &h})
}

// describe fills in what the record of the repository tells.
func (p *repositoryPage) describe(h *repositoryHome) error {
	record, err := read[archive.Repository](p.ctx, p.store, p.repo.record)
	if err != nil {
		if errors.Is(err, errNotFound) {
			return err
		}
		return nil // it does not fit its type; Raw shows it
	}
	h.HasRecord, h.Raw = true, p.rawLink(&entry{id: p.repo.record, kind: kindRepository})
	h.Description, h.DefaultBranch = cut(record.Description, 2000), cut(record.DefaultBranch, 250)
	h.Website = cut(record.Website, 300)
	h.Private, h.Archived, h.Created = record.Private, record.IsArchived, record.CreatedAt.Time
	for _, t := range record.RepositoryTopics {
		if len(h.Topics) < 50 {
			h.Topics = append(h.Topics, cut(t.TopicName, 100))
		}
	}
	for _, c := range record.Collaborators {
		if len(h.Collaborators) < 500 {
			h.Collaborators = append(h.Collaborators, member{p.personOf(login(c.User)), c.Permission})
		}
	}
	for _, w := range record.Webhooks {
		// The address of a webhook often has a secret in its path or query.
		if u, err := url.Parse(w.PayloadURL); err == nil && len(h.Hooks) < 100 {
			h.Hooks = append(h.Hooks, cut(u.Host, 200))
		}
	}
	for _, k := range record.PublicKeys {
		if len(h.Keys) < 100 {
			access := "read and write"
			if k.ReadOnly {
				access = "read-only"
			}
			h.Keys = append(h.Keys, cut(k.Title, 200)+" ("+access+")")
		}
	}
	return nil
}

// cloneCommand returns what clones a repository.
func (p *repositoryPage) cloneCommand(name string) string {
	if p.links.written {
		return ""
	}
	return "git clone " + p.git.address + "/" + slugOf(name) + ".git"
}

// commentedCommits returns the commits with comments.
func (p *repositoryPage) commentedCommits() ([]link, error) {
	found, err := p.store.entries(p.ctx, `repo = ? AND kind = ? AND repo <> 0 AND kind > 5 ORDER BY id LIMIT 200`, p.repo.key, kindCommitComment)
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

func isSHA(s string) bool {
	return len(s) >= 7 && len(s) <= 64 && strings.Trim(s, "0123456789abcdef") == ""
}

func shortSHA(sha string) string { return sha[:min(len(sha), 10)] }

// A commitPage shows a commit and its comments.
type commitPage struct {
	SHA      string
	Missing  string // why there is no commit
	Commit   *commitView
	Comments []*post
}

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
	comments, err := p.store.entries(p.ctx, `thread = ? AND thread <> 0 ORDER BY created, id LIMIT 1000`, keyOf(commitKey(p.repo.url, sha)))
	if err != nil {
		return nil, err
	}
	if isNotFound(missing) && len(comments) == 0 {
		return nil, errNotFound
	}
	if v.Comments, err = p.posts(&thread{repositoryPage: p}, comments); err != nil {
		return nil, err
	}
	return p.page("", &page{Template: "commit", Title: "Commit " + shortSHA(sha), Crumbs: p.crumbs(), Data: &v})
}

// A milestonePage shows a milestone and what belongs to it.
type milestonePage struct {
	State           string
	Body            template.HTML
	Due, Closed     time.Time
	Author          person
	Raw             string
	Open, ClosedNum int64
	Items           []itemRow
	Pager           pager
}

func (p *repositoryPage) milestone(arg string) (*page, error) {
	e, err := p.find(kindMilestone, arg)
	if err != nil {
		return nil, err
	}
	m, err := read[archive.Milestone](p.ctx, p.store, e.id)
	if err != nil {
		return nil, err
	}
	v := milestonePage{State: e.state.String(), Due: m.DueOn.Time, Closed: m.ClosedAt.Time, Author: p.personOf(e.author), Raw: p.rawLink(e)}
	v.Body = p.render(m.Description, p.place())
	if v.Open, err = p.store.count(p.ctx, `SELECT count(*) FROM record WHERE milestone = ? AND milestone <> 0 AND state IN (?, ?)`, e.key, stateOpen, stateDraft); err != nil {
		return nil, err
	}
	if v.ClosedNum, err = p.store.count(p.ctx, `SELECT count(*) FROM record WHERE milestone = ? AND milestone <> 0 AND state IN (?, ?)`, e.key, stateClosed, stateMerged); err != nil {
		return nil, err
	}
	items, more, err := p.paged(perPage, `milestone = ? AND milestone <> 0 ORDER BY created DESC, id DESC`, e.key)
	if err != nil {
		return nil, err
	}
	if v.Items, err = p.itemRows(items, false); err != nil {
		return nil, err
	}
	v.Pager = p.pagerOf(itemPath(p.repo, e), more)
	return p.page("milestones", &page{
		Template: "milestone", Title: e.title, Crumbs: p.crumbs(link{"Milestones", p.links.page(p.repo.slug + "/milestones")}), Data: &v,
	})
}

type labelPage struct {
	Label label
	Items []itemRow
	Pager pager
}

// label shows what has a label.
func (p *repositoryPage) label(key int64) (*page, error) {
	labels, err := queryAll(p.ctx, p.store, scanLabel, `SELECT key, name, color, description FROM label WHERE repo = ? AND key = ?`, p.repo.key, key)
	if err != nil {
		return nil, err
	}
	if len(labels) == 0 {
		return nil, errNotFound
	}
	v := labelPage{Label: labels[0]}
	items, more, err := p.paged(perPage, `id IN (SELECT item FROM item_label WHERE label = ?) ORDER BY id DESC`, key)
	if err != nil {
		return nil, err
	}
	if v.Items, err = p.itemRows(items, false); err != nil {
		return nil, err
	}
	v.Pager = p.pagerOf(p.labelPath(key), more)
	return p.page("labels", &page{
		Template: "label", Title: v.Label.Name, Crumbs: p.crumbs(link{"Labels", p.links.page(p.repo.slug + "/labels")}), Data: &v,
	})
}

func (p *repositoryPage) labelPath(key int64) string { return p.repo.slug + "/labels/" + itoa(key) }

// find finds an item by what its address says.
func (p *repositoryPage) find(k kind, arg string) (*entry, error) {
	if id, ok := strings.CutPrefix(arg, "id-"); ok {
		return p.store.one(p.ctx, `id = ? AND repo = ? AND kind = ?`, number(id), p.repo.key, k)
	}
	if number(arg) == 0 {
		return nil, errNotFound
	}
	e, err := p.store.one(p.ctx, `repo = ? AND kind = ? AND number = ? AND kind BETWEEN 1 AND 5 AND number <> 0`, p.repo.key, k, number(arg))
	if err != nil {
		return nil, fmt.Errorf("%s %s of %s: %w", k, arg, p.repo.name, err)
	}
	return e, nil
}
