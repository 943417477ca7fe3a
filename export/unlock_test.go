package export_test

import (
	"context"
	"net/http"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

func TestADoubtIsNamedBesideARefusal(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 2)
		server.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
			return ghmigratetest.Fate{Duration: 10 * time.Second, LocksAfter: 60 * time.Second}
		})
		server.Inject(ghmigratetest.Fault{Method: http.MethodDelete, Path: "/orgs/octo/migrations/79/repos/r000/lock", Status: 403, Body: `{"message":"no"}`, Times: -1})
		ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
		defer cancel()
		_, err := run(t, ctx, server, octo(t, server), locked(names, t.TempDir()))
		p := partial(t, err)
		time.Sleep(time.Hour)
		for _, n := range names {
			assert.True(t, !server.Locked(n) || slices.Contains(p.Locked, n), "%s is locked and not named in %v", n, p.Locked)
		}
	})
}

func TestKeepLockedReleasesWhatWasNotExported(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 2)
		server.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
			return ghmigratetest.Fate{Missing: names[:1]}
		})
		opts := locked(names, t.TempDir())
		opts.KeepLocked = true
		_, err := run(t, t.Context(), server, octo(t, server), opts)
		p := partial(t, err)
		require.Equal(t, names[:1], namesOf(p.Repositories))
		assert.True(t, !server.Locked(names[0]) || slices.Contains(p.Locked, names[0]), "not exported, locked and not named")
	})
}

func TestKeepLockedReleasesTheTwinsOfWhatWasNotExported(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		server.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
			return ghmigratetest.Fate{Duration: 10 * time.Minute, Fails: true}
		})
		server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Status: 502, Applied: true, Hidden: 3 * time.Minute})
		opts := locked(names, t.TempDir())
		opts.KeepLocked = true
		m, err := run(t, t.Context(), server, octo(t, server), opts)
		p := partial(t, err)
		require.NotEmpty(t, m.Twins)
		assert.Equal(t, names, namesOf(p.Repositories))
		assert.True(t, !server.Locked(names[0]) || slices.Contains(p.Locked, names[0]), "given up, locked by the twin, not named")
	})
}

func TestAnUnlockThatIsRefusedStopsNothing(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 2)
		server.Inject(ghmigratetest.Fault{Method: http.MethodDelete, Path: "/orgs/octo/migrations/79/repos/r000/lock", Status: 422, Body: `{"message":"no"}`, Times: -1})
		opts := locked(names, t.TempDir())
		opts.BatchSize, opts.Concurrency = 1, 1
		m, err := run(t, t.Context(), server, octo(t, server), opts)
		assert.Equal(t, &export.PartialError{Locked: names[:1]}, partial(t, err))
		assert.Equal(t, 2, m.Covered)
	})
}

func TestAnUnlockThatFailsDoesNotKeepTheOthersLocked(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 3)
		server.Inject(ghmigratetest.Fault{Method: http.MethodDelete, Path: "/orgs/octo/migrations/79/repos/r000/lock", Status: 500, Times: -1})
		_, err := run(t, t.Context(), server, octo(t, server), locked(names, t.TempDir()))
		assert.Equal(t, &export.PartialError{Locked: names[:1]}, partial(t, err), "the run is finished all the same")
		assert.False(t, server.Locked(names[1]))
		assert.False(t, server.Locked(names[2]))
	})
}

func TestWhatWasAskedForIsUnlockedThoughItIsNotListed(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 2)
		server.Inject(ghmigratetest.Fault{Path: "/orgs/octo/migrations/79/repositories", Status: 200, Body: `[]`, Times: -1})
		server.Inject(ghmigratetest.Fault{Path: "/orgs/octo/migrations/80/repositories", Status: 200, Body: `[]`, Times: -1})
		m, _ := run(t, t.Context(), server, octo(t, server), locked(names, t.TempDir()))
		for _, n := range names {
			assert.True(t, !server.Locked(n) || slices.Contains(m.Locked, n), "%s is locked and not named", n)
		}
	})
}

// Nothing can release the locks of a migration that GitHub does not know any
// more. If GitHub only hides the migration from the token, its locks remain to
// be released.
func TestTheLocksOfAForgottenMigrationAreNamedOnce(t *testing.T) {
	for name, forgotten := range map[string]bool{"forgotten": true, "hidden from the token": false} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				names := addRepositories(server, 1)
				opts := locked(names, t.TempDir())
				var exported atomic.Bool
				server.InjectFunc(func(r ghmigratetest.Request, _ int) (ghmigratetest.Fault, bool) {
					hidden := r.Method == http.MethodDelete || r.Path == "/orgs/octo/migrations/79" ||
						r.Path == "/orgs/octo/migrations" && !forgotten
					return ghmigratetest.Fault{Status: 404, Body: `{"message":"Not Found"}`}, exported.Load() && hidden
				})
				opts.Progress = func(e export.Event) {
					if e.Kind == export.EventExported {
						exported.Store(true)
					}
				}
				_, err := run(t, t.Context(), server, octo(t, server), opts)
				assert.Equal(t, &export.PartialError{Locked: names}, partial(t, err))

				opts.Progress = nil
				exported.Store(false)
				server.ClearRequests()
				_, err = run(t, t.Context(), server, octo(t, server), opts)
				require.NoError(t, err, "the next night")
				asked := len(requests(server, "", "/orgs/octo/migrations/79")) > 0
				assert.Equal(t, !forgotten, asked)
			})
		})
	}
}

// A GHES responds 404 to a call that it does not have for users, and GitHub to
// a token that has lost its rights. Neither response means that nothing is
// locked, or that nothing exists.
func TestANotFoundIsNotTakenForDone(t *testing.T) {
	t.Run("Unlock", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			server.AddRepository("octocat/a")
			acct := export.UserAccount(testclient.New(t, server))
			_, err := acct.Start(t.Context(), ghmigrate.StartMigrationRequest{Repositories: []string{"octocat/a"}, LockRepositories: true})
			require.NoError(t, err)
			time.Sleep(time.Minute)
			require.ErrorContains(t, export.UnlockAll(t.Context(), acct), "octocat/a may still be locked by migration 79")
		}, ghmigratetest.WithGHES())
	})
	t.Run("Step", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			server.AddRepository("octocat/a")
			acct := export.UserAccount(testclient.New(t, server))
			opts := locked([]string{"octocat/a"}, t.TempDir())
			opts.DeleteArchives = true
			_, jobs, err := export.Plan(opts)
			require.NoError(t, err)
			for !jobs[0].Over() {
				pause(jobs[0])
				_ = export.Step(t.Context(), acct, jobs[0])
			}
			s := jobs[0].State
			assert.Equal(t, []bool{true, false}, []bool{s.Stored, s.Deleted})
			assert.Equal(t, []string{"octocat/a"}, s.Locked)
		}, ghmigratetest.WithGHES())
	})
	t.Run("Run", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			opts := locked(addRepositories(server, 1), t.TempDir())
			opts.DeleteArchives = true
			var exported atomic.Bool
			opts.Progress = func(e export.Event) {
				if e.Kind == export.EventExported {
					exported.Store(true)
				}
			}
			// The client takes the 404 after a 502 for the success of the first DELETE.
			server.InjectFunc(func(r ghmigratetest.Request, before int) (ghmigratetest.Fault, bool) {
				if r.Method == http.MethodDelete && before%2 == 0 {
					return ghmigratetest.ServerError(502), true
				}
				hidden := r.Method == http.MethodDelete || r.Path == "/orgs/octo/migrations/79"
				return ghmigratetest.Fault{Status: 404, Body: `{"message":"Not Found"}`}, exported.Load() && hidden
			})
			m, err := run(t, t.Context(), server, octo(t, server), opts)
			assert.Equal(t, &export.PartialError{Locked: opts.Repositories}, partial(t, err), "the archive is safe; GitHub deletes its own some day")
			assert.False(t, m.Repositories[0].Deleted)
			assert.False(t, server.Migrations()[0].ArchiveDeleted)
		})
	})
}

func TestLockedHasTheNamesThatWereAskedFor(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		addRepositories(server, 1)
		server.Inject(ghmigratetest.Fault{Method: http.MethodDelete, Status: 403, Body: `{"message":"no"}`, Times: -1})
		_, err := run(t, t.Context(), server, octo(t, server), locked([]string{"Octo/R000"}, t.TempDir()))
		assert.Equal(t, []string{"Octo/R000"}, partial(t, err).Locked)
	})
}

// More requests would only be more to answer for, and each costs a second.
func TestUnlockStopsWhereTheNextWouldFareNoBetter(t *testing.T) {
	for name, fault := range map[string]ghmigratetest.Fault{
		"a rate limit":            ghmigratetest.PrimaryRateLimit(10 * time.Minute),
		"a token that is refused": {Status: 401, Body: `{"message":"Bad credentials"}`},
		"no network":              {Reset: true},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				acct := octo(t, server, ghmigrate.WithMaxRetries(0))
				_, err := acct.Start(t.Context(), ghmigrate.StartMigrationRequest{Repositories: addRepositories(server, 5), LockRepositories: true})
				require.NoError(t, err)
				time.Sleep(time.Minute)
				fault.Method, fault.Times = http.MethodDelete, -1
				server.Inject(fault)
				err = export.UnlockAll(t.Context(), acct)
				require.ErrorContains(t, err, "export: unlock all: octo/r000 may still be locked by migration 79: ")
				assert.NotContains(t, err.Error(), "r001")
				attempts := 1
				if fault.Status == http.StatusUnauthorized {
					attempts = 2 // GitHub answers good tokens with a stray 401 now and then
				}
				assert.Len(t, requests(server, http.MethodDelete, ""), attempts)
			})
		})
	}
}

func TestAClockThatWasAheadIsNotWaitedFor(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		acct, dir := octo(t, server), t.TempDir()
		_, err := acct.Start(t.Context(), ghmigrate.StartMigrationRequest{Repositories: addRepositories(server, 1)})
		require.NoError(t, err)
		time.Sleep(time.Hour)
		writeJournal(t, filepath.Join(dir, "20000101T000000Z"),
			`{"run": {"version": 2, "account": "127.0.0.1:8000/orgs/octo", "repositories": 1, "batch_size": 100, "start": {"LockRepositories":true}}}`,
			`{"plan": [{"id": "1", "repositories": ["octo/r000"], "start": {"LockRepositories":true}}]}`,
			`{"job": "1", "state": {"migration": 79, "outcome": "exported", "ended": "2000-02-01T00:00:00Z"}}`,
		)
		begun := time.Now()
		_, err = run(t, t.Context(), server, acct, export.Options{Dir: dir})
		require.NoError(t, err)
		assert.Less(t, time.Since(begun), time.Hour)
	})
}
