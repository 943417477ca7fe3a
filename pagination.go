package ghmigrate

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-querystring/query"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// ListOptions set the first page of a list and the size of its pages. They do not
// limit the sequence: break out of the loop to end it.
//
// https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api
type ListOptions struct {
	Page    int `url:"page,omitempty"`     // the first page; 0 means 1
	PerPage int `url:"per_page,omitempty"` // page size, 1 to 100; 0 lets the method choose
}

func (o ListOptions) check() error {
	switch {
	case o.Page < 0:
		return badArgument("Page", "is %d: want 0 or a page's number", o.Page)
	case o.PerPage < 0 || o.PerPage > maxPerPage:
		return badArgument("PerPage", "is %d: want 0, or 1 to %d", o.PerPage, maxPerPage)
	}
	return nil
}

const (
	defaultPerPage = 30 // GitHub's own
	maxPerPage     = 100
)

// Collect reads a sequence to its end and returns its items, nil if there are no
// items. At an error it stops and returns the error with the items before it.
func Collect[T any](seq iter.Seq2[T, error]) ([]T, error) {
	var all []T
	for item, err := range seq {
		if err != nil {
			return all, err
		}
		all = append(all, item)
	}
	return all, nil
}

// list requests one page after another while the caller ranges over the sequence.
// An error is yielded once, as the last element. An empty page does not end the
// sequence.
func list[T any](ctx context.Context, c *Client, r request) iter.Seq2[*T, error] {
	fetch := func(r request) (*page[T], error) {
		res, err := c.send(ctx, r)
		if err != nil {
			return nil, err
		}
		return decodePage[T](ctx, c, res)
	}
	return func(yield func(*T, error) bool) {
		var partial error
		for page, err := range pages(r, fetch) {
			if err != nil {
				yield(nil, err)
				return
			}
			partial = cmp.Or(partial, page.partial)
			for i := range page.items {
				if !yield(&page.items[i], nil) {
					return
				}
			}
		}
		if partial != nil {
			yield(nil, partial)
		}
	}
}

// A page is one response of a list.
type page[T any] struct {
	items   []T
	next    url.Values // the query of the next page; nil if this page is the last
	guessed bool       // next is a guess, since the response has no link to a page
	partial error      // why GitHub left out items of the list
}

// pages fetches the pages of a list, starting with the page that r requests.
func pages[T any](r request, fetch func(request) (*page[T], error)) iter.Seq2[*page[T], error] {
	return func(yield func(*page[T], error) bool) {
		r, seen := r, map[string]bool{}
		var before *page[T]
		for first := true; first || r.query != nil; first = false {
			key := r.query.Encode()
			if seen[key] {
				yield(nil, r.wrap(errPageLoop))
				return
			}
			seen[key] = true
			page, err := fetch(r)
			if err == nil && before != nil && before.guessed && len(page.items) > 0 && reflect.DeepEqual(before.items, page.items) {
				err = r.wrap(errPageLoop) // the server ignores the page number
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(page, nil) {
				return
			}
			r.query, before = page.next, page
		}
	}
}

var errPageLoop = errors.New("the list leads back to a page that was already read")

// decodePage decodes a response that is a list.
func decodePage[T any](ctx context.Context, c *Client, res response) (*page[T], error) {
	if !bytes.HasPrefix(bytes.TrimLeft(res.body, "\ufeff \t\r\n"), []byte("[")) {
		return nil, c.unexpectedResponse(res, "a body that is not a list")
	}
	p := &page[T]{}
	odd, err := c.decode(ctx, res, &p.items, exact)
	if err != nil {
		return nil, err
	}
	p.next, p.guessed = nextQuery(res, len(p.items)+odd.dropped)
	if organizations, ok := strings.CutPrefix(res.header.Get("X-Github-Sso"), "partial-results"); ok {
		p.partial = res.request.wrap(fmt.Errorf("the list leaves out organizations that require single sign-on (%s): %w (%w)",
			netx.Printable(strings.Trim(organizations, "; ")), ErrSSORequired, ErrForbidden))
	}
	return p, nil
}

// nextQuery returns the query of the next page, nil if this page is the last. It
// merges the query of the next link into the query of this page. It ignores the
// host and path of the link: GitHub's link has another path, and the link of
// a GHES may name another host. A malformed query adds nothing. The link then
// leads back to this page, so that the list fails and does not end too soon.
//
// A proxy may remove or replace the Link header. Without a link to any page,
// nextQuery guesses that a full page is followed by another page.
func nextQuery(res response, items int) (next url.Values, guessed bool) {
	merged := url.Values{}
	maps.Copy(merged, res.request.query)
	links := res.header.Values("Link")
	if !isPaged(links) {
		if size := res.request.pageSize; size == 0 || items < size {
			return nil, false
		}
		number, _ := strconv.Atoi(merged.Get("page"))
		merged.Set("page", strconv.Itoa(max(number, 1)+1))
		return merged, true
	}
	target, ok := linkTo("next", links)
	if !ok {
		return nil, false
	}
	target, _, _ = strings.Cut(target, "#")
	_, raw, _ := strings.Cut(target, "?")
	query, _ := url.ParseQuery(raw)
	maps.Copy(merged, query)
	return merged, false
}

// isPaged reports whether one of the links leads to a page.
func isPaged(links []string) bool {
	return slices.ContainsFunc([]string{"next", "prev", "first", "last"}, func(relation string) bool {
		_, ok := linkTo(relation, links)
		return ok
	})
}

// linkTo returns the target of the first link with a relation. The Link headers
// (RFC 8288) look like
// `<https://api.github.com/…?page=2>; rel="next", <…>; rel="last"`.
func linkTo(relation string, headers []string) (target string, ok bool) {
	for _, header := range headers {
		for header != "" {
			var link, params, param string
			link, header = cutUnquoted(header, ',')
			target, params = cutUnquoted(link, ';')
			for params != "" {
				param, params = cutUnquoted(params, ';')
				name, value, _ := strings.Cut(param, "=")
				relations := strings.Fields(strings.Trim(strings.TrimSpace(value), `"`))
				if strings.EqualFold(strings.TrimSpace(name), "rel") &&
					slices.ContainsFunc(relations, func(r string) bool { return strings.EqualFold(r, relation) }) {
					return strings.Trim(target, " \t<>"), true
				}
			}
		}
	}
	return "", false
}

// cutUnquoted cuts s at the first separator that is not in quotes or angle
// brackets.
func cutUnquoted(s string, separator byte) (before, after string) {
	closing := byte(0)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case closing == '"' && c == '\\':
			i++
		case closing != 0:
			if c == closing {
				closing = 0
			}
		case c == '"':
			closing = '"'
		case c == '<':
			closing = '>'
		case c == separator:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// queryOf encodes a struct of options.
func queryOf(options any) url.Values {
	values, err := query.Values(options)
	if err != nil {
		panic(err) // cannot happen for the structs of this package
	}
	return values
}
