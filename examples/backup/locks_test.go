package main

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// lock has migrations lock octo-org/a and octo-org/b.
func lock(t *testing.T, fake *ghmigratetest.Server) {
	t.Helper()
	client, err := ghmigrate.NewClient(ghmigrate.WithBaseURL(fake.URL()), ghmigrate.WithToken(fake.Token()),
		ghmigrate.WithHTTPClient(fake.Client()))
	require.NoError(t, err)
	for _, name := range []string{"octo-org/a", "octo-org/b"} {
		_, err := client.OrgMigrations.Start(t.Context(), "octo-org",
			ghmigrate.StartMigrationRequest{Repositories: []string{name}, LockRepositories: true})
		require.NoError(t, err)
	}
	time.Sleep(time.Minute)
	assert.True(t, fake.Locked("octo-org/a"))
	assert.True(t, fake.Locked("octo-org/b"))
}

func TestUnlock(t *testing.T) {
	for name, test := range map[string]struct {
		args   []string
		fault  ghmigratetest.Fault
		stdout string
		tries  int // of unlocking
	}{
		"what is locked":  {nil, ghmigratetest.Fault{Path: "/none"}, "unlocked: octo-org/a\nunlocked: octo-org/b\n", 2},
		"what is named":   {[]string{"-repos", "octo-org/a,b"}, ghmigratetest.Fault{Path: "/graphql", Status: 500}, "unlocked: octo-org/a\nunlocked: b\n", 2},
		"without GraphQL": {nil, ghmigratetest.Fault{Path: "/graphql", Status: 404, Times: -1}, "", 2},
	} {
		inBubble(t, name, func(t *testing.T) {
			fake := newFake(t)
			lock(t, fake)
			fake.Inject(test.fault)
			res := backup(t.Context(), t, fake, append([]string{"-org", "octo-org", "-unlock"}, test.args...)...)
			assert.Equal(t, 0, res.status, res.stderr)
			assert.Equal(t, test.stdout, res.stdout)
			assert.False(t, fake.Locked("octo-org/a"))
			assert.False(t, fake.Locked("octo-org/b"))
			tries := 0
			for _, r := range fake.Requests() {
				if r.Method == http.MethodDelete {
					tries++
				}
			}
			assert.Equal(t, test.tries, tries)
		})
	}
}

func TestUnlockWithNothingToUnlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake(t)
		res := backup(t.Context(), t, fake, "-org", "octo-org", "-unlock")
		assert.Equal(t, 0, res.status, res.stderr)
		assert.Equal(t, "nothing is locked by a migration\n", res.stdout)

		res = backup(t.Context(), t, fake, "-org", "octo-org", "-unlock", "-repos", "octo-org/a")
		assert.Equal(t, 1, res.status)
		assert.Contains(t, res.stderr, "has locked octo-org/a\n")
	})
}

func TestPreflight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake(t)
		lock(t, fake)
		res := backup(t.Context(), t, fake, "-org", "octo-org", "-preflight")
		assert.Equal(t, 0, res.status, res.stderr)
		assert.Contains(t, res.stdout, "\nscopes: admin:org, repo\n")
		assert.Contains(t, res.stdout, "\nlocked: octo-org/a, perhaps by migration 79\nlocked: octo-org/b, perhaps by migration 80\n"+
			"to unlock what no export needs any more: backup -org octo-org -base-url "+fake.URL()+" -unlock\n")
		assert.Contains(t, res.stdout, "\nnothing stands in the way of an export\n")

		fake.Inject(ghmigratetest.Fault{Path: "/graphql", Status: 404, Times: -1})
		res = backup(t.Context(), t, fake, "-org", "octo-org", "-preflight")
		assert.Equal(t, 0, res.status, res.stderr)
		assert.Contains(t, res.stdout, "\nlocked: nobody tells, as there is no GraphQL at this address\n")

		fake.SetRole("octo-org", "member")
		res = backup(t.Context(), t, fake, "-org", "octo-org", "-preflight")
		assert.Equal(t, 1, res.status)
		assert.Contains(t, res.stdout, "\nproblem: octocat is a member of the organization octo-org: only its owners can export it\n")
		assert.Contains(t, res.stderr, "\nbackup: an export would fail\n")
		assert.NotContains(t, res.stdout, "nothing stands in the way")
	})
}

func TestPreflightNamesTheLatestThatMayHaveLocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake(t)
		lock(t, fake)
		assert.Equal(t, 0, backup(t.Context(), t, fake, "-org", "octo-org", "-unlock").status)
		lock(t, fake)
		res := backup(t.Context(), t, fake, "-org", "octo-org", "-preflight")
		assert.Contains(t, res.stdout, "\nlocked: octo-org/a, perhaps by migration 81\nlocked: octo-org/b, perhaps by migration 82\n")
	})
}

func TestARefusalOfGraphQL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake(t)
		lock(t, fake)
		fake.Inject(ghmigratetest.Fault{Path: "/graphql", Times: -1, Status: 200, Body: `{"data":{"repository":null},"errors":[{"type":"FORBIDDEN","message":"not for you"}]}`})
		res := backup(t.Context(), t, fake, "-org", "octo-org", "-unlock")
		assert.Equal(t, 1, res.status)
		assert.Contains(t, res.stderr, ": not for you\n")
		assert.True(t, fake.Locked("octo-org/a"))
	})
}
