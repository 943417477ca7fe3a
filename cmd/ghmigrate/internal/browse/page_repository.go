package browse

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate/archive"
)

// A repositoryPage is a request for a page of a repository.
type repositoryPage struct {
	*request
	repo *repository

	markdownBegun time.Time         // when the rendering of the last text began
	markdownSpent time.Duration     // the time for Markdown of the texts before it
	addresses     map[string]string // a cache, by the kind and the text of a reference
	size          int               // of the posts so far, in bytes
}

// crumbs returns the links above a page: to the repository, and more.
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
			continue // leave out the tab
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
	Wiki                                string // the command that clones the wiki
	Readme                              readmeView
	CommitComments                      []link
	Issues, Pulls                       []itemRow
	IssuesHref, PullsHref               string
}

// home makes the first page of a repository.
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
		h.Readme = p.readme(h.DefaultBranch)
	}
	if h.CommitComments, err = p.commentedCommits(); err != nil {
		return nil, err
	}
	for _, of := range []struct {
		kind kind
		rows *[]itemRow
	}{{kindIssue, &h.Issues}, {kindPull, &h.Pulls}} {
		newest, err := p.store.entries(p.ctx, `repo = ? AND kind = ? AND `+isItem+` ORDER BY created DESC, id DESC LIMIT 5`, p.repo.key, of.kind)
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

// describe fills in the data from the record of the repository.
func (p *repositoryPage) describe(h *repositoryHome) error {
	record, err := read[archive.Repository](p.ctx, p.store, p.repo.record)
	if err != nil {
		if errors.Is(err, errNotFound) {
			return err
		}
		return nil // a record that does not fit its type: its own page shows it
	}
	h.HasRecord, h.Raw = true, p.rawLink(&entry{id: p.repo.record, kind: kindRepository})
	h.Description, h.DefaultBranch = truncate(record.Description, 2000), truncate(record.DefaultBranch, 250)
	h.Website = truncate(record.Website, 300)
	h.Private, h.Archived, h.Created = record.Private, record.IsArchived, record.CreatedAt.Time
	for _, t := range record.RepositoryTopics {
		if len(h.Topics) < 50 {
			h.Topics = append(h.Topics, truncate(t.TopicName, 100))
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
			h.Hooks = append(h.Hooks, truncate(u.Host, 200))
		}
	}
	for _, k := range record.PublicKeys {
		if len(h.Keys) < 100 {
			access := "read and write"
			if k.ReadOnly {
				access = "read-only"
			}
			h.Keys = append(h.Keys, truncate(k.Title, 200)+" ("+access+")")
		}
	}
	return nil
}

// find returns the item with the last part of its path: see itemPath.
func (p *repositoryPage) find(k kind, arg string) (*entry, error) {
	if id, ok := strings.CutPrefix(arg, "id-"); ok {
		return p.store.one(p.ctx, `id = ? AND repo = ? AND kind = ?`, number(id), p.repo.key, k)
	}
	if number(arg) == 0 {
		return nil, errNotFound
	}
	e, err := p.store.one(p.ctx, `repo = ? AND kind = ? AND number = ? AND `+isItem+` AND number <> 0`, p.repo.key, k, number(arg))
	if err != nil {
		return nil, fmt.Errorf("%s %s of %s: %w", k, arg, p.repo.name, err)
	}
	return e, nil
}
