package ghmigrate

import (
	"context"
	"errors"
	"iter"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/google/go-querystring/query"
)

// ListOptions say where a list starts and how much a request asks for. They do
// not bound the sequence: break out of the loop for that.
//
// https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api
type ListOptions struct {
	Page    int `url:"page,omitempty"`     // the page to start at; 0 means the first
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

const maxPerPage = 100

// Collect reads a sequence to its end and returns its items, nil if there are
// none. It stops at an error, which it returns beside what came before it.
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

// list asks for page after page as the caller ranges. An error is yielded once
// and ends the sequence; an empty page does not.
func list[T any](ctx context.Context, c *Client, r request) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		r, seen := r, map[string]bool{}
		for r.query != nil {
			key := r.query.Encode()
			if seen[key] {
				yield(nil, r.wrap(errPageLoop))
				return
			}
			seen[key] = true
			res, err := c.send(ctx, r)
			if err != nil {
				yield(nil, err)
				return
			}
			var page []T
			if err := res.decode(&page); err != nil {
				yield(nil, err)
				return
			}
			// Found now, so that the text of a page is free while the loop goes over it.
			r.query = nextQuery(res)
			for i := range page {
				if !yield(&page[i], nil) {
					return
				}
			}
		}
	}
}

var errPageLoop = errors.New("the list leads back to a page that was read already")

// nextQuery is the query of the next page: that of the link, merged into the
// query of this page; nil if this page is the last. Nothing else of the link
// is read: GitHub's leads to another path, a GHES's may lead to another host.
// What is malformed in it adds nothing, so that it leads back to this page,
// which is an error and not a list that ends too soon.
func nextQuery(res response) url.Values {
	target, ok := linkTo("next", res.header.Values("Link"))
	if !ok {
		return nil
	}
	target, _, _ = strings.Cut(target, "#")
	_, raw, _ := strings.Cut(target, "?")
	next, _ := url.ParseQuery(raw)
	merged := url.Values{}
	maps.Copy(merged, res.request.query)
	maps.Copy(merged, next)
	return merged
}

// linkTo finds the target of the first link of a relation in Link headers such
// as `<https://api.github.com/…?page=2>; rel="next", <…>; rel="last"` (RFC
// 8288).
func linkTo(relation string, headers []string) (target string, ok bool) {
	for _, header := range headers {
		for header != "" {
			var link, params, param string
			link, header = cutOutside(header, ',')
			target, params = cutOutside(link, ';')
			for params != "" {
				param, params = cutOutside(params, ';')
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

// cutOutside cuts s at the first separator that is in neither quotes nor angle
// brackets.
func cutOutside(s string, separator byte) (before, after string) {
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
		// The structs are this package's own, and none can fail.
		panic(err)
	}
	return values
}
