package ghmigratetest_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

func TestOverview(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	c.AddRepository("octo/secret", ghmigratetest.Private())

	user := c.do("GET", "/user", "").object(t)
	assert.Equal(t, []any{"octocat", "User"}, []any{user["login"], user["type"]})
	assert.Len(t, user, 40)
	org := c.do("GET", "/orgs/OCTO", "").object(t)
	assert.Equal(t, []any{"octo", "Organization", 1.0, 1.0}, []any{org["login"], org["type"], org["public_repos"], org["total_private_repos"]})
	assert.Equal(t, org, c.do("GET", fmt.Sprintf("/organizations/%v", org["id"]), "").object(t))
	for _, target := range []string{"/user/memberships/orgs/octo", "/orgs/octo/memberships/octocat"} {
		membership := c.do("GET", target, "").object(t)
		assert.Equal(t, []any{"active", "admin", "octo", "octocat"}, []any{
			membership["state"], membership["role"],
			membership["organization"].(map[string]any)["login"], membership["user"].(map[string]any)["login"],
		})
	}
	assert.NotContains(t, c.do("GET", "/meta", "").object(t), "installed_version")
	assert.Equal(t, http.StatusNotFound, c.do("GET", "/orgs/none", "").status)
	assert.Equal(t, http.StatusNotFound, c.do("GET", "/orgs/octocat", "").status)
	assert.Equal(t, http.StatusNotFound, c.do("GET", "/orgs/octo/memberships/mona", "").status)
}

func TestVersionOfGHES(t *testing.T) {
	c := newServer(t, ghmigratetest.WithGHES())
	a := c.do("GET", "/meta", "", "Authorization", "")
	assert.Equal(t, http.StatusOK, a.status)
	assert.Equal(t, "3.19.0", a.object(t)["installed_version"])
	assert.Equal(t, "3.19.0", a.header.Get("X-GitHub-Enterprise-Version"))
	assert.Empty(t, a.header.Get("X-OAuth-Scopes"))
	assert.Equal(t, http.StatusUnauthorized, c.do("GET", "/meta", "", "Authorization", "Bearer wrong").status)
	assert.Equal(t, http.StatusUnauthorized, c.do("GET", "/user", "", "Authorization", "").status)
}

// What each kind of token may: GET /user, the membership, the migrations; and
// whether its scopes are told.
func TestTokens(t *testing.T) {
	scopes := ghmigratetest.WithScopes
	for _, test := range []struct {
		name string
		opts []ghmigratetest.Option
		want []int
		told string
	}{
		{"classic", nil, []int{200, 200, 200}, "admin:org, repo"},
		{"without repo", []ghmigratetest.Option{scopes("admin:org")}, []int{200, 200, 403}, "admin:org"},
		{"that reads organizations", []ghmigratetest.Option{scopes("repo", "read:org")}, []int{200, 200, 403}, "repo, read:org"},
		{"without scopes", []ghmigratetest.Option{scopes()}, []int{200, 403, 403}, ""},
		{"fine-grained", []ghmigratetest.Option{ghmigratetest.WithToken("github_pat_1")}, []int{200, 200, 403}, "none"},
		{"of an app's user", []ghmigratetest.Option{ghmigratetest.WithToken("ghu_1")}, []int{200, 200, 403}, "none"},
		{"of an app", []ghmigratetest.Option{ghmigratetest.WithToken("ghs_1")}, []int{403, 200, 403}, "none"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newServer(t, test.opts...)
			c.AddRepository("octo/hello")
			user := c.do("GET", "/user", "")
			assert.Equal(t, test.want, []int{
				user.status,
				c.do("GET", "/user/memberships/orgs/octo", "").status,
				c.do("GET", "/orgs/octo/migrations", "").status,
			})
			told := "none"
			if values, ok := user.header["X-Oauth-Scopes"]; ok {
				told = values[0]
			}
			assert.Equal(t, test.told, told)
		})
	}
}

func TestTokensExpire(t *testing.T) {
	at := time.Now().Add(time.Hour).Truncate(time.Second)
	c := newServer(t, ghmigratetest.WithTokenExpiry(at))
	a := c.do("GET", "/user", "")
	require.Equal(t, http.StatusOK, a.status)
	assert.Equal(t, at.UTC().Format("2006-01-02 15:04:05")+" UTC", a.header.Get("GitHub-Authentication-Token-Expiration"))
	c.Clock().Advance(time.Hour)
	assert.Equal(t, http.StatusUnauthorized, c.do("GET", "/user", "").status)
	c = newServer(t)
	assert.Empty(t, c.do("GET", "/user", "").header.Get("GitHub-Authentication-Token-Expiration"))
}

// What each role may: the organization, the membership, the migrations; and
// how many repositories it sees.
func TestRoles(t *testing.T) {
	for role, want := range map[string][]int{"admin": {200, 200, 200, 2}, "member": {200, 200, 404, 2}, "": {200, 404, 404, 1}} {
		c := newServer(t)
		c.AddRepository("octo/hello")
		c.AddRepository("octo/secret", ghmigratetest.Private())
		c.SetRole("octo", role)
		membership := c.do("GET", "/user/memberships/orgs/octo", "")
		if membership.status == http.StatusOK {
			assert.Equal(t, role, membership.object(t)["role"])
		}
		assert.Equal(t, want, []int{
			c.do("GET", "/orgs/octo", "").status,
			membership.status,
			c.do("GET", "/orgs/octo/migrations", "").status,
			len(c.do("GET", "/orgs/octo/repos", "").list(t)),
		}, role)
	}
	c := newServer(t)
	assert.PanicsWithValue(t, `ghmigratetest: SetRole: no role "owner"`, func() { c.SetRole("octo", "owner") })
	assert.PanicsWithValue(t, `ghmigratetest: SetRole: no organization octo`, func() { c.SetRole("octo", "member") })
}

func TestSSOGuardsTheOverviewToo(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	c.RequireSSO("octo")
	for target, status := range map[string]int{
		"/user": 200, "/meta": 200, "/orgs/octo": 403, "/orgs/octo/repos": 403, "/user/memberships/orgs/octo": 403,
	} {
		a := c.do("GET", target, "")
		assert.Equal(t, status, a.status, target)
		assert.Equal(t, status == http.StatusForbidden, a.header.Get("X-GitHub-SSO") != "", target)
	}
}

func TestRepositoriesOfAnOrganization(t *testing.T) {
	c := newServer(t)
	for _, name := range []string{"b", "A", "c"} {
		c.AddRepository("octo/" + name)
	}
	c.AddRepository("octo/p", ghmigratetest.Private())
	c.AddRepository("other/x")
	names := func(query string) string {
		var all string
		for _, r := range c.do("GET", "/orgs/octo/repos"+query, "").list(t) {
			all += r["name"].(string)
		}
		return all
	}
	for query, want := range map[string]string{
		"":                               "pcAb",
		"?direction=asc":                 "bAcp",
		"?sort=pushed":                   "pcAb",
		"?sort=full_name":                "Abcp",
		"?sort=full_name&direction=desc": "pcbA",
		"?type=public":                   "cAb",
		"?type=private":                  "p",
		"?type=sources":                  "pcAb",
		"?type=forks":                    "",
		"?per_page=3":                    "pcA",
		"?per_page=3&page=2":             "b",
		"?per_page=3&page=3":             "",
	} {
		assert.Equal(t, want, names(query), query)
	}
	org := c.do("GET", "/orgs/octo", "").object(t)
	base := fmt.Sprintf("%s/organizations/%v/repos", c.URL(), org["id"])
	assert.Equal(t, fmt.Sprintf(`<%s?page=2&per_page=3>; rel="next", <%s?page=2&per_page=3>; rel="last"`, base, base),
		c.do("GET", "/orgs/octo/repos?per_page=3", "").header.Get("Link"))
	c.AddRepository("octo/aa")
	assert.Equal(t, "Aaabcp", names("?sort=full_name"))
	for _, query := range []string{"?type=internal", "?sort=name", "?direction=up", "?visibility=all", "?per_page=101"} {
		assert.Equal(t, http.StatusUnprocessableEntity, c.do("GET", "/orgs/octo/repos"+query, "").status, query)
	}
	full := c.do("GET", "/orgs/octo/repos", "").list(t)[0]
	assert.Len(t, full, len(c.do("GET", c.path(c.start("/orgs/octo", `{"repositories":["octo/a"]}`))+"/repositories", "").list(t)[0]))
}
