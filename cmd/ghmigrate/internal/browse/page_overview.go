package browse

import (
	"database/sql"
	"fmt"
	"strings"

	"github.com/ghmigrate/ghmigrate/archive"
	"github.com/ghmigrate/ghmigrate/internal/table"
)

// An overview is the first page.
type overview struct {
	Archives     []archiveRow
	Faults       []string
	MoreFaults   int
	Checked      bool // all archives are unpacked, and so checked
	Failed       string
	ReadFaults   []string // of the records
	Repositories []repositoryRow
	Records      []recordCount
	People       link
	Organization []organizationView
	Missing      []string
}

type archiveRow struct {
	Path, Schema  string
	Size, Entries int64
}

// A repositoryRow has the counts of a repository.
type repositoryRow struct {
	link
	Description                                   string
	Issues, OpenIssues, Pulls, OpenPulls          int64
	Discussions, Releases, Milestones             int64
	HasRecord, HasGit, HasWiki, Private, Archived bool
}

type recordCount struct {
	link
	Count int64
}

type organizationView struct {
	Login, Name, Description, Email, Location string
	Website                                   string
	Members                                   []member
	Teams                                     []teamView
}

type member struct {
	person
	Role string
}

type teamView struct {
	Name, Description, Privacy string
	Members                    []member
	Repositories               []string
}

func (r *request) overview() (*page, error) {
	var o overview
	var err error
	o.Archives, err = queryAll(r.ctx, r.store, func(rows *sql.Rows) (a archiveRow, err error) {
		return a, rows.Scan(&a.Path, &a.Size, &a.Schema, &a.Entries)
	}, `SELECT path, size, schema, entries FROM archive ORDER BY id`)
	if err != nil {
		return nil, err
	}
	o.ReadFaults, err = queryAll(r.ctx, r.store, func(rows *sql.Rows) (text string, err error) {
		return text, rows.Scan(&text)
	}, `SELECT text FROM fault LIMIT 100`)
	if err != nil {
		return nil, err
	}
	o.Faults, o.MoreFaults, o.Checked = r.lib.files.faults()
	if _, err := r.lib.files.isReady(0); err != nil {
		o.Failed = err.Error()
	}
	if len(o.Faults) > 100 {
		o.MoreFaults += len(o.Faults) - 100
		o.Faults = o.Faults[:100]
	}
	if o.Checked {
		o.ReadFaults = nil // Faults has them
	}
	if o.Repositories, err = r.repositoryRows(""); err != nil {
		return nil, err
	}
	if o.Records, err = r.recordCounts(); err != nil {
		return nil, err
	}
	if o.Organization, err = r.organizations(); err != nil {
		return nil, err
	}
	o.People = link{"All users", r.links.page("-/users")}
	if o.Missing, err = r.missing(&o); err != nil {
		return nil, err
	}
	return &page{Template: "overview", Title: r.title, Data: &o}, nil
}

// repositoryRows returns the repositories of an owner, or all of them.
func (r *request) repositoryRows(owner string) ([]repositoryRow, error) {
	repos, err := queryAll(r.ctx, r.store, scanRepository, `SELECT `+repositoryColumns+` FROM repo WHERE ? = '' OR slug LIKE ? || '/%' ESCAPE '\' ORDER BY name COLLATE NOCASE LIMIT 10000`,
		owner, strings.NewReplacer(`%`, `\%`, `_`, `\_`).Replace(owner))
	if err != nil {
		return nil, err
	}
	type cell struct {
		repo int64
		kind kind
		st   state
		n    int64
	}
	cells, err := queryAll(r.ctx, r.store, func(rows *sql.Rows) (c cell, err error) {
		return c, rows.Scan(&c.repo, &c.kind, &c.st, &c.n)
	}, `SELECT repo, kind, state, n FROM tally WHERE kind BETWEEN 1 AND 5`)
	if err != nil {
		return nil, err
	}
	counts := map[int64]*repositoryRow{}
	for _, c := range cells {
		row := counts[c.repo]
		if row == nil {
			row = &repositoryRow{}
			counts[c.repo] = row
		}
		open := c.st == stateOpen || c.st == stateDraft
		switch c.kind {
		case kindIssue:
			row.Issues += c.n
			if open {
				row.OpenIssues += c.n
			}
		case kindPull:
			row.Pulls += c.n
			if open {
				row.OpenPulls += c.n
			}
		case kindDiscussion:
			row.Discussions += c.n
		case kindRelease:
			row.Releases += c.n
		case kindMilestone:
			row.Milestones += c.n
		default: // not in the cells
		}
	}
	var all []repositoryRow
	for _, repo := range repos {
		var row repositoryRow
		if counted := counts[repo.key]; counted != nil {
			row = *counted
		}
		row.link = link{repo.name, r.links.page(repo.slug)}
		if row.HasGit, err = r.hasGit(repo.name); err != nil {
			return nil, err
		}
		if row.HasWiki, err = r.hasGit(repo.name + ".wiki"); err != nil {
			return nil, err
		}
		if repo.record != 0 {
			row.HasRecord = true
			if record, err := read[archive.Repository](r.ctx, r.store, repo.record); err == nil {
				row.Description, row.Private, row.Archived = cut(record.Description, 300), record.Private, record.IsArchived
			}
		}
		all = append(all, row)
	}
	return all, nil
}

func (r *request) hasGit(name string) (bool, error) {
	n, err := r.store.count(r.ctx, `SELECT count(*) FROM git WHERE name = ?`, name)
	return n > 0, err
}

// owner shows the repositories of an account.
func (r *request) owner(name string) (*page, error) {
	rows, err := r.repositoryRows(name)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, errNotFound
	}
	return &page{Template: "owner", Title: fromPart(name), Data: rows}, nil
}

func (r *request) recordCounts() ([]recordCount, error) {
	return queryAll(r.ctx, r.store, func(rows *sql.Rows) (c recordCount, err error) {
		var k kind
		err = rows.Scan(&k, &c.Count)
		c.Text = k.plural()
		if k < 0 || int(k) >= len(kindNames) {
			return c, fmt.Errorf("kind %d", k)
		}
		if !r.links.written || k == kindUnknown { // all others have pages of their own
			c.Href = r.links.page("-/records/" + itoa(int64(k)))
		}
		return c, err
	}, `SELECT kind, sum(n) FROM tally GROUP BY kind ORDER BY sum(n) DESC`)
}

func (r *request) organizations() ([]organizationView, error) {
	found, err := r.store.entries(r.ctx, `kind = ? ORDER BY title LIMIT 100`, kindOrganization)
	if err != nil {
		return nil, err
	}
	var all []organizationView
	for _, e := range found {
		record, err := read[archive.Organization](r.ctx, r.store, e.id)
		if err != nil {
			continue // the records have it
		}
		o := organizationView{
			Login: cut(record.Login, 100), Name: cut(record.Name, 200), Description: cut(record.Description, 1000),
			Email: cut(record.Email, 200), Location: cut(record.Location, 200), Website: cut(record.Website, 200),
		}
		for _, m := range record.Members {
			if len(o.Members) == 1000 {
				break
			}
			o.Members = append(o.Members, member{r.personOf(login(m.User)), strings.ReplaceAll(m.Role, "_", " ")})
		}
		if o.Teams, err = r.teams(e.key); err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, nil
}

func (r *request) teams(organization int64) ([]teamView, error) {
	found, err := r.store.entries(r.ctx, `kind = ? AND parent = ? AND kind IN (12, 17) ORDER BY title LIMIT 500`, kindTeam, organization)
	if err != nil {
		return nil, err
	}
	var all []teamView
	for _, e := range found {
		record, err := read[archive.Team](r.ctx, r.store, e.id)
		if err != nil {
			continue
		}
		t := teamView{Name: cut(record.Name, 200), Description: cut(record.Description, 500), Privacy: cut(record.Privacy, 50)}
		for _, m := range record.Members {
			if len(t.Members) < 500 {
				t.Members = append(t.Members, member{r.personOf(login(m.User)), m.Role})
			}
		}
		for _, p := range record.Permissions {
			if len(t.Repositories) < 500 {
				t.Repositories = append(t.Repositories, nameOfURL(p.Repository)+": "+cut(p.Access, 20))
			}
		}
		all = append(all, t)
	}
	return all, nil
}

// missing says what the archives do not have and one might look for.
func (r *request) missing(o *overview) ([]string, error) {
	var all []string
	has := map[string]int64{}
	for _, c := range o.Records {
		has[c.Text] = c.Count
	}
	gits, err := r.store.count(r.ctx, `SELECT count(*) FROM git`)
	if err != nil {
		return nil, err
	}
	if gits == 0 && len(o.Repositories) > 0 {
		all = append(all, "No repository has Git data: the export left it out (exclude_git_data), or it is in another archive.")
	}
	if has["issues"]+has["pull requests"]+has["milestones"]+has["releases"] == 0 {
		all = append(all, "There are no issues, pull requests, milestones and releases: the export left them out (exclude_metadata), or there are none.")
	}
	files, err := r.store.count(r.ctx, `SELECT count(*) FROM file`)
	if err != nil {
		return nil, err
	}
	if attached := has["attachments"] + has["files"]; attached > files {
		all = append(all, fmt.Sprintf("%s of attachments, but %s: the export left them out (exclude_attachments), or they are lost.",
			table.Plural(int(attached), "record"), table.Plural(int(files), "file")))
	}
	without := 0
	for _, repo := range o.Repositories {
		if !repo.HasRecord {
			without++
		}
	}
	if without > 0 {
		all = append(all, table.Plural(without, "repository")+" named by other records, but without a record.")
	}
	return append(all,
		"GitHub exports no comments on discussions, no objects of Git LFS, and nothing of Projects, packages, Actions, rulesets, issue types and sub-issues.",
	), nil
}
