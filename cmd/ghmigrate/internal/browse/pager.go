package browse

import "slices"

// perPage is the number of rows on a page of a list.
const perPage = 50

// A pager has the links to the previous and the next page of a list.
type pager struct {
	Page           int64
	Previous, Next string
}

// pageNumber returns the number of the requested page. The first page is 1.
func (r *request) pageNumber() int64 { return min(max(1, number(r.query.Get("page"))), 1_000_000) }

// pagerOf returns the pager of a list. More means that there is a next page.
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

// paged returns the records of the requested page, and whether there are more.
func (r *request) paged(n int64, where string, args ...any) ([]*entry, bool, error) {
	all, err := r.store.entries(r.ctx, where+` LIMIT ? OFFSET ?`, append(args, n+1, (r.pageNumber()-1)*n)...)
	if err != nil || int64(len(all)) <= n {
		return all, false, err
	}
	return all[:n], true, nil
}
