package export_test

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strings"
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

func TestEveryPageOfRepositoriesIsUnlocked(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 103)
		opts := locked(names, t.TempDir())
		opts.BatchSize = 103
		_, err := run(t, server, opts)
		require.NoError(t, err)
		assert.False(t, anyLocked(server, names))
		unlocks := requests(server, http.MethodDelete, "/lock")
		assert.Len(t, unlocks, 103)
		assertSecondsApart(t, unlocks)
	})
}

func TestRunUnlocksOnlyAfterTheMigrationHasEnded(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		opts := locked(names, t.TempDir())
		_, err := runAs(t, ctx, server, octo(t, server), opts)
		p := partial(t, err)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Empty(t, requests(server, http.MethodDelete, ""))
		assert.Equal(t, names, p.Locked)

		time.Sleep(time.Hour)
		_, err = run(t, server, opts)
		require.NoError(t, err, "the next call unlocks")
		assert.False(t, server.Locked(names[0]))
	}, ghmigratetest.WithExportDuration(30*time.Minute))
}

func TestACanceledRunUnlocksExportedRepositories(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 2)
		server.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
			if m.Repositories[0] == names[0] {
				return ghmigratetest.Fate{Duration: 10 * time.Second}
			}
			return ghmigratetest.Fate{Duration: time.Hour, LocksAfter: time.Second}
		})
		ctx, cancel := context.WithCancelCause(t.Context())
		opts := locked(names, t.TempDir())
		opts.BatchSize = 1
		opts.Progress = func(e export.Event) {
			if e.Kind == export.EventExported {
				cancel(assert.AnError)
			}
		}
		begun := time.Now()
		_, err := runAs(t, ctx, server, octo(t, server), opts)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, assert.AnError, "the cause")
		assert.Equal(t, names[1:], partial(t, err).Locked)
		assert.False(t, server.Locked(names[0]))
		assert.True(t, server.Locked(names[1]))
		assert.Less(t, time.Since(begun), 3*time.Minute)
	})
}

func TestALockAfterTheEndOfTheExportIsReleased(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 2)
		server.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
			return ghmigratetest.Fate{Duration: 10 * time.Second, LocksAfter: 60 * time.Second}
		})
		// The response to the first unlock is lost, and the retry gets "not locked".
		server.Inject(ghmigratetest.Fault{Method: http.MethodDelete, Reset: true})
		_, err := run(t, server, locked(names, t.TempDir()))
		require.NoError(t, err)
		time.Sleep(time.Hour)
		assert.False(t, anyLocked(server, names))
	})
}

func TestNotLockedIsTrustedOnlyIfTheMigrationCanBeRead(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 2)
		opts := locked(names, t.TempDir())
		// The token loses some of its rights when the export has ended.
		opts.Progress = func(e export.Event) {
			if e.Kind == export.EventExported {
				for _, path := range []string{"/orgs/octo/migrations/79", "/orgs/octo/migrations/79/repos/"} {
					server.Inject(ghmigratetest.Fault{Path: path, Status: 403, Body: `{"message":"Forbidden"}`, Times: -1})
				}
			}
		}
		_, err := run(t, server, opts)
		p := partial(t, err)
		assert.Equal(t, names, p.Locked)
		assert.Empty(t, p.Repositories, "the archives are safe")
		require.NoError(t, p.Err, "the run is finished")

		server.ClearFaults()
		opts.Progress = nil
		m, err := run(t, server, opts)
		require.NoError(t, err, "the next run unlocks the repositories of this run")
		assert.False(t, anyLocked(server, names))
		assert.Equal(t, 1, m.Starts, "it is a new run")
		assert.Empty(t, server.Migrations()[0].Locked)
	})
}

func TestAPossibleLockIsListedBesideARefusedUnlock(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 2)
		server.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
			return ghmigratetest.Fate{Duration: 10 * time.Second, LocksAfter: 60 * time.Second}
		})
		server.Inject(ghmigratetest.Fault{Method: http.MethodDelete, Path: "/orgs/octo/migrations/79/repos/r000/lock", Status: 403, Body: `{"message":"no"}`, Times: -1})
		ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
		defer cancel()
		_, err := runAs(t, ctx, server, octo(t, server), locked(names, t.TempDir()))
		p := partial(t, err)
		time.Sleep(time.Hour)
		assertLockedOrListed(t, server, names, p.Locked)
	})
}

func TestKeepLockedUnlocksRepositoriesThatWereNotExported(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 2)
		server.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
			return ghmigratetest.Fate{Missing: names[:1]}
		})
		opts := locked(names, t.TempDir())
		opts.KeepLocked = true
		_, err := run(t, server, opts)
		p := partial(t, err)
		require.Equal(t, names[:1], namesOf(p.Repositories))
		assertLockedOrListed(t, server, names[:1], p.Locked)
	})
}

func TestKeepLockedUnlocksTheTwinsOfRepositoriesThatWereNotExported(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		server.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
			return ghmigratetest.Fate{Duration: 10 * time.Minute, Fails: true}
		})
		server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Status: 502, Applied: true, Hidden: 3 * time.Minute})
		opts := locked(names, t.TempDir())
		opts.KeepLocked = true
		m, err := run(t, server, opts)
		p := partial(t, err)
		require.NotEmpty(t, m.Twins)
		assert.Equal(t, names, namesOf(p.Repositories))
		assertLockedOrListed(t, server, names, p.Locked)
	})
}

func TestARefusedUnlockDoesNotStopTheRun(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 2)
		server.Inject(ghmigratetest.Fault{Method: http.MethodDelete, Path: "/orgs/octo/migrations/79/repos/r000/lock", Status: 422, Body: `{"message":"no"}`, Times: -1})
		opts := locked(names, t.TempDir())
		opts.BatchSize, opts.Concurrency = 1, 1
		m, err := run(t, server, opts)
		assert.Equal(t, &export.PartialError{Locked: names[:1]}, partial(t, err))
		assert.Equal(t, 2, m.Covered)
	})
}

func TestAFailedUnlockDoesNotKeepOthersLocked(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 3)
		server.Inject(ghmigratetest.Fault{Method: http.MethodDelete, Path: "/orgs/octo/migrations/79/repos/r000/lock", Status: 500, Times: -1})
		_, err := run(t, server, locked(names, t.TempDir()))
		assert.Equal(t, &export.PartialError{Locked: names[:1]}, partial(t, err), "the run is finished")
		assert.False(t, server.Locked(names[1]))
		assert.False(t, server.Locked(names[2]))
	})
}

func TestARequestedRepositoryThatIsNotListedIsUnlocked(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 2)
		server.Inject(ghmigratetest.Fault{Path: "/orgs/octo/migrations/79/repositories", Status: 200, Body: `[]`, Times: -1})
		server.Inject(ghmigratetest.Fault{Path: "/orgs/octo/migrations/80/repositories", Status: 200, Body: `[]`, Times: -1})
		m, _ := run(t, server, locked(names, t.TempDir()))
		assertLockedOrListed(t, server, names, m.Locked)
	})
}

// No call can release the locks of a migration that GitHub has deleted. If GitHub only
// hides the migration from the token, the next run still tries to release its locks.
func TestTheLocksOfAForgottenMigrationAreListedOnce(t *testing.T) {
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
				_, err := run(t, server, opts)
				assert.Equal(t, &export.PartialError{Locked: names}, partial(t, err))

				opts.Progress = nil
				exported.Store(false)
				server.ClearRequests()
				_, err = run(t, server, opts)
				require.NoError(t, err, "the next run")
				asked := len(requests(server, "", "/orgs/octo/migrations/79")) > 0
				assert.Equal(t, !forgotten, asked)
			})
		})
	}
}

// A GHES responds 404 to a call that it does not have for users, and GitHub responds
// 404 to a token that has lost its rights. Neither response means that a repository is
// not locked, or that an archive does not exist.
func TestA404IsNotTakenForSuccess(t *testing.T) {
	t.Run("Unlock", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			server.AddRepository("octocat/a")
			acct := export.UserAccount(testclient.New(t, server))
			startLocked(t, acct, "octocat/a")
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
			job := planJob(t, opts)
			for !job.Over() {
				pause(job)
				_ = export.Step(t.Context(), acct, job)
			}
			assert.True(t, job.State.Stored)
			assert.False(t, job.State.Deleted)
			assert.Equal(t, []string{"octocat/a"}, job.State.Locked)
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
			m, err := run(t, server, opts)
			assert.Equal(t, &export.PartialError{Locked: opts.Repositories}, partial(t, err), "the run is finished")
			assert.False(t, m.Repositories[0].Deleted)
			assert.False(t, server.Migrations()[0].ArchiveDeleted)
		})
	})
}

// A token that has lost some of its rights may read the migration, and not its
// repositories. Then a 404 for an unlock does not mean that the repository is not
// locked.
func TestA404IsBelievedOnlyAfterTheListOfRepositories(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := locked(addRepositories(server, 1), t.TempDir())
		server.InjectFunc(func(r ghmigratetest.Request, _ int) (ghmigratetest.Fault, bool) {
			hidden := r.Method == http.MethodDelete || r.Path == "/orgs/octo/migrations/79/repositories"
			return ghmigratetest.Fault{Status: 404, Body: `{"message":"Not Found"}`}, hidden
		})
		_, err := run(t, server, opts)
		assert.Equal(t, opts.Repositories, partial(t, err).Locked)
		assert.True(t, server.Locked(opts.Repositories[0]))
	})
}

func TestLockedListsTheRequestedNames(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		addRepositories(server, 1)
		server.Inject(ghmigratetest.Fault{Method: http.MethodDelete, Status: 403, Body: `{"message":"no"}`, Times: -1})
		_, err := run(t, server, locked([]string{"Octo/R000"}, t.TempDir()))
		assert.Equal(t, []string{"Octo/R000"}, partial(t, err).Locked)
	})
}

// After a power cut, the journal of the next run may have its header without its plan.
func TestAnIncompletePlanKeepsTheLocksOfTheRunBefore(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := locked(addRepositories(server, 1), t.TempDir())
		server.Inject(ghmigratetest.Fault{Method: http.MethodDelete, Status: 403, Body: `{"message":"no"}`, Times: -1})
		_, err := run(t, server, opts)
		assert.Equal(t, opts.Repositories, partial(t, err).Locked)
		server.ClearFaults()

		writeJournal(t, filepath.Join(opts.Dir, "20300101T000000Z"),
			`{"run": {"version": 2, "account": "127.0.0.1:8000/orgs/octo", "repositories": 0, "jobs": 1, "batch_size": 100}}`)
		_, err = run(t, server, export.Options{Dir: opts.Dir, Repositories: []string{}})
		require.NoError(t, err)
		assert.False(t, server.Locked("octo/r000"))
	})
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
		_, err = runAs(t, t.Context(), server, acct, export.Options{Dir: dir})
		require.NoError(t, err)
		assert.Less(t, time.Since(begun), time.Hour)
	})
}

func TestEachCallTriesToUnlockAgain(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		opts := locked(names, t.TempDir())
		server.Inject(ghmigratetest.Fault{Method: http.MethodDelete, Status: 403, Body: `{"message":"no"}`, Times: 3})
		for range 2 {
			ctx, cancel := context.WithCancel(t.Context())
			opts.Progress = func(e export.Event) {
				if e.Kind == export.EventExported || e.Kind == export.EventResumed {
					cancel()
				}
			}
			_, err := runAs(t, ctx, server, octo(t, server), opts)
			require.Error(t, err)
		}
		opts.Progress = nil
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := runAs(t, ctx, server, octo(t, server), opts)
		require.Error(t, err)
		time.Sleep(time.Hour)
		_, err = run(t, server, opts)
		require.NoError(t, err, "GitHub would unlock by now")
	})
}

// The retry of a DELETE that failed with 502 releases the lock.
func TestARetriedUnlockThatSucceedsIsDone(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 5)
		server.Inject(ghmigratetest.Fault{Method: http.MethodDelete, Status: 502})
		_, err := run(t, server, locked(names, t.TempDir()))
		require.NoError(t, err)
		assert.Len(t, requests(server, http.MethodDelete, "/lock"), 6)
	})
}

func TestASlowUnlockIsSentOnce(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 10)
		server.Inject(ghmigratetest.Fault{Method: http.MethodDelete, Delay: 3 * time.Second, Times: -1})
		_, err := run(t, server, locked(names, t.TempDir()))
		require.NoError(t, err)
		assert.Len(t, requests(server, http.MethodDelete, "/lock"), 10)
	})
}

func TestUnlocksDoNotWaitForASlowStore(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := locked(addRepositories(server, 12), t.TempDir())
		opts.BatchSize = 2
		opts.Store = putFunc(func(ctx context.Context, name string, r io.Reader) error {
			if strings.HasSuffix(name, ".tar.gz") {
				time.Sleep(10 * time.Hour)
			}
			return discard(ctx, name, r)
		})
		server.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
			return ghmigratetest.Fate{Duration: 10 * time.Minute, LocksAfter: 11 * time.Minute} // after the end
		})
		begun := time.Now()
		checked := false
		time.AfterFunc(20*time.Minute, func() {
			checked = true
			assert.False(t, anyLocked(server, opts.Repositories), "after %v", time.Since(begun))
		})
		_, err := run(t, server, opts)
		require.NoError(t, err)
		assert.True(t, checked)
		assert.Greater(t, time.Since(begun), 10*time.Hour)
	})
}

// During a rate limit, a canceled run leaves its locks to the next call.
func TestACanceledRunSendsFewRequestsDuringARateLimit(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := locked(addRepositories(server, 30), t.TempDir())
		opts.BatchSize, opts.Concurrency = 1, 30
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		time.AfterFunc(90*time.Second, func() {
			limit := ghmigratetest.PrimaryRateLimit(time.Hour)
			limit.Times = -1
			server.Inject(limit)
		})
		_, err := runAs(t, ctx, server, octo(t, server), opts)
		assert.Len(t, partial(t, err).Locked, 30)
		assert.Less(t, refusals(server), 10)
	}, ghmigratetest.WithExportDuration(time.Hour))
}

// Run releases the locks of a failed migration before it starts another.
func TestAFailedBatchIsUnlockedBeforeItsRetry(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 2)
		starts := 0
		server.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
			starts++
			return ghmigratetest.Fate{Fails: starts == 1}
		})
		opts := locked(names, t.TempDir())
		opts.KeepLocked = true
		_, err := run(t, server, opts)
		require.NoError(t, err)
		migrations := server.Migrations()
		assert.Empty(t, migrations[0].Locked)
		assert.Equal(t, names, migrations[1].Locked, "the locks of the successful export")
	})
}
