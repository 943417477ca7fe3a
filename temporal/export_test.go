package temporal_test

import (
	"context"
	"flag"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	sdk "go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/temporal"
)

var seeds = flag.Int("seeds", 10, "how many seeds TestRandomFaults tries")

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

// The manifest is the one that export.Run writes.
func TestTheManifestIsThatOfRun(t *testing.T) {
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

// A batch with one repository that fails every export is divided.
func TestOnePoisonedRepositoryCostsOnlyItself(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(30)
		w.add(1, ghmigratetest.PoisonsExport())
		w.add(10)
		w.mustExport(temporal.Order{BatchSize: 20, Start: locking}, "octo-org/repo-31")
	})
}

// A repository that fails is exported without its releases in the end.
func TestWithoutReleases(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(3)
		w.add(1, ghmigratetest.PoisonsExport("exclude_releases"))
		s, m := w.mustExport(temporal.Order{BatchSize: 2, Start: locking})
		assert.Equal(t, 1, s.Reduced)
		assert.Equal(t, []string{"exclude_releases"}, m.Repositories[3].Dropped)
	})
}

// A start whose response is lost is found, and not sent again.
func TestTheResponseToAStartIsLost(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(4)
		w.github.Inject(ghmigratetest.Fault{Operation: "migrations/start-*", Applied: true, Reset: true})
		s, _ := w.mustExport(temporal.Order{BatchSize: 2, Start: locking})
		assert.Equal(t, 1, s.Adopted)
		assert.Equal(t, 2, w.starts())
	})
}

// A migration of a lost start that GitHub shows only later is unlocked.
func TestALateTwinIsUnlocked(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(2)
		w.github.Inject(ghmigratetest.Fault{Operation: "migrations/start-*", Applied: true, Status: 502, Hidden: 130 * time.Second, Fate: &ghmigratetest.Fate{LocksAfter: 120 * time.Second, Duration: 3 * time.Minute}})
		_, m := w.mustExport(temporal.Order{BatchSize: 2, Start: locking})
		assert.Equal(t, 2, w.starts())
		assert.Len(t, m.Twins, 1)
	})
}

// dying is an account whose worker dies after the start was sent.
type dying struct {
	export.Account
	once *sync.Once
}

func (d dying) Start(ctx context.Context, req ghmigrate.StartMigrationRequest) (m *ghmigrate.Migration, err error) {
	m, err = d.Account.Start(ctx, req)
	d.once.Do(func() { panic("the worker dies") })
	return m, err
}

func TestAWorkerDiesBetweenAStartAndItsReport(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(4)
		once := new(sync.Once)
		w.wrap = func(acct export.Account) export.Account { return dying{acct, once} }
		s, _ := w.mustExport(temporal.Order{BatchSize: 2, Start: locking})
		assert.Equal(t, 1, s.Adopted)
		assert.Equal(t, 2, w.starts())
	})
}

// A token that is refused for hours delays the export, and loses nothing.
func TestTheTokenIsRefusedForHours(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(4)
		w.github.Inject(ghmigratetest.Fault{Operation: "migrations/*", From: 90 * time.Second, Until: 3 * time.Hour, Status: 401})
		begun := w.github.Clock().Now()
		w.mustExport(temporal.Order{BatchSize: 1, Concurrency: 1, Start: locking})
		assert.Greater(t, w.github.Clock().Now().Sub(begun), 3*time.Hour)
	})
}

// A token that stays refused ends the export after a day of pauses.
func TestTheTokenIsRefusedForGood(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(2)
		w.github.Inject(ghmigratetest.Fault{Operation: "migrations/*", From: 10 * time.Second, Until: 1000 * time.Hour, Status: 401})
		s, err := w.export(temporal.Order{BatchSize: 1, Start: locking})
		require.NoError(t, err)
		assert.Contains(t, s.Problem, "401")
		assert.Len(t, s.Locked, 2)
		assert.True(t, w.manifest(s.Manifest).Ended.IsZero())
	})
}

// What one export leaves locked, the next one unlocks.
func TestTheNextExportUnlocks(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(2)
		w.github.Inject(ghmigratetest.Fault{Operation: "migrations/unlock-repo-*", Times: -1, Status: 403})
		s, err := w.export(temporal.Order{Start: locking})
		require.NoError(t, err)
		assert.Len(t, s.Locked, 2)
		w.github.ClearFaults()
		w.mustExport(temporal.Order{})
	})
}

// When GitHub fails every export, the workflow ends with a row for each repository.
func TestGitHubFailsEveryExport(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(60)
		w.github.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate { return ghmigratetest.Fate{Fails: true} })
		s, _ := w.mustExport(temporal.Order{BatchSize: 2, Start: locking}, w.names...)
		assert.Less(t, s.Starts, 120)
	})
}

// If that ends in the pause, everything is exported.
func TestAnIncidentPasses(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(40)
		until := w.github.Clock().Now().Add(40 * time.Minute)
		w.github.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
			return ghmigratetest.Fate{Fails: w.github.Clock().Now().Before(until)}
		})
		w.mustExport(temporal.Order{BatchSize: 2, Start: locking})
	})
}

func TestACancelUnlocks(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(6)
		w.prepare = func() {
			w.env.RegisterDelayedCallback(w.env.CancelWorkflow, 10*time.Minute)
		}
		s, err := w.export(temporal.Order{BatchSize: 2, Start: locking})
		require.Nil(t, s)
		var canceled *sdk.CanceledError
		require.ErrorAs(t, err, &canceled)
		var summary temporal.Summary
		require.NoError(t, canceled.Details(&summary))
		assert.Equal(t, 3, summary.Starts)
		assert.Empty(t, summary.Locked)
		assert.Contains(t, summary.Problem, "canceled")
		m := w.manifest(summary.Manifest)
		assert.Len(t, m.Repositories, 6)
		for _, name := range w.names {
			assert.False(t, w.github.Locked(name))
		}
	}, ghmigratetest.WithExportDuration(2*time.Hour))
}

// This test runs in real time: the test suite leaves a goroutine behind for an
// activity that is canceled between two attempts. Batches of one repository have no
// pauses within an activity.
func TestContinueAsNew(t *testing.T) {
	w := newWorld(t)
	w.add(20)
	w.add(1, ghmigratetest.PoisonsExport())
	w.restart = true
	w.github.Inject(ghmigratetest.Fault{Operation: "migrations/*", Probability: 0.05, Status: 502})
	s, _ := w.mustExport(temporal.Order{BatchSize: 1, Concurrency: 3, Start: locking}, "octo-org/repo-21")
	assert.Greater(t, s.Continued, 1)
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

// Two organizations share a token: their requests together stay inside the limit,
// and requests that change something come a second apart.
func TestTwoOrganizationsShareOneToken(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(20)
		var others []string
		for _, name := range w.names {
			other := strings.Replace(name, "octo-org", "other-org", 1)
			w.github.AddRepository(other)
			others = append(others, other)
		}
		w.github.Inject(ghmigratetest.FastChanges())
		// The test suite panics at a signal to a workflow that another one has just
		// started: so one export begins a moment later.
		w.wrap = func(acct export.Account) export.Account {
			if acct.Owner() == "other-org" && w.starts() == 0 {
				time.Sleep(10 * time.Second)
			}
			return acct
		}
		result, err := w.run("all", temporal.ExportAll, temporal.Orders{Orders: []temporal.Order{
			{Organization: "octo-org", BatchSize: 4, Start: locking},
			{Organization: "other-org", BatchSize: 4, Start: locking},
		}})
		require.NoError(t, err)
		var all temporal.Summaries
		require.NoError(t, result.Get(&all))
		require.Len(t, all.Exports, 2)
		assert.True(t, all.OK(), "%+v", all)
		for i := range all.Exports {
			names := w.names
			if strings.HasSuffix(all.Exports[i].Account, "/other-org") {
				names = others
			}
			w.check(&all.Exports[i], names)
		}
		refused := 0
		for _, r := range w.github.Requests() {
			if r.Status == 429 || r.Status == 403 {
				refused++
			}
		}
		assert.LessOrEqual(t, refused, 4, "of %d requests", len(w.github.Requests()))
	}, ghmigratetest.WithRateLimit(60))
}

// An export that fails does not end the others.
func TestExportAllGoesOn(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(2)
		result, err := w.run("all", temporal.ExportAll, temporal.Orders{Concurrency: 1, Orders: []temporal.Order{
			{Organization: "nobody"},
			{Organization: "octo-org", Token: "missing"},
			{Organization: "octo-org2", Token: "missing"},
		}[:2]})
		require.NoError(t, err)
		var all temporal.Summaries
		require.NoError(t, result.Get(&all))
		require.Len(t, all.Exports, 2)
		assert.False(t, all.OK())
		assert.Contains(t, all.Exports[0].Problem, "nobody")
		assert.Contains(t, all.Exports[1].Problem, "no such token")
	})
}

func TestBadOrders(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(2)
		require.NoError(t, w.bucket.WriteAll(t.Context(), "empty.json", []byte("[]"), nil))
		for name, c := range map[string]struct {
			order temporal.Order
			want  string
		}{
			"both lists":          {temporal.Order{Repositories: w.names, RepositoriesObject: "x"}, "want one of them"},
			"too many":            {temporal.Order{Repositories: make([]string, 1001)}, "RepositoriesObject"},
			"too wide":            {temporal.Order{Concurrency: 51}, "1 to 50"},
			"negative pause":      {temporal.Order{Pause: -1}, "Pause"},
			"no object":           {temporal.Order{RepositoriesObject: "missing.json"}, "missing.json"},
			"empty object":        {temporal.Order{RepositoriesObject: "empty.json"}, "no repositories"},
			"of another owner":    {temporal.Order{Repositories: []string{"other/x"}}, "does not belong"},
			"malformed":           {temporal.Order{Repositories: []string{"x"}}, "owner/name"},
			"a batch of -1":       {temporal.Order{BatchSize: -1}, "BatchSize"},
			"nothing is exported": {temporal.Order{Start: ghmigrate.StartMigrationRequest{ExcludeGitData: true, ExcludeMetadata: true}}, "nothing would be left"},
			"no such token":       {temporal.Order{Token: "missing"}, "no such token"},
		} {
			_, err := w.export(c.order)
			require.ErrorContains(t, err, c.want, name)
			assert.Zero(t, w.starts(), name)
		}
	})
}

// An organization that is malformed, or not there, ends the workflow at once.
func TestBadOrganizations(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		for name, want := range map[string]string{"octo org": "want the name of an organization", "nobody": "nobody", "..": "want the name"} {
			begun := w.github.Clock().Now()
			_, err := w.run("ghmigrate/orgs/x", temporal.Export, temporal.Order{Organization: name})
			require.ErrorContains(t, err, want)
			assert.Less(t, w.github.Clock().Now().Sub(begun), time.Minute)
		}
	})
}

// A server has no call for users to unlock: the order is refused.
func TestAUserOfAServerCannotLock(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.github.AddRepository("octocat/one")
		_, err := w.run("ghmigrate/users/x", temporal.Export, temporal.Order{Repositories: []string{"octocat/one"}, Start: locking})
		require.ErrorContains(t, err, "LockRepositories")
	}, ghmigratetest.WithGHES())
}

// A token without rights ends the workflow with the remedy, before any start.
func TestATokenWithoutRights(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(2)
		_, err := w.export(temporal.Order{})
		require.ErrorContains(t, err, "admin:org")
		assert.Zero(t, w.starts())
	}, ghmigratetest.WithScopes("repo"))
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

// Whatever GitHub does at random, the manifest accounts for every repository,
// nothing stays locked, and no migration is started that the manifest does not count.
func TestRandomFaults(t *testing.T) {
	for seed := range uint64(*seeds) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.add(9)
				w.add(1, ghmigratetest.PoisonsExport())
				w.add(4)
				chance := rand.New(rand.NewPCG(seed, 1))
				rate := chance.Float64() / 8
				statuses := []int{500, 502, 503, 429, 404, 403}
				begun := false
				w.github.InjectFunc(func(r ghmigratetest.Request, _ int) (ghmigratetest.Fault, bool) {
					begun = begun || r.Operation == "migrations/start-for-org"
					if !begun || r.Origin == ghmigratetest.API && !strings.HasPrefix(r.Operation, "migrations/") || chance.Float64() > rate {
						return ghmigratetest.Fault{}, false
					}
					f := ghmigratetest.ServerError(statuses[chance.IntN(len(statuses))])
					if f.Status == 429 {
						f = ghmigratetest.SecondaryRateLimitAfter(time.Minute)
					}
					if f.Status == 404 && r.Operation == "migrations/unlock-repo-for-org" { // it means that there is no lock
						f.Status = 403
					}
					f.Applied = f.Status >= 500 && chance.IntN(2) == 0
					return f, true
				})
				s, err := w.export(temporal.Order{BatchSize: 4, Start: locking, DeleteArchives: chance.IntN(2) == 0, Stream: chance.IntN(2) == 0})
				require.NoError(t, err)
				w.github.ClearFaults()
				m := w.manifest(s.Manifest)
				require.Len(t, m.Repositories, len(w.names))
				for i, row := range m.Repositories {
					assert.Equal(t, w.names[i], row.Repository)
					if row.OK() {
						w.whole(m, row)
					} else {
						assert.NotEmpty(t, row.Error)
					}
					if w.github.Locked(row.Repository) {
						assert.Contains(t, m.Locked, row.Repository)
					}
				}
				assert.GreaterOrEqual(t, s.Covered, len(w.names)-3, s.Problem)
				assert.LessOrEqual(t, w.starts(), m.Starts)
			})
		})
	}
}

// If somebody terminates the workflow of the token, the export asks for its lease
// again.
func TestTheLeaseIsAskedForAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(2)
		w.prepare = func() {
			begun := 0
			w.env.RegisterWorkflowWithOptions(func(ctx workflow.Context, s temporal.TokenState) error {
				if begun++; begun == 1 { // it hears the request, and ends
					workflow.GetSignalChannel(ctx, temporal.LeaseSignal).Receive(ctx, nil)
					return nil
				}
				return temporal.ShareToken(ctx, s)
			}, workflow.RegisterOptions{Name: temporal.TokenWorkflow, DisableAlreadyRegisteredCheck: true})
		}
		w.mustExport(temporal.Order{Start: locking})
		assert.Equal(t, 1, w.starts())
	})
}
