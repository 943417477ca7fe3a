package ghmigratetest_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

func TestGraphQL(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	id := c.exported(helloLocked)
	ask := func(query, variables string) string {
		res := c.do("POST", "/graphql", fmt.Sprintf(`{"query":%q,"variables":%s}`, query, variables), "X-GitHub-Api-Version", "", "Accept", "*/*")
		require.Equal(t, http.StatusOK, res.status, res.body)
		assert.Equal(t, "graphql", res.header.Get("X-RateLimit-Resource"))
		return res.body
	}
	const both = `query Locked($owner: String!, $name: String!) {
		repository(owner: $owner, name: $name) { isLocked lockReason }
	}`
	const one = `query($owner:String!,$name:String!){repository(owner:$owner,name:$name){lockReason}}`
	const octoHello = `{"owner":"octo","name":"Hello"}`
	assert.JSONEq(t, `{"data":{"repository":{"isLocked":true,"lockReason":"MIGRATING"}}}`, ask(both, octoHello))
	assert.JSONEq(t, `{"data":{"repository":{"lockReason":"MIGRATING"}}}`, ask(one, octoHello))
	c.do("DELETE", c.path(id)+"/repos/hello/lock", "")
	assert.JSONEq(t, `{"data":{"repository":{"isLocked":false,"lockReason":null}}}`, ask(both, octoHello))
	assert.JSONEq(t, `{"data":{"repository":null},"errors":[{"type":"NOT_FOUND","path":["repository"],
		"message":"Could not resolve to a Repository with the name 'octo/none'."}]}`, ask(both, `{"owner":"octo","name":"none"}`))

	for _, query := range []string{"{ viewer { login } }", "query { viewer { login } }", "query Me {viewer{login}}"} {
		assert.JSONEq(t, `{"data":{"viewer":{"login":"octocat"}}}`, ask(query, "null"), query)
	}
	for _, query := range []string{"", "{", "{ viewer { email } }", "mutation { viewer { login } }", `{ repository(owner: "octo", name: "hello") { isLocked } }`} {
		assert.Contains(t, ask(query, "{}"), "ghmigratetest knows two queries", query)
	}

	c.RequireSSO("octo")
	assert.Contains(t, ask(both, octoHello), "FORBIDDEN")
	assert.Equal(t, http.StatusBadRequest, c.do("POST", "/graphql", `{"query":`).status)
	assert.Equal(t, http.StatusNotFound, c.do("GET", "/graphql", "").status)
}

// GraphQL reports a rate limit with the status 200.
func TestRateLimitOfGraphQL(t *testing.T) {
	c := newServer(t, ghmigratetest.WithRateLimit(1))
	c.AddRepository("octo/hello")
	query := `{"query":"{ viewer { login } }"}`
	assert.Contains(t, c.do("POST", "/graphql", query).body, "octocat")
	over := c.do("POST", "/graphql", query)
	assert.Equal(t, http.StatusOK, over.status)
	assert.Equal(t, "0", over.header.Get("X-RateLimit-Remaining"))
	assert.JSONEq(t, `{"errors":[{"type":"RATE_LIMITED","message":"API rate limit exceeded for user ID 583231."}]}`, over.body)
	assert.Equal(t, http.StatusOK, c.do("GET", "/orgs/octo/migrations", "").status, "REST has a quota of its own")
}

func TestGraphQLBesideTheRESTAPI(t *testing.T) {
	query := `{"query":"{ viewer { login } }"}`
	for name, opts := range map[string][]ghmigratetest.Option{"GitHub.com": nil, "GHES": {ghmigratetest.WithGHES()}} {
		c := newServer(t, opts...)
		root := c.URL()[:len(c.URL())-len("/v3")]
		res := c.do("POST", root+"/graphql", query, "Authorization", "Bearer "+c.Token())
		assert.JSONEq(t, `{"data":{"viewer":{"login":"octocat"}}}`, res.body, name)
		assert.Equal(t, "/graphql", c.Requests()[0].Path, name)
	}
	c := newServer(t, ghmigratetest.WithGHES())
	assert.Equal(t, http.StatusNotFound, c.do("POST", "/graphql", query).status)
}
