package export_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/durable/simdisk"
	"github.com/ghmigrate/ghmigrate/internal/race"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

// To try more: go test ./export -run TestNothingIsLost -args -seeds 5000. CI does so
// every night.
var (
	seeds    = flag.Int("seeds", 0, "the number of random trials; 0 for the default")
	fromSeed = flag.Uint64("from-seed", 0, "the seed of the first trial")
)

// A trial is the export of one account with random failures and crashes.
type trial struct {
	t      *testing.T
	seed   uint64
	chance *rand.Rand
	user   bool // the account is a user's
	server *ghmigratetest.Server
	disk   simulatedDisk
	opts   export.Options
	store  *memoryStore        // nil if the archives stay on disk
	calm   atomic.Bool         // no more failures
	kills  func(call int) bool // reports whether a call ends by a kill, not by a power cut
}

func newTrial(t *testing.T, seed uint64, server *ghmigratetest.Server, repositories int) *trial {
	t.Helper()
	tr := &trial{t: t, seed: seed, chance: rand.New(rand.NewPCG(seed, 1)), server: server, disk: newSimulated(seed)}
	tr.user = seed%4 == 3
	names := make([]string, repositories)
	for i := range names {
		names[i] = fmt.Sprintf("%s/r%03d", map[bool]string{true: "octocat", false: "octo"}[tr.user], i)
	}
	tr.kills = func(int) bool { return tr.maybe(30) }
	tr.opts = export.Options{
		Repositories: names,
		Dir:          simulatedDir,
		BatchSize:    (repositories + 2) / 3,
	}
	return tr
}

func (tr *trial) maybe(percent int) bool { return tr.chance.IntN(100) < percent }

// randomize adds the repositories, and chooses the options and the fates of exports.
func (tr *trial) randomize() {
	tr.opts.Start.LockRepositories = tr.maybe(60)
	tr.opts.KeepLocked = tr.maybe(10)
	tr.opts.DeleteArchives = tr.maybe(60)
	tr.opts.Concurrency = 1 + tr.chance.IntN(4)
	if tr.maybe(30) {
		tr.store = newMemoryStore()
		tr.store.fail = func() bool { return !tr.calm.Load() && tr.maybe(20) }
		tr.opts.Store, tr.opts.Stream = tr.store, tr.maybe(50)
	}
	for _, name := range tr.opts.Repositories {
		var of []ghmigratetest.RepositoryOption
		if tr.maybe(5) {
			of = append(of, ghmigratetest.PoisonsExport())
		} else if tr.maybe(5) {
			of = append(of, ghmigratetest.PoisonsExport("exclude_releases"))
		}
		tr.server.AddRepository(name, of...)
	}
	for range tr.chance.IntN(3) {
		tr.server.AddImport("octo", "importing")
	}
	fates := rand.New(rand.NewPCG(tr.seed, 2))
	tr.server.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
		fate := ghmigratetest.Fate{Duration: time.Duration(1+fates.IntN(600)) * time.Second}
		switch fates.IntN(20) {
		case 0:
			fate.Fails = true
		case 1:
			fate.Missing = m.Repositories[:1]
		case 2:
			fate.Damage = func(archive []byte) []byte { return archive[:len(archive)/2] }
		case 3:
			fate.Damage = func(archive []byte) []byte { archive[len(archive)/2] ^= 1; return archive }
		}
		if fates.IntN(3) == 0 {
			fate.LocksAfter = time.Duration(fates.Int64N(int64(fate.Duration + time.Minute)))
		}
		return fate
	})
}

// injectFailures makes one request in twenty fail, and three starts in ten.
func (tr *trial) injectFailures() {
	tr.server.Inject(ghmigratetest.FastChanges())
	tr.server.InjectFunc(func(r ghmigratetest.Request, before int) (ghmigratetest.Fault, bool) {
		h := fnv.New64a()
		fmt.Fprint(h, r.Method, r.Path, before)
		chance := rand.New(rand.NewPCG(tr.seed, h.Sum64()))
		percent := 5
		if r.Method == http.MethodPost {
			percent = 30
		}
		if tr.calm.Load() || chance.IntN(100) >= percent {
			return ghmigratetest.Fault{}, false
		}
		if r.Origin == ghmigratetest.Storage {
			return []ghmigratetest.Fault{
				ghmigratetest.ServerError(503),
				{CutAfter: 1 + chance.Int64N(2000)},
				{Reset: true},
				{Status: 403, Header: map[string][]string{"Content-Type": {"application/xml"}}, Body: `<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>`},
			}[chance.IntN(4)], true
		}
		hidden := time.Duration(0)
		if r.Method == http.MethodPost && chance.IntN(2) == 0 {
			hidden = time.Duration(chance.IntN(80)) * time.Second
		}
		faults := []ghmigratetest.Fault{
			ghmigratetest.ServerError(500),
			{Status: 502, Applied: true, Hidden: hidden},
			{Reset: true},
			{Reset: true, Applied: true, Hidden: hidden},
			ghmigratetest.SecondaryRateLimit(),
			ghmigratetest.PrimaryRateLimit(10 * time.Minute),
			{Stall: true},
			{Stall: true, Applied: true, Hidden: hidden},
			ghmigratetest.HTMLError(502),
			{Status: 401},
		}
		page := ghmigratetest.HTMLError(502)
		page.Status = 200
		switch r.Method {
		case http.MethodPost:
			faults = append(faults, ghmigratetest.Fault{Status: 201, Body: `{}`, Applied: true, Hidden: hidden})
		case http.MethodGet: // not for a DELETE: Run cannot distinguish a false 404 from a true 404
			faults = append(faults, page, ghmigratetest.Fault{Status: 404}, ghmigratetest.Fault{Status: 200, Body: `{}`}, ghmigratetest.Fault{Status: 200, Body: `null`})
		}
		return faults[chance.IntN(len(faults))], true
	})
}

// run calls Run once.
func (tr *trial) run(ctx context.Context) (*export.Manifest, error) {
	client := testclient.New(tr.t, tr.server)
	acct := simulatedAccount{t: tr.t, disk: tr.disk, store: tr.store, name: tr.name()}
	if tr.user {
		acct.Account, acct.open = export.UserAccount(client), client.UserMigrations.OpenArchive
	} else {
		acct.Account = export.OrgAccount(client, "octo")
		acct.open = func(ctx context.Context, id int64) (*ghmigrate.ArchiveStream, error) {
			return client.OrgMigrations.OpenArchive(ctx, "octo", id)
		}
	}
	return export.Run(ctx, acct, export.OnDisk(tr.opts, tr.disk))
}

// untilFinished calls Run until the run is finished. After each call the process or
// the machine stops. Stop returns the context of a call, which may end the call early.
func (tr *trial) untilFinished(stop func(call int) context.Context) (*export.Manifest, error) {
	for call := 0; ; call++ {
		require.Less(tr.t, call, 100, "the run never finishes")
		if call > 12 {
			tr.calm.Store(true)
		}
		m, err := tr.run(stop(call))
		if m != nil && !tr.opts.KeepLocked {
			for _, name := range tr.opts.Repositories {
				assert.True(tr.t, !tr.server.Locked(name) || slices.Contains(m.Locked, name), "%s is locked, and call %d does not list it: %v", name, call, err)
			}
		}
		if m != nil && !m.Ended.IsZero() {
			return m, err
		}
		if len(tr.disk.jobs()) > 0 && tr.calm.Load() {
			require.NotNil(tr.t, m, err)
		}
		if tr.kills(call) {
			tr.disk = tr.disk.with(tr.disk.Kill())
		} else {
			tr.disk = tr.disk.with(tr.disk.PowerCut(tr.chance.Uint64()))
		}
		if m, err := tr.finished(); m != nil {
			return m, err
		}
		time.Sleep(time.Duration(tr.chance.IntN(120)) * time.Second)
	}
}

// finished returns the manifest and the error of a finished run. The machine may have
// stopped between the last line of the journal and the return of Run.
func (tr *trial) finished() (*export.Manifest, error) {
	if len(*tr.disk.runs) == 0 {
		return nil, nil
	}
	folder := filepath.Join(simulatedDir, (*tr.disk.runs)[0])
	journal, err := tr.disk.ReadFile(filepath.Join(folder, "journal"))
	if err != nil || !strings.Contains(string(journal), ` {"end":`) {
		return nil, nil //nolint:nilerr // without a journal, the run is not finished
	}
	m := &export.Manifest{Dir: folder}
	require.NoError(tr.t, json.Unmarshal(mustRead(tr.t, tr.disk, filepath.Join(folder, "manifest.json")), m))
	return m, m.Err()
}

// check checks the promises about a finished run.
func (tr *trial) check(m *export.Manifest, err error) {
	t := tr.t
	time.Sleep(15 * time.Minute)                                 // until all migrations have ended
	tr.disk = tr.disk.with(tr.disk.PowerCut(tr.chance.Uint64())) // the disk loses all that was not synced
	partial, _ := errors.AsType[*export.PartialError](err)
	if partial == nil {
		require.NoError(t, err)
		partial = &export.PartialError{}
	}
	require.Len(t, *tr.disk.runs, 1, "each call continues the run")
	require.NoError(t, partial.Err)

	// Every repository is in exactly one verified archive, or is listed.
	var missing []string
	for _, row := range partial.Repositories {
		missing = append(missing, row.Repository)
	}
	var reduced []export.Row
	require.Len(t, m.Repositories, len(tr.opts.Repositories))
	for i, row := range m.Repositories {
		assert.Equal(t, tr.opts.Repositories[i], row.Repository)
		assert.Equal(t, row.OK(), !slices.Contains(missing, row.Repository), row)
		if row.OK() && len(row.Dropped) > 0 {
			reduced = append(reduced, row)
		}
		if row.OK() {
			assert.NoError(t, tr.account().holds(&export.Archive{Name: row.Archive, SHA256: row.SHA256}), row.Repository)
		}
	}

	assert.Equal(t, reduced, partial.Reduced)

	// The journal has every migration, and no repository was exported twice.
	known := map[int64]*export.Job{}
	for _, job := range tr.disk.jobs() {
		if job.State.Migration != 0 {
			known[job.State.Migration] = job
		}
		for _, id := range job.State.Twins {
			known[id] = job
		}
	}
	whole := map[string][]int64{}
	for _, migration := range tr.server.Migrations() {
		if len(migration.Repositories) == 0 {
			continue // an import
		}
		job := known[migration.ID]
		if !assert.NotNil(t, job, "the journal does not have migration %d", migration.ID) {
			continue
		}
		if s := job.State; s.Migration == migration.ID && s.Verified && len(s.Absent)+len(s.Missing)+len(s.Condemned) == 0 && !s.Unsound {
			for _, name := range migration.Repositories {
				whole[name] = append(whole[name], migration.ID)
			}
		}
		assert.True(t, !migration.ArchiveDeleted || tr.opts.DeleteArchives && !job.State.Inferred)
	}
	for name, ids := range whole {
		assert.Len(t, ids, 1, "%s was exported more than once", name)
	}
	assert.Empty(t, m.Twins, "the search has found the migration of every lost start")
	assert.Zero(t, m.Inferred)

	// Every repository that is locked against the options is listed.
	for _, row := range m.Repositories {
		if tr.server.Locked(row.Repository) && !(tr.opts.KeepLocked && row.Migration != 0) {
			assert.Contains(t, partial.Locked, row.Repository, "locked and not listed")
		}
	}
	assert.Equal(t, partial.Locked, m.Locked)
	tr.checkManifestOnDisk(m)
	testclient.AssertNoSecret(t, tr.text(), tr.server.Token())
}

// name returns the name of the account in a Store.
func (tr *trial) name() string {
	if tr.user {
		return "127.0.0.1:8000/users/octocat"
	}
	return "127.0.0.1:8000/orgs/octo"
}

func (tr *trial) account() simulatedAccount {
	return simulatedAccount{disk: tr.disk, store: tr.store, name: tr.name()}
}

func (tr *trial) checkManifestOnDisk(m *export.Manifest) {
	folder := filepath.Join(simulatedDir, (*tr.disk.runs)[0])
	assert.NotEmpty(tr.t, mustRead(tr.t, tr.disk, filepath.Join(folder, "manifest.json")))
	if tr.store != nil {
		assert.NotEmpty(tr.t, tr.store.get(path.Join(tr.name(), filepath.Base(folder), "manifest.json")))
		assert.Empty(tr.t, slices.DeleteFunc(tr.disk.Names(slot(0)), func(name string) bool {
			return name == "journal" || name == "manifest.json" || strings.HasSuffix(name, ".part")
		}), "no archive is both in the Store and on disk")
	}
	assert.Equal(tr.t, m.Dir, folder)
}

// text returns the journal and the manifest.
func (tr *trial) text() string {
	folder := filepath.Join(simulatedDir, (*tr.disk.runs)[0])
	return string(mustRead(tr.t, tr.disk, filepath.Join(folder, "journal"))) + string(mustRead(tr.t, tr.disk, filepath.Join(folder, "manifest.json")))
}

// TestNothingIsLostInRandomTrials exports an account while requests, exports and the
// disk fail, responses are lost, and the process or the machine stops. A seed decides
// when.
func TestNothingIsLostInRandomTrials(t *testing.T) {
	t.Parallel()
	trials := *seeds
	switch {
	case trials > 0:
	case testing.Short(), race.Enabled:
		trials = 24
	default:
		trials = 80
	}
	for i := range trials {
		seed := *fromSeed + uint64(i)
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				tr := newTrial(t, seed, server, 3+int(seed%7))
				tr.randomize()
				tr.injectFailures()
				m, err := tr.untilFinished(func(int) context.Context {
					ctx := t.Context()
					if tr.calm.Load() {
						return ctx
					}
					switch tr.chance.IntN(4) {
					case 0:
						tr.disk.StopAfter(tr.chance.IntN(200))
					case 1:
						var cancel context.CancelFunc
						longest := []int{1800, 60}[tr.chance.IntN(2)] // Run starts all batches in the first minute
						ctx, cancel = context.WithTimeout(ctx, time.Duration(tr.chance.IntN(longest))*time.Second)
						t.Cleanup(cancel)
					case 2:
						n := tr.chance.IntN(200)
						tr.disk.Fail(func(op simdisk.Op) error {
							if op.Number == n {
								return syscall.EIO
							}
							return nil
						})
					}
					return ctx
				})
				tr.check(m, err)
			}, ghmigratetest.WithRateLimit(1<<30))
			if t.Failed() {
				t.Logf("to repeat the trial: -seeds 1 -from-seed %d", seed)
			}
		})
	}
}

// TestNothingIsLostWhereverTheMachineStops exports three batches once for each
// operation on the disk. The machine stops before that operation, or in the middle of
// it.
func TestNothingIsLostWhereverTheMachineStops(t *testing.T) {
	t.Parallel()
	ops := 0
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		tr := threeBatches(t, server, 0)
		m, err := tr.untilFinished(func(int) context.Context { return t.Context() })
		ops = tr.disk.Ops()
		tr.check(m, err)
	})
	t.Logf("%d operations on the disk", ops)
	for n := range ops {
		if (testing.Short() || race.Enabled) && n%5 != 0 {
			continue
		}
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			t.Parallel()
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				tr := threeBatches(t, server, uint64(n))
				m, err := tr.untilFinished(func(call int) context.Context {
					if call == 0 {
						tr.disk.StopAfter(n)
					}
					return t.Context()
				})
				tr.check(m, err)
				require.NoError(t, err)
				assert.Equal(t, 3, posts(server))
			})
		})
	}
}

// TestNothingIsLostAfterAFailedSync makes a sync of the journal fail. The next process
// can still read the data that was written before, but the data is lost if the machine
// stops.
func TestNothingIsLostAfterAFailedSync(t *testing.T) {
	t.Parallel()
	for n := range 15 {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			t.Parallel()
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				tr := threeBatches(t, server, uint64(n))
				tr.kills = func(call int) bool { return call == 0 }
				m, err := tr.untilFinished(func(call int) context.Context {
					syncs := 0
					switch call {
					case 0:
						tr.disk.Fail(func(op simdisk.Op) error {
							if op.Kind == simdisk.Sync && strings.HasSuffix(op.Name, "journal") {
								if syncs++; syncs == 3+n {
									return syscall.EIO
								}
							}
							return nil
						})
					case 1:
						tr.disk.StopAfter(12 + n%10)
					}
					return t.Context()
				})
				tr.check(m, err)
				require.NoError(t, err)
				assert.Equal(t, 3, posts(server))
			})
		})
	}
}

// threeBatches returns a trial of three batches without random failures.
func threeBatches(t *testing.T, server *ghmigratetest.Server, seed uint64) *trial {
	t.Helper()
	tr := newTrial(t, seed, server, 3)
	for _, name := range tr.opts.Repositories {
		server.AddRepository(name)
	}
	tr.opts.Start = ghmigrate.StartMigrationRequest{LockRepositories: true}
	tr.opts.DeleteArchives = true
	return tr
}
