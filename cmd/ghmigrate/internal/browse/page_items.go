package browse

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ghmigrate/ghmigrate/internal/table"
)

// An itemList is the page of a list of issues, pull requests, discussions, releases or
// milestones.
type itemList struct {
	Kind, Kinds string
	States      []tab
	Filter      filter
	Filtered    bool
	Labels      []label
	Milestones  []link
	Rows        []itemRow
	Pager       pager
	Action      string
	Note        string
}

// listStates are the states to which a list can be narrowed.
var listStates = map[kind][]state{
	kindIssue:     {stateOpen, stateClosed},
	kindPull:      {stateOpen, stateDraft, stateMerged, stateClosed},
	kindMilestone: {stateOpen, stateClosed},
}

// list makes the page of a section of a repository.
func (p *repositoryPage) list(name string) (*page, error) {
	for _, s := range sections {
		if s.name != name || name == "" {
			continue
		}
		switch s.kind {
		case kindLabel:
			return p.labels()
		case kindRepositoryFile:
			return p.files()
		default:
			return p.items(s.name, s.title, s.kind)
		}
	}
	return nil, errNotFound
}

// items makes the page of a list of items.
func (p *repositoryPage) items(name, title string, k kind) (*page, error) {
	path := p.repo.slug + "/" + name
	v := itemList{Kind: k.String(), Kinds: k.plural(), Action: p.links.page(path)}
	f := filter{State: p.query.Get("state")}
	if !p.links.written {
		f = filter{
			Words: p.query.Get("q"), State: f.State, Author: strings.TrimPrefix(strings.TrimSpace(p.query.Get("author")), "@"), Label: p.query.Get("label"),
			Milestone: p.query.Get("milestone"), From: p.query.Get("from"), To: p.query.Get("to"), Sort: p.query.Get("sort"),
		}
	}
	v.Filter = f
	v.Filtered = f != filter{State: f.State}
	c, err := p.condition(k, f)
	if err != nil {
		return nil, err
	}
	order := ` ORDER BY created DESC, id DESC`
	switch f.Sort {
	case "oldest":
		order = ` ORDER BY created, id`
	case "updated":
		order = ` ORDER BY updated DESC, id DESC`
	}
	params := []string{"state", f.State, "q", f.Words, "author", f.Author, "label", f.Label, "milestone", f.Milestone, "from", f.From, "to", f.To, "sort", f.Sort}
	if states := listStates[k]; len(states) > 0 {
		if v.States, err = p.stateTabs(path, f, states, c, params); err != nil {
			return nil, err
		}
	}
	if i := slices.Index(stateNames[:], f.State); i > 0 {
		c.and(`state = ?`, i)
	}
	found, more, err := p.paged(perPage, c.sql+order, c.args...)
	if err != nil {
		return nil, err
	}
	if v.Rows, err = p.itemRows(found, false); err != nil {
		return nil, err
	}
	v.Pager = p.pagerOf(path, more, params...)
	if k == kindDiscussion {
		v.Note = "GitHub does not export the comments on discussions."
	}
	if c.incomplete {
		v.Note = fmt.Sprintf("More than %s records have these words. The list shows only the matches among the last %[1]s of them.", table.Count(maxMatches))
	}
	if !p.links.written && (k == kindIssue || k == kindPull) {
		if err := p.choices(&v); err != nil {
			return nil, err
		}
	}
	return p.page(name, &page{Template: "items", Title: title, Crumbs: p.crumbs(), Data: &v, Query: f.Words})
}

// maxCount bounds the counted items of a filtered list. A page shows it as "1,000+".
const maxCount = 1000

// stateTabs returns the tabs that narrow a list to a state.
func (p *repositoryPage) stateTabs(path string, f filter, states []state, c *condition, params []string) ([]tab, error) {
	address := func(state string) string {
		changed := slices.Clone(params)
		changed[1] = state
		return p.links.page(path, changed...)
	}
	count := `SELECT coalesce(sum(n), 0) FROM tally WHERE ` + c.sql + ` AND state = ?`
	filtered := f != filter{State: f.State, Sort: f.Sort}
	if filtered { // the exact number would take too long
		count = `SELECT count(*) FROM (SELECT 1 FROM record WHERE ` + c.sql + ` AND state = ? LIMIT ` + itoa(maxCount) + `)`
	}
	var tabs []tab
	var all int64
	more := false
	for _, st := range states {
		n, err := p.store.count(p.ctx, count, append(slices.Clone(c.args), st)...)
		if err != nil {
			return nil, err
		}
		atLeast := filtered && n == maxCount
		all, more = all+n, more || atLeast
		name := st.String()
		tabs = append(tabs, tab{link{capitalized(name), address(name)}, n, atLeast, f.State == name})
	}
	return append([]tab{{link{"All", address("")}, all, more, f.State == ""}}, tabs...), nil
}

// choices fills in the labels and milestones that the form above a list offers.
func (p *repositoryPage) choices(v *itemList) error {
	var err error
	v.Labels, err = queryAll(p.ctx, p.store, scanLabel, `SELECT key, name, color, description FROM label WHERE repo = ? ORDER BY name COLLATE NOCASE LIMIT 500`, p.repo.key)
	if err != nil {
		return err
	}
	milestones, err := p.store.entries(p.ctx, `repo = ? AND kind = ? AND `+isItem+` ORDER BY title LIMIT 500`, p.repo.key, kindMilestone)
	for _, m := range milestones {
		v.Milestones = append(v.Milestones, link{Text: m.title})
	}
	return err
}
