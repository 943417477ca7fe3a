package export //nolint:testpackage // the test reads unexported fields of jobs

// This file simulates GitHub, a disk and a Store for core_test.go.

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate"
)

// A worldRepo is a repository with the failures that it causes.
type worldRepo struct {
	name                          string
	bad, relBad, attBad, crowd    bool // exports fail: always; with releases; with attachments too; with other repositories
	indexed, nameless             bool // GitHub refuses starts: with the index of the repository, or without
	namelessTill                  time.Time
	deletedAt, renamedAt          time.Time
	size                          int
	refusedByStorage, storePoison bool // GitHub's storage refuses the download; the Store refuses the archive
	fault, wholeFault             int  // the number of exports with a fault of the repository, or of the archive
	missing, stuck                bool // the archive lacks the repository; the export does not end
	exports                       int
}

// A worldMigration is a migration at GitHub.

type worldMigration struct {
	id                   int64
	names, listed        []string
	dropped              int
	begun, ends, visible time.Time
	never                bool // the export does not end
	outcome              Outcome
	dead                 bool
	locks                map[string]time.Time // the time when GitHub locks each repository
	condemned, missing   []string
	unsound              bool
	size                 int
	refused, poison      bool
	deleted              bool
}

// A window is the time from the first to the second element.
type window [2]time.Time

func (w window) has(t time.Time) bool { return !t.Before(w[0]) && t.Before(w[1]) }

// A world is GitHub, a disk and a Store, with failures.
type world struct {
	chance                              *rand.Rand
	now, epoch                          time.Time
	repos                               map[string]*worldRepo
	order                               []string
	migrations                          map[int64]*worldMigration
	next                                int64
	disk                                int
	incident, spam, storeDown, denied   window
	pLost, pLostEffect, pLate, pFault   float64
	pDead, pUnlock404, pDamage, pAbsent float64
	starts                              int
	static                              bool // the outcome of an export depends on its repositories alone
	stored                              map[int64]bool
}

// p returns true with the probability p.
func (w *world) p(p float64) bool { return p > 0 && w.chance.Float64() < p }

func (w *world) after(t time.Time) bool { return !t.IsZero() && !w.now.Before(t) }

// alone reports whether a repository can be exported alone, and how many options must
// leave data out.
func (w *world) alone(r *worldRepo) (bool, int) {
	if r.bad || r.indexed || r.nameless || r.stuck || r.missing || r.fault > 1 || r.wholeFault > 1 || r.storePoison ||
		r.refusedByStorage || !r.deletedAt.IsZero() || !r.renamedAt.IsZero() {
		return false, 0
	}
	for d := range 3 {
		if !(r.relBad && d < 1 || r.attBad && d < 2 || r.size>>d > w.disk) {
			return true, d
		}
	}
	return false, 0
}

func (w *world) start(job *Job) Result {
	lost := Result{Class: ClassRetry, Reason: "502"}
	switch {
	case w.denied.has(w.now):
		return Result{Class: ClassRun, Reason: "401"}
	case w.p(w.pFault):
		return Result{Class: ClassRetry, Reason: "not sent", Unsent: true}
	case w.p(w.pLost) && !w.p(w.pLostEffect):
		return lost
	}
	var named []int
	for i, n := range job.Repositories {
		if r := w.repos[n]; r.indexed || w.after(r.deletedAt) || w.after(r.renamedAt) {
			named = append(named, i)
		}
	}
	if len(named) > 0 {
		return Result{Class: ClassJob, Invalid: true, Named: named, Reason: "422 named"}
	}
	for _, n := range job.Repositories {
		if r := w.repos[n]; r.nameless || w.now.Before(r.namelessTill) || w.spam.has(w.now) {
			return Result{Class: ClassJob, Invalid: true, Reason: "422"}
		}
	}
	m := w.migrate(job)
	if w.p(w.pLost) {
		m.visible = w.now.Add(w.upTo(60))
		if w.p(w.pLate) {
			m.visible = w.now.Add(w.upTo(600))
		}
		return lost
	}
	return Result{Migration: m.id}
}

func (w *world) upTo(seconds int64) time.Duration {
	return time.Duration(w.chance.Int64N(seconds)) * time.Second
}

// migrate creates a migration, and decides how its export ends.
func (w *world) migrate(job *Job) *worldMigration {
	w.starts++
	w.next++
	names := job.Repositories
	m := &worldMigration{
		id: w.next, names: slices.Clone(names), dropped: len(job.Dropped), begun: w.now, visible: w.now,
		locks: map[string]time.Time{}, outcome: OutcomeExported, ends: w.now.Add(30*time.Second + w.upTo(4*3600)),
	}
	w.migrations[m.id] = m
	for _, n := range names {
		r := w.repos[n]
		if job.Start.LockRepositories {
			m.locks[n] = w.now.Add(w.upTo(60))
		}
		if r.bad || r.relBad && m.dropped < 1 || r.attBad && m.dropped < 2 || r.crowd && len(names) > 1 {
			m.outcome = OutcomeFailed
		}
		m.never = m.never || r.stuck
	}
	if m.outcome == OutcomeFailed || w.incident.has(w.now) || w.incident.has(m.ends) {
		m.outcome, m.ends = OutcomeFailed, w.now.Add(5*time.Second+w.upTo(600))
	}
	for _, n := range names {
		r := w.repos[n]
		if !r.deletedAt.IsZero() && m.ends.After(r.deletedAt) {
			continue
		}
		if !r.renamedAt.IsZero() && m.ends.After(r.renamedAt) {
			m.listed = append(m.listed, n+"-renamed")
			if at, locked := m.locks[n]; locked {
				m.locks[n+"-renamed"] = at
				delete(m.locks, n)
			}
			continue
		}
		m.listed = append(m.listed, n)
		if m.outcome != OutcomeExported {
			continue
		}
		r.exports++
		m.size += r.size >> m.dropped
		m.refused = m.refused || r.refusedByStorage
		m.poison = m.poison || r.storePoison
		if r.missing {
			m.missing = append(m.missing, n)
		}
		if r.exports <= r.fault {
			m.condemned = append(m.condemned, n)
		}
		m.unsound = m.unsound || r.exports <= r.wholeFault
	}
	m.dead = w.p(w.pDead)
	return m
}

func (w *world) newest() (id int64) {
	for _, m := range w.migrations {
		if !m.visible.After(w.now) {
			id = max(id, m.id)
		}
	}
	return id
}

// found lists the migrations that a search for a lost start of the job finds.
func (w *world) found(job *Job, knows func(int64) bool) (found []Found) {
	for _, id := range slices.Sorted(maps.Keys(w.migrations)) {
		m := w.migrations[id]
		if id > job.State.book.Floor && !m.visible.After(w.now) && !knows(id) && m.dropped == len(job.Dropped) {
			found = append(found, Found{id, w.current(m)})
		}
	}
	return found
}

// current returns GitHub's list of the migration's repositories. Before the end of the
// export these are the requested repositories.
func (w *world) current(m *worldMigration) []string {
	if !w.ended(m) {
		return m.names
	}
	return m.listed
}

func (w *world) ended(m *worldMigration) bool { return !m.never && !w.now.Before(m.ends) }

// shows returns the migration as a poll shows it.
func (w *world) shows(id int64) *ghmigrate.Migration {
	m := w.migrations[id]
	shown := &ghmigrate.Migration{ID: id, State: ghmigrate.StateExporting}
	if !m.visible.After(w.now) && w.ended(m) {
		shown.State = map[Outcome]ghmigrate.MigrationState{OutcomeExported: ghmigrate.StateExported, OutcomeFailed: ghmigrate.StateFailed}[m.outcome]
	}
	return shown
}

func (w *world) perform(job *Job, e Effect) Result {
	m := w.migrations[job.State.Migration]
	absent := Result{Class: ClassAbsent, Reason: "404"}
	if e != EffectStart && w.p(w.pFault) {
		return Result{Class: ClassRetry, Reason: "fault"}
	}
	switch e {
	case EffectStart:
		return w.start(job)
	case EffectSearch:
		return Result{Found: w.found(job, job.knows)}
	case EffectWait, EffectList:
		if w.p(w.pAbsent) {
			return absent
		}
		if e == EffectList {
			return Result{Repositories: w.current(m)}
		}
		switch w.shows(m.id).State {
		case ghmigrate.StateExported:
			return Result{Outcome: OutcomeExported}
		case ghmigrate.StateFailed:
			return Result{Outcome: OutcomeFailed}
		default:
			return Result{}
		}
	case EffectUnlock:
		return w.unlock(job, m)
	case EffectDownload, EffectTransfer:
		switch {
		case m.dead:
			return Result{Class: ClassJob, Outcome: OutcomeGone, Reason: "gone"}
		case m.refused:
			return Result{Class: ClassJob, Reason: "storage refuses it"}
		case m.size > w.disk:
			return Result{Class: ClassJob, Reason: "too large"}
		case e == EffectTransfer:
			r := w.store(m)
			if r.Class == ClassNone {
				r = w.verdict(m)
				r.Archive = &Archive{Name: archiveName(m.id)}
			}
			return r
		}
		return Result{Archive: &Archive{Name: archiveName(m.id)}}
	case EffectVerify:
		if w.p(w.pDamage) {
			return Result{Damaged: true, Reason: "damaged"}
		}
		return w.verdict(m)
	case EffectStore:
		return w.store(m)
	case EffectDelete:
		if !w.stored[m.id] || m.unsound || len(m.condemned)+len(m.missing) > 0 || len(m.listed) != len(m.names) || !job.State.Verified {
			panic(fmt.Sprintf("the job deletes an archive without proof: %+v", job))
		}
		m.deleted = true
	case EffectNone:
	}
	return Result{}
}

func (w *world) verdict(m *worldMigration) Result {
	return Result{Missing: m.missing, Condemned: m.condemned, Unsound: m.unsound}
}

func (w *world) store(m *worldMigration) Result {
	if w.storeDown.has(w.now) || m.poison {
		return Result{Class: ClassRetry, Reason: "store"}
	}
	w.stored[m.id] = true
	return Result{}
}

func (w *world) unlock(job *Job, m *worldMigration) Result {
	if w.p(w.pUnlock404) {
		return Result{Class: ClassAbsent, Reason: "404"}
	}
	r := Result{}
	refused := false
	owed := job.Owed()
	for _, n := range owed[:min(maxUnlocks, len(owed))] {
		at, locked := m.locks[n]
		switch {
		case locked && !at.After(w.now):
			delete(m.locks, n)
			r.Repositories = append(r.Repositories, n)
		case !w.ended(m) || !job.State.Listed:
			refused = true
		case w.now.Before(job.State.Ended.Add(lateLockTime)):
			r.Doubt = true
		default:
			r.Repositories = append(r.Repositories, n)
		}
	}
	if refused && len(r.Repositories) == 0 {
		return Result{Class: ClassDenied, Reason: "not ended"}
	}
	return r
}

// lockName returns the name of a repository before it was renamed.
func lockName(name string) string { return strings.TrimSuffix(name, "-renamed") }
