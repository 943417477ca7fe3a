package ghmigratetest_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

func TestAccountOperations(t *testing.T) {
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
	res := c.do("GET", "/meta", "", "Authorization", "")
	assert.Equal(t, http.StatusOK, res.status)
	assert.Equal(t, "3.19.0", res.object(t)["installed_version"])
	assert.Equal(t, "3.19.0", res.header.Get("X-GitHub-Enterprise-Version"))
	assert.Empty(t, res.header.Get("X-OAuth-Scopes"))
	assert.Equal(t, http.StatusUnauthorized, c.do("GET", "/meta", "", "Authorization", "Bearer wrong").status)
	assert.Equal(t, http.StatusUnauthorized, c.do("GET", "/user", "", "Authorization", "").status)
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
