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

// How to prove more: go test ./export -run TestNothingIsLost -args -seeds 5000.
var (
	seeds    = flag.Int("seeds", 0, "how many random runs; 0 picks")
	fromSeed = flag.Uint64("from-seed", 0, "the first of them, to repeat one")
)

// A trial is one account, exported through random trouble.
type trial struct {
	t      *testing.T
	seed   uint64
	chance *rand.Rand
	user   bool // and no organization
	server *ghmigratetest.Server
	disk   simulated
	opts   export.Options
	store  *memoryStore
	calm   atomic.Bool         // no more trouble
	kills  func(call int) bool // whether the process died, and not the machine
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

// randomize makes the organization and the options.
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

// trouble makes one request in twenty go wrong.
func (tr *trial) trouble() {
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
		case http.MethodGet: // nobody can tell a stray 404 of an unlock from a true one
			faults = append(faults, page, ghmigratetest.Fault{Status: 404}, ghmigratetest.Fault{Status: 200, Body: `{}`}, ghmigratetest.Fault{Status: 200, Body: `null`})
		}
		return faults[chance.IntN(len(faults))], true
	})
}

// once calls Run until it returns.
func (tr *trial) once(ctx context.Context) (*export.Manifest, error) {
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

// untilDone calls Run until the run is finished. stop prepares what ends each
// call early.
func (tr *trial) untilDone(stop func(call int) context.Context) (*export.Manifest, error) {
	for call := 0; ; call++ {
		require.Less(tr.t, call, 100, "the run never ends")
		if call > 12 {
			tr.calm.Store(true)
		}
		ctx := stop(call)
		m, err := tr.once(ctx)
		if m != nil && !tr.opts.KeepLocked {
			for _, name := range tr.opts.Repositories {
				assert.True(tr.t, !tr.server.Locked(name) || slices.Contains(m.Locked, name), "%s is locked, and call %d does not say so: %v", name, call, err)
			}
		}
		if m != nil && !m.Ended.IsZero() {
			return m, err
		}
		if len(tr.disk.jobs()) > 0 && m == nil && tr.calm.Load() {
			require.NoError(tr.t, err)
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

// finished is what Run returned, had the machine not stopped after the very
// last line of the journal was written, and before Run knew of it.
func (tr *trial) finished() (*export.Manifest, error) {
	if len(*tr.disk.runs) == 0 {
		return nil, nil
	}
	folder := filepath.Join(simulatedDir, (*tr.disk.runs)[0])
	journal, err := tr.disk.ReadFile(filepath.Join(folder, "journal"))
	if err != nil || !strings.Contains(string(journal), ` {"end":`) {
		return nil, nil //nolint:nilerr // no journal, no end
	}
	m := &export.Manifest{Dir: folder}
	require.NoError(tr.t, json.Unmarshal(mustRead(tr.t, tr.disk, filepath.Join(folder, "manifest.json")), m))
	return m, m.Err()
}

// check proves what a finished run promises.
func (tr *trial) check(m *export.Manifest, err error) {
	t := tr.t
	time.Sleep(15 * time.Minute)                                 // all migrations are done
	tr.disk = tr.disk.with(tr.disk.PowerCut(tr.chance.Uint64())) // what is promised is on the disk
	partial, _ := errors.AsType[*export.PartialError](err)
	if partial == nil {
		require.NoError(t, err)
		partial = &export.PartialError{}
	}
	require.Len(t, *tr.disk.runs, 1, "a run that was cut short is continued")
	require.NoError(t, partial.Err)

	// Every repository is in exactly one verified archive, or is named.
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

	// What GitHub has done is known to the journal, and was needed.
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
		if !assert.NotNil(t, job, "migration %d is known to nobody", migration.ID) {
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
	assert.Empty(t, m.Twins, "every lost answer was found within the time that is searched")
	assert.Zero(t, m.Inferred)

	// Nothing is locked that GitHub would unlock.
	for _, row := range m.Repositories {
		if tr.server.Locked(row.Repository) && !(tr.opts.KeepLocked && row.Migration != 0) {
			assert.Contains(t, partial.Locked, row.Repository, "locked, and nobody knows")
		}
	}
	assert.Equal(t, partial.Locked, m.Locked)
	tr.checkManifestOnDisk(m)
	testclient.AssertNoSecret(t, tr.text(), tr.server.Token())
}

// name is what the account is called.
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
		}), "what the store has is not left on disk")
	}
	assert.Equal(tr.t, m.Dir, folder)
}

func (tr *trial) text() string {
	folder := filepath.Join(simulatedDir, (*tr.disk.runs)[0])
	return string(mustRead(tr.t, tr.disk, filepath.Join(folder, "journal"))) + string(mustRead(tr.t, tr.disk, filepath.Join(folder, "manifest.json")))
}

// TestNothingIsLostInRandomTrouble exports an account while requests fail,
// answers are lost, exports fail, disks fail, and the process or the machine
// stops, as a seed decides.
func TestNothingIsLostInRandomTrouble(t *testing.T) {
	runs := *seeds
	switch {
	case runs > 0:
	case testing.Short():
		runs = 20
	case race.Enabled:
		runs = 24
	default:
		runs = 200
	}
	for i := range runs {
		seed := *fromSeed + uint64(i)
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				tr := newTrial(t, seed, server, 3+int(seed%7))
				tr.randomize()
				tr.trouble()
				m, err := tr.untilDone(func(int) context.Context {
					ctx := t.Context()
					if tr.calm.Load() {
						return ctx
					}
					switch tr.chance.IntN(4) {
					case 0:
						tr.disk.StopAfter(tr.chance.IntN(200))
					case 1:
						var cancel context.CancelFunc
						longest := []int{1800, 60}[tr.chance.IntN(2)] // the starts are in the first minute
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
				t.Logf("repeat it with -seeds 1 -from-seed %d", seed)
			}
		})
	}
}

// TestNothingIsLostWhereverItStops stops a run of three batches before, or in
// the midst of, each single operation on its disk, every write to the journal
// among them.
func TestNothingIsLostWhereverItStops(t *testing.T) {
	ops := 0
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		tr := threeBatches(t, server, 0)
		m, err := tr.untilDone(func(int) context.Context { return t.Context() })
		ops = tr.disk.Ops()
		tr.check(m, err)
	})
	t.Logf("%d operations on the disk", ops)
	for n := range ops {
		if (testing.Short() || race.Enabled) && n%5 != 0 {
			continue
		}
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				tr := threeBatches(t, server, uint64(n))
				m, err := tr.untilDone(func(call int) context.Context {
					if call == 0 {
						tr.disk.StopAfter(n)
					}
					return t.Context()
				})
				tr.check(m, err)
				require.NoError(t, err)
				posts := len(requests(server, "POST", ""))
				assert.Equal(t, 3, posts, "starts")
			})
		})
	}
}

// When a sync fails, what was written can still be read, by the next process
// too, but it is lost for good if the machine stops.
func TestNothingIsLostThatAFailedSyncHasLost(t *testing.T) {
	for n := range 15 {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				tr := threeBatches(t, server, uint64(n))
				tr.kills = func(call int) bool { return call == 0 }
				m, err := tr.untilDone(func(call int) context.Context {
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
