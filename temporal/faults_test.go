package temporal_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/fileblob"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/temporal"
)

// While the bucket refuses an archive, every attempt has another disk, as with many
// workers. The export downloads the archive again, and does not start it again.
func TestTheBucketRefusesTheArchiveOfManyDisks(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(2)
		folder := t.TempDir()
		var err error
		w.bucket, err = fileblob.OpenBucket(folder, nil)
		require.NoError(t, err)
		var attempts atomic.Int32
		w.wrap = func(acct export.Account) export.Account { // before each activity
			runs, err := filepath.Glob(filepath.Join(folder, "*", "orgs", "octo-org", "*"))
			require.NoError(t, err)
			if len(runs) == 0 || w.starts() == 0 || attempts.Load() == 5 {
				return acct
			}
			obstacle := filepath.Join(runs[0], fmt.Sprintf("migration-%d.tar.gz.attrs", w.github.Migrations()[0].ID))
			require.NoError(t, os.MkdirAll(obstacle, 0o700))
			if archives, _ := filepath.Glob(filepath.Join(w.scratch, "*", "orgs", "octo-org", "*", "*.tar.gz")); len(archives) > 0 {
				require.NoError(t, os.RemoveAll(w.scratch))
				if attempts.Add(1) == 5 {
					require.NoError(t, os.Remove(obstacle))
				}
			}
			return acct
		}
		w.mustExport(temporal.Order{BatchSize: 2})
		assert.Equal(t, int32(5), attempts.Load())
		assert.Equal(t, 1, w.starts())
	})
}

// If the response to a start is lost, the export finds the migration and does not send
// the start again.
func TestTheResponseToAStartIsLost(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(4)
		w.github.Inject(ghmigratetest.Fault{Operation: "migrations/start-*", Applied: true, Reset: true})
		s, _ := w.mustExport(temporal.Order{BatchSize: 2, Start: locking})
		assert.Equal(t, 1, s.Adopted)
		assert.Equal(t, 2, w.starts())
	})
}

// If GitHub shows the migration of a lost start only after the search, the migration is
// unlocked.
func TestALateTwinIsUnlocked(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(2)
		w.github.Inject(ghmigratetest.Fault{Operation: "migrations/start-*", Applied: true, Status: 502, Hidden: 130 * time.Second, Fate: &ghmigratetest.Fate{LocksAfter: 120 * time.Second, Duration: 3 * time.Minute}})
		_, m := w.mustExport(temporal.Order{BatchSize: 2, Start: locking})
		assert.Equal(t, 2, w.starts())
		assert.Len(t, m.Twins, 1)
	})
}

// A dyingAccount is an account whose worker dies after the first start was sent.
type dyingAccount struct {
	export.Account
	once *sync.Once
}

func (d dyingAccount) Start(ctx context.Context, req ghmigrate.StartMigrationRequest) (m *ghmigrate.Migration, err error) {
	m, err = d.Account.Start(ctx, req)
	d.once.Do(func() { panic("the worker dies") })
	return m, err
}

func TestAWorkerDiesBetweenAStartAndItsReport(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(4)
		once := new(sync.Once)
		w.wrap = func(acct export.Account) export.Account { return dyingAccount{acct, once} }
		s, _ := w.mustExport(temporal.Order{BatchSize: 2, Start: locking})
		assert.Equal(t, 1, s.Adopted)
		assert.Equal(t, 2, w.starts())
	})
}

// If GitHub refuses the token for hours, the export takes longer and loses nothing.
func TestTheTokenIsRefusedForHours(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(4)
		w.github.Inject(ghmigratetest.Fault{Operation: "migrations/*", From: 90 * time.Second, Until: 3 * time.Hour, Status: 401})
		begun := w.github.Clock().Now()
		w.mustExport(temporal.Order{BatchSize: 1, Concurrency: 1, Start: locking})
		assert.Greater(t, w.github.Clock().Now().Sub(begun), 3*time.Hour)
	})
}

// While GitHub does not list migrations, the export starts no batch, and gives back the
// lease of the token: other requests get the lease.
func TestTheListFailsForHours(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(2)
		w.github.Inject(ghmigratetest.Fault{Operation: "migrations/list-for-org", From: 30 * time.Second, Until: 12 * time.Hour, Status: 503})
		unlocked, progress := false, temporal.Progress{}
		w.prepare = func() {
			w.env.RegisterDelayedCallback(func() { unlocked = !w.github.Locked(w.names[0]) }, 4*time.Minute)
			w.env.RegisterDelayedCallback(func() {
				value, err := w.env.QueryWorkflow(temporal.ProgressQuery)
				require.NoError(t, err)
				require.NoError(t, value.Get(&progress))
			}, 90*time.Minute)
		}
		w.mustExport(temporal.Order{BatchSize: 1, Concurrency: 1, Start: locking})
		assert.True(t, unlocked)
		assert.Contains(t, progress.Problem, "find the newest migration")
		assert.NotZero(t, progress.Paused)
	})
}

// If GitHub refuses the token for good, the export ends when its pauses reach a day.
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

// An export unlocks the repositories that the previous export has left locked.
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

// If GitHub exports again after a pause, every repository is exported.
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

var seeds = flag.Int("seeds", 10, "number of seeds of TestRandomFaults")

// With random faults, the manifest has a row for every repository, it lists the
// repositories that stay locked, and it counts every start.
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
					if f.Status == 404 && r.Operation == "migrations/unlock-repo-for-org" { // a 404 means that there is no lock
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
						w.checkArchive(m, row)
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
