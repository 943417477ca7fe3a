package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ghmigrate/ghmigrate"
)

// repositories lists all repositories of an organization, which is no part of
// the Migrations API. The oldest come first, so that one that is made meanwhile
// does not move others to another page.
func repositories(ctx context.Context, client *ghmigrate.Client, org string) ([]string, error) {
	var names []string
	for query := "sort=created&direction=asc&per_page=100"; query != ""; {
		var page []ghmigrate.Repository
		header, err := client.Do(ctx, http.MethodGet, "/orgs/"+url.PathEscape(org)+"/repos?"+query, nil, &page)
		if err != nil {
			return nil, fmt.Errorf("list the repositories of %s: %w", org, err)
		}
		for _, repo := range page {
			names = append(names, repo.FullName)
		}
		query = nextPage(header)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s has no repositories, or none that the token may see", org)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// nextPage returns the query of the next page, as the Link header has it; empty
// if there is none.
func nextPage(header http.Header) string {
	for link := range strings.SplitSeq(header.Get("Link"), ",") {
		target, params, _ := strings.Cut(link, ">")
		if _, raw, ok := strings.Cut(target, "<"); ok && strings.Contains(params, `rel="next"`) {
			if u, err := url.Parse(raw); err == nil {
				return u.RawQuery
			}
		}
	}
	return ""
}
