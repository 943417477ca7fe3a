package ghmigratetest_test

import (
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

func TestLifeOfAMigration(t *testing.T) {
	for _, account := range []string{"/orgs/octo", "/user"} {
		t.Run(account, func(t *testing.T) {
			c := newServer(t, ghmigratetest.WithExportDuration(100*time.Second))
			owner := map[string]string{"/orgs/octo": "octo", "/user": "octocat"}[account]
			c.AddRepository(owner + "/hello")
			res := c.do("POST", account+"/migrations", `{"repositories":["`+owner+`/hello"],"lock_repositories":true}`)
			require.Equal(t, http.StatusCreated, res.status, res.body)
			self := res.object(t)["url"].(string)
			id := int64(res.object(t)["id"].(float64))
			assert.Equal(t, self, res.header.Get("Location"))
			assert.Equal(t, c.URL()+account+"/migrations/"+itoa(id), self)

			// look returns the state, whether there is an archive_url, the status of
			// the archive, lock_repositories, and whether the repository is locked.
			look := func() string {
				m := c.do("GET", self, "").object(t)
				_, has := m["archive_url"]
				return fmt.Sprintf("%v %v %d %v %v", m["state"], has, c.do("GET", self+"/archive", "").status,
					m["lock_repositories"], c.Locked(owner+"/hello"))
			}
			assert.Equal(t, "pending false 404 true false", look())
			assert.Equal(t, http.StatusNotFound, c.do("DELETE", self+"/archive", "").status)
			assert.Equal(t, http.StatusNotFound, c.do("DELETE", self+"/repos/hello/lock", "").status)

			c.Clock().Advance(11 * time.Second)
			assert.Equal(t, "exporting false 404 true true", look())
			assert.Equal(t, http.StatusNotFound, c.do("DELETE", self+"/archive", "").status)
			assert.Equal(t, http.StatusNotFound, c.do("DELETE", self+"/repos/hello/lock", "").status)

			c.Clock().Advance(90 * time.Second)
			assert.Equal(t, "exported true 302 true true", look())
			assert.Equal(t, ghmigratetest.Migration{
				ID: id, GUID: res.object(t)["guid"].(string), Owner: owner, State: "exported",
				Options: []string{"lock_repositories"}, Repositories: []string{owner + "/hello"}, Locked: []string{owner + "/hello"},
			}, c.Migration(id))

			assert.Equal(t, http.StatusNotFound, c.do("DELETE", self+"/repos/other/lock", "").status)
			assert.Equal(t, http.StatusNoContent, c.do("DELETE", self+"/repos/HELLO/lock", "").status)
			assert.Equal(t, http.StatusNotFound, c.do("DELETE", self+"/repos/hello/lock", "").status)
			assert.Equal(t, "exported true 302 true false", look())

			assert.Equal(t, http.StatusNoContent, c.do("DELETE", self+"/archive", "").status)
			assert.Equal(t, http.StatusNotFound, c.do("DELETE", self+"/archive", "").status)
			assert.Equal(t, "exported false 404 true false", look())
			assert.True(t, c.Migration(id).ArchiveDeleted)
			assert.Equal(t, http.StatusNotFound, c.do("GET", "/orgs/other/migrations/"+itoa(id), "").status)
		})
	}
}

func TestArchivesAreDeletedAfterSevenDays(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	id := c.exported(hello)
	c.Clock().Advance(7*24*time.Hour - 2*time.Minute)
	assert.Equal(t, http.StatusFound, c.do("GET", c.path(id)+"/archive", "").status)
	c.Clock().Advance(2 * time.Minute)
	res := c.do("GET", c.path(id)+"/archive", "")
	assert.Equal(t, http.StatusNotFound, res.status)
	assert.JSONEq(t, `{"message":"Not Found","documentation_url":"https://docs.github.com/rest/migrations","status":"404"}`, res.body)
	assert.Equal(t, http.StatusNotFound, c.do("DELETE", c.path(id)+"/archive", "").status)
	m := c.do("GET", c.path(id), "").object(t)
	assert.Equal(t, "exported", m["state"])
	assert.Contains(t, m, "archive_url")
}

func TestPoisonedExportsFail(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	c.AddRepository("octo/bad", ghmigratetest.PoisonsExport())
	id := c.exported(`{"repositories":["octo/hello","octo/bad"],"lock_repositories":true}`)
	m := c.do("GET", c.path(id), "").object(t)
	assert.Equal(t, "failed", m["state"])
	assert.NotContains(t, m, "archive_url")
	assert.Equal(t, http.StatusNotFound, c.do("GET", c.path(id)+"/archive", "").status)
	assert.True(t, c.Locked("octo/bad"), "a failed export keeps its locks")
	assert.Equal(t, http.StatusNoContent, c.do("DELETE", c.path(id)+"/repos/bad/lock", "").status)
	assert.False(t, c.Locked("octo/bad"))
	assert.Equal(t, []string{"octo/hello"}, c.Migration(id).Locked)
}

func TestOneMigrationHoldsALock(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	first, second, third := c.start("/orgs/octo", helloLocked), c.start("/orgs/octo", helloLocked), c.start("/orgs/octo", hello)
	c.Clock().Advance(time.Minute)
	assert.Equal(t, http.StatusNotFound, c.do("DELETE", c.path(third)+"/repos/hello/lock", "").status)
	assert.Equal(t, http.StatusNotFound, c.do("DELETE", c.path(second)+"/repos/hello/lock", "").status)
	assert.True(t, c.Locked("octo/hello"))
	assert.Equal(t, http.StatusNoContent, c.do("DELETE", c.path(first)+"/repos/hello/lock", "").status)
	assert.False(t, c.Locked("octo/hello"))
}

func TestForget(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	id := c.exported(helloLocked)
	other := c.exported(hello)
	archive := c.do("GET", c.path(id)+"/archive", "").header.Get("Location")
	c.Forget(id)
	assert.Equal(t, http.StatusNotFound, c.do("GET", c.path(id), "").status)
	assert.Equal(t, http.StatusNotFound, c.do("GET", archive, "").status)
	assert.False(t, c.Locked("octo/hello"))
	assert.Zero(t, c.Migration(id))
	c.Forget(c.start("/orgs/octo", helloLocked))
	c.Clock().Advance(time.Minute)
	assert.False(t, c.Locked("octo/hello"), "a later event of a forgotten migration does not lock")
	assert.Equal(t, other, c.Migration(other).ID)
}

func TestStartEchoesItsOptions(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	for _, option := range []string{
		"lock_repositories", "exclude_metadata", "exclude_git_data", "exclude_attachments",
		"exclude_releases", "exclude_owner_projects",
	} {
		m := c.do("POST", "/orgs/octo/migrations", `{"repositories":["octo/hello"],"`+option+`":true}`).object(t)
		for _, other := range []string{
			"lock_repositories", "exclude_metadata", "exclude_git_data", "exclude_attachments",
			"exclude_releases", "exclude_owner_projects", "org_metadata_only",
		} {
			assert.Equal(t, other == option, m[other], "%s when %s is set", other, option)
		}
		assert.NotContains(t, m, "exclude")
	}
	m := c.do("POST", "/orgs/octo/migrations", `{"repositories":["octo/hello"],"exclude":["repositories"]}`).object(t)
	assert.Equal(t, []any{"repositories"}, m["exclude"])
	assert.Empty(t, m["repositories"])
}

func TestRepositoriesCanBeExcluded(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	c.AddRepository("octocat/mine")
	org := c.start("/orgs/octo", hello)
	user := c.start("/user", `{"repositories":["octocat/mine"]}`)
	for target, n := range map[string]int{
		c.path(org):                                     1,
		c.path(org) + "?exclude=repositories":           0,
		"/user/migrations/" + itoa(user):                1,
		"/user/migrations/79?exclude=repositories":      -1, // the organization's migration
		"/user/migrations/80?exclude=repositories":      0,
		"/orgs/octo/migrations":                         1,
		"/orgs/octo/migrations?exclude=repositories":    0,
		"/user/migrations":                              1,
		"/orgs/octo/migrations/80":                      -1, // the user's migration
		c.path(org) + "/repositories?page=2&per_page=1": -2,
	} {
		res := c.do("GET", target, "")
		switch {
		case n == -1:
			assert.Equal(t, http.StatusNotFound, res.status, target)
		case n == -2:
			assert.Equal(t, "[]", res.body, target)
		case strings.HasPrefix(res.body, "["):
			assert.Len(t, res.list(t)[0]["repositories"], n, target)
		default:
			assert.Len(t, res.object(t)["repositories"], n, target)
		}
	}
}

// The numbers are the numbers of properties in GitHub's OpenAPI description, version
// 23.0.2 of @octokit/openapi.
func TestResourcesHaveAllProperties(t *testing.T) {
	c := newServer(t, ghmigratetest.WithExportDuration(time.Hour))
	c.AddRepository("octo/hello", ghmigratetest.Private(), ghmigratetest.WithIssues(3))
	id := c.start("/orgs/octo", hello)
	get := func(target, version string) response { return c.do("GET", target, "", "X-GitHub-Api-Version", version) }

	full := get(c.path(id), "2022-11-28").object(t)
	assert.Len(t, full, 16, "18 properties, without archive_url, which only an exported migration has, and exclude")
	assert.Len(t, full["owner"], 22)
	repository := full["repositories"].([]any)[0].(map[string]any)
	assert.Len(t, repository, 98)
	assert.Equal(t, "octo/hello", repository["full_name"])
	assert.Equal(t, true, repository["private"])
	assert.Equal(t, "private", repository["visibility"])
	assert.EqualValues(t, 3, repository["open_issues_count"])
	assert.Contains(t, repository, "has_downloads")
	assert.Equal(t, c.URL()+"/repos/octo/hello/git/trees{/sha}", repository["trees_url"])

	minimal := get(c.path(id)+"/repositories", "2022-11-28").list(t)[0]
	assert.Len(t, minimal, 90)
	simple := get(c.path(id)+"/repositories", "2026-03-10").list(t)[0]
	assert.Len(t, simple, 46)
	assert.Equal(t, simple, get(c.path(id), "2026-03-10").object(t)["repositories"].([]any)[0])
	assert.Subset(t, slices.Collect(maps.Keys(repository)), slices.Collect(maps.Keys(simple)))
	assert.Subset(t, slices.Collect(maps.Keys(minimal)), slices.Collect(maps.Keys(simple)))
}

func TestTimestampsHaveThreeFormats(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	forms := []*regexp.Regexp{
		regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d-07:00$`),
		regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000\+02:00$`),
		regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`),
	}
	seen := make(map[int]bool)
	for range 3 {
		id := c.start("/orgs/octo", hello)
		m := c.do("GET", c.path(id), "").object(t)
		for i, form := range forms {
			if form.MatchString(m["created_at"].(string)) && form.MatchString(m["updated_at"].(string)) {
				seen[i] = true
			}
		}
	}
	assert.Equal(t, map[int]bool{0: true, 1: true, 2: true}, seen)
}

func TestPages(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	c.AddRepository("octocat/mine")
	var newestFirst []int64
	for range 5 {
		newestFirst = append([]int64{c.start("/orgs/octo", hello)}, newestFirst...)
		c.start("/user", `{"repositories":["octocat/mine"]}`)
	}
	ids := func(list []map[string]any) []int64 {
		out := make([]int64, len(list))
		for i, m := range list {
			out[i] = int64(m["id"].(float64))
		}
		return out
	}
	owner := c.do("GET", c.path(newestFirst[0]), "").object(t)["owner"].(map[string]any)["id"].(float64)
	base := fmt.Sprintf("%s/organizations/%.0f/migrations", c.URL(), owner)

	res := c.do("GET", "/orgs/octo/migrations?per_page=2&exclude=repositories", "")
	assert.Equal(t, newestFirst[:2], ids(res.list(t)))
	assert.Equal(t, fmt.Sprintf(`<%[1]s?exclude=repositories&page=2&per_page=2>; rel="next", `+
		`<%[1]s?exclude=repositories&page=3&per_page=2>; rel="last"`, base), res.header.Get("Link"))

	res = c.do("GET", next(t, res), "") // a URL with the ID of the organization
	assert.Equal(t, newestFirst[2:4], ids(res.list(t)))
	assert.Equal(t, fmt.Sprintf(`<%[1]s?exclude=repositories&page=1&per_page=2>; rel="prev", `+
		`<%[1]s?exclude=repositories&page=3&per_page=2>; rel="next", `+
		`<%[1]s?exclude=repositories&page=3&per_page=2>; rel="last", `+
		`<%[1]s?exclude=repositories&page=1&per_page=2>; rel="first"`, base), res.header.Get("Link"))

	res = c.do("GET", next(t, res), "")
	assert.Equal(t, newestFirst[4:], ids(res.list(t)))
	assert.NotContains(t, res.header.Get("Link"), "next")

	for _, page := range []int{9, math.MaxInt} {
		res = c.do("GET", fmt.Sprintf("/orgs/octo/migrations?per_page=2&page=%d", page), "")
		assert.Equal(t, "[]", res.body)
		assert.Contains(t, res.header.Get("Link"), `page=3&per_page=2>; rel="prev"`)
	}

	assert.Empty(t, c.do("GET", "/orgs/octo/migrations", "").header.Get("Link"), "one page")
	res = c.do("GET", "/user/migrations?per_page=1", "")
	assert.Contains(t, res.header.Get("Link"), "<"+c.URL()+"/user/migrations?page=2&per_page=1>; rel=\"next\"")
}

// next returns the URL of the next page.
func next(t *testing.T, res response) string {
	t.Helper()
	found := regexp.MustCompile(`<([^>]*)>; rel="next"`).FindStringSubmatch(res.header.Get("Link"))
	require.NotNil(t, found)
	return found[1]
}

func TestPagesOfRepositories(t *testing.T) {
	c := newServer(t)
	names := make([]string, 31)
	for i := range names {
		names[i] = fmt.Sprintf("octo/r%02d", i)
		c.AddRepository(names[i])
	}
	id := c.start("/orgs/octo", `{"repositories":["`+strings.Join(names, `","`)+`","octo/r00"]}`)
	var got []string
	target := c.path(id) + "/repositories"
	for range 2 {
		res := c.do("GET", target, "")
		for _, r := range res.list(t) {
			got = append(got, r["full_name"].(string))
		}
		if len(got) == 30 {
			target = next(t, res)
		}
	}
	assert.Equal(t, names, got, "thirty repositories on a page, and no repository twice")
	u, err := url.Parse(target)
	require.NoError(t, err)
	assert.Regexp(t, `/api/v3/organizations/\d+/migrations/79/repositories$`, u.Path)
	assert.Len(t, c.do("GET", c.path(id), "").object(t)["repositories"], 31)
}

func TestOperationsOfGHES(t *testing.T) {
	c := newServer(t, ghmigratetest.WithGHES(), ghmigratetest.WithSourceImports())
	c.AddRepository("octo/hello")
	c.AddRepository("octocat/mine")
	org := c.start("/orgs/octo", helloLocked)
	user := c.start("/user", `{"repositories":["octocat/mine"],"lock_repositories":true}`)
	c.Clock().Advance(time.Minute)
	mine := "/user/migrations/" + itoa(user)
	got := make(map[string]int)
	for _, request := range []string{
		"GET /orgs/octo/migrations", "GET " + c.path(org), "GET " + c.path(org) + "/archive",
		"GET " + c.path(org) + "/repositories", "DELETE " + c.path(org) + "/repos/hello/lock", "DELETE " + c.path(org) + "/archive",
		"GET /user/migrations", "GET " + mine + "/archive", "GET " + mine + "/repositories",
		"GET " + mine, "DELETE " + mine + "/repos/mine/lock", "DELETE " + mine + "/archive",
		"GET /repos/octo/hello/import",
	} {
		method, target, _ := strings.Cut(request, " ")
		res := c.do(method, target, "")
		got[request] = res.status
		for name := range res.header {
			assert.NotContains(t, name, "Ratelimit")
		}
	}
	assert.Equal(t, map[string]int{
		"GET /orgs/octo/migrations": 200, "GET " + c.path(org): 200, "GET " + c.path(org) + "/archive": 302,
		"GET " + c.path(org) + "/repositories": 200, "DELETE " + c.path(org) + "/repos/hello/lock": 204, "DELETE " + c.path(org) + "/archive": 204,
		"GET /user/migrations": 200, "GET " + mine + "/archive": 302, "GET " + mine + "/repositories": 200,
		"GET " + mine: 404, "DELETE " + mine + "/repos/mine/lock": 404, "DELETE " + mine + "/archive": 404,
		"GET /repos/octo/hello/import": 404,
	}, got)
}
