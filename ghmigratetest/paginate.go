package ghmigratetest

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
)

// paginate returns the page that a call asks for, and a Link header. The links begin
// with base and keep the call's other parameters.
func paginate[T any](c *call, all []T, base string) ([]T, http.Header) {
	page := max(atoi(c.query.Get("page")), 1)
	perPage := atoi(c.query.Get("per_page"))
	if perPage < 1 {
		perPage = 30
	}
	perPage = min(perPage, 100)
	last := max((len(all)+perPage-1)/perPage, 1)
	link := func(page int, rel string) string {
		q := maps.Clone(c.query)
		q.Set("page", strconv.Itoa(page))
		return fmt.Sprintf("<%s?%s>; rel=%q", base, q.Encode(), rel)
	}
	var links []string
	if page > 1 {
		links = append(links, link(min(page-1, last), "prev"))
	}
	if page < last {
		links = append(links, link(page+1, "next"), link(last, "last"))
	}
	if page > 1 {
		links = append(links, link(1, "first"))
	}
	header := make(http.Header)
	if len(links) > 0 {
		header.Set("Link", strings.Join(links, ", "))
	}
	first := min((min(page, last+1)-1)*perPage, len(all)) // without overflow
	return all[first:min(first+perPage, len(all))], header
}

// atoi returns the number in s, or 0.
func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
