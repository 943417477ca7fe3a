package export_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

func locked(names []string, dir string) export.Options {
	return export.Options{Repositories: names, Dir: dir, Start: ghmigrate.StartMigrationRequest{LockRepositories: true}}
}

func anyLocked(server *ghmigratetest.Server, names []string) bool {
	return slices.ContainsFunc(names, server.Locked)
}

func TestEveryPageOfRepositoriesIsUnlocked(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 103)
		opts := locked(names, t.TempDir())
		opts.BatchSize = 103
		_, err := run(t, t.Context(), server, octo(t, server), opts)
		require.NoError(t, err)
		assert.False(t, anyLocked(server, names))
		unlocks := requests(server, http.MethodDelete, "/lock")
		assert.Len(t, unlocks, 103, "one for each")
		for i := 1; i < len(unlocks); i++ {
			assert.GreaterOrEqual(t, unlocks[i].Time.Sub(unlocks[i-1].Time), time.Second)
		}
	})
}

func TestNothingIsUnlockedBeforeItsMigrationIsDone(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		opts := locked(names, t.TempDir())
		_, err := run(t, ctx, server, octo(t, server), opts)
		p := partial(t, err)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Empty(t, requests(server, http.MethodDelete, ""))
		assert.Equal(t, names, p.Locked, "the rest is named")

		time.Sleep(time.Hour)
		_, err = run(t, t.Context(), server, octo(t, server), opts)
		require.NoError(t, err, "the next call pays the debt")
		assert.False(t, server.Locked(names[0]))
	}, ghmigratetest.WithExportDuration(30*time.Minute))
}

func TestACancelledRunUnlocksWhatIsDone(t *testing.T) {
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
		_, err := run(t, ctx, server, octo(t, server), opts)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, assert.AnError, "the cause too")
		assert.Equal(t, names[1:], partial(t, err).Locked)
		assert.False(t, server.Locked(names[0]))
		assert.True(t, server.Locked(names[1]))
		assert.Less(t, time.Since(begun), 3*time.Minute)
	})
}

func TestALockThatLandsAfterTheEndIsReleasedToo(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 2)
		server.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
			return ghmigratetest.Fate{Duration: 10 * time.Second, LocksAfter: 60 * time.Second}
		})
		// The first unlock is answered by nobody, its repetition by "not locked".
		server.Inject(ghmigratetest.Fault{Method: http.MethodDelete, Reset: true})
		_, err := run(t, t.Context(), server, octo(t, server), locked(names, t.TempDir()))
		require.NoError(t, err)
		time.Sleep(time.Hour)
		assert.False(t, anyLocked(server, names))
	})
}

func TestNotLockedCountsOnlyWhileTheMigrationCanBeRead(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 2)
		// The token loses some of its rights when the export has ended.
		opts := locked(names, t.TempDir())
		opts.Progress = func(e export.Event) {
			if e.Kind == export.EventExported {
				for _, path := range []string{"/orgs/octo/migrations/79", "/orgs/octo/migrations/79/repos/"} {
					server.Inject(ghmigratetest.Fault{Path: path, Status: 403, Body: `{"message":"Forbidden"}`, Times: -1})
				}
			}
		}
		_, err := run(t, t.Context(), server, octo(t, server), opts)
		p := partial(t, err)
		assert.Equal(t, names, p.Locked)
		assert.Empty(t, p.Repositories, "the archives are safe")
		require.NoError(t, p.Err, "the run is finished")

		server.ClearFaults()
		opts.Progress = nil
		m, err := run(t, t.Context(), server, octo(t, server), opts)
		require.NoError(t, err, "the journal keeps the debt, the next run pays it")
		assert.False(t, anyLocked(server, names))
		assert.Equal(t, 1, m.Starts, "it is a new run")
		assert.Empty(t, server.Migrations()[0].Locked)
	})
}

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
		for range 110 { // so that the migrations with locks are on another page
			start(false, names[0])
		}
		require.NoError(t, export.Unlock(t.Context(), acct, names[104], "R109"))
		assert.Equal(t, []bool{false, true, false}, []bool{server.Locked(names[104]), server.Locked(names[103]), server.Locked(names[109])})
		require.NoError(t, export.Unlock(t.Context(), acct, names[104]), "not locked any more is fine")

		err := export.Unlock(t.Context(), acct, "octo/none", names[5])
		require.ErrorContains(t, err, "no migration of 127.0.0.1:8000/orgs/octo has locked octo/none")
		assert.False(t, server.Locked(names[5]), "after all others are unlocked")

		require.ErrorContains(t, export.Unlock(t.Context(), acct), "needs repositories")
		require.ErrorContains(t, export.Unlock(t.Context(), acct, "a/b/c"), "want")

		require.NoError(t, export.UnlockAll(t.Context(), acct))
		assert.False(t, anyLocked(server, names))
	}, ghmigratetest.WithRateLimit(1<<30))
}

func TestUnlockSaysWhatCannotBeUnlocked(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 2)
		acct := octo(t, server)
		for _, name := range names {
			_, err := acct.Start(t.Context(), ghmigrate.StartMigrationRequest{Repositories: []string{name}, LockRepositories: true})
			require.NoError(t, err)
			time.Sleep(30 * time.Minute)
		}
		err := export.UnlockAll(t.Context(), acct)
		require.ErrorContains(t, err, "octo/r001: migration 80 is exporting, and GitHub unlocks only after its end")
		assert.False(t, server.Locked(names[0]), "the others are unlocked")

		server.Inject(ghmigratetest.Fault{Method: http.MethodDelete, Status: 403, Body: `{"message":"Must be an owner"}`, Times: -1})
		time.Sleep(time.Hour)
		err = export.UnlockAll(t.Context(), acct)
		require.ErrorContains(t, err, "octo/r001 may still be locked by migration 80")
	}, ghmigratetest.WithExportDuration(50*time.Minute))
}

// A checker asks GraphQL.
type checker struct{ export.Account }

func (c checker) IsLocked(ctx context.Context, repository string) (bool, error) {
	owner, name := filepath.Split(repository)
	var answer struct {
		Data struct {
			Repository struct {
				IsLocked   bool   `json:"isLocked"`
				LockReason string `json:"lockReason"`
			} `json:"repository"`
		} `json:"data"`
	}
	_, err := c.Do(ctx, http.MethodPost, "/graphql", map[string]any{
		"query":     `query($owner: String!, $name: String!) { repository(owner: $owner, name: $name) { isLocked lockReason } }`,
		"variables": map[string]string{"owner": filepath.Dir(owner), "name": name},
	}, &answer)
	return answer.Data.Repository.IsLocked && answer.Data.Repository.LockReason == "MIGRATING", err
}

func TestLockCandidatesSayNoMoreThanGitHubTells(t *testing.T) {
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

		candidates, err = ghmigrate.Collect(export.LockCandidates(t.Context(), checker{acct}))
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

func TestAnArchiveThatDiedIsExportedAgain(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		opts := locked(names, t.TempDir())
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		_, err := run(t, ctx, server, octo(t, server), opts)
		require.Error(t, err)
		time.Sleep(10 * 24 * time.Hour)
		m, err := run(t, t.Context(), server, octo(t, server), opts)
		require.NoError(t, err)
		assert.Equal(t, 2, m.Starts)
		assert.EqualValues(t, 80, m.Repositories[0].Migration)
		assert.False(t, server.Locked(names[0]))
	})
}

func TestAMigrationThatVanishesIsStartedAgain(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir()}
		opts.Progress = func(e export.Event) {
			if e.Kind == export.EventStarted && e.Migration == 79 {
				server.Forget(79)
			}
		}
		m, err := run(t, t.Context(), server, octo(t, server), opts)
		require.NoError(t, err)
		assert.EqualValues(t, 80, m.Repositories[0].Migration)
	})
}

// An archive that the disk has changed since it was fetched is fetched again,
// and nothing is deleted at GitHub before it reads back as it was.
func TestAnArchiveThatDoesNotReadBackIsFetchedAgain(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir(), DeleteArchives: true}
		damaged := 0
		opts.Progress = func(e export.Event) {
			switch e.Kind {
			case export.EventDownloaded:
				if damaged++; damaged == 1 {
					archives, err := filepath.Glob(filepath.Join(opts.Dir, "*", "*.tar.gz"))
					require.NoError(t, err)
					data, err := os.ReadFile(archives[0])
					require.NoError(t, err)
					data[len(data)/2] ^= 1
					require.NoError(t, os.WriteFile(archives[0], data, 0o600))
				}
			case export.EventDamaged:
				assert.False(t, server.Migrations()[0].ArchiveDeleted)
			default:
			}
		}
		_, err := run(t, t.Context(), server, octo(t, server), opts)
		require.NoError(t, err)
		assert.Equal(t, 2, damaged)
		assert.Len(t, server.Migrations(), 1)
		assert.True(t, server.Migrations()[0].ArchiveDeleted)
	})
}

func TestAnArchiveGoesToTheStoreAndLeavesTheDisk(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		store := newMemoryStore()
		failures := 0
		store.fail = func() bool { failures++; return failures < 3 }
		opts := export.Options{Repositories: addRepositories(server, 2), Dir: t.TempDir(), BatchSize: 1, DeleteArchives: true, Store: store}
		m, err := run(t, t.Context(), server, octo(t, server), opts)
		require.NoError(t, err)
		for _, row := range m.Repositories {
			assert.Len(t, store.get(m.Run+"/"+row.Archive), int(row.Size))
		}
		var manifest export.Manifest
		require.NoError(t, json.Unmarshal(store.get(m.Run+"/manifest.json"), &manifest))
		assert.Equal(t, 2, manifest.Covered)
		left, err := filepath.Glob(filepath.Join(m.Dir, "*.tar.gz"))
		require.NoError(t, err)
		assert.Empty(t, left)
	})
}

// A lazy store takes the word of the reader for the deed.
type lazyStore struct{}

func (lazyStore) Put(context.Context, string, io.Reader, int64) error {
	return nil
}

func TestAStoreThatHasNotReadAllIsNotBelieved(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir(), DeleteArchives: true, Store: lazyStore{}}
		m, err := run(t, t.Context(), server, octo(t, server), opts)
		p := partial(t, err)
		require.ErrorContains(t, p.Err, "the Store did not read the whole archive")
		assert.False(t, server.Migrations()[0].ArchiveDeleted)
		assert.Zero(t, m.Ended)
	})
}

// If a migration can be read but its repositories cannot, they may still be
// locked.
func TestUnlockAllTellsWhatItCouldNotRead(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		acct := octo(t, server)
		_, err := acct.Start(t.Context(), ghmigrate.StartMigrationRequest{Repositories: names, LockRepositories: true})
		require.NoError(t, err)
		time.Sleep(time.Hour)
		server.Inject(ghmigratetest.Fault{Path: "/orgs/octo/migrations/79/repositories", Status: http.StatusNotFound, Body: `{"message":"Not Found"}`, Times: -1})
		err = export.UnlockAll(t.Context(), acct)
		require.True(t, server.Locked(names[0]))
		require.ErrorContains(t, err, "migration 79 may hold locks")
	})
}
