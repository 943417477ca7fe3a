package ghmigratetest_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// TestFates observes an export of 100 seconds after 5, 20, 60 and 120 seconds. It checks
// the state, whether octo/hello is locked, and the status of an unlock.
func TestFates(t *testing.T) {
	type observation struct {
		state  string
		locked bool
		unlock int
	}
	for _, test := range []struct {
		name string
		fate ghmigratetest.Fate
		want [4]observation
	}{
		{"the zero value", ghmigratetest.Fate{},
			[4]observation{{"pending", false, 404}, {"exporting", true, 404}, {"exporting", true, 404}, {"exported", true, 204}}},
		{"failing, with its locks", ghmigratetest.Fate{Fails: true},
			[4]observation{{"pending", false, 404}, {"exporting", true, 404}, {"exporting", true, 404}, {"failed", true, 204}}},
		{"failing, without its locks", ghmigratetest.Fate{Fails: true, FreesLocks: true},
			[4]observation{{"pending", false, 404}, {"exporting", true, 404}, {"exporting", true, 404}, {"failed", false, 404}}},
		{"quick", ghmigratetest.Fate{Duration: 55 * time.Second},
			[4]observation{{"pending", false, 404}, {"exporting", true, 404}, {"exported", true, 204}, {"exported", false, 404}}},
		{"endless", ghmigratetest.Fate{Duration: -1},
			[4]observation{{"pending", false, 404}, {"exporting", true, 404}, {"exporting", true, 404}, {"exporting", true, 404}}},
		{"locks early", ghmigratetest.Fate{LocksAfter: time.Second},
			[4]observation{{"pending", true, 404}, {"exporting", true, 404}, {"exporting", true, 404}, {"exported", true, 204}}},
		{"locks late", ghmigratetest.Fate{LocksAfter: 50 * time.Second},
			[4]observation{{"pending", false, 404}, {"exporting", false, 404}, {"exporting", true, 404}, {"exported", true, 204}}},
		{"locks after the end", ghmigratetest.Fate{LocksAfter: 110 * time.Second},
			[4]observation{{"pending", false, 404}, {"exporting", false, 404}, {"exporting", false, 404}, {"exported", true, 204}}},
		{"locks of a failed export after its end", ghmigratetest.Fate{Fails: true, LocksAfter: 110 * time.Second},
			[4]observation{{"pending", false, 404}, {"exporting", false, 404}, {"exporting", false, 404}, {"failed", true, 204}}},
		{"no locks", ghmigratetest.Fate{LocksAfter: -1},
			[4]observation{{"pending", false, 404}, {"exporting", false, 404}, {"exporting", false, 404}, {"exported", false, 404}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newServer(t, ghmigratetest.WithExportDuration(100*time.Second))
			c.AddRepository("octo/hello")
			c.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
				assert.Equal(t, ghmigratetest.Migration{
					ID: 79, GUID: m.GUID, Owner: "octo", State: "pending",
					Options: []string{"lock_repositories"}, Repositories: []string{"octo/hello"},
				}, m)
				return test.fate
			})
			id := c.start("/orgs/octo", helloLocked)
			var got [4]observation
			for i, d := range []time.Duration{5 * time.Second, 15 * time.Second, 40 * time.Second, time.Minute} {
				c.Clock().Advance(d)
				got[i] = observation{c.Migration(id).State, c.Locked("octo/hello"), c.do("DELETE", c.path(id)+"/repos/hello/lock", "").status}
			}
			assert.Equal(t, test.want, got)
		})
	}
}

func TestAFateIsChosenAtTheStart(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	c.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate { return ghmigratetest.Fate{Fails: m.ID%2 == 0} })
	odd, even := c.start("/orgs/octo", hello), c.start("/orgs/octo", hello)
	c.SetFate(nil)
	c.start("/orgs/octo", hello)
	last := c.start("/orgs/octo", hello)
	c.Clock().Advance(time.Minute)
	assert.Equal(t, []string{"exported", "failed", "exported"},
		[]string{c.Migration(odd).State, c.Migration(even).State, c.Migration(last).State})
}

// The migration that locks first gets the lock, even if it started later.
func TestTheFirstMigrationToLockGetsTheLock(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	c.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
		return ghmigratetest.Fate{LocksAfter: time.Duration(81-m.ID) * time.Second}
	})
	first, second := c.start("/orgs/octo", helloLocked), c.start("/orgs/octo", helloLocked)
	c.Clock().Advance(time.Minute)
	assert.Empty(t, c.Migration(first).Locked)
	assert.Equal(t, []string{"octo/hello"}, c.Migration(second).Locked)
}

func TestPoisonsExportUnless(t *testing.T) {
	for _, test := range []struct {
		unless  []string
		options string
		want    string
	}{
		{nil, "", "failed"},
		{nil, `,"exclude_releases":true`, "failed"},
		{[]string{"exclude_releases"}, "", "failed"},
		{[]string{"exclude_releases"}, `,"exclude_attachments":true`, "failed"},
		{[]string{"exclude_releases"}, `,"exclude_releases":true`, "exported"},
		{[]string{"exclude_releases", "exclude_attachments"}, `,"exclude_releases":true`, "failed"},
		{[]string{"exclude_releases", "exclude_attachments"}, `,"exclude_releases":true,"exclude_attachments":true`, "exported"},
	} {
		c := newServer(t)
		c.AddRepository("octo/hello")
		c.AddRepository("octo/bad", ghmigratetest.PoisonsExport(test.unless...))
		id := c.exported(`{"repositories":["octo/hello","octo/bad"]` + test.options + `}`)
		assert.Equal(t, test.want, c.Migration(id).State, "%v, %v", test.unless, test.options)
		assert.Equal(t, "exported", c.Migration(c.exported(hello)).State)
	}
	assert.PanicsWithValue(t, `ghmigratetest: PoisonsExport: start has no option "releases"`,
		func() { ghmigratetest.PoisonsExport("releases") })
}

func TestArchivesLackMissingRepositories(t *testing.T) {
	c := newServer(t)
	for _, name := range []string{"hello", "lost", "third"} {
		c.AddRepository("octo/" + name)
	}
	c.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
		return ghmigratetest.Fate{Missing: []string{"octo/LOST"}}
	})
	id := c.exported(`{"repositories":["octo/hello","octo/lost","octo/third"]}`)
	assert.Len(t, c.do("GET", c.path(id)+"/repositories", "").list(t), 3)
	u := c.fetch(id)
	assert.Contains(t, u.files, "repositories/octo/hello.git/HEAD")
	assert.Contains(t, u.files, "repositories/octo/third.git/HEAD")
	for name, data := range u.files {
		assert.NotContains(t, name+string(data), "lost")
	}
	var urls []any
	for _, r := range u.records(t, "repositories") {
		urls = append(urls, r["url"])
	}
	assert.Equal(t, []any{"https://github.com/octo/hello", "https://github.com/octo/third"}, urls)
}

func TestDamagedArchives(t *testing.T) {
	for _, test := range []struct {
		name   string
		damage func([]byte) []byte
	}{
		{"a byte flipped", func(b []byte) []byte { b[len(b)/2] ^= 1; return b }},
		{"truncated", func(b []byte) []byte { return b[:len(b)-100] }},
		{"empty", func([]byte) []byte { return nil }},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newServer(t)
			c.AddRepository("octo/hello")
			var whole, damaged string
			c.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
				return ghmigratetest.Fate{Damage: func(archive []byte) []byte {
					whole = string(archive)
					damaged = string(test.damage(archive))
					return []byte(damaged)
				}}
			})
			location := c.signed(c.exported(hello))
			for range 2 {
				res := c.do("GET", location, "")
				require.Equal(t, http.StatusOK, res.status)
				assert.True(t, res.body == damaged && res.body != whole)
				assert.Equal(t, strconv.Itoa(len(damaged)), res.header.Get("Content-Length"))
			}
			assert.NotEmpty(t, unpack(t, whole).files, "the original archive is valid")
		})
	}
}

func TestHiddenMigrations(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	c.Inject(ghmigratetest.Fault{Method: "POST", Applied: true, Status: 502, Hidden: time.Minute})
	assert.Equal(t, 502, c.do("POST", "/orgs/octo/migrations", hello).status)
	require.Len(t, c.Migrations(), 1)
	id := c.Migrations()[0].ID
	next := c.start("/orgs/octo", hello)
	look := func() []int {
		return []int{
			len(c.do("GET", "/orgs/octo/migrations", "").list(t)),
			c.do("GET", c.path(id), "").status,
			c.do("GET", c.path(id)+"/repositories", "").status,
			c.do("GET", c.path(id)+"/archive", "").status,
			c.do("GET", c.path(next), "").status,
		}
	}
	c.Clock().Advance(59 * time.Second)
	assert.Equal(t, []int{1, 404, 404, 404, 200}, look())
	c.Clock().Advance(time.Second)
	assert.Equal(t, []int{2, 200, 200, 302, 200}, look())
}

func TestImportsAreListedAmongExports(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	before := c.exported(hello)
	id := c.AddImport("octo", "exported")
	after := c.start("/orgs/octo", hello)
	c.Clock().Advance(30 * 24 * time.Hour)
	list := c.do("GET", "/orgs/octo/migrations", "").list(t)
	require.Len(t, list, 3)
	for i, want := range []int64{after, id, before} {
		assert.EqualValues(t, want, list[i]["id"])
	}
	assert.Equal(t, []any{}, list[1]["repositories"])
	assert.NotContains(t, list[1], "archive_url")
	assert.Equal(t, "[]", c.do("GET", c.path(id)+"/repositories", "").body)
	assert.Equal(t, http.StatusNotFound, c.do("GET", c.path(id)+"/archive", "").status)
	assert.Equal(t, http.StatusNotFound, c.do("DELETE", c.path(id)+"/repos/hello/lock", "").status)
	assert.Equal(t, ghmigratetest.Migration{ID: id, GUID: list[1]["guid"].(string), Owner: "octo", State: "exported"}, c.Migration(id))
}
