package ghmigratetest_test

import (
	"encoding/base64"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

func TestUserAndTokenCanBeChosen(t *testing.T) {
	c := newServer(t, ghmigratetest.WithUser("mona"), ghmigratetest.WithToken("secret"))
	c.AddRepository("mona/hello")
	assert.Equal(t, "secret", c.Token())
	id := c.start("/user", `{"repositories":["mona/hello"]}`)
	assert.Equal(t, "mona", c.Migration(id).Owner)
}

// TestTokens checks, for each kind of token, the statuses of GET /user, of the
// membership, and of the lists of migrations of the organization and the user. It
// also checks which scopes the response lists.
func TestTokens(t *testing.T) {
	withScopes := ghmigratetest.WithScopes
	for _, test := range []struct {
		name string
		opts []ghmigratetest.Option
		want []int

		scopes string // X-OAuth-Scopes; "none": no such header
	}{
		{"classic", nil, []int{200, 200, 200, 200}, "admin:org, repo"},
		{"without repo", []ghmigratetest.Option{withScopes("admin:org")}, []int{200, 200, 403, 403}, "admin:org"},
		{"that reads organizations", []ghmigratetest.Option{withScopes("repo", "read:org")}, []int{200, 200, 403, 200}, "repo, read:org"},
		{"without scopes", []ghmigratetest.Option{withScopes()}, []int{200, 403, 403, 403}, ""},
		{"fine-grained", []ghmigratetest.Option{ghmigratetest.WithToken("github_pat_1")}, []int{200, 200, 403, 403}, "none"},
		{"of an app's user", []ghmigratetest.Option{ghmigratetest.WithToken("ghu_1")}, []int{200, 200, 403, 403}, "none"},
		{"of an app", []ghmigratetest.Option{ghmigratetest.WithToken("ghs_1")}, []int{403, 200, 403, 403}, "none"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newServer(t, test.opts...)
			c.AddRepository("octo/hello")
			user := c.do("GET", "/user", "")
			assert.Equal(t, test.want, []int{
				user.status,
				c.do("GET", "/user/memberships/orgs/octo", "").status,
				c.do("GET", "/orgs/octo/migrations", "").status,
				c.do("GET", "/user/migrations", "").status,
			})
			got := "none"
			if values, ok := user.header["X-Oauth-Scopes"]; ok {
				got = values[0]
			}
			assert.Equal(t, test.scopes, got)
		})
	}
}

// X-Accepted-OAuth-Scopes lists only the scopes that the token lacks. A client would
// read a list of all scopes as alternatives.
func TestMissingScopesAreListed(t *testing.T) {
	for _, test := range []struct {
		has  []string
		want string
	}{
		{[]string{"repo", "admin:org"}, "admin:org, repo"},
		{[]string{"repo"}, "admin:org"},
		{[]string{"admin:org"}, "repo"},
		{nil, "admin:org, repo"},
	} {
		c := newServer(t, ghmigratetest.WithScopes(test.has...))
		c.AddRepository("octo/hello")
		assert.Equal(t, test.want, c.do("GET", "/orgs/octo/migrations", "").header.Get("X-Accepted-Oauth-Scopes"), test.has)
	}
}

// curl -u and many client libraries send a token with basic authentication.
func TestBasicAuthentication(t *testing.T) {
	c := newServer(t)
	for userinfo, want := range map[string]int{
		"octocat:" + c.Token():          http.StatusOK,
		c.Token() + ":x-oauth-basic":    http.StatusOK,
		c.Token() + ":":                 http.StatusOK,
		"octocat:hunter2":               http.StatusUnauthorized,
		c.Token() + ":hunter2":          http.StatusUnauthorized,
		"octocat:":                      http.StatusUnauthorized,
		"octocat:github_pat_of_mistake": http.StatusForbidden,
	} {
		header := "Basic " + base64.StdEncoding.EncodeToString([]byte(userinfo))
		assert.Equal(t, want, c.do("GET", "/user/migrations", "", "Authorization", header).status, userinfo)
	}
}

func TestHeadersGivenTwice(t *testing.T) {
	for _, name := range []string{"Authorization", "X-Github-Api-Version"} {
		for want, opts := range map[int][]ghmigratetest.Option{400: nil, 200: {ghmigratetest.Lenient()}} {
			c := newServer(t, opts...)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.URL()+"/user/migrations", nil)
			require.NoError(t, err)
			req.Header = http.Header{
				"Authorization":        {"Bearer " + c.Token()},
				"Accept":               {"application/json"},
				"X-Github-Api-Version": {"2022-11-28"},
			}
			req.Header[name] = append(req.Header[name], req.Header[name]...)
			res, err := c.Client().Do(req)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			assert.Equal(t, want, res.StatusCode, name)
		}
	}
}

func TestTokensExpire(t *testing.T) {
	at := time.Now().Add(time.Hour).Truncate(time.Second)
	c := newServer(t, ghmigratetest.WithTokenExpiry(at))
	res := c.do("GET", "/user", "")
	require.Equal(t, http.StatusOK, res.status)
	assert.Equal(t, at.UTC().Format("2006-01-02 15:04:05")+" UTC", res.header.Get("GitHub-Authentication-Token-Expiration"))
	c.Clock().Advance(time.Hour)
	assert.Equal(t, http.StatusUnauthorized, c.do("GET", "/user", "").status)
	c = newServer(t)
	assert.Empty(t, c.do("GET", "/user", "").header.Get("GitHub-Authentication-Token-Expiration"))
}

// TestRoles checks, for each role, the statuses of GET for the organization, the
// membership, the migrations and a source import. It also checks how many
// repositories the user sees.
func TestRoles(t *testing.T) {
	for role, want := range map[string][]int{
		"admin": {200, 200, 200, 200, 2}, "member": {200, 200, 404, 404, 2}, "": {200, 404, 404, 404, 1},
	} {
		c := newImporter(t)
		c.do("PUT", importPath, `{"vcs_url":"https://example.com/x"}`)
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
			c.do("GET", importPath, "").status,
			len(c.do("GET", "/orgs/octo/repos", "").list(t)),
		}, role)
	}
	c := newServer(t)
	assert.PanicsWithValue(t, `ghmigratetest: SetRole: no role "owner"`, func() { c.SetRole("octo", "owner") })
	assert.PanicsWithValue(t, `ghmigratetest: SetRole: no organization octo`, func() { c.SetRole("octo", "member") })
}

func TestSingleSignOn(t *testing.T) {
	c := newServer(t, ghmigratetest.WithSourceImports())
	c.AddRepository("octo/hello")
	c.AddRepository("other/hello")
	c.RequireSSO("octo")
	for target, status := range map[string]int{
		"/user": 200, "/meta": 200, "/orgs/other/migrations": 200,
		"/orgs/octo": 403, "/orgs/octo/repos": 403, "/user/memberships/orgs/octo": 403,
		"/orgs/octo/migrations": 403, "/repos/octo/hello/import": 403, "/repos/other/hello/import": 404,
	} {
		res := c.do("GET", target, "")
		assert.Equal(t, status, res.status, target)
		if status == http.StatusForbidden {
			assert.Contains(t, res.header.Get("X-GitHub-SSO"), "required; url=https://github.com/orgs/octo/sso?", target)
		} else {
			assert.Empty(t, res.header.Get("X-GitHub-SSO"), target)
		}
	}
}
