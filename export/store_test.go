package export_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

func TestAnArchiveGoesToTheStoreAndLeavesTheDisk(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		store := newMemoryStore()
		failures := 0
		store.fail = func() bool { failures++; return failures < 3 }
		opts := export.Options{Repositories: addRepositories(server, 2), Dir: t.TempDir(), BatchSize: 1, DeleteArchives: true, Store: store}
		m, err := run(t, server, opts)
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

func TestARepositoryIsCoveredOnlyWhenTheStoreHasItsArchive(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		store := newMemoryStore()
		store.failAfterTrial()
		m, err := run(t, server, export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir(), Store: store})
		rows := partial(t, err).Repositories
		assert.Zero(t, m.Covered)
		require.Len(t, rows, 1)
		assert.Contains(t, rows[0].Error, "not finished, the next run continues it: put ")
	})
}

func TestAStoreMustReadTheWholeArchive(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		store := putFunc(func(context.Context, string, io.Reader) error { return nil })
		opts := export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir(), DeleteArchives: true, Store: store}
		m, err := run(t, server, opts)
		p := partial(t, err)
		require.ErrorContains(t, p.Err, "the Store did not read the whole archive")
		assert.False(t, server.Migrations()[0].ArchiveDeleted)
		assert.Zero(t, m.Ended)
	})
}

func TestAForeignObjectInTheStoreIsLeftAlone(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := export.Options{Repositories: addRepositories(server, 4), Dir: t.TempDir(), BatchSize: 2}
		opts.Store = putFunc(func(ctx context.Context, name string, r io.Reader) error {
			if path.Base(name) == "migration-79.tar.gz" {
				return fmt.Errorf("%s: %w", name, fs.ErrExist)
			}
			return discard(ctx, name, r)
		})
		m, err := run(t, server, opts)
		require.NoError(t, err, "the batch is divided, and the archives of its halves have other names")
		assert.Equal(t, 4, m.Covered)
	})
}

func TestAStoreThatRefusesTheTrialObjectFailsTheRun(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		store := newMemoryStore()
		store.fail = func() bool { return true }
		begun := time.Now()
		m, err := export.Run(t.Context(), octo(t, server), export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir(), Store: store})
		assert.Nil(t, m)
		require.ErrorContains(t, err, "export: the Store refuses a trial object: put 127.0.0.1:8000/orgs/octo/trial.json: the bucket is on fire")
		assert.Less(t, time.Since(begun), time.Minute)
		assert.Zero(t, posts(server))

		report, err := export.Preflight(t.Context(), octo(t, server), store)
		require.NoError(t, err)
		assert.False(t, report.OK())
		assert.Contains(t, report.Problems[0], "the Store refuses a trial object")
		store.fail = func() bool { return false }
		report, err = export.Preflight(t.Context(), octo(t, server), store)
		require.NoError(t, err)
		assert.True(t, report.OK(), report)
	})
}

func TestTwoAccountsShareAStore(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		store := newMemoryStore()
		for _, name := range []string{"octo/r000", "hexo/r000", "octocat/r000"} {
			server.AddRepository(name)
		}
		client := testclient.New(t, server)
		accounts := map[string]export.Account{
			"octo/r000": export.OrgAccount(client, "octo"), "hexo/r000": export.OrgAccount(client, "hexo"), "octocat/r000": export.UserAccount(client),
		}
		type result struct {
			m   *export.Manifest
			err error
		}
		results := make(chan result)
		for name, acct := range accounts {
			opts := export.Options{Repositories: []string{name}, Dir: t.TempDir(), Store: store}
			go func() {
				m, err := export.Run(t.Context(), acct, opts)
				results <- result{m, err}
			}()
		}
		for range accounts {
			r := <-results
			require.NoError(t, r.err)
			row := r.m.Repositories[0]
			assert.Len(t, store.get(r.m.Run+"/"+row.Archive), int(row.Size))
			assert.NotEmpty(t, store.get(r.m.Run+"/manifest.json"))
			assert.Regexp(t, `^127\.0\.0\.1:8000/(orgs/octo|orgs/hexo|users/octocat)/20000101T000000Z-[0-9a-f]{6}$`, r.m.Run)
		}
	})
}

func TestAnOutageOfTheStoreDoesNotStopExports(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := locked(addRepositories(server, 12), t.TempDir())
		store := newMemoryStore()
		store.failAfterTrial()
		opts.BatchSize, opts.Store = 2, store
		m, err := run(t, server, opts)
		p := partial(t, err)
		require.ErrorContains(t, p.Err, "the bucket is on fire")
		assert.Zero(t, m.Ended, "the run is not finished")
		assert.Equal(t, 6, m.Starts, "all batches were exported")
		assert.Empty(t, m.Locked)
		assert.Contains(t, m.Repositories[0].Error, "the next run continues it")

		store.fail = func() bool { return false }
		m, err = run(t, server, opts)
		require.NoError(t, err)
		assert.Equal(t, 6, m.Starts)
	})
}

// A job that is parked keeps its archive on disk. Such archives must not fill the disk.
func TestAnOutageOfTheStoreDoesNotFillTheDisk(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		store := newMemoryStore()
		store.failAfterTrial()
		names := addRepositories(server, 20)
		opts := export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: 1, Transfers: 2, Store: store}
		opts.Previous = &export.Manifest{Repositories: []export.Row{{Repository: names[0], Error: "failed"}}} // starts last
		m, err := run(t, server, opts)
		p := partial(t, err)
		require.ErrorContains(t, p.Err, "the bucket is on fire")
		require.NotErrorIs(t, err, export.ErrSystemic)
		archives, err := filepath.Glob(filepath.Join(m.Dir, "migration-*.tar.gz"))
		require.NoError(t, err)
		assert.Len(t, archives, 4)

		store.fail = func() bool { return false }
		m, err = run(t, server, opts)
		require.NoError(t, err)
		assert.Equal(t, 20, m.Starts)
	})
}

// Archives of jobs that have given up the Store are of no use: other jobs export their
// repositories again.
func TestArchivesThatTheStoreDoesNotGetLeaveTheDisk(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		store := putFunc(func(context.Context, string, io.Reader) error { return errors.New("the bucket is on fire") })
		opts := export.Options{Repositories: addRepositories(server, 20), Dir: t.TempDir(), BatchSize: 5, Transfers: 1, Store: store}
		for range 10 {
			m, err := run(t, server, opts)
			require.ErrorContains(t, err, "the bucket is on fire")
			archives, err := filepath.Glob(filepath.Join(m.Dir, "migration-*"))
			require.NoError(t, err)
			assert.LessOrEqual(t, len(archives), 2)
		}
	})
}

// While archives wait for the Store, Run starts no more jobs. That is no failure of GitHub.
func TestAStoreThatFailsIsNoFailureOfGitHub(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		var accepts atomic.Int64
		store := putFunc(func(ctx context.Context, name string, r io.Reader) error {
			if accepts.Add(-1) < 0 {
				return errors.New("the bucket is on fire")
			}
			return discard(ctx, name, r)
		})
		opts := export.Options{Repositories: addRepositories(server, 40), Dir: t.TempDir(), BatchSize: 1, Concurrency: 4, Transfers: 2, Store: store}
		for _, n := range []int64{0, 4} {
			accepts.Store(n)
			m, err := run(t, server, opts)
			require.ErrorContains(t, err, "the bucket is on fire")
			require.NotErrorIs(t, err, export.ErrSystemic)
			for _, row := range m.Repositories {
				assert.NotContains(t, row.Error, "two calls in a row failed")
			}
			time.Sleep(20 * time.Hour)
		}
	}, ghmigratetest.WithExportDuration(5*time.Hour))
}

func TestAPathErrorOfTheStoreIsRetried(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		failed := false
		store := putFunc(func(ctx context.Context, name string, r io.Reader) error {
			if !failed {
				failed = true
				return &fs.PathError{Op: "write", Path: name, Err: errors.New("stale NFS handle")}
			}
			return discard(ctx, name, r)
		})
		_, err := run(t, server, export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir(), Store: store})
		require.NoError(t, err)
	})
}
