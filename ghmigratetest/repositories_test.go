package ghmigratetest_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// TestRepositoriesChangeDuringAMigration changes repositories in the middle of a
// migration that locks them.
func TestRepositoriesChangeDuringAMigration(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(c client)
		fault  map[string]string // the same change by a fault
		listed []string
		unlock map[string]int // statuses by name
	}{
		{
			"renamed", func(c client) { c.RenameRepository("octo/hello", "octo/hallo") }, map[string]string{"octo/hello": "octo/hallo"},
			[]string{"octo/hallo", "octo/other"}, map[string]int{"hello": 404, "hallo": 204, "other": 204},
		},
		{
			"transferred", func(c client) { c.RenameRepository("octo/hello", "acme/hello") }, map[string]string{"octo/hello": "acme/hello"},
			[]string{"acme/hello", "octo/other"}, map[string]int{"hello": 204, "other": 204},
		},
		{
			"removed", func(c client) { c.RemoveRepository("octo/hello") }, map[string]string{"octo/hello": "removed"},
			[]string{"octo/other"}, map[string]int{"hello": 404, "other": 204},
		},
		{
			"made private", func(c client) { c.UpdateRepository("octo/hello", ghmigratetest.Private()) }, map[string]string{"octo/hello": "private"},
			[]string{"octo/hello", "octo/other"}, map[string]int{"hello": 204, "other": 204},
		},
	} {
		for _, by := range []string{"method", "fault"} {
			t.Run(test.name+" by "+by, func(t *testing.T) {
				c := newServer(t)
				c.AddRepository("octo/hello")
				c.AddRepository("octo/other")
				c.AddRepository("acme/thing")
				id := c.start("/orgs/octo", `{"repositories":["octo/hello","octo/other"],"lock_repositories":true}`)
				if by == "method" {
					test.change(c)
				} else {
					c.Inject(ghmigratetest.Fault{Operation: "users/get-authenticated", Repositories: test.fault})
					c.do("GET", "/user", "")
				}
				c.Clock().Advance(1e12)
				names := func(list []map[string]any) (names []string) {
					for _, r := range list {
						names = append(names, r["full_name"].(string))
						assert.Equal(t, test.name == "made private" && r["name"] == "hello", r["private"])
					}
					return names
				}
				assert.Equal(t, test.listed, names(c.do("GET", c.path(id)+"/repositories", "").list(t)))
				var inMigration []map[string]any
				for _, r := range c.do("GET", c.path(id), "").object(t)["repositories"].([]any) {
					inMigration = append(inMigration, r.(map[string]any))
				}
				assert.Equal(t, test.listed, names(inMigration))
				assert.Equal(t, "exported", c.Migration(id).State)
				files := c.fetch(id).files
				for _, name := range c.Migration(id).Repositories {
					assert.Contains(t, files, "repositories/"+name+".git/HEAD")
				}
				assert.Equal(t, slices.Contains(test.listed, "octo/hello"), files["repositories/octo/hello.git/HEAD"] != nil)
				for name, status := range test.unlock {
					assert.Equal(t, status, c.do("DELETE", c.path(id)+"/repos/"+name+"/lock", "").status, name)
				}
				assert.Empty(t, c.Migration(id).Locked)
			})
		}
	}
}

// A former name leads to no repository after the removal of the repository.
func TestFormerNamesOfARemovedRepository(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/a")
	c.RenameRepository("octo/a", "octo/b")
	c.RenameRepository("octo/b", "octo/c")
	found := func(name string) bool {
		res := c.do("POST", "/graphql", `{"query":"query($owner: String!, $name: String!) { repository(owner: $owner, name: $name) { isLocked } }",
			"variables":{"owner":"octo","name":"`+name+`"}}`)
		return !strings.Contains(res.body, "NOT_FOUND")
	}
	for _, name := range []string{"a", "b", "c"} {
		assert.True(t, found(name), name)
	}
	c.RemoveRepository("octo/c")
	for _, name := range []string{"a", "b", "c"} {
		assert.False(t, found(name), name)
	}
}

func TestRenamedRepositories(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/b")
	c.AddRepository("octo/c")
	list := func() (names []any) {
		for _, r := range c.do("GET", "/orgs/octo/repos?sort=full_name", "").list(t) {
			names = append(names, r["name"])
		}
		return names
	}
	assert.Equal(t, []any{"b", "c"}, list())
	c.RenameRepository("octo/c", "octo/A")
	assert.Equal(t, []any{"A", "b"}, list())
	assert.Equal(t, http.StatusUnprocessableEntity, c.do("POST", "/orgs/octo/migrations", `{"repositories":["octo/c"]}`).status)
	query := `{"query":"query($owner: String!, $name: String!) { repository(owner: $owner, name: $name) { isLocked lockReason } }","variables":{"owner":"octo","name":"c"}}`
	assert.JSONEq(t, `{"data":{"repository":{"isLocked":false,"lockReason":null}}}`, c.do("POST", "/graphql", query).body, "GraphQL follows renames")
	c.AddRepository("octo/c")
	assert.Equal(t, []any{"A", "b", "c"}, list())
	c.RenameRepository("octo/a", "octo/a")
	assert.Equal(t, []any{"a", "b", "c"}, list())
	c.RemoveRepository("octo/b")
	assert.Equal(t, []any{"a", "c"}, list())
	c.AddRepository("octo/B")
	for name, bad := range map[string]func(){
		"no repository": func() { c.RemoveRepository("octo/none") },
		"taken":         func() { c.RenameRepository("octo/a", "octo/B") },
		"malformed":     func() { c.RenameRepository("octo/a", "b") },
		"none":          func() { c.UpdateRepository("octo/none") },
	} {
		assert.Panics(t, bad, name)
	}
}

func TestTakenDownRepositories(t *testing.T) {
	c := newServer(t, ghmigratetest.WithSourceImports())
	c.AddRepository("octo/hello")
	c.AddRepository("octo/other")
	c.Inject(ghmigratetest.Fault{Operation: "users/*", Repositories: map[string]string{"octo/hello": "taken down"}})
	assert.Equal(t, http.StatusCreated, c.do("POST", "/orgs/octo/migrations", hello).status)
	c.do("GET", "/user", "")
	for _, res := range []response{
		c.do("POST", "/orgs/octo/migrations", `{"repositories":["octo/other","octo/hello"]}`),
		c.do("GET", "/repos/octo/hello/import", ""),
	} {
		assert.Equal(t, http.StatusUnavailableForLegalReasons, res.status)
		assert.Equal(t, "dmca", res.object(t)["block"].(map[string]any)["reason"])
		assert.Equal(t, "Repository access blocked", res.object(t)["message"])
	}
	assert.Equal(t, http.StatusNotFound, c.do("GET", "/repos/octo/other/import", "").status)
}

// A change of the test happens after the events that are due, also if no request came
// in between.
func TestChangesFollowDueEvents(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	id := c.exported(hello)
	c.UpdateRepository("octo/hello", ghmigratetest.PoisonsExport())
	assert.Equal(t, "exported", c.Migration(id).State)

	first, second := c.start("/orgs/octo", helloLocked), c.start("/orgs/octo", helloLocked)
	c.Clock().Advance(time.Minute)
	c.Forget(first)
	assert.Empty(t, c.Migration(second).Locked, "the first migration had the lock")
	assert.False(t, c.Locked("octo/hello"))
}
