package browse

import (
	"time"

	"github.com/ghmigrate/ghmigrate/archive"
)

// An itemRow is a row of a list: an issue, a pull request, a search result.
type itemRow struct {
	link
	Kind, Repository, State, Number string
	Author                          person
	At                              time.Time
	Labels                          []label
	Comments                        int64
	Snippet                         snippet
}

// itemRows returns the rows for records.
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

// labelsOf returns the labels of an item. The name of a label that is not in the archive
// is the end of its URL.
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
