package ghmigrate_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

func TestListRequestsPagesWhileTheLoopRuns(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		startExports(t, server, client, 5)
		before := len(server.Requests())
		requests := func() int { return len(server.Requests()) - before }

		list := client.OrgMigrations.List(t.Context(), "octo-org", &ghmigrate.ListOrgMigrationsOptions{
			ListOptions: ghmigrate.ListOptions{PerPage: 2}, OmitRepositories: true,
		})
		assert.Zero(t, requests(), "the list is not yet ranged over")

		for m, err := range list {
			require.NoError(t, err)
			assert.Equal(t, int64(83), m.ID)
			break
		}
		assert.Equal(t, 1, requests(), "a loop that is left requests no more pages")

		n := 0
		for _, err := range list {
			require.NoError(t, err)
			n++
			assert.Equal(t, 1+(n+1)/2, requests(), "item %d", n)
		}
		assert.Equal(t, 5, n)
		assert.Equal(t, 4, requests())

		again, err := ghmigrate.Collect(list)
		require.NoError(t, err)
		assert.Equal(t, []int64{83, 82, 81, 80, 79}, idsOf(again), "ranging again starts over")
		assert.Equal(t, 7, requests())

		for _, r := range sentSince(server, before) {
			assert.Equal(t, "/orgs/octo-org/migrations", r.Path, "of a link to /organizations/ID only the query is used")
		}
	})
}

func TestListStartsAtThePage(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		startExports(t, server, client, 5)
		before := len(server.Requests())

		found, err := ghmigrate.Collect(client.OrgMigrations.List(t.Context(), "octo-org", &ghmigrate.ListOrgMigrationsOptions{
			ListOptions: ghmigrate.ListOptions{Page: 2, PerPage: 2},
		}))
		require.NoError(t, err)
		assert.Equal(t, []int64{81, 80, 79}, idsOf(found), "PerPage limits a page, not the list")
		assert.Equal(t, []sent{
			{Method: "GET", Path: "/orgs/octo-org/migrations", Query: "page=2&per_page=2"},
			{Method: "GET", Path: "/orgs/octo-org/migrations", Query: "page=3&per_page=2"},
		}, sentSince(server, before))
	})
}

// pagedList is a handler that serves the pages of a list and records the queries.
type pagedList struct {
	pages   map[string]linkedPage // by query, as url.Values encodes it
	queries []string
}

// A linkedPage is the response to the request for a page.
type linkedPage struct {
	link   string
	body   string
	status int
}

func (p *pagedList) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query().Encode()
	p.queries = append(p.queries, query)
	page, ok := p.pages[query]
	if !ok {
		http.Error(w, "no such page: "+query, http.StatusTeapot)
		return
	}
	if page.link != "" {
		w.Header().Set("Link", page.link)
	}
	if page.status != 0 {
		w.WriteHeader(page.status)
	}
	_, _ = io.WriteString(w, page.body)
}

func TestListFollowsLinks(t *testing.T) {
	const first = "exclude=repositories&per_page=100"
	for _, test := range []struct {
		name    string
		pages   map[string]linkedPage
		want    []int64
		queries []string
		err     string // part of the error; empty if the list succeeds
	}{
		{
			name:    "an empty page in the middle does not end the list",
			pages:   map[string]linkedPage{first: {link: `<https://api.github.com/organizations/1/migrations?page=2>; rel="next"`, body: `[{"id":3}]`}, "exclude=repositories&page=2&per_page=100": {link: `<https://api.github.com/organizations/1/migrations?page=3>; rel="next"`, body: `[]`}, "exclude=repositories&page=3&per_page=100": {body: `[{"id":1}]`}},
			want:    []int64{3, 1},
			queries: []string{first, "exclude=repositories&page=2&per_page=100", "exclude=repositories&page=3&per_page=100"},
		},
		{
			name:    "a cursor is added to the query of the request",
			pages:   map[string]linkedPage{first: {link: `<https://elsewhere.example/x?after=Y3Vyc29y&per_page=30>; rel="next"`, body: `[{"id":3}]`}, "after=Y3Vyc29y&exclude=repositories&per_page=30": {body: `[{"id":2}]`}},
			want:    []int64{3, 2},
			queries: []string{first, "after=Y3Vyc29y&exclude=repositories&per_page=30"},
		},
		{
			name:    "the path and host of a link do not matter, even if malformed",
			pages:   map[string]linkedPage{first: {link: `<http://%zz:port/%zz?page=2#top>; rel="next"`, body: `[{"id":3}]`}, "exclude=repositories&page=2&per_page=100": {body: `[{"id":2}]`}},
			want:    []int64{3, 2},
			queries: []string{first, "exclude=repositories&page=2&per_page=100"},
		},
		{
			name:    "a page that leads to itself is an error",
			pages:   map[string]linkedPage{first: {link: `<https://api.github.com/x?per_page=100&exclude=repositories>; rel="next"`, body: `[{"id":3}]`}},
			want:    []int64{3},
			queries: []string{first},
			err:     "leads back",
		},
		{
			name:    "a link without a query leads to the same page, which is an error",
			pages:   map[string]linkedPage{first: {link: `<https://api.github.com/x>; rel="next"`, body: `[{"id":3}]`}},
			want:    []int64{3},
			queries: []string{first},
			err:     "leads back",
		},
		{
			name:    "a link whose query is malformed is an error, not the end",
			pages:   map[string]linkedPage{first: {link: `<https://api.github.com/x?page=%zz>; rel="next"`, body: `[{"id":3}]`}},
			want:    []int64{3},
			queries: []string{first},
			err:     "leads back",
		},
		{
			name:    "pages that lead in a circle are an error",
			pages:   map[string]linkedPage{first: {link: `<https://api.github.com/x?page=2>; rel="next"`, body: `[{"id":3}]`}, "exclude=repositories&page=2&per_page=100": {link: `<https://api.github.com/x?page=3>; rel="next"`, body: `[{"id":2}]`}, "exclude=repositories&page=3&per_page=100": {link: `<https://api.github.com/x?page=2>; rel="next"`, body: `[{"id":1}]`}},
			want:    []int64{3, 2, 1},
			queries: []string{first, "exclude=repositories&page=2&per_page=100", "exclude=repositories&page=3&per_page=100"},
			err:     "leads back",
		},
		{
			name:    "an error comes after the items before it",
			pages:   map[string]linkedPage{first: {link: `<https://api.github.com/x?page=2>; rel="next"`, body: `[{"id":3}]`}, "exclude=repositories&page=2&per_page=100": {status: http.StatusNotFound, body: `{"message":"Not Found"}`}},
			want:    []int64{3},
			queries: []string{first, "exclude=repositories&page=2&per_page=100"},
			err:     "404 Not Found",
		},
		{
			name:    "a page that is not a list is an error",
			pages:   map[string]linkedPage{first: {link: `<https://api.github.com/x?page=2>; rel="next"`, body: `[{"id":3}]`}, "exclude=repositories&page=2&per_page=100": {body: `{"id":2}`}},
			want:    []int64{3},
			queries: []string{first, "exclude=repositories&page=2&per_page=100"},
			err:     "unexpected answer: status 200 with a body that is not a list",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			github := &pagedList{pages: test.pages}
			client := clientWithHandler(t, "https://ghes.example.com/api/v3", func(w http.ResponseWriter, r *http.Request) {
				assert.Equal(t, "https://ghes.example.com/api/v3/orgs/octo-org/migrations", "https://"+r.Host+r.URL.Path)
				assert.Equal(t, "Bearer "+secretToken, r.Header.Get("Authorization"))
				github.ServeHTTP(w, r)
			})
			var got []int64
			var errs []error
			for m, err := range client.OrgMigrations.List(t.Context(), "octo-org", &ghmigrate.ListOrgMigrationsOptions{OmitRepositories: true}) {
				if err != nil {
					assert.Nil(t, m)
					errs = append(errs, err)
					continue // the error is the last element, even if the loop goes on
				}
				got = append(got, m.ID)
			}
			assert.Equal(t, test.want, got)
			assert.Equal(t, test.queries, github.queries)
			if test.err == "" {
				assert.Empty(t, errs)
				return
			}
			require.Len(t, errs, 1)
			require.ErrorContains(t, errs[0], test.err)
			assert.ErrorContains(t, errs[0], "GET /orgs/octo-org/migrations")
		})
	}
}

func TestListReadsLinkHeaders(t *testing.T) {
	const target = "https://api.github.com/organizations/43235726/migrations?per_page=1&page=2"
	for _, test := range []struct {
		name    string
		headers []string
		follows bool
	}{
		{"as GitHub sends it", []string{`<` + target + `>; rel="next", <https://api.github.com/organizations/43235726/migrations?per_page=1&page=30>; rel="last"`}, true},
		{"next is not the first", []string{`<https://api.github.com/x?page=9>; rel="prev", <` + target + `>; rel="next"`}, true},
		{"next is in a second header", []string{`<https://api.github.com/x?page=9>; rel="first"`, `<` + target + `>; rel="next"`}, true},
		{"not quoted", []string{`<` + target + `>; rel=next`}, true},
		{"not quoted, before another link", []string{`<` + target + `>; rel=next,<https://api.github.com/x?page=9>; rel=last`}, true},
		{"in capitals", []string{`<` + target + `>; REL="Next"`}, true},
		{"spaces around it", []string{` <` + target + `> ; rel = "next" `}, true},
		{"no spaces", []string{`<` + target + `>;rel="next"`}, true},
		{"several relations", []string{`<` + target + `>; rel="last next"`}, true},
		{"other parameters first", []string{`<` + target + `>; title="page 2"; rel="next"; type="application/json"`}, true},
		{"a parameter without a value", []string{`<` + target + `>; foo; rel="next"`}, true},
		{"commas and semicolons in the URL", []string{`<https://api.github.com/a,b;c?per_page=1&page=2>; rel="next"`}, true},
		{"commas, semicolons and angle brackets in a title", []string{`<` + target + `>; title="a, <b>; rel=prev \"c"; rel="next"`}, true},
		{"another relation", []string{`<` + target + `>; rel="prev"`}, false},
		{"a longer relation", []string{`<` + target + `>; rel="nextish"`}, false},
		{"next only in a title", []string{`<` + target + `>; title="; rel=next"; rel="prev"`}, false},
		{"no relation", []string{`<` + target + `>`}, false},
		{"no URL", []string{`rel="next"`}, false},
		{"an unclosed URL", []string{`<` + target}, false},
		{"an empty header", []string{``}, false},
		{"no header", nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var queries []string
			client := clientWithHandler(t, "https://api.github.com", func(w http.ResponseWriter, r *http.Request) {
				if queries = append(queries, r.URL.Query().Encode()); len(queries) == 1 {
					w.Header()["Link"] = test.headers
				}
				_, _ = io.WriteString(w, `[]`)
			})
			_, err := ghmigrate.Collect(client.OrgMigrations.List(t.Context(), "octo-org", nil))
			require.NoError(t, err)
			want := []string{""}
			if test.follows {
				want = []string{"", "page=2&per_page=1"}
			}
			assert.Equal(t, want, queries)
		})
	}
}

func FuzzListLink(f *testing.F) {
	f.Add(`<https://api.github.com/organizations/43235726/migrations?per_page=1&page=2>; rel="next", <https://api.github.com/x?page=30>; rel="last"`)
	f.Add(`<?page=2>; rel=next`)
	f.Add(`<https://evil.example/?page=2&access_token=x>; title="a\"<b>"; rel="prev next"`)
	f.Add(`<//evil.example/?%zz;page=2>;rel=next`)
	f.Add("<\x00>\x7f;rel=\"next")
	f.Fuzz(func(t *testing.T, link string) {
		requests := 0
		client := clientWithHandler(t, "https://api.github.com", func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(t, "https://api.github.com/orgs/octo-org/migrations", r.URL.Scheme+"://"+r.Host+r.URL.Path)
			if requests++; requests > 10 {
				t.Fatal("the list has no end")
			}
			w.Header()["Link"] = []string{link}
			_, _ = io.WriteString(w, `[{"id":79}]`)
		})
		found, err := ghmigrate.Collect(client.OrgMigrations.List(t.Context(), "octo-org", nil))
		// Every page has the same link, so the list has one page or leads back.
		assert.Len(t, found, requests)
		assert.Equal(t, strings.Contains(fmt.Sprint(err), "leads back"), err != nil, "%v", err)
	})
}

func TestListRequestsAPageSize(t *testing.T) {
	omit := &ghmigrate.ListOrgMigrationsOptions{OmitRepositories: true}
	for _, test := range []struct {
		name  string
		list  func(context.Context, *ghmigrate.Client) error
		query string
	}{
		{"repositories, default", func(ctx context.Context, c *ghmigrate.Client) error {
			return drain(c.OrgMigrations.ListRepositories(ctx, "octo-org", 79, nil))
		}, "per_page=100"},
		{"repositories, with options", func(ctx context.Context, c *ghmigrate.Client) error {
			return drain(c.OrgMigrations.ListRepositories(ctx, "octo-org", 79, &ghmigrate.ListOptions{Page: 3, PerPage: 7}))
		}, "page=3&per_page=7"},
		{"repositories of a user, default", func(ctx context.Context, c *ghmigrate.Client) error {
			return drain(c.UserMigrations.ListRepositories(ctx, 79, &ghmigrate.ListOptions{}))
		}, "per_page=100"},
		{"migrations with repositories, default", func(ctx context.Context, c *ghmigrate.Client) error {
			return drain(c.OrgMigrations.List(ctx, "octo-org", nil))
		}, ""},
		{"migrations without repositories, default", func(ctx context.Context, c *ghmigrate.Client) error {
			return drain(c.OrgMigrations.List(ctx, "octo-org", omit))
		}, "exclude=repositories&per_page=100"},
		{"migrations without repositories, with options", func(ctx context.Context, c *ghmigrate.Client) error {
			return drain(c.OrgMigrations.List(ctx, "octo-org", &ghmigrate.ListOrgMigrationsOptions{
				ListOptions: ghmigrate.ListOptions{PerPage: 10}, OmitRepositories: true,
			}))
		}, "exclude=repositories&per_page=10"},
		{"migrations of a user, default", func(ctx context.Context, c *ghmigrate.Client) error {
			return drain(c.UserMigrations.List(ctx, nil))
		}, ""},
		{"migrations of a user, with options", func(ctx context.Context, c *ghmigrate.Client) error {
			return drain(c.UserMigrations.List(ctx, &ghmigrate.ListOptions{Page: 2, PerPage: 100}))
		}, "page=2&per_page=100"},
		{"authors, not paged", func(ctx context.Context, c *ghmigrate.Client) error {
			return drain(c.SourceImports.ListAuthors(ctx, "octo-org", "hello", nil))
		}, ""},
		{"large files, not paged", func(ctx context.Context, c *ghmigrate.Client) error {
			return drain(c.SourceImports.ListLargeFiles(ctx, "octo-org", "hello"))
		}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var queries []string
			client := clientWithHandler(t, "https://ghes.example.com/api/v3", func(w http.ResponseWriter, r *http.Request) {
				queries = append(queries, r.URL.Query().Encode())
				_, _ = io.WriteString(w, `[]`)
			})
			require.NoError(t, test.list(t.Context(), client))
			assert.Equal(t, []string{test.query}, queries)
			assert.Equal(t, &ghmigrate.ListOrgMigrationsOptions{OmitRepositories: true}, omit, "the caller's options are not changed")
		})
	}
}

func TestListEndsWithItsContext(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		startExports(t, server, client, 3)
		reason := errors.New("the user is gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)

		var ids []int64
		var end error
		for m, err := range client.OrgMigrations.List(ctx, "octo-org", &ghmigrate.ListOrgMigrationsOptions{
			ListOptions: ghmigrate.ListOptions{PerPage: 1},
		}) {
			if err != nil {
				end = err
				continue
			}
			ids = append(ids, m.ID)
			cancel(reason)
		}
		assert.Equal(t, []int64{81}, ids)
		require.ErrorIs(t, end, context.Canceled)
		assert.ErrorIs(t, end, reason)
	})
}

func TestCollect(t *testing.T) {
	broken := errors.New("broken")
	for _, test := range []struct {
		name string
		seq  iter.Seq2[int, error]
		want []int
		err  error
	}{
		{"no items", func(func(int, error) bool) {}, nil, nil},
		{"all items", func(yield func(int, error) bool) { _ = yield(1, nil) && yield(2, nil) }, []int{1, 2}, nil},
		{"an error, with the items before it", func(yield func(int, error) bool) {
			_ = yield(1, nil) && yield(2, broken) && yield(3, nil)
		}, []int{1}, broken},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := ghmigrate.Collect(test.seq)
			assert.Equal(t, test.want, got)
			assert.Equal(t, test.err, err)
		})
	}
}

// A proxy may remove the Link header.
func TestListsWithoutLinkHeadersContinueAfterAFullPage(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 7, 30, 100} {
		for _, items := range []int{0, 1, 29, 30, 31, 60, 250} {
			t.Run(fmt.Sprintf("%d items, %d a page", items, size), func(t *testing.T) {
				t.Parallel()
				requests := 0
				client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
					requests++
					query := req.URL.Query()
					per, page := 30, 1
					if n, err := strconv.Atoi(query.Get("per_page")); err == nil {
						per = n
					}
					if n, err := strconv.Atoi(query.Get("page")); err == nil {
						page = n
					}
					var list []string
					for i := (page - 1) * per; i < min(page*per, items); i++ {
						list = append(list, fmt.Sprintf(`{"id": %d}`, i+1))
					}
					return respond(req, http.StatusOK, nil, "["+strings.Join(list, ",")+"]"), nil
				})
				all, err := ghmigrate.Collect(client.UserMigrations.List(t.Context(), &ghmigrate.ListOptions{PerPage: size}))
				require.NoError(t, err)
				require.Len(t, all, items)
				for i, m := range all {
					assert.Equal(t, int64(i+1), m.ID)
				}
				assert.Equal(t, items/cmp.Or(size, 30)+1, requests)
			})
		}
	}
}

// A proxy may replace GitHub's Link header.
func TestLinksThatAreNotToPagesAreIgnored(t *testing.T) {
	t.Parallel()
	for _, link := range []string{"", `<https://cdn.example.com>; rel="preconnect"`, `</style.css>; rel=preload; as=style`} {
		client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
			if req.URL.Query().Get("page") == "2" {
				return respond(req, http.StatusOK, http.Header{"Link": {link}}, `[{"id": 3}]`), nil
			}
			return respond(req, http.StatusOK, http.Header{"Link": {link}}, `[{"id": 1}, {"id": 2}]`), nil
		})
		all, err := ghmigrate.Collect(client.UserMigrations.List(t.Context(), &ghmigrate.ListOptions{PerPage: 2}))
		require.NoError(t, err)
		assert.Len(t, all, 3, link)
	}
}

func TestAFullPageWithoutANextLinkIsTheLast(t *testing.T) {
	t.Parallel()
	for _, relation := range []string{"first", "prev", "last"} {
		client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
			assert.Empty(t, req.URL.Query().Get("page"))
			return respond(req, http.StatusOK, http.Header{"Link": {`<https://api.github.com/user/migrations?page=1>; rel="` + relation + `"`}}, `[{"id": 1}, {"id": 2}]`), nil
		})
		all, err := ghmigrate.Collect(client.UserMigrations.List(t.Context(), &ghmigrate.ListOptions{PerPage: 2}))
		require.NoError(t, err)
		assert.Len(t, all, 2, relation)
	}
}

// An odd element is dropped, but counts as an element of the page.
func TestAFullPageWithAnOddElementIsFull(t *testing.T) {
	t.Parallel()
	client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
		if req.URL.Query().Get("page") == "2" {
			return respond(req, http.StatusOK, nil, `[{"id": 3}]`), nil
		}
		return respond(req, http.StatusOK, nil, `[{"id": 1}, null]`), nil
	})
	all, err := ghmigrate.Collect(client.UserMigrations.List(t.Context(), &ghmigrate.ListOptions{PerPage: 2}))
	require.NoError(t, err)
	require.Len(t, all, 2)
	assert.Equal(t, int64(3), all[1].ID)
}

func TestAServerThatIgnoresThePageNumberEndsTheList(t *testing.T) {
	t.Parallel()
	client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
		return respond(req, http.StatusOK, nil, `[{"id": 1}, {"id": 2}]`), nil
	})
	all, err := ghmigrate.Collect(client.UserMigrations.List(t.Context(), &ghmigrate.ListOptions{PerPage: 2}))
	require.ErrorContains(t, err, "leads back")
	assert.Len(t, all, 2)
}

func TestListsThatAreNotPagedAreOneRequest(t *testing.T) {
	t.Parallel()
	requests := 0
	client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
		requests++
		return respond(req, http.StatusOK, nil, "["+strings.Repeat(`{"id": 1, "path": "a"},`, 99)+`{"id": 1, "path": "a"}]`), nil
	})
	require.NoError(t, drain(client.SourceImports.ListLargeFiles(t.Context(), "octocat", "socm")))
	require.NoError(t, drain(client.SourceImports.ListAuthors(t.Context(), "octocat", "socm", nil)))
	assert.Equal(t, 2, requests)
}

// GitHub leaves out organizations that require single sign-on.
func TestAPartialListEndsWithAnError(t *testing.T) {
	t.Parallel()
	client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
		header := http.Header{"X-Github-Sso": {"partial-results; organizations=21955855,20582480"}}
		if req.URL.Query().Get("page") == "" {
			header.Set("Link", `<https://api.github.com/user/migrations?page=2>; rel="next"`)
			return respond(req, http.StatusOK, header, `[{"id": 2}]`), nil
		}
		return respond(req, http.StatusOK, header, `[{"id": 1}]`), nil
	})
	all, err := ghmigrate.Collect(client.UserMigrations.List(t.Context(), nil))
	require.ErrorIs(t, err, ghmigrate.ErrSSORequired)
	require.ErrorIs(t, err, ghmigrate.ErrForbidden)
	require.ErrorContains(t, err, "organizations=21955855,20582480")
	assert.Len(t, all, 2)
}
