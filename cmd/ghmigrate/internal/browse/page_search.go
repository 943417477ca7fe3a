package browse

import "iter"

// A searchPage is the page of a search, with its results.
type searchPage struct {
	Words, Kind, Repository string
	Rows                    []itemRow
	Found                   int64 // the records with all words, of all kinds and repositories
	Pager                   pager
}

// search makes the page of a search.
func (r *request) search() (*page, error) {
	v := &searchPage{Words: r.query.Get("q"), Kind: r.query.Get("kind"), Repository: r.query.Get("repo")}
	p := &page{Template: "search", Title: "Search", Data: v, HasForm: r.links.written, Query: v.Words}
	q := parseQuery(v.Words)
	if r.links.written || q.empty() {
		return p, nil
	}
	all, titles, err := r.store.find(r.ctx, q)
	if err != nil {
		return nil, err
	}
	v.Found = all.len()
	wanted := map[kind]bool{}
	for i := range kindNames {
		k := kind(i)
		if v.Kind != "" && v.Kind != k.plural() {
			continue
		}
		wanted[k] = true
		if v.Kind != "" {
			if all, titles, err = r.onlyRare(k, all, titles); err != nil {
				return nil, err
			}
		}
	}
	var repo int64
	if v.Repository != "" {
		found, err := r.store.repository(r.ctx, `name = ? COLLATE NOCASE`, v.Repository)
		if isNotFound(err) {
			return p, nil
		}
		if err != nil {
			return nil, err
		}
		repo = found.key
	}
	skip, n := (r.pageNumber()-1)*perPage, int64(0)
	more := false
	for id := range ranked(all, titles) {
		if v.Kind == "" && repo == 0 && len(q.phrases) == 0 && n < skip { // without a filter, each record is a result
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
	v.Pager = r.pagerOf("-/search", more, "q", v.Words, "kind", v.Kind, "repo", v.Repository)
	p.Title = "Search: " + truncate(v.Words, 100)
	return p, nil
}

// onlyRare removes the records of other kinds from sets of records, if the archive has few
// records of a kind. It saves a search from reading most of the other records.
func (r *request) onlyRare(k kind, all, titles idSet) (allOfKind, titlesOfKind idSet, err error) {
	n, err := r.store.count(r.ctx, `SELECT coalesce(sum(n), 0) FROM tally WHERE kind = ?`, k)
	if err != nil || n > maxMatches {
		return all, titles, err
	}
	ids, err := queryAll(r.ctx, r.store, scanColumn[int64], `SELECT id FROM record WHERE kind = ?`, k)
	if err != nil {
		return nil, nil, err
	}
	var ofKind idSet
	for _, id := range ids {
		ofKind = ofKind.add(id)
	}
	return all.intersection(ofKind), titles.intersection(ofKind), nil
}

// ranked yields the records that a query finds: first the matches in titles, then the
// others, each from the last record of the archive to the first.
func ranked(all, titles idSet) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for id := range titles.descending() {
			if !yield(id) {
				return
			}
		}
		for id := range all.descending() {
			if !titles.has(id) && !yield(id) {
				return
			}
		}
	}
}

// result returns the row of a record that was found, unless the filters exclude it. The
// link of the row leads to the record inside its conversation.
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
	text := r.textOf(e)
	if !q.hasPhrases(e.title + "\n" + text) {
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

// textOf returns the text of a record that the search looks at, besides the title.
func (r *request) textOf(e *entry) string {
	record, err := read[struct {
		Body        string `json:"body"`
		Description string `json:"description"`
		Name        string `json:"name"`
	}](r.ctx, r.store, e.id)
	if err != nil {
		return "" // a record that does not fit its type has no text
	}
	text := record.Body + record.Description
	if e.kind == kindUser || e.kind == kindOrganization { // the title is the login
		text = record.Name + "\n" + text
	}
	return text
}

// searchedKinds returns the names of the kinds that the form of the search offers.
func searchedKinds() []string {
	var all []string
	for _, k := range []kind{kindIssue, kindPull, kindComment, kindReview, kindReviewComment, kindDiscussion, kindRelease, kindMilestone, kindCommitComment, kindAttachment, kindUser} {
		all = append(all, k.plural())
	}
	return all
}
