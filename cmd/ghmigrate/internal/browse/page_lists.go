package browse

import (
	"slices"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate/archive"
)

// An itemRow is an issue, a pull request or the like in a list.
type itemRow struct {
	link
	Kind, Repository, State, Number string
	Author                          person
	At                              time.Time
	Labels                          []label
	Comments                        int64
	Snippet                         snippet
}

// itemRows returns records as the rows of a list.
func (r *request) itemRows(found []*entry, withRepository bool) ([]itemRow, error) {
	var rows []itemRow
	repos := map[int64]*repository{}
	for _, e := range found {
		repo, known := repos[e.repo]
		if !known {
			var err error
			if repo, err = r.store.repository(r.ctx, `key = ?`, e.repo); err != nil {
				repo = nil
			}
			repos[e.repo] = repo
		}
		row := itemRow{Kind: e.kind.String(), State: e.state.String(), At: e.at()}
		if e.kind.hasAuthor() {
			row.Author = r.personOf(e.author)
		}
		row.Text = e.title
		if row.Text == "" {
			row.Text = "(no title)"
		}
		row.Href = r.rawLink(e)
		if repo != nil {
			row.Href = r.links.page(itemPath(repo, e))
			if withRepository {
				row.Repository = repo.name
			}
		}
		if e.number > 0 && e.kind != kindMilestone {
			row.Number = "#" + itoa(e.number)
		}
		var err error
		if e.kind == kindIssue || e.kind == kindPull || e.kind == kindDiscussion {
			row.Comments, err = r.store.count(r.ctx, `SELECT count(*) FROM record WHERE thread = ? AND thread <> 0 AND kind IN (?, ?)`, e.key, kindComment, kindReviewComment)
			if err != nil {
				return nil, err
			}
			if row.Labels, err = r.labelsOf(e, repo); err != nil {
				return nil, err
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// labelsOf returns the labels of an item. A label that its repository does not have
// any more has a name all the same: the end of its URL.
func (r *request) labelsOf(e *entry, repo *repository) ([]label, error) {
	record, err := read[struct {
		Labels []archive.URL `json:"labels"`
	}](r.ctx, r.store, e.id)
	if err != nil {
		return nil, nil //nolint:nilerr // a record that does not fit its type has no labels
	}
	var all []label
	for _, url := range record.Labels[:min(len(record.Labels), 100)] {
		found, err := queryAll(r.ctx, r.store, scanLabel, `SELECT key, name, color, description FROM label WHERE key = ?`, keyOf(url))
		if err != nil {
			return nil, err
		}
		l := label{Name: login(url)}
		if len(found) > 0 {
			l = found[0]
			if repo != nil {
				l.Href = r.links.page(repo.slug + "/labels/" + itoa(l.key))
			}
		}
		all = append(all, l)
	}
	return all, nil
}

// An itemList is a list of issues, pull requests, discussions, releases or milestones.
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

// A filter is what the form above a list asks for.
type filter struct {
	Words, State, Author, Label, Milestone, From, To, Sort string
}

// listStates are the states that a list can be narrowed to.
var listStates = map[kind][]state{
	kindIssue:     {stateOpen, stateClosed},
	kindPull:      {stateOpen, stateDraft, stateMerged, stateClosed},
	kindMilestone: {stateOpen, stateClosed},
}

// list shows one of the lists of a repository.
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
	where, args, err := p.where(k, f)
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
		if v.States, err = p.stateTabs(path, k, f, states, params); err != nil {
			return nil, err
		}
	}
	found, more, err := p.paged(perPage, where+order, args...)
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
	if !p.links.written && (k == kindIssue || k == kindPull) {
		if err := p.choices(&v); err != nil {
			return nil, err
		}
	}
	return p.page(name, &page{Template: "items", Title: title, Crumbs: p.crumbs(), Data: &v, Query: f.Words})
}

// where returns the condition of a filter.
func (p *repositoryPage) where(k kind, f filter) (string, []any, error) {
	where, args := `repo = ? AND kind = ? AND kind BETWEEN 1 AND 5`, []any{p.repo.key, k}
	and := func(condition string, values ...any) {
		where += ` AND ` + condition
		args = append(args, values...)
	}
	if i := slices.Index(stateNames[:], f.State); i > 0 {
		and(`state = ?`, i)
	}
	if f.Author != "" {
		and(`author = ? COLLATE NOCASE`, f.Author)
	}
	if f.Label != "" {
		const labels = `(SELECT key FROM label WHERE repo = ? AND name = ?)`
		n, err := p.store.count(p.ctx, `SELECT count(*) FROM (SELECT 1 FROM item_label WHERE label IN `+labels+` LIMIT 2000)`, p.repo.key, f.Label)
		if err != nil {
			return "", nil, err
		}
		if n < 2000 { // a rare label leads to its items, a frequent one is soon found on the way
			and(`id IN (SELECT item FROM item_label WHERE label IN `+labels+`)`, p.repo.key, f.Label)
		} else {
			and(`EXISTS (SELECT 1 FROM item_label WHERE label IN `+labels+` AND item = record.id)`, p.repo.key, f.Label)
		}
	}
	if f.Milestone != "" {
		and(`milestone IN (SELECT key FROM record WHERE repo = ? AND kind = ? AND kind BETWEEN 1 AND 5 AND title = ?)`, p.repo.key, kindMilestone, f.Milestone)
	}
	if t, err := time.Parse(time.DateOnly, f.From); err == nil {
		and(`created >= ?`, t.Unix())
	}
	if t, err := time.Parse(time.DateOnly, f.To); err == nil {
		and(`created < ?`, t.AddDate(0, 0, 1).Unix())
	}
	if q := parseQuery(f.Words); !q.empty() {
		ids, err := p.threadsWith(q, p.repo.key, k)
		if err != nil {
			return "", nil, err
		}
		and(`id IN (SELECT value FROM json_each(?))`, jsonOf(ids))
	}
	return where, args, nil
}

// maxCount bounds what is counted of a filtered list. A page shows it as "1,000+".
const maxCount = 1000

func (p *repositoryPage) stateTabs(path string, k kind, f filter, states []state, params []string) ([]tab, error) {
	unfiltered := f
	unfiltered.State = ""
	where, args, err := p.where(k, unfiltered)
	if err != nil {
		return nil, err
	}
	with := func(state string) string {
		changed := slices.Clone(params)
		changed[1] = state
		return p.links.page(path, changed...)
	}
	count := `SELECT coalesce(sum(n), 0) FROM tally WHERE ` + where + ` AND state = ?`
	if unfiltered != (filter{Sort: f.Sort}) { // nobody waits for the exact number of many
		count = `SELECT count(*) FROM (SELECT 1 FROM record WHERE ` + where + ` AND state = ? LIMIT ` + itoa(maxCount) + `)`
	}
	var tabs []tab
	var all int64
	more := false
	for _, st := range states {
		n, err := p.store.count(p.ctx, count, append(slices.Clone(args), st)...)
		if err != nil {
			return nil, err
		}
		all += n
		name := st.String()
		tabs = append(tabs, tab{link{strings.ToUpper(name[:1]) + name[1:], with(name)}, n, n == maxCount, f.State == name})
		more = more || n == maxCount
	}
	return append([]tab{{link{"All", with("")}, all, more, f.State == ""}}, tabs...), nil
}

// choices fills in what the form above a list offers.
func (p *repositoryPage) choices(v *itemList) error {
	var err error
	v.Labels, err = queryAll(p.ctx, p.store, scanLabel, `SELECT key, name, color, description FROM label WHERE repo = ? ORDER BY name COLLATE NOCASE LIMIT 500`, p.repo.key)
	if err != nil {
		return err
	}
	milestones, err := p.store.entries(p.ctx, `repo = ? AND kind = ? AND kind BETWEEN 1 AND 5 ORDER BY title LIMIT 500`, p.repo.key, kindMilestone)
	for _, m := range milestones {
		v.Milestones = append(v.Milestones, link{Text: m.title})
	}
	return err
}

type labelRow struct {
	label
	Count int64
}

func (p *repositoryPage) labels() (*page, error) {
	labels, err := queryAll(p.ctx, p.store, scanLabel, `SELECT key, name, color, description FROM label WHERE repo = ? ORDER BY name COLLATE NOCASE LIMIT 5000`, p.repo.key)
	if err != nil {
		return nil, err
	}
	var rows []labelRow
	for _, l := range labels {
		n, err := p.store.count(p.ctx, `SELECT count(*) FROM item_label WHERE label = ?`, l.key)
		if err != nil {
			return nil, err
		}
		l.Href = p.links.page(p.labelPath(l.key))
		rows = append(rows, labelRow{l, n})
	}
	return p.page("labels", &page{Template: "labels", Title: "Labels", Crumbs: p.crumbs(), Data: rows})
}

type fileList struct {
	Files []fileView
	Pager pager
}

// files lists the files that people attached and that belong to the repository itself.
func (p *repositoryPage) files() (*page, error) {
	found, more, err := p.paged(200, `repo = ? AND kind = ? AND repo <> 0 AND kind > 5 ORDER BY id`, p.repo.key, kindRepositoryFile)
	if err != nil {
		return nil, err
	}
	v := fileList{Pager: p.pagerOf(p.repo.slug+"/files", more)}
	for _, e := range found {
		f, err := read[archive.RepositoryFile](p.ctx, p.store, e.id)
		if err != nil {
			continue
		}
		view, err := p.fileView(f.FileURL, f.FileName, f.FileContentType)
		if err != nil {
			return nil, err
		}
		view.Author, view.At = p.personOf(e.author), e.at()
		v.Files = append(v.Files, view)
	}
	return p.page("files", &page{Template: "files", Title: "Files", Crumbs: p.crumbs(), Data: &v})
}
