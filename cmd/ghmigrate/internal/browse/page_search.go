package browse

import (
	"encoding/json"
	"slices"

	"github.com/ghmigrate/ghmigrate/archive"
)

// A searchPage is what a search has found.
type searchPage struct {
	Words, Kind, Repository string
	Kinds                   []link
	Rows                    []itemRow
	Found                   int64
	Pager                   pager
	Repositories            []string
}

// search shows the records with some words: records with the words in the title come first.
func (r *request) search() (*page, error) {
	v := &searchPage{Words: r.query.Get("q"), Kind: r.query.Get("kind"), Repository: r.query.Get("repo")}
	p := &page{Template: "search", Title: "Search", Data: v, HasForm: r.links.written, Query: v.Words}
	q := parseQuery(v.Words)
	if r.links.written || q.empty() {
		return p, nil
	}
	ids, err := r.ranked(q)
	if err != nil {
		return nil, err
	}
	wanted := map[kind]bool{}
	for k := range kindNames {
		if v.Kind == "" || kind(k).plural() == v.Kind {
			wanted[kind(k)] = true
		}
	}
	var repo int64
	if v.Repository != "" {
		if found, err := r.store.repository(r.ctx, `name = ?`, v.Repository); err == nil {
			repo = found.key
		}
	}
	skip, n := (r.pageNumber()-1)*perPage, int64(0)
	more := false
	for _, id := range ids {
		if v.Kind == "" && repo == 0 && len(q.phrases) == 0 && n < skip { // nothing to look at
			n++
			continue
		}
		row, ok, err := r.result(id, q, wanted, repo)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		if n++; n <= skip {
			continue
		}
		if len(v.Rows) == perPage {
			more = true
			break
		}
		v.Rows = append(v.Rows, row)
	}
	v.Found = int64(len(ids))
	v.Pager = r.pagerOf("-/search", more, "q", v.Words, "kind", v.Kind, "repo", v.Repository)
	p.Title = "Search: " + cut(v.Words, 100)
	return p, nil
}

// ranked returns what a query finds: titles first, and then the newest.
func (r *request) ranked(q query) ([]int64, error) {
	all, titles, err := r.store.find(r.ctx, q)
	if err != nil {
		return nil, err
	}
	rest := make([]int64, 0, len(all))
	inTitle := make(map[int64]bool, len(titles))
	for _, id := range titles {
		inTitle[id] = true
	}
	for _, id := range all {
		if !inTitle[id] {
			rest = append(rest, id)
		}
	}
	slices.Reverse(titles)
	slices.Reverse(rest)
	return append(titles, rest...), nil
}

// result returns the row of a record that was found. Its link leads to the record
// inside its conversation.
func (r *request) result(id int64, q query, wanted map[kind]bool, repo int64) (itemRow, bool, error) {
	e, err := r.store.one(r.ctx, `id = ?`, id)
	if err != nil {
		return itemRow{}, false, nilIfNotFound(err)
	}
	if !wanted[e.kind] {
		return itemRow{}, false, nil
	}
	top := e
	if e.thread != 0 && e.thread != e.key {
		if found, err := r.store.one(r.ctx, `key = ? AND key <> 0`, e.thread); err == nil {
			top = found
		} else if nilIfNotFound(err) != nil {
			return itemRow{}, false, err
		}
	}
	if repo != 0 && top.repo != repo && e.repo != repo {
		return itemRow{}, false, nil
	}
	text := r.textOf(id)
	if !q.holds(e.title + "\n" + text) {
		return itemRow{}, false, nil
	}
	rows, err := r.itemRows([]*entry{top}, true)
	if err != nil {
		return itemRow{}, false, err
	}
	row := rows[0]
	row.Kind, row.At = e.kind.String(), e.at()
	if e.kind.hasAuthor() {
		row.Author = r.personOf(e.author)
	}
	if address := r.addressOf(e); address != "" {
		row.Href = address
	}
	row.Snippet = q.excerpt(text)
	return row, true, nil
}

func nilIfNotFound(err error) error {
	if isNotFound(err) {
		return nil
	}
	return err
}

// textOf returns the text of a record that a search looks at.
func (r *request) textOf(id int64) string {
	record, err := read[struct {
		Body        string `json:"body"`
		Description string `json:"description"`
		Name        string `json:"name"`
	}](r.ctx, r.store, id)
	if err != nil {
		return "" // a record that does not fit its type has no text
	}
	return record.Body + record.Description
}

// maxMatches bounds the records whose issues a list with words is made of.
const maxMatches = 20_000

// threadsWith returns the issues or the like that have words themselves or in their
// comments.
func (r *request) threadsWith(q query, repo int64, k kind) ([]int64, error) {
	ids, _, err := r.store.find(r.ctx, q)
	if err != nil {
		return nil, err
	}
	if len(q.phrases) > 0 {
		var kept []int64
		for _, id := range ids[:min(len(ids), 20_000)] {
			e, err := r.store.one(r.ctx, `id = ?`, id)
			if err != nil {
				continue
			}
			if q.holds(e.title + "\n" + r.textOf(id)) {
				kept = append(kept, id)
			}
		}
		ids = kept
	}
	if len(ids) > maxMatches {
		ids = ids[len(ids)-maxMatches:] // the latest of the archive
	}
	found, err := r.store.entries(r.ctx, `repo = ? AND kind = ? AND kind BETWEEN 1 AND 5 AND key IN (SELECT thread FROM record WHERE id IN (SELECT value FROM json_each(?)))`, repo, k, jsonOf(ids))
	if err != nil {
		return nil, err
	}
	all := make([]int64, 0, len(found))
	for _, e := range found {
		all = append(all, e.id)
	}
	return all, nil
}

func jsonOf(ids []int64) string {
	if len(ids) == 0 {
		return "[]"
	}
	data, err := json.Marshal(ids)
	if err != nil {
		return "[]"
	}
	return string(data)
}

// addressOf returns where a record is shown; empty if it has no place of its own.
func (r *request) addressOf(e *entry) string {
	switch e.kind {
	case kindUser:
		return r.links.page(userPath(e.author))
	case kindRepository:
		if repo, err := r.store.repository(r.ctx, `key = ?`, e.key); err == nil {
			return r.links.page(repo.slug)
		}
		return ""
	case kindOrganization, kindTeam:
		return r.links.page("")
	case kindCommitComment:
		c, err := read[archive.CommitComment](r.ctx, r.store, e.id)
		repo, missing := r.store.repository(r.ctx, `key = ?`, e.repo)
		if err != nil || missing != nil || !isSHA(c.CommitID) {
			return ""
		}
		return r.links.page(repo.slug+"/commit/"+c.CommitID) + "#" + anchorOf(e)
	default: // in a conversation, or nowhere
	}
	top := e
	if e.kind > kindMilestone {
		var err error
		if top, err = r.store.one(r.ctx, `key = ? AND key <> 0`, e.thread); err != nil {
			return ""
		}
	}
	if top.kind < kindIssue || top.kind > kindMilestone {
		return ""
	}
	repo, err := r.store.repository(r.ctx, `key = ?`, top.repo)
	if err != nil {
		return ""
	}
	address := itemPath(repo, top)
	if top == e {
		return r.links.page(address)
	}
	return r.links.page(address, "page", r.threadPageOf(top, e)) + "#" + anchorOf(e)
}
