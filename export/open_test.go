package export_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

func TestAnUnfinishedRunIsNotContinuedWithOtherOptions(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*export.Options)
		want   string
	}{
		"fewer repositories": {func(o *export.Options) { o.Repositories = o.Repositories[:2] }, "its number of repositories is 3, not 2"},
		"another repository": {func(o *export.Options) { o.Repositories = []string{"octo/r000", "octo/r001", "octo/other"} }, "octo/other is not among"},
		"other flags":        {func(o *export.Options) { o.Start.ExcludeReleases = true }, `its Start is [], not [exclude_releases]`},
		"DeleteArchives":     {func(o *export.Options) { o.DeleteArchives = true }, "DeleteArchives is false"},
		"BatchSize":          {func(o *export.Options) { o.BatchSize = 0 }, "BatchSize is 1"},
		"KeepLocked":         {func(o *export.Options) { o.KeepLocked = true }, "KeepLocked is false"},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				opts := export.Options{Repositories: addRepositories(server, 3), Dir: t.TempDir(), BatchSize: 1}
				leaveUnfinished(t, server, opts)
				server.ClearRequests()
				other := opts
				test.change(&other)
				_, err := export.Run(t.Context(), octo(t, server), other)
				require.ErrorIs(t, err, export.ErrUnfinished)
				require.ErrorContains(t, err, test.want)
				assert.Empty(t, server.Requests())

				_, err = run(t, server, export.Options{Dir: opts.Dir})
				require.NoError(t, err, "without Repositories, Run continues with the options of the run")
				assert.Len(t, server.Migrations(), 3)
			})
		})
	}
}

func TestAnUnfinishedRunMayBeContinuedFasterAndInAnotherOrder(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := export.Options{Repositories: addRepositories(server, 3), Dir: t.TempDir(), BatchSize: 1}
		leaveUnfinished(t, server, opts)
		m, err := export.Run(t.Context(), octo(t, server), export.Options{
			Repositories: []string{"Octo/R002", "octo/r000", "octo/r001"}, Dir: opts.Dir, BatchSize: 1, Concurrency: 50, Transfers: 7,
			Start: ghmigrate.StartMigrationRequest{Repositories: []string{}, OmitRepositories: true}, // these make no difference
		})
		require.NoError(t, err)
		assert.Equal(t, opts.Repositories, namesOf(m.Repositories))
		assert.Len(t, server.Migrations(), 3)
	})
}

// A run has all its archives in the Store, or all in its folder.
func TestARunIsContinuedWithAStoreOnlyIfItWasBegunWithOne(t *testing.T) {
	for name, stores := range map[string][2]export.Store{
		"begun without": {nil, newMemoryStore()},
		"begun with":    {newMemoryStore(), nil},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				names := addRepositories(server, 2)
				ctx, cancel := context.WithCancel(t.Context())
				opts := export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: 1, Concurrency: 1, Store: stores[0]}
				opts.Progress = func(e export.Event) {
					if e.Kind == export.EventStarting && e.Job == "2" {
						cancel()
					}
				}
				_, err := runAs(t, ctx, server, octo(t, server), opts)
				require.Error(t, err)

				opts.Progress, opts.Store = nil, stores[1]
				_, err = run(t, server, opts)
				require.ErrorIs(t, err, export.ErrUnfinished)
				opts.Repositories = nil
				_, err = run(t, server, opts)
				require.ErrorIs(t, err, export.ErrUnfinished)

				opts.Store = stores[0]
				m, err := run(t, server, opts)
				require.NoError(t, err)
				assert.Equal(t, 2, m.Covered)
			})
		})
	}
}

func TestFinishFirstFinishesARunWithOtherOptions(t *testing.T) {
	for name, store := range map[string]export.Store{"without a Store": nil, "into a Store": newMemoryStore()} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				names := addRepositories(server, 4)
				opts := export.Options{Repositories: names[:3], Dir: t.TempDir(), BatchSize: 1}
				leaveUnfinished(t, server, opts)
				opts.Repositories, opts.FinishFirst, opts.Store = names[1:], true, store
				m, err := run(t, server, opts)
				require.NoError(t, err)
				assert.Equal(t, names[1:], namesOf(m.Repositories))
				require.NotNil(t, m.Earlier)
				assert.Equal(t, names[:3], namesOf(m.Earlier.Repositories))
				require.NoError(t, m.Earlier.Err())
				assert.Len(t, server.Migrations(), 6)
			})
		})
	}
}

func TestTheManifestOfAFinishedRunIsReturnedIfTheNextRunCannotBegin(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 2)
		opts := export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: 1}
		leaveUnfinished(t, server, opts)
		store := newMemoryStore()
		store.fail = func() bool { return true }
		opts.Repositories, opts.FinishFirst, opts.Store = names[1:], true, store
		m, err := export.Run(t.Context(), octo(t, server), opts)
		require.NotNil(t, m)
		assert.NotZero(t, m.Ended)
		assert.Equal(t, names, namesOf(m.Repositories))
		p := partial(t, err)
		assert.Empty(t, p.Repositories)
		require.ErrorContains(t, p.Err, "put ")
	})
}

func TestARunOfAFormerNameIsContinued(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		addRepositories(server, 3)
		dir := t.TempDir()
		writeJournal(t, filepath.Join(dir, "20000101T000000Z"),
			`{"run": {"version": 2, "account": "127.0.0.1:8000/orgs/octopus", "name": "127.0.0.1:8000/orgs/octopus/20000101T000000Z", "repositories": 3, "batch_size": 2}}`,
			`{"plan": [{"id": "1", "repositories": ["octopus/r000", "Octopus/r001"], "lineage": {"try": 1}}, {"id": "2", "repositories": ["octopus/r002"], "lineage": {"try": 1}}]}`,
		)
		_, err := export.Run(t.Context(), octo(t, server), export.Options{Dir: dir})
		require.ErrorIs(t, err, export.ErrForeign)
		m, err := run(t, server, export.Options{Dir: dir, FormerNames: []string{"octopussy", "octopus"}})
		require.NoError(t, err)
		assert.Equal(t, []string{"octo/r000", "octo/r001", "octo/r002"}, namesOf(m.Repositories))
		assert.Equal(t, "127.0.0.1:8000/orgs/octo", m.Account)
	})
}

func TestReasonsOfAFormerNameAreKept(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		dir := t.TempDir()
		writeJournal(t, filepath.Join(dir, "20000101T000000Z"),
			`{"run": {"version": 2, "account": "127.0.0.1:8000/orgs/octopus", "name": "127.0.0.1:8000/orgs/octopus/20000101T000000Z", "repositories": 2, "batch_size": 1}}`,
			`{"plan": [{"id": "1", "repositories": ["octopus/r000"], "lineage": {"try": 9}}, {"id": "2", "repositories": ["octopus/r001"], "lineage": {"try": 9}}]}`,
			`{"job": "1", "state": {"outcome": "abandoned", "fates": {"octopus/r000": "it was deleted"}}}`,
			`{"job": "2", "state": {"outcome": "abandoned", "condemned": ["octopus/r001"], "faults": [{"repository": "octopus/r001", "message": "a fault"}]}}`,
		)
		m, err := run(t, server, export.Options{Dir: dir, FormerNames: []string{"octopus"}})
		require.Error(t, err)
		assert.Equal(t, "it was deleted", m.Repositories[0].Error)
		assert.Equal(t, []string{"a fault"}, m.Repositories[1].Faults)
	})
}

func TestARunThatWasMovedAndLinkedIsContinued(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := export.Options{Repositories: addRepositories(server, 3), Dir: t.TempDir(), BatchSize: 1}
		leaveUnfinished(t, server, opts)
		folder, elsewhere := filepath.Dir(fileOfRun(t, opts.Dir, "journal")), filepath.Join(t.TempDir(), "elsewhere")
		require.NoError(t, os.Rename(folder, elsewhere))
		require.NoError(t, os.Symlink(elsewhere, folder))
		_, err := export.Run(t.Context(), octo(t, server), opts)
		require.NoError(t, err)
		assert.Len(t, server.Migrations(), 3, "no batch is exported twice")
	})
}

func TestEachRunHasAFolderNamedByItsTime(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir()}
		require.NoError(t, os.MkdirAll(filepath.Join(opts.Dir, "not-a-run"), 0o700))
		require.NoError(t, os.MkdirAll(filepath.Join(opts.Dir, "20000101T000000Z-b"), 0o700))
		m, err := run(t, server, opts)
		require.NoError(t, err)
		assert.Regexp(t, `/20000101T000000Z-[0-9a-f]{6}$`, filepath.ToSlash(m.Dir))
		time.Sleep(24 * time.Hour)
		m, err = run(t, server, opts)
		require.NoError(t, err, "a new run")
		assert.Regexp(t, `/20000102T00\d{4}Z-[0-9a-f]{6}$`, filepath.ToSlash(m.Dir))
		assert.Len(t, server.Migrations(), 2)
	})
}

// A clock that was set back must not hide the newest run behind an older one.
func TestANewRunSortsLastWhateverTheClockSays(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir()}
		m, err := run(t, server, opts)
		require.NoError(t, err)
		future := filepath.Join(opts.Dir, "20991231T235959Z")
		require.NoError(t, os.Rename(m.Dir, future))
		for _, want := range []string{"21000101T000000Z", "21000101T000001Z"} {
			m, err = run(t, server, opts)
			require.NoError(t, err)
			assert.Regexp(t, want+`-[0-9a-f]{6}$`, m.Dir)
		}
	})
}

// Runs of one folder that begin in the same second sort in order.
func TestRunNamesOfOneSecondAreInOrder(t *testing.T) {
	now := time.Now()
	newest := ""
	for range 3000 {
		name := export.RunName(now, newest)
		require.True(t, export.IsRunName(name), name)
		require.Greater(t, name, newest)
		newest = name
	}
	assert.True(t, export.IsRunName("20000101T000000Z"), "a name without a suffix")
	for _, name := range []string{"", "runs", "20000101T000000Z-b", "20000101T000000Z-002-003", "20001301T000000Z"} {
		assert.False(t, export.IsRunName(name), name)
	}
}

func TestOneRunAtATimeHoldsDir(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir()}
		second := make(chan error, 1)
		opts.Progress = func(e export.Event) {
			if e.Kind == export.EventStarted {
				_, err := export.Run(t.Context(), octo(t, server), opts)
				second <- err
			}
		}
		_, err := run(t, server, opts)
		require.NoError(t, err)
		require.ErrorIs(t, <-second, export.ErrInUse)
		opts.Progress = nil
		_, err = run(t, server, opts)
		require.NoError(t, err, "Run has released its lock")
	})
}

func TestAForeignDirIsRefused(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir()}
		_, err := run(t, server, opts)
		require.NoError(t, err)
		server.AddRepository("other/hello")
		_, err = export.Run(t.Context(), export.OrgAccount(testclient.New(t, server), "other"), export.Options{Repositories: []string{"other/hello"}, Dir: opts.Dir})
		require.ErrorIs(t, err, export.ErrForeign)
		require.ErrorContains(t, err, "is for 127.0.0.1:8000/orgs/octo, not 127.0.0.1:8000/orgs/other")
	})
}

func TestTwoUsersDoNotShareADir(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		server.AddRepository("octocat/a")
		opts := export.Options{Repositories: []string{"octocat/a"}, Dir: t.TempDir()}
		acct := export.UserAccount(testclient.New(t, server))
		_, err := runAs(t, t.Context(), server, acct, opts)
		require.NoError(t, err)
		server.Inject(ghmigratetest.Fault{Path: "/user", Status: 200, Body: `{"login": "Mona"}`})
		_, err = runAs(t, t.Context(), server, acct, opts)
		require.ErrorIs(t, err, export.ErrForeign)
		require.ErrorContains(t, err, "is for 127.0.0.1:8000/user/octocat, not 127.0.0.1:8000/user/mona")
		server.Inject(ghmigratetest.Fault{Path: "/user", Status: 200, Body: `{}`, Times: -1})
		_, err = runAs(t, t.Context(), server, acct, opts)
		require.ErrorContains(t, err, "get the owner of the token: the response has no login")
	})
}

func TestAnUnwritableDirIsAnError(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write to every folder")
	}
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		dir := t.TempDir()
		require.NoError(t, os.Chmod(dir, 0o500))
		_, err := export.Run(t.Context(), octo(t, server), export.Options{Repositories: addRepositories(server, 1), Dir: dir})
		require.ErrorIs(t, err, os.ErrPermission)
		assert.Empty(t, server.Requests())
	})
}
