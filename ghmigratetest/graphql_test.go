package ghmigratetest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

func TestGraphQLTellsWhatIsLocked(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	c.AddRepository("octo/free")
	id := c.exported(helloLocked)
	ask := func(query, variables string) string {
		a := c.do("POST", "/graphql", fmt.Sprintf(`{"query":%q,"variables":%s}`, query, variables), "X-GitHub-Api-Version", "", "Accept", "*/*")
		require.Equal(t, http.StatusOK, a.status, a.body)
		assert.Equal(t, "graphql", a.header.Get("X-RateLimit-Resource"))
		return a.body
	}
	one := `query Locked($owner: String!, $name: String!) { repository(owner: $owner, name: $name) { isLocked lockReason } }`
	assert.JSONEq(t, `{"data":{"repository":{"isLocked":true,"lockReason":"MIGRATING"}}}`, ask(one, `{"owner":"octo","name":"hello"}`))
	both := `{ a: repository(owner: "octo", name: "hello") { n: nameWithOwner lockReason }
		b: repository(owner: "OCTO", name: "Free") { n: nameWithOwner, lockReason, isLocked }
		viewer { login } }`
	assert.JSONEq(t, `{"data":{"a":{"n":"octo/hello","lockReason":"MIGRATING"},"b":{"n":"octo/free","lockReason":null,"isLocked":false},
		"viewer":{"login":"octocat"}}}`, ask(both, "null"))
	c.do("DELETE", c.path(id)+"/repos/hello/lock", "")
	assert.JSONEq(t, `{"data":{"repository":{"isLocked":false,"lockReason":null}}}`, ask(one, `{"owner":"octo","name":"hello"}`))
	assert.JSONEq(t, `{"data":{"repository":null},"errors":[{"type":"NOT_FOUND","path":["repository"],
		"message":"Could not resolve to a Repository with the name 'octo/none'."}]}`, ask(one, `{"owner":"octo","name":"none"}`))

	for query, message := range map[string]string{
		"":                              `expected "{", got ""`,
		"{":                             `expected Ident, got ""`,
		"{ viewer { login } } more":     `expected EOF, got "more"`,
		"mutation { viewer { login } }": `"mutation" is not supported`,
		"{ organization { login } }":    "Field 'organization' doesn't exist on type 'Query'",
		"{}":                            `expected Ident, got "}"`,
		"{ viewer }":                    "Field must have selections (field 'viewer' returns User but has no selections.)",
		"{ viewer { email } }":          "Field 'email' doesn't exist on type 'User'",
		"{ viewer { login { x } } }":    "Field 'login' doesn't exist on type 'User'",
		`{ repository(owner: 1, name: "x") { id } }`:         "expected String",
		`{ repository(owner: $owner, name: "x") { id } }`:    "variable $owner is not declared",
		`{ repository(owner: "octo", name: "x) { id } }`:     "literal not terminated",
		"query($owner: String!) { viewer { login } ":         "expected Ident",
		"{ viewer { ...login } }":                            "expected Ident",
		`{ repository(owner "octo", name: "x") { id } }`:     `expected ":"`,
		`{ repository(owner: "octo"; name: "x") { id } }`:    "expected Ident",
		strings.Repeat("{a", 11):                             "the query is too deep",
		`query($a: [String!]!) { viewer { login } }`:         "expected Ident",
		`query($owner: String) { viewer { login } } query`:   "expected EOF",
		`{ repository(owner: 'o', name: "x") { lockReason }`: "expected String",
	} {
		assert.Contains(t, ask(query, `{"owner":"octo"}`), jsonText(t, message), query)
	}

	c.RequireSSO("octo")
	assert.Contains(t, ask(one, `{"owner":"octo","name":"hello"}`), "FORBIDDEN")
	assert.Equal(t, http.StatusBadRequest, c.do("POST", "/graphql", `{"query":"","surprise":1}`).status)
	assert.Equal(t, http.StatusNotFound, c.do("GET", "/graphql", "").status)
}

func TestGraphQLOfGHES(t *testing.T) {
	c := newServer(t, ghmigratetest.WithGHES())
	query := `{"query":"{ viewer { login } }"}`
	assert.Equal(t, http.StatusNotFound, c.do("POST", "/graphql", query).status)
	root := c.URL()[:len(c.URL())-len("/v3")]
	a := c.do("POST", root+"/graphql", query, "Authorization", "Bearer "+c.Token())
	assert.JSONEq(t, `{"data":{"viewer":{"login":"octocat"}}}`, a.body)
}

// jsonText returns s as it is within a string of JSON.
func jsonText(t *testing.T, s string) string {
	t.Helper()
	data, err := json.Marshal(s)
	require.NoError(t, err)
	return string(data[1 : len(data)-1])
}

// Whatever is asked, there is an answer with data or errors.
func FuzzGraphQL(f *testing.F) {
	for _, query := range []string{
		"", "{ viewer { login } }", `query Q($o: String!) { a: repository(owner: $o, name: "hello") { lockReason } }`,
		`{ repository(owner: "octo", name: "\u0068ello"){isLocked,x:__typename}}`, "{{{", "query(", `{a(b:"`,
	} {
		f.Add(query)
	}
	srv := ghmigratetest.NewServer(ghmigratetest.InMemory(), ghmigratetest.WithRateLimit(1<<40), ghmigratetest.WithRequestLog(0))
	f.Cleanup(srv.Close)
	srv.AddRepository("octo/hello")
	f.Fuzz(func(t *testing.T, query string) {
		body, err := json.Marshal(map[string]any{"query": query, "variables": map[string]string{"o": "octo"}})
		require.NoError(t, err)
		a := client{srv, t}.do("POST", "/graphql", string(body))
		require.Equal(t, http.StatusOK, a.status)
		answer := a.object(t)
		require.True(t, answer["data"] != nil || answer["errors"] != nil, a.body)
	})
}
