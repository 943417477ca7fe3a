package browse

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/ghmigrate/ghmigrate/archive"
)

const perPage = 50

// A pager leads through the pages of a list.
type pager struct {
	Page           int64
	Previous, Next string
}

// pageNumber returns the page that is asked for, from 1.
func (r *request) pageNumber() int64 { return min(max(1, number(r.query.Get("page"))), 1_000_000) }

// pagerOf returns the pager of a list; more tells that there is another page.
func (r *request) pagerOf(path string, more bool, params ...string) pager {
	p := pager{Page: r.pageNumber()}
	to := func(n int64) string {
		text := ""
		if n > 1 {
			text = itoa(n)
		}
		return r.links.page(path, append(slices.Clip(params), "page", text)...)
	}
	if p.Page > 1 {
		p.Previous = to(p.Page - 1)
	}
	if more {
		p.Next = to(p.Page + 1)
	}
	return p
}

// paged returns one page of records, and whether there are more.
func (r *request) paged(n int64, where string, args ...any) ([]*entry, bool, error) {
	all, err := r.store.entries(r.ctx, where+` LIMIT ? OFFSET ?`, append(args, n+1, (r.pageNumber()-1)*n)...)
	if err != nil || int64(len(all)) <= n {
		return all, false, err
	}
	return all[:n], true, nil
}

type peopleList struct {
	People []person
	Pager  pager
}

// people lists the users.
func (r *request) people() (*page, error) {
	found, more, err := r.paged(500, `kind = ? ORDER BY title`, kindUser)
	if err != nil {
		return nil, err
	}
	list := peopleList{Pager: r.pagerOf("-/users", more)}
	for _, e := range found {
		list.People = append(list.People, r.personOf(e.author))
	}
	return &page{Template: "people", Title: "Users", Data: list}, nil
}

// A personPage is the page of a user.
type personPage struct {
	Login, Name, Bio, Company, Location, Website string
	Emails                                       []string
	HasRecord                                    bool
	Raw                                          string
	Items                                        []itemRow
	Pager                                        pager
}

// person shows a user and what they opened.
func (r *request) person(name string) (*page, error) {
	p := personPage{Login: name}
	e, err := r.store.one(r.ctx, `author = ? AND kind = 15`, name)
	if err != nil && !errors.Is(err, errNotFound) {
		return nil, err
	}
	if err == nil {
		p.HasRecord, p.Raw = true, r.rawLink(e)
		if u, err := read[archive.User](r.ctx, r.store, e.id); err == nil {
			p.Name, p.Bio, p.Company = cut(u.Name, 200), cut(u.Bio, 2000), cut(u.Company, 200)
			p.Location, p.Website = cut(u.Location, 200), cut(u.Website, 200)
			for _, m := range u.Emails {
				if len(p.Emails) < 20 {
					p.Emails = append(p.Emails, cut(m.Address, 200))
				}
			}
		}
	}
	items, more, err := r.paged(perPage, `author = ? AND kind BETWEEN 1 AND 5 ORDER BY created DESC, id DESC`, name)
	if err != nil {
		return nil, err
	}
	if !p.HasRecord && len(items) == 0 {
		n, err := r.store.count(r.ctx, `SELECT 1 FROM record WHERE author = ? LIMIT 1`, name)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return nil, errNotFound
		}
	}
	if p.Items, err = r.itemRows(items, true); err != nil {
		return nil, err
	}
	p.Pager = r.pagerOf(userPath(name), more)
	return &page{Template: "person", Title: name, Crumbs: []link{{"Users", r.links.page("-/users")}}, Data: &p}, nil
}

// records lists the kinds of records.
func (r *request) records() (*page, error) {
	counts, err := r.recordCounts()
	return &page{Template: "kinds", Title: "Records", Data: counts}, err
}

type recordList struct {
	Rows  []recordRow
	Pager pager
}

type recordRow struct {
	link
	Type, Author string
}

// recordsOf lists the records of a kind, as they are in the archive.
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
	title := strings.ToUpper(k.plural()[:1]) + k.plural()[1:]
	return &page{Template: "records", Title: title, Crumbs: []link{{"Records", r.links.page("-/records")}}, Data: list}, nil
}

// rawLink returns the address of the text of a record. An export has that only of
// records that have no other page.
func (r *request) rawLink(e *entry) string {
	if r.links.written && e.kind != kindUnknown {
		return ""
	}
	return r.links.page("-/record/" + itoa(e.id))
}

type rawRecord struct {
	Text  string
	Cut   bool
	Page  string // of the record
	Where string // the archive
}

// record shows a record as the archive has it.
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
		v.Text, v.Cut = cut(v.Text, maxShown), true
	}
	v.Page = r.addressOf(e)
	where, err := queryAll(r.ctx, r.store, func(rows *sql.Rows) (text string, err error) {
		return text, rows.Scan(&text)
	}, `SELECT path FROM archive WHERE id = (SELECT archive FROM record WHERE id = ?)`, id)
	if err != nil {
		return nil, err
	}
	v.Where = strings.Join(where, "")
	title := e.kind.String() + " " + itoa(e.id)
	return &page{
		Template: "record", Title: strings.ToUpper(title[:1]) + title[1:],
		Crumbs: []link{{"Records", r.links.page("-/records")}}, Data: v,
	}, nil
}

// indent writes JSON for people.
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
