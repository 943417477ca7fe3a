package export_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

func TestUnlockFindsTheMigration(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 110)
		server.AddImport("octo", "succeeded")
		acct := octo(t, server)
		start := func(lock bool, repositories ...string) {
			_, err := acct.Start(t.Context(), ghmigrate.StartMigrationRequest{Repositories: repositories, LockRepositories: lock})
			require.NoError(t, err)
			time.Sleep(10 * time.Second)
		}
		start(true, names[:105]...)
		start(true, names[105:]...)
		for range 110 { // the migrations with locks are on the second page then
			start(false, names[0])
		}
		require.NoError(t, export.Unlock(t.Context(), acct, names[104], "R109"))
		assert.Equal(t, []bool{false, true, false}, []bool{server.Locked(names[104]), server.Locked(names[103]), server.Locked(names[109])})
		require.NoError(t, export.Unlock(t.Context(), acct, names[104]), "an unlocked repository is not an error")

		err := export.Unlock(t.Context(), acct, "octo/none", names[5])
		require.ErrorContains(t, err, "no migration of 127.0.0.1:8000/orgs/octo has locked octo/none")
		assert.False(t, server.Locked(names[5]), "the error comes after all unlocks")

		require.ErrorContains(t, export.Unlock(t.Context(), acct), "needs repositories")
		require.ErrorContains(t, export.Unlock(t.Context(), acct, "a/b/c"), "want")

		require.NoError(t, export.UnlockAll(t.Context(), acct))
		assert.False(t, anyLocked(server, names))
	}, ghmigratetest.WithRateLimit(1<<30))
}

func TestUnlockAllReportsRepositoriesThatItCannotUnlock(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 2)
		acct := octo(t, server)
		for _, name := range names {
			startLocked(t, acct, name)
			time.Sleep(30 * time.Minute)
		}
		err := export.UnlockAll(t.Context(), acct)
		require.ErrorContains(t, err, "octo/r001: migration 80 is exporting, and GitHub unlocks only after its end")
		assert.False(t, server.Locked(names[0]), "all other repositories are unlocked")

		server.Inject(ghmigratetest.Fault{Method: http.MethodDelete, Status: 403, Body: `{"message":"Must be an owner"}`, Times: -1})
		time.Sleep(time.Hour)
		err = export.UnlockAll(t.Context(), acct)
		require.ErrorContains(t, err, "octo/r001 may still be locked by migration 80")
	}, ghmigratetest.WithExportDuration(50*time.Minute))
}

// If a migration can be read and its repositories cannot be listed, the repositories
// may still be locked.
func TestUnlockAllReportsMigrationsThatItCannotRead(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		acct := octo(t, server)
		startLocked(t, acct, names...)
		time.Sleep(time.Hour)
		server.Inject(ghmigratetest.Fault{Path: "/orgs/octo/migrations/79/repositories", Status: http.StatusNotFound, Body: `{"message":"Not Found"}`, Times: -1})
		err := export.UnlockAll(t.Context(), acct)
		require.True(t, server.Locked(names[0]))
		require.ErrorContains(t, err, "migration 79 may hold locks")
	})
}

func TestUnlockAllStopsIfTheNextUnlockWouldFailToo(t *testing.T) {
	for name, fault := range map[string]ghmigratetest.Fault{
		"a rate limit":            ghmigratetest.PrimaryRateLimit(10 * time.Minute),
		"a token that is refused": {Status: 401, Body: `{"message":"Bad credentials"}`},
		"no network":              {Reset: true},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				acct := octo(t, server, ghmigrate.WithMaxRetries(0))
				startLocked(t, acct, addRepositories(server, 5)...)
				time.Sleep(time.Minute)
				fault.Method, fault.Times = http.MethodDelete, -1
				server.Inject(fault)
				err := export.UnlockAll(t.Context(), acct)
				require.ErrorContains(t, err, "export: unlock all: octo/r000 may still be locked by migration 79: ")
				assert.NotContains(t, err.Error(), "r001")
				attempts := 1
				if fault.Status == http.StatusUnauthorized {
					attempts = 2 // the client retries a 401 once: GitHub sometimes refuses a good token
				}
				assert.Len(t, requests(server, http.MethodDelete, ""), attempts)
			})
		})
	}
}

func TestUnlockRefusesANameOfAnotherOwner(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names, acct := addRepositories(server, 1), octo(t, server)
		startLocked(t, acct, names...)
		time.Sleep(time.Hour)
		require.ErrorContains(t, export.Unlock(t.Context(), acct, "other/r000"), `"other/r000": it does not belong to octo`)
		assert.True(t, server.Locked(names[0]), "Unlock unlocked octo/r000 for other/r000")
	})
}

func TestUnlockOfAUserRefusesANameOfAnotherOwner(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		server.AddRepository("octocat/a")
		acct := export.UserAccount(testclient.New(t, server))
		startLocked(t, acct, "octocat/a")
		time.Sleep(time.Hour)
		require.ErrorContains(t, export.Unlock(t.Context(), acct, "octo/a"), `"octo/a": it does not belong to octocat`)
		assert.True(t, server.Locked("octocat/a"))
		require.NoError(t, export.Unlock(t.Context(), acct, "Octocat/A"))
		assert.False(t, server.Locked("octocat/a"))
	})
}

func TestLockCandidatesReportTheStateOnlyWithALockChecker(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 3)
		acct := octo(t, server)
		for i, name := range names {
			_, err := acct.Start(t.Context(), ghmigrate.StartMigrationRequest{Repositories: []string{name}, LockRepositories: i > 0})
			require.NoError(t, err)
			time.Sleep(time.Minute)
		}
		require.NoError(t, export.Unlock(t.Context(), acct, names[1]))
		candidates, err := ghmigrate.Collect(export.LockCandidates(t.Context(), acct))
		require.NoError(t, err)
		assert.Equal(t, []export.Candidate{
			{Repository: names[2], Migration: 81, Done: true, State: export.LockUnknown},
			{Repository: names[1], Migration: 80, Done: true, State: export.LockUnknown},
		}, candidates)

		candidates, err = ghmigrate.Collect(export.LockCandidates(t.Context(), lockChecker{acct}))
		require.NoError(t, err)
		assert.Equal(t, []export.LockState{export.Locked, export.NotLocked}, []export.LockState{candidates[0].State, candidates[1].State})

		for c, err := range export.LockCandidates(t.Context(), acct) {
			require.NoError(t, err)
			assert.Equal(t, names[2], c.Repository)
			break
		}
		server.Inject(ghmigratetest.Fault{Status: 403, Times: -1})
		_, err = ghmigrate.Collect(export.LockCandidates(t.Context(), acct))
		require.ErrorIs(t, err, ghmigrate.ErrForbidden)
	})
}
