package browse

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
)

// A recordCount is a kind and the number of its records.
type recordCount struct {
	link
	Count int64
}

// records makes the list of the kinds of records.
func (r *request) records() (*page, error) {
	counts, err := r.recordCounts()
	return &page{Template: "kinds", Title: "Records", Data: counts}, err
}

// recordCounts returns the kinds of the records in the archive.
func (r *request) recordCounts() ([]recordCount, error) {
	return queryAll(r.ctx, r.store, func(rows *sql.Rows) (c recordCount, err error) {
		var k kind
		err = rows.Scan(&k, &c.Count)
		c.Text = k.plural()
		if k < 0 || int(k) >= len(kindNames) {
			return c, fmt.Errorf("kind %d", k)
		}
		if !r.links.written || k == kindUnknown { // an export has only the records that have no other page
			c.Href = r.links.page("-/records/" + itoa(int64(k)))
		}
		return c, err
	}, `SELECT kind, sum(n) FROM tally GROUP BY kind ORDER BY sum(n) DESC`)
}

// A recordList is the page of the records of a kind.
type recordList struct {
	Rows  []recordRow
	Pager pager
}

// A recordRow is a record in a recordList.
type recordRow struct {
	link
	Type, Author string
}

// recordsOf makes the list of the records of a kind, in the order of the archive.
func (r *request) recordsOf(arg string) (*page, error) {
	k := kind(number(arg))
	if int(k) >= len(kindNames) || itoa(int64(k)) != arg {
		return nil, errNotFound
	}
	found, more, err := r.paged(200, `kind = ? ORDER BY id`, k)
	if err != nil {
		return nil, err
	}
	list := recordList{Pager: r.pagerOf("-/records/"+arg, more)}
	for _, e := range found {
		text := e.title
		if text == "" {
			text = k.String() + " " + itoa(e.id)
		}
		list.Rows = append(list.Rows, recordRow{link{text, r.links.page("-/record/" + itoa(e.id))}, k.String(), e.author})
	}
	return &page{Template: "records", Title: capitalized(k.plural()), Crumbs: []link{{"Records", r.links.page("-/records")}}, Data: list}, nil
}

// rawLink returns the address of the page with the JSON of a record. In an export, only
// records that have no other page have such a page.
func (r *request) rawLink(e *entry) string {
	if r.links.written && e.kind != kindUnknown {
		return ""
	}
	return r.links.page("-/record/" + itoa(e.id))
}

// A rawRecord is the page with the JSON of a record.
type rawRecord struct {
	Text      string
	Truncated bool   // Text is
	Page      string // the address at which another page shows the record
	Archive   string // the path of the archive
}

// record makes the page with the JSON of a record.
func (r *request) record(id int64) (*page, error) {
	e, err := r.store.one(r.ctx, `id = ?`, id)
	if err != nil {
		return nil, err
	}
	raw, err := r.store.raw(r.ctx, id)
	if err != nil {
		return nil, err
	}
	v := rawRecord{Text: indent(raw)}
	if len(v.Text) > maxShown {
		v.Text, v.Truncated = truncate(v.Text, maxShown), true
	}
	v.Page = r.addressOf(e)
	paths, err := queryAll(r.ctx, r.store, scanColumn[string], `SELECT path FROM archive WHERE id = (SELECT archive FROM record WHERE id = ?)`, id)
	if err != nil {
		return nil, err
	}
	v.Archive = strings.Join(paths, "")
	return &page{
		Template: "record", Title: capitalized(e.kind.String()) + " " + itoa(e.id),
		Crumbs: []link{{"Records", r.links.page("-/records")}}, Data: v,
	}, nil
}

// indent returns JSON with line breaks and indentation.
func indent(raw []byte) string {
	if len(raw) > maxShown {
		return string(raw)
	}
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return string(raw)
	}
	return b.String()
}
