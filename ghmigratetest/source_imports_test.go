package ghmigratetest_test

import (
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

const importPath = "/repos/octo/hello/import"

// newImporter starts a server where an import takes 100 seconds.
func newImporter(t *testing.T, opts ...ghmigratetest.Option) client {
	t.Helper()
	c := newServer(t, append([]ghmigratetest.Option{
		ghmigratetest.WithSourceImports(), ghmigratetest.WithExportDuration(100 * time.Second)}, opts...)...)
	c.AddRepository("octo/hello")
	return c
}

func (c client) importStatus() string {
	c.t.Helper()
	return c.do("GET", importPath, "").object(c.t)["status"].(string)
}

// requestsOfAnImport returns the method, path and body of each request about an
// import that has started.
func requestsOfAnImport() [][3]string {
	return [][3]string{
		{"GET", importPath}, {"PATCH", importPath}, {"DELETE", importPath},
		{"GET", importPath + "/authors"}, {"PATCH", importPath + "/authors/1"},
		{"GET", importPath + "/large_files"}, {"PATCH", importPath + "/lfs", `{"use_lfs":"opt_in"}`},
	}
}

func TestSourceImportsAreRetired(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	for _, r := range append(requestsOfAnImport(), [3]string{"PUT", importPath, `{"vcs_url":"https://example.com/x"}`}) {
		res := c.do(r[0], r[1], r[2])
		assert.Equal(t, http.StatusGone, res.status, r)
		assert.Contains(t, res.body, "retired")
	}
	assert.Equal(t, http.StatusUnauthorized, c.do("GET", importPath, "", "Authorization", "").status)
}

func TestLifeOfAnImport(t *testing.T) { synctest.Test(t, lifeOfAnImport) }

func lifeOfAnImport(t *testing.T) {
	t.Helper()
	c := newImporter(t)
	res := c.do("PUT", importPath, `{"vcs_url":"https://svn.example.com/subversion/large","vcs_username":"u","vcs_password":"hunter2"}`)
	require.Equal(t, http.StatusCreated, res.status, res.body)
	assert.Equal(t, c.URL()+importPath, res.header.Get("Location"))
	assert.Nil(t, res.object(t)["vcs"], "not detected yet")

	type seen struct {
		status               string
		vcs                  any
		imported, pushed     any
		commits, authors     any
		largeFiles, listed   int
		listedAuthors, total int
	}
	var got []seen
	for _, at := range []int{0, 20, 30, 10, 30, 20} {
		c.Clock().Advance(time.Duration(at) * time.Second)
		res := c.do("GET", importPath, "")
		assert.NotContains(t, res.body, "hunter2")
		i := res.object(t)
		got = append(got, seen{
			i["status"].(string), i["vcs"], i["import_percent"], i["push_percent"], i["commit_count"], i["authors_count"],
			int(i["large_files_count"].(float64)), len(c.do("GET", importPath+"/large_files", "").list(t)),
			len(c.do("GET", importPath+"/authors", "").list(t)), len(i),
		})
	}
	assert.Equal(t, []seen{
		{"detecting", nil, nil, nil, nil, nil, 0, 0, 0, 18},
		{"importing", "subversion", 40.0, nil, 416.0, nil, 0, 0, 0, 20},
		{"mapping", "subversion", 100.0, nil, 1042.0, 4.0, 3, 3, 4, 20},
		{"mapping", "subversion", 100.0, nil, 1042.0, 4.0, 3, 3, 4, 20},
		{"pushing", "subversion", 100.0, 66.0, 1042.0, 4.0, 3, 3, 4, 20},
		{"complete", "subversion", 100.0, 100.0, 1042.0, 4.0, 3, 3, 4, 20},
	}, got)

	assert.Equal(t, http.StatusUnprocessableEntity, c.do("PUT", importPath, `{"vcs_url":"https://example.com/x"}`).status, "there is an import already")
	assert.Equal(t, "detecting", c.do("PATCH", importPath, "").object(t)["status"], "an update without parameters restarts it")
	assert.Equal(t, http.StatusNoContent, c.do("DELETE", importPath, "").status)
	for _, r := range append(requestsOfAnImport(), [3]string{"PUT", "/repos/octo/none/import", `{"vcs_url":"https://example.com/x"}`}) {
		assert.Equal(t, http.StatusNotFound, c.do(r[0], r[1], r[2]).status, r)
	}
	assert.Equal(t, http.StatusCreated, c.do("PUT", importPath, `{"vcs_url":"https://example.com/x"}`).status)
}

func TestImportsThatNeedSomething(t *testing.T) {
	for _, test := range []struct {
		name    string
		start   string
		status  string // after the detection
		choices int
		update  string
		after   string // status in the response to the update
	}{
		{"credentials", `{"vcs_url":"https://example.com/private"}`, "detection_needs_auth", 0,
			`{"vcs_username":"u","vcs_password":"p"}`, "detecting"},
		{"credentials for a known system", `{"vcs_url":"https://example.com/private","vcs":"git"}`, "auth", 0,
			`{"vcs_username":"u","vcs_password":"p"}`, "importing"},
		{"right credentials", `{"vcs_url":"https://example.com/private","vcs":"git","vcs_password":"wrong"}`, "auth_failed", 0,
			`{"vcs_password":"p"}`, "importing"},
		{"a choice of systems", `{"vcs_url":"https://example.com/multiple"}`, "detection_found_multiple", 2,
			`{"vcs":"git","human_name":"trunk (git)"}`, "importing"},
		{"a choice of projects", `{"vcs_url":"https://example.com/tfvc"}`, "choose", 2,
			`{"vcs":"tfvc","tfvc_project":"project1","human_name":"project1 (tfs)"}`, "importing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newImporter(t)
			require.Equal(t, http.StatusCreated, c.do("PUT", importPath, test.start).status)
			c.Clock().Advance(time.Hour)
			i := c.do("GET", importPath, "").object(t)
			assert.Equal(t, test.status, i["status"])
			choices, _ := i["project_choices"].([]any)
			assert.Len(t, choices, test.choices)
			res := c.do("PATCH", importPath, test.update)
			require.Equal(t, http.StatusOK, res.status, res.body)
			assert.Equal(t, test.after, res.object(t)["status"])
			c.Clock().Advance(100 * time.Second)
			assert.Equal(t, "complete", c.importStatus())
		})
	}
}

func TestImportsThatFail(t *testing.T) {
	c := newImporter(t)
	c.do("PUT", importPath, `{"vcs_url":"https://example.com/broken","vcs":"mercurial"}`)
	assert.Equal(t, "importing", c.importStatus())
	c.Clock().Advance(time.Minute)
	i := c.do("GET", importPath, "").object(t)
	assert.Equal(t, "error", i["status"])
	assert.Equal(t, "import", i["failed_step"])
	assert.NotEmpty(t, i["error_message"])
	require.Equal(t, http.StatusCreated, c.do("PUT", importPath, `{"vcs_url":"https://example.com/nothing"}`).status)
	c.Clock().Advance(time.Minute)
	assert.Equal(t, "detection_found_nothing", c.importStatus())
}

func TestImportRequestsAreChecked(t *testing.T) {
	c := newImporter(t)
	for _, body := range []string{`{}`, `{"vcs_url":""}`, `{"vcs_url":1}`, `{"vcs_url":"https://example.com","vcs":"cvs"}`, `{"vcs_url":"https://example.com","x":1}`} {
		assert.Equal(t, http.StatusUnprocessableEntity, c.do("PUT", importPath, body).status, body)
	}
	c.do("PUT", importPath, `{"vcs_url":"https://example.com/x"}`)
	for target, body := range map[string]string{
		"":           `{"vcs":"cvs"}`,
		"/lfs":       `{"use_lfs":true}`,
		"/authors/x": `{}`,
	} {
		res := c.do("PATCH", importPath+target, body)
		assert.GreaterOrEqual(t, res.status, 404, target)
	}
	assert.Equal(t, http.StatusUnprocessableEntity, c.do("PATCH", importPath+"/lfs", `{"use_lfs":"maybe"}`).status)
	assert.Equal(t, http.StatusUnprocessableEntity, c.do("PATCH", importPath, `{"url":"x"}`).status)
	assert.Equal(t, http.StatusUnprocessableEntity, c.do("GET", importPath+"/authors?since=x", "").status)
}

func TestAuthorsAreMapped(t *testing.T) {
	c := newImporter(t)
	c.do("PUT", importPath, `{"vcs_url":"https://example.com/x"}`)
	c.Clock().Advance(time.Hour)
	authors := c.do("GET", importPath+"/authors", "").list(t)
	require.Len(t, authors, 4)
	assert.Len(t, authors[0], 7)
	second := strconv.Itoa(int(authors[1]["id"].(float64)))
	assert.Len(t, c.do("GET", importPath+"/authors?since="+second, "").list(t), 2, "the authors after the second one")

	mapped := c.do("PATCH", importPath+"/authors/"+second, `{"email":"hubot@github.com","name":"Hubot"}`).object(t)
	assert.Equal(t, "Hubot", mapped["name"])
	assert.Equal(t, "hubot@github.com", mapped["email"])
	assert.Equal(t, mapped, c.do("GET", importPath+"/authors", "").list(t)[1])
	assert.Equal(t, http.StatusUnprocessableEntity, c.do("PATCH", importPath+"/authors/"+second, `{"remote_id":"x"}`).status)
	assert.Equal(t, http.StatusNotFound, c.do("PATCH", importPath+"/authors/1", `{}`).status)
}

func TestLFSPreferenceHasTwoTypes(t *testing.T) {
	for name, test := range map[string]struct {
		opts []ghmigratetest.Option
		want []any
	}{
		"as documented": {nil, []any{false, true, false}},
		"as recorded":   {[]ghmigratetest.Option{ghmigratetest.WithLFSStrings()}, []any{"undecided", "opt_in", "opt_out"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newImporter(t, test.opts...)
			got := []any{c.do("PUT", importPath, `{"vcs_url":"https://example.com/x"}`).object(t)["use_lfs"]}
			for _, preference := range []string{"opt_in", "opt_out"} {
				got = append(got, c.do("PATCH", importPath+"/lfs", `{"use_lfs":"`+preference+`"}`).object(t)["use_lfs"])
			}
			assert.Equal(t, test.want, got)
		})
	}
}
