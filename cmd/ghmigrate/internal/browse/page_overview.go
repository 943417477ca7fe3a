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
	Archives      []archiveRow
	Faults        []string
	MoreFaults    int
	Checked       bool     // all archives are unpacked and verified
	Failed        string   // why unpacking failed
	ReadFaults    []string // the faults from indexing; empty when Checked, because Faults has them
	Repositories  []repositoryRow
	Records       []recordCount
	People        link
	Organizations []organizationView
	Missing       []string
}

// An archiveRow is a row of the table of archives.
type archiveRow struct {
	Path, Schema  string
	Size, Entries int64
}

// A repositoryRow is a repository in the list, with its counts.
type repositoryRow struct {
	link
	Description                                   string
	Issues, OpenIssues, Pulls, OpenPulls          int64
	Discussions, Releases, Milestones             int64
	HasRecord, HasGit, HasWiki, Private, Archived bool
}

// overview makes the first page.
func (r *request) overview() (*page, error) {
	var o overview
	var err error
	o.Archives, err = queryAll(r.ctx, r.store, func(rows *sql.Rows) (a archiveRow, err error) {
		err = rows.Scan(&a.Path, &a.Size, &a.Schema, &a.Entries)
		return a, err
	}, `SELECT path, size, schema, entries FROM archive ORDER BY id`)
	if err != nil {
		return nil, err
	}
	o.ReadFaults, err = queryAll(r.ctx, r.store, scanColumn[string], `SELECT text FROM fault LIMIT 100`)
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
	if o.Organizations, err = r.organizations(); err != nil {
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
		err = rows.Scan(&c.repo, &c.kind, &c.st, &c.n)
		return c, err
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
		default: // the query selects no other kinds
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
				row.Description, row.Private, row.Archived = truncate(record.Description, 300), record.Private, record.IsArchived
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

// owner makes the page of the repositories of an account.
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

// missing returns sentences about data that the archives do not have, but that a reader
// may look for.
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
		all = append(all, "No repository has Git data: the export excluded it (exclude_git_data), or it is in another archive.")
	}
	if has["issues"]+has["pull requests"]+has["milestones"]+has["releases"] == 0 {
		all = append(all, "There are no issues, pull requests, milestones or releases: the export excluded them (exclude_metadata), or the repositories have none.")
	}
	files, err := r.store.count(r.ctx, `SELECT count(*) FROM file`)
	if err != nil {
		return nil, err
	}
	if attached := has["attachments"] + has["files"]; attached > files {
		all = append(all, fmt.Sprintf("%s of attachments, but %s: the export excluded the files (exclude_attachments), or the files are lost.",
			table.Plural(int(attached), "record"), table.Plural(int(files), "file")))
	}
	without := 0
	for _, repo := range o.Repositories {
		if !repo.HasRecord {
			without++
		}
	}
	if without > 0 {
		all = append(all, table.Plural(without, "repository")+" without a record: only other records name the repository.")
	}
	return append(all,
		"GitHub does not export comments on discussions, Git LFS objects, Projects, packages, Actions, rulesets, issue types and sub-issues.",
	), nil
}
