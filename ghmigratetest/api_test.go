package ghmigratetest_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// TestRefusals checks the status of the strict server and of the lenient server for
// each rule.
func TestRefusals(t *testing.T) {
	const list = "/orgs/octo/migrations"
	for _, test := range []struct {
		name            string
		method, target  string
		body            string
		header          []string
		strict, lenient int
	}{
		{"a good request", "GET", list, "", nil, 200, 200},
		{"the other version", "GET", list, "", []string{"X-GitHub-Api-Version", "2026-03-10"}, 200, 200},
		{"Accept of plain JSON", "GET", list, "", []string{"Accept", "application/json"}, 200, 200},
		{"the scheme token instead of Bearer", "GET", list, "", []string{"Authorization", "token TOKEN"}, 200, 200},

		{"no version", "GET", list, "", []string{"X-GitHub-Api-Version", ""}, 400, 200},
		{"a version that does not exist", "GET", list, "", []string{"X-GitHub-Api-Version", "2020-01-01"}, 410, 410},
		{"no User-Agent", "GET", list, "", []string{"User-Agent", ""}, 403, 403},
		{"no Accept", "GET", list, "", []string{"Accept", ""}, 415, 200},
		{"any Accept", "GET", list, "", []string{"Accept", "*/*"}, 415, 200},
		{"another Accept", "GET", list, "", []string{"Accept", "text/html"}, 415, 200},

		{"no token", "GET", list, "", []string{"Authorization", ""}, 401, 401},
		{"a wrong token", "GET", list, "", []string{"Authorization", "Bearer ghp_wrong"}, 401, 401},
		{"basic authentication", "GET", list, "", []string{"Authorization", "Basic TOKEN"}, 401, 401},
		{"a fine-grained token", "GET", list, "", []string{"Authorization", "Bearer github_pat_1"}, 403, 403},
		{"a token of an app", "GET", list, "", []string{"Authorization", "Bearer ghs_1"}, 403, 403},
		{"a token of an app's user", "GET", list, "", []string{"Authorization", "Bearer ghu_1"}, 403, 403},

		{"an organization that does not exist", "GET", "/orgs/none/migrations", "", nil, 404, 404},
		{"a user as an organization", "GET", "/orgs/octocat/migrations", "", nil, 404, 404},
		{"an organization in another case", "GET", "/orgs/OCTO/migrations", "", nil, 200, 200},
		{"a path that does not exist", "GET", "/orgs/octo/nothing", "", nil, 404, 404},
		{"a trailing slash", "GET", list + "/", "", nil, 404, 404},
		{"a method that does not exist", "PUT", list, "", nil, 404, 404},
		{"a migration that does not exist", "GET", list + "/1", "", nil, 404, 404},
		{"an ID of letters", "GET", list + "/one", "", nil, 404, 404},
		{"an id of an organization that does not exist", "GET", "/organizations/1/migrations", "", nil, 404, 404},

		{"HEAD instead of GET", "HEAD", list, "", nil, 200, 200},
		{"a query that cannot be parsed", "GET", list + "?per_page=%zz", "", nil, 400, 200},
		{"a body of GET", "GET", list, "{}", nil, 400, 200},
		{"an unknown parameter", "GET", list + "?sort=asc", "", nil, 422, 200},
		{"exclude[]", "GET", list + "?exclude[]=repositories", "", nil, 422, 200},
		{"an unknown value of exclude", "GET", list + "?exclude=owner", "", nil, 422, 200},
		{"a parameter given twice", "GET", list + "?page=1&page=2", "", nil, 422, 200},
		{"page 0", "GET", list + "?page=0", "", nil, 422, 200},
		{"per_page 0", "GET", list + "?per_page=0", "", nil, 422, 200},
		{"per_page 101", "GET", list + "?per_page=101", "", nil, 422, 200},
		{"per_page of letters", "GET", list + "?per_page=all", "", nil, 422, 200},
		{"exclude for the user's list, which has no exclude", "GET", "/user/migrations?exclude=repositories", "", nil, 422, 200},
		{"a parameter of a start", "POST", list + "?page=1", hello, nil, 422, 201},

		{"a good start", "POST", list, hello, nil, 201, 201},
		{"a name in another case", "POST", list, `{"repositories":["Octo/HELLO"]}`, nil, 201, 201},
		{"all fields", "POST", list, `{"repositories":["octo/hello"],"lock_repositories":false,"exclude_metadata":false,` +
			`"exclude_git_data":false,"exclude_attachments":false,"exclude_releases":false,"exclude_owner_projects":false,` +
			`"org_metadata_only":false,"exclude":["repositories"]}`, nil, 201, 201},
		{"metadata of the organization only", "POST", list, `{"repositories":[],"org_metadata_only":true}`, nil, 201, 201},
		{"no body", "POST", list, "", nil, 422, 422},
		{"no repositories", "POST", list, `{}`, nil, 422, 422},
		{"null repositories", "POST", list, `{"repositories":null}`, nil, 422, 422},
		{"a string of repositories", "POST", list, `{"repositories":"octo/hello"}`, nil, 422, 422},
		{"a null repository", "POST", list, `{"repositories":[null]}`, nil, 422, 422},
		{"a body that is not JSON", "POST", list, `{`, nil, 400, 400},
		{"a list", "POST", list, `[]`, nil, 422, 422},
		{"a wrong type", "POST", list, `{"repositories":["octo/hello"],"lock_repositories":"true"}`, nil, 422, 422},
		{"null for a boolean", "POST", list, `{"repositories":["octo/hello"],"lock_repositories":null}`, nil, 422, 201},
		{"an unknown field", "POST", list, `{"repositories":["octo/hello"],"lock":true}`, nil, 422, 201},
		{"a field in another case", "POST", list, `{"repositories":["octo/hello"],"Lock_Repositories":true}`, nil, 422, 201},
		{"data after the object", "POST", list, hello + `{}`, nil, 422, 201},
		{"exclude of another property", "POST", list, `{"repositories":["octo/hello"],"exclude":["owner"]}`, nil, 422, 422},
		{"a bare name", "POST", list, `{"repositories":["hello"]}`, nil, 422, 201},
		{"two slashes", "POST", list, `{"repositories":["octo/hello/x"]}`, nil, 422, 422},
		{"a repository that does not exist", "POST", list, `{"repositories":["octo/none"]}`, nil, 422, 422},
		{"a repository of another owner", "POST", list, `{"repositories":["octocat/mine"]}`, nil, 422, 422},
		{"a repository of an organization for the user", "POST", "/user/migrations", hello, nil, 422, 422},
		{"an empty list", "POST", list, `{"repositories":[]}`, nil, 422, 201},
		{"repositories with metadata only", "POST", list, `{"repositories":["octo/hello"],"org_metadata_only":true}`, nil, 422, 201},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, mode := range []struct {
				name   string
				opts   []ghmigratetest.Option
				status int
			}{
				{"strict", nil, test.strict},
				{"lenient", []ghmigratetest.Option{ghmigratetest.Lenient()}, test.lenient},
			} {
				c := newServer(t, mode.opts...)
				c.AddRepository("octo/hello")
				c.AddRepository("octocat/mine")
				header := append([]string(nil), test.header...)
				for i, v := range header {
					header[i] = strings.ReplaceAll(v, "TOKEN", c.Token())
				}
				res := c.do(test.method, test.target, test.body, header...)
				assert.Equal(t, mode.status, res.status, "%s: %s", mode.name, res.body)
				if res.status < 400 || test.name == "no User-Agent" {
					continue
				}
				failure := res.object(t)
				assert.NotEmpty(t, failure["message"])
				assert.NotEmpty(t, failure["documentation_url"])
				if res.status == http.StatusUnprocessableEntity {
					first := failure["errors"].([]any)[0].(map[string]any)
					assert.NotEmpty(t, first["code"], mode.name)
				}
				assert.Equal(t, mode.name == "strict" && test.lenient < 400, strings.Contains(res.body, "ghmigratetest.Lenient"),
					"a refusal of the strict server names the option: %s", res.body)
				assert.Empty(t, c.Migrations(), "a refused request has no effect")
			}
		})
	}
}

func TestErrorsNameTheField(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	res := c.do("POST", "/orgs/octo/migrations", `{"repositories":["octo/hello"],"lock_repositories":1,"surprise":2}`)
	assert.Equal(t, map[string]any{
		"message":           "Validation Failed",
		"documentation_url": "https://docs.github.com/rest/migrations",
		"status":            "422",
		"errors": []any{
			map[string]any{"resource": "Migration", "field": "lock_repositories", "code": "invalid", "message": "must be a boolean"},
			map[string]any{"resource": "Migration", "field": "surprise", "code": "invalid", "message": "is not a field of this request (GitHub is not known to refuse this; " +
				"ghmigratetest.Lenient accepts it, and so does ghmigrate fake without --strict)"},
		},
	}, res.object(t))
}

// GitHub was recorded to send errors with an index, and one error without an index if
// no repository remains.
func TestUnknownRepositoriesAreRefusedByIndex(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	c.AddRepository("octocat/mine")
	invalid := func(index float64) map[string]any {
		return map[string]any{"resource": "Migration", "field": "repositories", "index": index, "code": "invalid_value"}
	}
	missing := map[string]any{"resource": "Migration", "field": "repositories", "code": "missing_field"}
	for body, want := range map[string][]any{
		`{"repositories":["octo/none"]}`:                                             {invalid(0), missing},
		`{"repositories":["octo/hello","octo/none","octocat/mine","o/c/t","a b/c"]}`: {invalid(1), invalid(2), invalid(3), invalid(4)},
		`{}`: {missing},
	} {
		res := c.do("POST", "/orgs/octo/migrations", body)
		assert.Equal(t, http.StatusUnprocessableEntity, res.status)
		assert.Equal(t, "Validation Failed", res.object(t)["message"])
		assert.Equal(t, want, res.object(t)["errors"], body)
	}
	c.Inject(ghmigratetest.Fault{Remove: []string{"/errors/*/index"}})
	res := c.do("POST", "/orgs/octo/migrations", `{"repositories":["octo/none"]}`)
	assert.NotContains(t, res.body, "index", "a fault removes the index")
}

func TestResponsesHaveGitHubsHeaders(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	res := c.do("GET", "/orgs/octo/migrations", "", "X-GitHub-Api-Version", "2026-03-10")
	assert.Regexp(t, `^[0-9A-F]{4}:[0-9A-F]{6}:[0-9A-F]{8}:[0-9A-F]{10}$`, res.header.Get("X-GitHub-Request-Id"))
	assert.Equal(t, "github.v3; format=json", res.header.Get("X-GitHub-Media-Type"))
	assert.Equal(t, "2026-03-10", res.header.Get("X-GitHub-Api-Version-Selected"))
	assert.Equal(t, "application/json; charset=utf-8", res.header.Get("Content-Type"))
	assert.Equal(t, "private, max-age=60", res.header.Get("Cache-Control"))
	assert.Equal(t, "admin:org, repo", res.header.Get("X-Accepted-OAuth-Scopes"))
}

func TestRateLimitIsCountedAndEnforced(t *testing.T) {
	c := newServer(t, ghmigratetest.WithRateLimit(3))
	c.AddRepository("octo/hello")
	limits := func(res response) [5]string {
		return [5]string{
			strconv.Itoa(res.status), res.header.Get("X-RateLimit-Limit"), res.header.Get("X-RateLimit-Used"),
			res.header.Get("X-RateLimit-Remaining"), res.header.Get("X-RateLimit-Resource"),
		}
	}
	first := c.do("GET", "/orgs/octo/migrations", "")
	assert.Equal(t, [5]string{"200", "3", "1", "2", "core"}, limits(first))
	assert.Equal(t, [5]string{"404", "3", "2", "1", "core"}, limits(c.do("GET", "/orgs/octo/migrations/1", "")))

	// A 304 does not count.
	known := c.do("GET", "/orgs/octo/migrations", "", "If-None-Match", first.header.Get("ETag"))
	assert.Equal(t, [5]string{"304", "3", "2", "1", "core"}, limits(known))

	assert.Equal(t, [5]string{"200", "3", "3", "0", "core"}, limits(c.do("GET", "/orgs/octo/migrations", "")))
	over := c.do("POST", "/orgs/octo/migrations", hello)
	assert.Equal(t, [5]string{"403", "3", "3", "0", "core"}, limits(over))
	assert.Contains(t, over.body, "API rate limit exceeded")
	assert.Empty(t, c.Migrations())

	reset, err := strconv.ParseInt(over.header.Get("X-RateLimit-Reset"), 10, 64)
	require.NoError(t, err)
	c.Clock().Advance(time.Unix(reset, 0).Sub(c.Clock().Now()))
	assert.Equal(t, [5]string{"201", "3", "1", "2", "core"}, limits(c.do("POST", "/orgs/octo/migrations", hello)))
}

func TestETagsChangeWithTheirResource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newServer(t)
		c.AddRepository("octo/hello")
		id := c.start("/orgs/octo", hello)
		for _, target := range []string{c.path(id), "/orgs/octo/migrations", c.path(id) + "/repositories"} {
			etag := c.do("GET", target, "").header.Get("ETag")
			require.True(t, strings.HasPrefix(etag, `W/"`), etag)
			res := c.do("GET", target, "", "If-None-Match", `"other", `+etag)
			assert.Equal(t, http.StatusNotModified, res.status, target)
			assert.Empty(t, res.body)
			assert.Equal(t, etag, res.header.Get("ETag"))
			assert.Equal(t, http.StatusOK, c.do("GET", target, "", "If-None-Match", `"other"`).status)
		}
		etag := c.do("GET", c.path(id), "").header.Get("ETag")
		c.Clock().Advance(time.Second)
		assert.Equal(t, http.StatusOK, c.do("GET", c.path(id), "", "If-None-Match", etag).status, "the state changed")
	})
}
