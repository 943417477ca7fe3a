package export //nolint:testpackage // the test reads unexported fields of jobs and the tally

// This file tests the core alone, in random histories of a simulated driver. Every
// effect may succeed, fail with each class, or be interrupted. Batches end in any
// order, and the driver stops at any time. The file core_world_test.go simulates
// GitHub, the disk and the Store.

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/internal/race"
)

// To try more: go test ./export -run TestCore -args -histories 100000. CI does so every
// night.
var (
	histories   = flag.Int("histories", 0, "the number of random histories of the core; 0 for the default")
	fromHistory = flag.Uint64("from-history", 0, "the seed of the first history")
)

// A simDriver is a driver that performs one effect after the other in a world.
type simDriver struct {
	w             *world
	chance        *rand.Rand // decides what the driver does, and not what happens in the world
	jobs          []*Job
	known         map[string]*Job
	tally         *Tally
	concurrency   int
	patience      time.Duration
	pCrash, pStop float64 // probabilities of a crash at an effect, and of a stop during a call
	calls         int
	stops         int // calls that ended with ErrSystemic
	falseStops    int // of these, calls in which GitHub could have exported half of the rest
	finished      bool
	abandoned     bool
	begun         time.Time // of the call
	log           []string
	logging       bool
}

func (d *simDriver) logf(format string, args ...any) {
	if d.logging {
		d.log = append(d.log, d.w.now.Sub(d.w.epoch).String()+" "+fmt.Sprintf(format, args...))
	}
}

func (d *simDriver) add(jobs []*Job) {
	for _, j := range jobs {
		if d.known[j.ID] == nil {
			d.known[j.ID] = j
			d.jobs = append(d.jobs, j)
		}
	}
}

// over adds the successors of a job. A crash may come before they are saved.
func (d *simDriver) over(j *Job) {
	if d.chance.Float64() < d.pCrash {
		d.tally.Over(j) // the crash loses the result
	}
	next := append(d.tally.Over(j), j.twinUnlocks(d.known, false)...)
	d.logf("over %s %v %s %q -> %d", j.ID, j.Repositories, j.State.Outcome, j.State.Reason, len(next))
	d.add(next)
}

// reload replaces the jobs and the tally by copies that have been through JSON, as
// another process would decode them.
func (d *simDriver) reload() {
	for i, j := range d.jobs {
		data, err := json.Marshal(j)
		if err != nil {
			panic(err)
		}
		again := new(Job)
		if err := json.Unmarshal(data, again); err != nil {
			panic(err)
		}
		d.jobs[i], d.known[j.ID] = again, again
	}
	data, err := json.Marshal(d.tally)
	if err != nil {
		panic(err)
	}
	d.tally = new(Tally)
	if err := json.Unmarshal(data, d.tally); err != nil {
		panic(err)
	}
}

// call is one call of the driver. It ends when no effect is possible, or at a random
// time.
func (d *simDriver) call() {
	d.calls++
	w := d.w
	d.reload()
	d.tally.Resume()
	stop := w.epoch.Add(1 << 60)
	if d.chance.Float64() < d.pStop {
		stop = w.now.Add(time.Duration(d.chance.Int64N(12*3600)) * time.Second)
	}
	d.begun = w.now
	for _, j := range d.jobs {
		j.Resume(w.now)
	}
	d.add(allTwinUnlocks(d.jobs, false))
	ended := map[string]bool{}
	for _, j := range slices.Clone(d.jobs) {
		if j.Over() {
			ended[j.ID] = true
			d.add(j.Successors())
		}
	}
	system := false
	for steps := 0; ; steps++ {
		if steps > 30000 {
			panic("the call does not end")
		}
		if !w.now.Before(stop) {
			d.logf("stops")
			d.tally.suspend()
			return
		}
		grown := len(d.jobs)
		for _, j := range d.jobs {
			if j.Over() && !ended[j.ID] {
				ended[j.ID] = true
				d.over(j)
			}
		}
		if grown != len(d.jobs) {
			continue
		}
		load, pending, live := d.load()
		if live == 0 || system && load.Running == 0 && live == len(pending) {
			if system {
				system = false
				if d.systemic(pending) {
					continue
				}
				return
			}
			rest := d.tally.Rest(d.jobs)
			if len(rest) > 0 && d.chance.Float64() < d.pCrash {
				return // a crash before they are saved
			}
			if d.add(rest); len(rest) > 0 || d.late() {
				continue
			}
			d.finished = !slices.ContainsFunc(d.jobs, func(j *Job) bool { return !j.Over() })
			return
		}
		due, later := d.due(pending, load, &system)
		if !system && d.tally.doubts() && load.Running < d.concurrency {
			if p := d.tally.Probe(pending, load, w.now); p != nil {
				d.tally.Ended(p)
				continue
			}
		}
		if len(due) == 0 {
			switch {
			case system && load.Running == 0, later.IsZero() && d.tally.t.Dry:
				if later.IsZero() {
					continue
				}
			case later.IsZero():
				panic("deadlock")
			}
			w.now = later
			continue
		}
		if d.effect(due[d.chance.IntN(len(due))]) {
			return
		}
	}
}

func (d *simDriver) load() (load Load, pending []*Job, live int) {
	for _, j := range d.jobs {
		if !j.Over() && (j.State.Parked == "" || len(j.openEffects(d.w.now)) > 0) {
			live++
		}
	}
	load, pending = Weigh(d.jobs, d.patience, d.w.now)
	return load, pending, live
}

// due lists the jobs with an effect that is due. Later is the time of the next effect.
func (d *simDriver) due(pending []*Job, load Load, system *bool) (due []*Job, later time.Time) {
	w := d.w
	sooner := func(t time.Time) {
		if t.After(w.now) && (later.IsZero() || t.Before(later)) {
			later = t
		}
	}
	for _, j := range d.jobs {
		switch e, at := j.Next(w.now); {
		case e == EffectStart && (*system || load.Running >= d.concurrency):
		case e == EffectStart:
			at, err := d.tally.MayStart(j, load, w.now)
			sooner(at)
			if err == nil {
				due = append(due, j)
			}
			*system = *system || errors.Is(err, ErrSystemic)
		case e == EffectWait:
			m := w.migrations[j.State.Migration]
			if !m.never {
				sooner(m.ends)
			}
			sooner(j.State.Begun.Add(maxExportTime))
			sooner(j.State.Begun.Add(d.patience + 1))
			if w.ended(m) || !w.now.Before(j.State.Begun.Add(maxExportTime)) || d.chance.Float64() < 0.02 {
				due = append(due, j)
			} else {
				sooner(w.now.Add(time.Hour))
			}
		case e != EffectNone:
			due = append(due, j)
		default:
			sooner(at)
		}
	}
	return due, later
}

// effect performs the next effect of a job. It reports whether the call ends.
func (d *simDriver) effect(j *Job) (stop bool) {
	w := d.w
	e, _ := j.Next(w.now)
	before := j.State.Outcome
	if e == EffectWait && d.chance.Float64() < 0.8 {
		j.Observe(w.shows(j.State.Migration), w.now)
		if before != j.State.Outcome {
			d.tally.Ended(j)
			d.logf("%s %v ends %s", j.ID, j.Repositories, j.State.Outcome)
		}
		w.now = w.now.Add(time.Second)
		return false
	}
	j.Begin(e, w.newest())
	r := w.perform(j, e)
	if d.chance.Float64() < d.pCrash {
		j.Interrupted(w.now) // although the effect has happened
		d.logf("crash in %s of %s", e, j.ID)
		return d.chance.IntN(2) == 0
	}
	stop = j.Apply(e, r, w.now)
	stop = d.tally.Started(j, e, r, w.now) || stop
	if before != j.State.Outcome {
		d.tally.Ended(j)
	}
	d.logf("%s %s %v -> %s %s %s", e, j.ID, j.Repositories, r.Class, r.Reason, j.State.Outcome)
	w.now = w.now.Add(time.Duration(1+d.chance.Int64N(3)) * time.Second)
	return stop
}

// systemic ends a call as systemic. It reports whether the rest was abandoned.
func (d *simDriver) systemic(pending []*Job) bool {
	d.stops++
	w := d.w
	known := false
	for _, window := range []window{w.incident, w.spam} {
		known = known || window[0].Add(-4*time.Hour).Before(w.now) && window[1].After(d.begun)
	}
	good, all := 0, 0
	for _, j := range pending {
		for _, n := range j.Repositories {
			all++
			if ok, dropped := w.alone(w.repos[n]); ok && dropped == 0 && !w.now.Before(w.repos[n].namelessTill) {
				good++
			}
		}
	}
	if !known && 2*good >= all {
		d.falseStops++
	}
	d.logf("systemic")
	if !d.tally.Stopped() {
		return false
	}
	for _, j := range pending {
		j.Abandon("systemic", w.now)
	}
	d.abandoned = true
	return true
}

// late adds the late twins, and reports whether there are any.
func (d *simDriver) late() (found bool) {
	known := knownMigrations(d.jobs)
	for _, j := range slices.Clone(d.jobs) {
		if !hasLostStart(j) || !j.Start.LockRepositories {
			continue
		}
		for _, f := range d.w.found(j, func(id int64) bool { return known[id] }) {
			if len(match(j.Repositories, []Found{f})) > 0 {
				found = true
				twins := lateTwins{of: map[string][]int64{j.ID: {f.ID}}}
				d.add(twins.add(d.jobs))
				known[f.ID] = true
			}
		}
	}
	return found
}

// A simResult is the result of one history.
type simResult struct {
	d       *simDriver
	opts    Options
	rows    []Row
	locked  []string
	batches int
	problem string
}

// simulate runs one history. The repositories and the options depend on seed alone; the
// order of events depends on driverSeed too.
func simulate(seed, driverSeed uint64, logging bool) (res *simResult) {
	r := rand.New(rand.NewPCG(seed, 1))
	w := newWorld(r, seed, driverSeed)
	dr := rand.New(rand.NewPCG(seed, driverSeed))
	d := &simDriver{w: w, chance: dr, known: map[string]*Job{}, concurrency: 1 + dr.IntN(10), patience: 6 * time.Hour, logging: logging}
	if r.IntN(2) == 0 {
		d.pCrash = []float64{0.002, 0.03}[r.IntN(2)]
	}
	if r.IntN(2) == 0 {
		d.pStop = 0.5
	}
	opts := Options{
		Repositories: w.order, KeepLocked: r.IntN(3) == 0, DeleteArchives: r.IntN(2) == 0, BatchSize: 1 + r.IntN(12), Run: "run",
		Start: ghmigrate.StartMigrationRequest{LockRepositories: r.IntN(2) == 0}, Previous: &Manifest{},
	}
	if r.IntN(2) == 0 {
		opts.Store, opts.Stream = nilStore{}, true
	}
	for _, name := range w.order {
		if p := w.repos[name]; r.IntN(3) == 0 && (p.fails() && r.IntN(3) > 0 || r.IntN(30) == 0) {
			opts.Previous.Repositories = append(opts.Previous.Repositories, Row{Repository: name})
		}
	}
	res = &simResult{d: d, opts: opts}
	defer func() {
		if p := recover(); p != nil {
			res.problem = fmt.Sprint("panic: ", p)
		}
	}()
	tally, plan, err := Plan(opts)
	if err != nil {
		panic(err)
	}
	d.tally, res.batches = tally, len(plan)
	d.add(plan)
	for !d.finished && d.calls < 60 {
		d.call()
		w.now = w.now.Add(time.Duration(60+dr.Int64N(20000)) * time.Second)
	}
	m := NewManifest("account", opts.Start, d.jobs)
	res.rows, res.locked = m.Repositories, m.Locked
	res.check()
	return res
}

// A nilStore is a Store that the simulation does not call.
type nilStore struct{ Store }

// fails reports whether the repository can make the export of its batch fail.
func (p *worldRepo) fails() bool {
	return p.bad || p.relBad || p.attBad || p.crowd || p.indexed || p.nameless || p.stuck
}

// newWorld returns a random world.
func newWorld(r *rand.Rand, seed, driverSeed uint64) *world {
	epoch := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w := &world{
		chance: rand.New(rand.NewPCG(seed, driverSeed+7)), epoch: epoch, now: epoch.Add(1000 * time.Second),
		repos: map[string]*worldRepo{}, migrations: map[int64]*worldMigration{}, disk: 100, stored: map[int64]bool{},
	}
	at := func(from, most int64) time.Time { return epoch.Add(time.Duration(from+r.Int64N(most)) * time.Second) }
	density := []float64{0, 0.02, 0.05, 0.1, 0.3, 0.6}[r.IntN(6)]
	w.static = r.IntN(2) == 0
	var all []*worldRepo
	for i := range 1 + r.IntN(40) {
		p := &worldRepo{name: fmt.Sprintf("o/r%02d", i), size: 1 + r.IntN(2)}
		if r.Float64() < density {
			p.beOdd(r)
			if !w.static && r.IntN(4) == 0 {
				*p = worldRepo{name: p.name, size: 1}
				switch r.IntN(4) {
				case 0:
					p.storePoison = true
				case 1:
					p.namelessTill = at(1000, 900)
				case 2:
					p.deletedAt = at(1000, 20000)
				case 3:
					p.renamedAt = at(1000, 20000)
				}
			}
		}
		all = append(all, p)
	}
	if r.IntN(3) == 0 { // the repositories that fail come first
		slices.SortStableFunc(all, func(a, b *worldRepo) int {
			return map[bool]int{true: 0, false: 1}[a.fails()] - map[bool]int{true: 0, false: 1}[b.fails()]
		})
	}
	for _, p := range all {
		w.repos[p.name] = p
		w.order = append(w.order, p.name)
	}
	if w.static {
		return w
	}
	some := func(p float64, most int64) window {
		if r.Float64() > p {
			return window{}
		}
		from := at(1000, 30000)
		if r.IntN(2) == 0 {
			from = epoch
		}
		return window{from, from.Add(time.Duration(r.Int64N(most)) * time.Second)}
	}
	w.incident, w.spam = some(0.3, 60000), some(0.1, 3000)
	w.storeDown, w.denied = some(0.15, 20000), some(0.1, 900)
	w.pLost, w.pLostEffect, w.pLate = []float64{0, 0.05, 0.3}[r.IntN(3)], 0.5, 0.1
	w.pFault = []float64{0, 0.05}[r.IntN(2)]
	w.pDead, w.pDamage = []float64{0, 0.1}[r.IntN(2)], []float64{0, 0.05}[r.IntN(2)]
	w.pUnlock404, w.pAbsent = []float64{0, 0.1}[r.IntN(2)], []float64{0, 0.05}[r.IntN(2)]
	return w
}

// beOdd gives the repository a random property that makes exports of it fail.
func (p *worldRepo) beOdd(r *rand.Rand) {
	switch r.IntN(14) {
	case 0, 1, 2:
		p.bad = true
	case 3:
		p.relBad = true
	case 4:
		p.attBad, p.relBad = true, true
	case 5:
		p.crowd = true
	case 6:
		p.indexed = true
	case 7:
		p.nameless = true
	case 8:
		p.size = 90 + r.IntN(200)
	case 9:
		p.refusedByStorage = true
	case 10:
		p.fault = []int{1, 99}[r.IntN(2)]
	case 11:
		p.wholeFault = []int{1, 99}[r.IntN(2)]
	case 12:
		p.missing = true
	case 13:
		p.stuck = true
	}
}

// check sets res.problem to the first promise that the history breaks.
func (res *simResult) check() {
	d, w := res.d, res.d.w
	fail := func(format string, args ...any) {
		if res.problem == "" {
			res.problem = fmt.Sprintf(format, args...)
		}
	}
	if !d.finished {
		fail("the run never finishes")
	}
	if d.falseStops > 0 {
		fail("a call ended with ErrSystemic, although GitHub could export half of the rest")
	}
	covered := map[string]int{}
	for _, j := range d.jobs {
		for _, n := range j.Repositories {
			if j.covers(n) {
				covered[n]++
			}
		}
		if !j.Over() {
			fail("job %s is not over", j.ID)
		}
	}
	rows := map[string]*Row{}
	for i, row := range res.rows {
		if row.Repository != w.order[i] {
			fail("row %d is of %s, not %s", i, row.Repository, w.order[i])
		}
		rows[row.Repository] = &row
		if covered[row.Repository] > 1 {
			fail("%s is covered by %d jobs", row.Repository, covered[row.Repository])
		}
		if row.OK() != (covered[row.Repository] == 1) || row.OK() != (row.Error == "") {
			fail("%s: OK %t, covered by %d, error %q", row.Repository, row.OK(), covered[row.Repository], row.Error)
		}
	}
	if len(res.rows) != len(w.order) {
		fail("%d rows for %d repositories", len(res.rows), len(w.order))
	}
	for _, n := range w.order {
		ok, dropped := w.alone(w.repos[n])
		if row := rows[n]; w.static && !d.abandoned && (row.OK() != ok || ok && len(row.Dropped) != dropped) {
			fail("%s: OK %t without %v, could be %t without %d: %s", n, row.OK(), row.Dropped, ok, dropped, row.Error)
		}
	}
	res.checkLocks(rows, fail)
}

// checkLocks finds locks that the run has not released and does not list.
func (res *simResult) checkLocks(rows map[string]*Row, fail func(string, ...any)) {
	known := knownMigrations(res.d.jobs)
	for id, m := range res.d.w.migrations {
		for n := range m.locks {
			name := lockName(n)
			kept := res.opts.KeepLocked && rows[name].OK()
			if known[id] && !kept && !slices.Contains(res.locked, n) && !slices.Contains(res.locked, name) {
				fail("migration %[2]d keeps %[1]s locked, and the manifest does not list it", n, id)
			}
		}
	}
}

// bad returns the number of repositories that cost more starts than their batch does.
func (res *simResult) bad() (n int) {
	for _, p := range res.d.w.repos {
		if ok, dropped := res.d.w.alone(p); !ok || dropped > 0 || p.fails() || p.size > 20 || p.fault+p.wholeFault > 0 {
			n++
		}
	}
	return n
}

func TestCoreInRandomHistories(t *testing.T) {
	n := *histories
	switch {
	case n > 0:
	case race.Enabled: // the core has no goroutines
		n = 30
	case testing.Short():
		n = 100
	default:
		n = 400
	}
	compared, stops := 0, 0
	for i := range uint64(n) {
		seed := *fromHistory + i
		a := simulate(seed, 1, false)
		if a.problem != "" {
			failHistory(t, seed, 1)
		}
		stops += a.d.stops
		if !a.d.w.static {
			continue
		}
		extra := a.d.w.starts - a.batches
		require.LessOrEqual(t, extra, 31*a.bad()+26*a.d.stops, "starts of history %d", seed)
		b := simulate(seed, 2, false)
		if b.problem != "" {
			failHistory(t, seed, 2)
		}
		if a.d.abandoned || b.d.abandoned {
			continue
		}
		compared++
		for i, x := range a.rows {
			y := b.rows[i]
			require.Equal(t, []any{x.OK(), x.Dropped}, []any{y.OK(), y.Dropped}, "history %d: row of %s depends on the order", seed, x.Repository)
		}
	}
	t.Logf("%d histories, %d of them compared with another driver, %d calls ended in doubt", n, compared, stops)
}

// failHistory repeats a history, and fails with its log.
func failHistory(t *testing.T, seed, driver uint64) {
	t.Helper()
	res := simulate(seed, driver, true)
	t.Fatalf("%s\nhistory %d, driver %d: %s", strings.Join(res.d.log, "\n"), seed, driver, res.problem)
}
