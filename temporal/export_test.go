package temporal_test

import (
	"context"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	sdk "go.temporal.io/sdk/temporal"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/temporal"
)

var locking = ghmigrate.StartMigrationRequest{LockRepositories: true}

func TestExport(t *testing.T) {
	for name, order := range map[string]temporal.Order{
		"on disk":  {BatchSize: 2, DeleteArchives: true, Start: locking},
		"streamed": {BatchSize: 2, DeleteArchives: true, Start: locking, Stream: true},
		"unlocked": {BatchSize: 2},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.add(6)
				s, m := w.mustExport(order)
				assert.Equal(t, 3, s.Starts)
				assert.Equal(t, 3, w.starts())
				for _, row := range m.Repositories {
					assert.Equal(t, order.DeleteArchives, row.Deleted)
				}
			})
		})
	}
}

// The manifest equals the manifest of export.Run.
func TestTheManifestEqualsTheManifestOfRun(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(5)
		w.add(1, ghmigratetest.PoisonsExport())
		order := temporal.Order{BatchSize: 3, Start: locking}
		_, m := w.mustExport(order, "octo-org/repo-06")
		other := newWorld(t, ghmigratetest.InMemory(), ghmigratetest.WithExportDuration(0))
		other.add(5)
		other.add(1, ghmigratetest.PoisonsExport())
		run, err := export.Run(t.Context(), export.OrgAccount(other.client, "octo-org"), export.Options{
			Repositories: other.names, BatchSize: 3, Start: locking, Dir: t.TempDir(),
		})
		require.Error(t, err)
		require.Len(t, m.Repositories, len(run.Repositories))
		for i := range m.Repositories {
			got, want := m.Repositories[i], run.Repositories[i]
			assert.Equal(t, [...]any{want.Repository, want.OK(), want.Batch, want.Options}, [...]any{got.Repository, got.OK(), got.Batch, got.Options})
		}
		assert.Equal(t, run.Starts, m.Starts)
	})
}

// A batch with a repository that fails every export is divided.
func TestOnePoisonedRepositoryCostsOnlyItself(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(30)
		w.add(1, ghmigratetest.PoisonsExport())
		w.add(10)
		w.mustExport(temporal.Order{BatchSize: 20, Start: locking}, "octo-org/repo-31")
	})
}

// A repository that GitHub cannot export with its releases is exported without them.
func TestWithoutReleases(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(3)
		w.add(1, ghmigratetest.PoisonsExport("exclude_releases"))
		s, m := w.mustExport(temporal.Order{BatchSize: 2, Start: locking})
		assert.Equal(t, 1, s.Reduced)
		assert.Equal(t, []string{"exclude_releases"}, m.Repositories[3].Dropped)
	})
}

func TestAUserExports(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.github.AddRepository("octocat/one")
		w.github.AddRepository("octocat/two")
		result, err := w.run(temporal.Order{}.WorkflowID(), temporal.Export, temporal.Order{Repositories: []string{"octocat/one", "octocat/two"}, Start: locking})
		require.NoError(t, err)
		var s temporal.Summary
		require.NoError(t, result.Get(&s))
		w.check(&s, []string{"octocat/one", "octocat/two"})
		assert.Contains(t, s.Account, "/user/octocat")
	})
}

func TestACancelUnlocks(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(6)
		w.prepare = func() {
			w.env.RegisterDelayedCallback(w.env.CancelWorkflow, 10*time.Minute)
		}
		s := w.canceled(temporal.Order{BatchSize: 2, Start: locking})
		assert.Equal(t, 3, s.Starts)
		assert.Empty(t, s.Locked)
		assert.Contains(t, s.Problem, "canceled")
		m := w.manifest(s.Manifest)
		assert.Len(t, m.Repositories, 6)
		for _, name := range w.names {
			assert.False(t, w.github.Locked(name))
		}
	}, ghmigratetest.WithExportDuration(2*time.Hour))
}

// A canceled export has rows for the repositories that it has not loaded from the plan.
// The next export releases the old locks that the canceled export has not loaded.
func TestACancelBeforeThePlanIsLoaded(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(45)
		w.github.Inject(ghmigratetest.Fault{Operation: "migrations/unlock-repo-*", Times: -1, Status: 403})
		s, err := w.export(temporal.Order{BatchSize: 1, Start: locking})
		require.NoError(t, err)
		require.Len(t, s.Locked, 45)
		w.github.ClearFaults()
		w.prepare = func() {
			w.env.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, _ converter.EncodedValues) {
				if info.ActivityType.Name == "ghmigrate.Page" {
					w.env.CancelWorkflow()
				}
			})
		}
		s = w.canceled(temporal.Order{BatchSize: 1, Start: locking})
		assert.Equal(t, 45, s.Requested)
		var rows []string
		for _, row := range w.manifest(s.Manifest).Repositories {
			rows = append(rows, row.Repository)
			assert.NotEmpty(t, row.Error)
		}
		assert.Equal(t, w.names, rows)
		assert.NotEmpty(t, s.Locked)
		w.prepare = func() {}
		s, _ = w.mustExport(temporal.Order{})
		assert.Equal(t, 1, s.Starts, "repositories that were not started are not isolated")
	})
}

// A canceled export releases locks although GitHub refused to show the migrations for a
// while, before the cancel or after it.
func TestACancelUnlocksAfterRefusals(t *testing.T) {
	for name, c := range map[string]struct{ refusals, cancel time.Duration }{
		"during a pause":     {30 * time.Minute, 40 * time.Minute},
		"before the refusal": {6*time.Minute + 30*time.Second, 90 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.add(2)
				for _, operation := range []string{"migrations/list-for-org", "migrations/get-status-for-org"} {
					w.github.Inject(ghmigratetest.Fault{Operation: operation, From: 2 * time.Minute, Until: c.refusals, Status: 403})
				}
				w.prepare = func() { w.env.RegisterDelayedCallback(w.env.CancelWorkflow, c.cancel) }
				s := w.canceled(temporal.Order{BatchSize: 1, Start: locking})
				assert.Equal(t, 2, s.Starts)
				assert.Empty(t, s.Locked)
				for _, name := range w.names {
					assert.False(t, w.github.Locked(name))
				}
			}, ghmigratetest.WithExportDuration(10*time.Minute))
		})
	}
}

// A cancelingAccount is an account whose export is canceled while it lists migrations.
type cancelingAccount struct {
	export.Account
	list func()
}

func (c cancelingAccount) List(ctx context.Context, opts *ghmigrate.ListOrgMigrationsOptions) iter.Seq2[*ghmigrate.Migration, error] {
	c.list()
	return c.Account.List(ctx, opts)
}

// The cancel comes during the activity before the start.
func TestACanceledExportStartsNoMigration(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(1)
		var lists atomic.Int32
		w.wrap = func(acct export.Account) export.Account {
			return cancelingAccount{acct, func() {
				if lists.Add(1) == 2 { // the first list is of the preflight
					w.env.CancelWorkflow()
				}
			}}
		}
		_, err := w.export(temporal.Order{Start: locking})
		var canceled *sdk.CanceledError
		require.ErrorAs(t, err, &canceled)
		assert.Zero(t, w.starts())
	})
}

// This test runs in real time, because the test suite leaks a goroutine for an activity
// that is canceled between two attempts. With batches of one repository, no activity
// waits.
func TestContinueAsNew(t *testing.T) {
	w := newWorld(t)
	w.add(20)
	w.add(1, ghmigratetest.PoisonsExport())
	w.restart = true
	w.github.Inject(ghmigratetest.Fault{Operation: "migrations/*", Probability: 0.05, Status: 502})
	s, _ := w.mustExport(temporal.Order{BatchSize: 1, Concurrency: 3, Start: locking}, "octo-org/repo-21")
	assert.Greater(t, s.Continued, 1)
}

// A canceled export that continues as new ends as canceled. This test runs in real time,
// like TestContinueAsNew.
func TestACanceledExportContinuesAsNew(t *testing.T) {
	w := newWorld(t, ghmigratetest.WithExportDuration(10*time.Minute))
	w.add(2)
	w.prepare = func() {
		w.env.RegisterDelayedCallback(func() {
			w.env.SetContinueAsNewSuggested(true)
			w.env.CancelWorkflow()
		}, 5*time.Minute)
		w.prepare = func() {}
	}
	s := w.canceled(temporal.Order{BatchSize: 1, Start: locking})
	assert.Equal(t, 1, s.Continued)
	assert.Empty(t, s.Locked)
}

// While an export waits for a transfer before it continues as new, it starts nothing,
// but unlocks the repositories whose export ends. This test runs in real time, like
// TestContinueAsNew.
func TestATransferDelaysNoUnlock(t *testing.T) {
	w := newWorld(t)
	w.add(4)
	begun := time.Now()
	w.github.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
		if m.Repositories[0] == w.names[0] {
			return ghmigratetest.Fate{Duration: time.Minute}
		}
		return ghmigratetest.Fate{Duration: 20 * time.Minute}
	})
	locked, starts := true, 0
	w.prepare = func() {
		w.env.OnActivity("ghmigrate.Transfer", mock.Anything, mock.Anything).Return(func(ctx context.Context, task temporal.Task) (*temporal.TaskResult, error) {
			if w.env.Now().Sub(begun) < 2*time.Hour {
				return nil, sdk.NewApplicationErrorWithOptions("the worker is lost", "", sdk.ApplicationErrorOptions{NextRetryDelay: 2 * time.Hour})
			}
			return temporal.RunTransfer(w.activities(), ctx, task)
		})
		w.env.RegisterDelayedCallback(func() { w.env.SetContinueAsNewSuggested(true) }, 10*time.Minute)
		w.env.RegisterDelayedCallback(func() { locked, starts = w.github.Locked(w.names[1]), w.starts() }, time.Hour)
		w.prepare = func() {}
	}
	s, _ := w.mustExport(temporal.Order{BatchSize: 1, Concurrency: 2, Transfers: 1, Start: locking})
	assert.Greater(t, w.env.Now().Sub(begun), 2*time.Hour)
	assert.False(t, locked)
	assert.Equal(t, 3, starts)
	assert.Equal(t, 1, s.Continued)
}

func TestProgress(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(5)
		var p temporal.Progress
		w.prepare = func() {
			w.env.RegisterDelayedCallback(func() {
				value, err := w.env.QueryWorkflow(temporal.ProgressQuery)
				require.NoError(t, err)
				require.NoError(t, value.Get(&p))
			}, 30*time.Minute)
		}
		w.mustExport(temporal.Order{BatchSize: 2, Concurrency: 2})
		assert.Equal(t, temporal.Progress{Account: p.Account, All: 5, Pending: 1, Waiting: 2}, p)
		assert.Contains(t, p.Account, "/orgs/octo-org")
	}, ghmigratetest.WithExportDuration(time.Hour))
}

func TestSearchAttribute(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(1)
		var set atomic.Bool
		w.prepare = func() {
			w.env.OnUpsertTypedSearchAttributes(mock.Anything).Return(nil).Run(func(args mock.Arguments) {
				attributes, _ := args.Get(0).(sdk.SearchAttributes)
				account, _ := attributes.GetKeyword(sdk.NewSearchAttributeKeyKeyword("GitHubAccount"))
				set.Store(strings.HasSuffix(account, "/orgs/octo-org"))
			})
		}
		w.mustExport(temporal.Order{SearchAttribute: "GitHubAccount"})
		assert.True(t, set.Load())
	})
}
