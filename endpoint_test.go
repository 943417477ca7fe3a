package ghmigrate_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

// A namedCall is a call with a name in its path. Its other arguments are valid.
type namedCall struct {
	method   string
	argument string
	path     string // {} is the name
	call     func(t *testing.T, c *ghmigrate.Client, name string) error
}

// namedCalls returns all calls with a name in their path, most with one of their names.
func namedCalls() []namedCall {
	var all []namedCall
	for _, each := range append(callsOfAccount(), callsWithID()...) {
		all = append(all, namedCall{"OrgMigrations." + each.method, "org", "/orgs/{}/migrations" + each.path, func(t *testing.T, c *ghmigrate.Client, name string) error {
			return each.call(t, orgService{c.OrgMigrations, name}, 79)
		}})
	}
	return append(all, []namedCall{
		{"OrgMigrations.UnlockRepository", "repo", "/orgs/octo-org/migrations/79/repos/{}/lock", func(t *testing.T, c *ghmigrate.Client, name string) error {
			return c.OrgMigrations.UnlockRepository(t.Context(), "octo-org", 79, name)
		}},
		{"UserMigrations.UnlockRepository", "repo", "/user/migrations/79/repos/{}/lock", func(t *testing.T, c *ghmigrate.Client, name string) error {
			return c.UserMigrations.UnlockRepository(t.Context(), 79, name)
		}},
		{"SourceImports.Start", "owner", "/repos/{}/hello/import", func(t *testing.T, c *ghmigrate.Client, name string) error {
			_, err := c.SourceImports.Start(t.Context(), name, "hello", ghmigrate.StartImportRequest{VCSURL: "https://svn.example.com"})
			return err
		}},
		{"SourceImports.Start", "repo", "/repos/octocat/{}/import", func(t *testing.T, c *ghmigrate.Client, name string) error {
			_, err := c.SourceImports.Start(t.Context(), "octocat", name, ghmigrate.StartImportRequest{VCSURL: "https://svn.example.com"})
			return err
		}},
		{"SourceImports.Get", "owner", "/repos/{}/hello/import", func(t *testing.T, c *ghmigrate.Client, name string) error {
			_, err := c.SourceImports.Get(t.Context(), name, "hello")
			return err
		}},
		{"SourceImports.Update", "repo", "/repos/octocat/{}/import", func(t *testing.T, c *ghmigrate.Client, name string) error {
			_, err := c.SourceImports.Update(t.Context(), "octocat", name, ghmigrate.UpdateImportRequest{})
			return err
		}},
		{"SourceImports.Cancel", "owner", "/repos/{}/hello/import", func(t *testing.T, c *ghmigrate.Client, name string) error {
			return c.SourceImports.Cancel(t.Context(), name, "hello")
		}},
		{"SourceImports.ListAuthors", "repo", "/repos/octocat/{}/import/authors", func(t *testing.T, c *ghmigrate.Client, name string) error {
			_, err := ghmigrate.Collect(c.SourceImports.ListAuthors(t.Context(), "octocat", name, nil))
			return err
		}},
		{"SourceImports.MapAuthor", "owner", "/repos/{}/hello/import/authors/7", func(t *testing.T, c *ghmigrate.Client, name string) error {
			_, err := c.SourceImports.MapAuthor(t.Context(), name, "hello", 7, ghmigrate.MapAuthorRequest{Name: "Hubot"})
			return err
		}},
		{"SourceImports.ListLargeFiles", "repo", "/repos/octocat/{}/import/large_files", func(t *testing.T, c *ghmigrate.Client, name string) error {
			_, err := ghmigrate.Collect(c.SourceImports.ListLargeFiles(t.Context(), "octocat", name))
			return err
		}},
		{"SourceImports.SetLFSPreference", "owner", "/repos/{}/hello/import/lfs", func(t *testing.T, c *ghmigrate.Client, name string) error {
			_, err := c.SourceImports.SetLFSPreference(t.Context(), name, "hello", ghmigrate.LFSOptIn)
			return err
		}},
		{"SourceImports.Wait", "repo", "/repos/octocat/{}/import", func(t *testing.T, c *ghmigrate.Client, name string) error {
			_, err := c.SourceImports.Wait(t.Context(), "octocat", name)
			return err
		}},
	}...)
}

func TestNamesArriveAsOneSegment(t *testing.T) {
	t.Parallel()
	names := []string{
		"octo-org", "Hello.World_1", "a?b", "?", "a%2fb", "%2e%2e", "%", "%zz", "a#b", "a b", " ", "žluťoučký", "日本", "a;b", "a&b=c",
		"a+b", "a\nb", "a\r\nX-Evil: 1", "a\x00b", `a\b`, `..\..`, "...", "a:b", "@", "{org}", `"quoted"`, "\xff",
	}
	for _, each := range namedCalls() {
		t.Run(each.method+" "+each.argument, func(t *testing.T) {
			t.Parallel()
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				var escaped, decoded string
				respondWith(server, func(w http.ResponseWriter, r *http.Request) {
					escaped, decoded = r.URL.EscapedPath(), r.URL.Path
					w.WriteHeader(http.StatusTeapot) // ends waits and watches too
				})
				client := testclient.New(t, server)
				before, after, _ := strings.Cut("/api/v3"+each.path, "{}")
				for _, name := range names {
					escaped, decoded = "", ""
					var failure *ghmigrate.APIError
					require.ErrorAs(t, each.call(t, client, name), &failure, "%q", name)
					assert.Equal(t, before+name+after, decoded, "%q", name)
					segment, ok := strings.CutPrefix(escaped, before)
					require.True(t, ok, escaped)
					segment, ok = strings.CutSuffix(segment, after)
					require.True(t, ok, escaped)
					assert.NotContains(t, segment, "/")
					unescaped, err := url.PathUnescape(segment)
					require.NoError(t, err)
					assert.Equal(t, name, unescaped)
				}
			})
		})
	}
}

func FuzzNamesAreOneSegment(f *testing.F) {
	for _, seed := range []string{"octo-org", "a/b", "..", "%2f", "?", "#", "\x00", "é", "\xff", ";"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		called := false
		client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
			called = true
			segments := strings.Split(req.URL.EscapedPath(), "/")
			require.Len(t, segments, 5)
			unescaped, err := url.PathUnescape(segments[2])
			require.NoError(t, err)
			assert.Equal(t, name, unescaped)
			assert.Empty(t, req.URL.RawQuery)
			assert.Empty(t, req.URL.Fragment)
			return respond(req, http.StatusOK, nil, `{"id": 79}`), nil
		})
		_, err := client.OrgMigrations.Get(t.Context(), name, 79, nil)
		refused := name == "" || name == "." || name == ".." || strings.Contains(name, "/")
		assert.Equal(t, refused, err != nil)
		assert.Equal(t, !refused, called)
	})
}

func TestNamesThatWouldChangeThePathAreRefused(t *testing.T) {
	t.Parallel()
	for _, each := range namedCalls() {
		t.Run(each.method+" "+each.argument, func(t *testing.T) {
			t.Parallel()
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server)
				for name, problem := range map[string]string{
					"":        " is empty",
					".":       ` is ".": want a single name`,
					"..":      ` is "..": want a single name`,
					"a/b":     ` is "a/b": want a single name`,
					"/":       ` is "/": want a single name`,
					"../user": ` is "../user": want a single name`,
					"octo/":   ` is "octo/": want a single name`,
				} {
					require.EqualError(t, each.call(t, client, name), "ghmigrate: "+each.argument+problem)
				}
				assert.Empty(t, server.Requests())
			})
		})
	}
}

func TestIDsThatAreNotPositiveAreRefused(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		for _, id := range []int64{0, -79} {
			problem := fmt.Sprintf(" is %d: want a positive number", id)
			for name, s := range services(client) {
				for _, each := range callsWithID() {
					require.EqualError(t, each.call(t, s, id), "ghmigrate: id"+problem, "%s, %s", name, each.method)
				}
			}
			_, err := client.SourceImports.MapAuthor(t.Context(), "octocat", "hello", id, ghmigrate.MapAuthorRequest{Name: "Hubot"})
			require.EqualError(t, err, "ghmigrate: authorID"+problem)
		}
		assert.Empty(t, server.Requests())
	})
}

func TestTheErrorNamesTheFirstBadArgument(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		require.EqualError(t, client.OrgMigrations.UnlockRepository(t.Context(), "", 0, ".."), "ghmigrate: org is empty")
		require.EqualError(t, client.OrgMigrations.UnlockRepository(t.Context(), "o", 0, ".."), "ghmigrate: id is 0: want a positive number")
		require.EqualError(t, client.SourceImports.Cancel(t.Context(), "", ""), "ghmigrate: owner is empty")
		assert.Empty(t, server.Requests())
	})
}
