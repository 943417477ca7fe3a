package browse

import (
	"encoding/json"
	"time"
)

// A filter is the input of the form above a list.
type filter struct {
	Words, State, Author, Label, Milestone, From, To, Sort string
}

// A condition is the SQL after WHERE for a filter.
type condition struct {
	sql        string
	args       []any
	incomplete bool // some records with the words of the filter are not considered
}

func (c *condition) and(sql string, args ...any) {
	c.sql += ` AND ` + sql
	c.args = append(c.args, args...)
}

// condition returns the condition for a filter, without its state.
func (p *repositoryPage) condition(k kind, f filter) (*condition, error) {
	c := &condition{args: []any{p.repo.key, k}}
	few := false // the filter selects few items, by ID
	if f.Author != "" {
		c.and(`author = ? COLLATE NOCASE`, f.Author)
	}
	if f.Label != "" {
		const labels = `(SELECT key FROM label WHERE repo = ? AND name = ?)`
		n, err := p.store.count(p.ctx, `SELECT count(*) FROM (SELECT 1 FROM item_label WHERE label IN `+labels+` LIMIT ?)`, p.repo.key, f.Label, fewItems)
		if err != nil {
			return nil, err
		}
		if n < fewItems {
			few = true
			c.and(`id IN (SELECT item FROM item_label WHERE label IN `+labels+`)`, p.repo.key, f.Label)
		} else {
			c.and(`EXISTS (SELECT 1 FROM item_label WHERE label IN `+labels+` AND item = record.id)`, p.repo.key, f.Label)
		}
	}
	if f.Milestone != "" {
		c.and(`milestone IN (SELECT key FROM record WHERE repo = ? AND kind = ? AND `+isItem+` AND title = ?)`, p.repo.key, kindMilestone, f.Milestone)
	}
	if t, err := time.Parse(time.DateOnly, f.From); err == nil {
		c.and(`created >= ?`, t.Unix())
	}
	if t, err := time.Parse(time.DateOnly, f.To); err == nil {
		c.and(`created < ?`, t.AddDate(0, 0, 1).Unix())
	}
	if q := parseQuery(f.Words); !q.empty() {
		ids, incomplete, err := p.threadsWith(q, p.repo.key, k)
		if err != nil {
			return nil, err
		}
		c.incomplete = incomplete
		few = few || len(ids) < fewItems
		c.and(`id IN (SELECT value FROM json_each(?))`, jsonOf(ids))
	}
	// A walk over the sorted list soon finds the items of a page if many items match. If
	// few items match, it is faster to read and sort these: the plus disables the walk.
	if few {
		c.sql = `+repo = ? AND +kind = ?` + c.sql
	} else {
		c.sql = `repo = ? AND kind = ? AND ` + isItem + c.sql
	}
	return c, nil
}

// fewItems separates filters that match few items from filters that match many.
const fewItems = 2000

// maxMatches bounds the records with the words of a filter.
const maxMatches = 20_000

// threadsWith returns the items of a kind that have the words of a query themselves or in
// their comments. It looks only at the last maxMatches records with the words. If there
// are more, the result is incomplete.
func (r *request) threadsWith(q query, repo int64, k kind) (items []int64, incomplete bool, err error) {
	all, _, err := r.store.find(r.ctx, q)
	if err != nil {
		return nil, false, err
	}
	var ids []int64
	n := 0
	for id := range all.descending() {
		if n++; n > maxMatches {
			break
		}
		if len(q.phrases) > 0 {
			e, err := r.store.one(r.ctx, `id = ?`, id)
			if err != nil || !q.hasPhrases(e.title+"\n"+r.textOf(e)) {
				continue
			}
		}
		ids = append(ids, id)
	}
	items, err = queryAll(r.ctx, r.store, scanColumn[int64],
		`SELECT id FROM record WHERE key IN (SELECT thread FROM record WHERE id IN (SELECT value FROM json_each(?))) AND key <> 0 AND kind = ? AND +repo = ?`, jsonOf(ids), k, repo)
	return items, n > maxMatches, err
}

// jsonOf returns IDs as a parameter for json_each.
func jsonOf(ids []int64) string {
	data, err := json.Marshal(ids)
	if err != nil || len(ids) == 0 {
		return "[]"
	}
	return string(data)
}
