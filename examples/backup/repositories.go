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
	for page, more := 1, true; more; page++ {
		var repos []ghmigrate.Repository
		path := fmt.Sprintf("/orgs/%s/repos?sort=created&direction=asc&per_page=100&page=%d", url.PathEscape(org), page)
		header, err := client.Do(ctx, http.MethodGet, path, nil, &repos)
		if err != nil {
			return nil, fmt.Errorf("list the repositories of %s: %w", org, err)
		}
		for _, repo := range repos {
			names = append(names, repo.FullName)
		}
		more = strings.Contains(header.Get("Link"), `rel="next"`)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s has no repositories, or none that the token may see", org)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
