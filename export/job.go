package export

// This file is part of the core: it does no I/O and reads no clock.

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/ghmigrate/ghmigrate"
)

// A Job is one migration, from its start to the deletion of its archive. It is
// plain state, to be kept as JSON. Its methods are pure functions: they do no
// I/O and read no clock. [Perform] has the effects.
//
// A Job does not repeat a migration that failed: [Job.Successors] do.
type Job struct { //nolint:recvcheck // a value is marshaled too
	// ID names the job in its run, such as "7". The IDs of successors extend it:
	// "7.1", "7.2".
	ID string `json:"id"`
	// Run names the run, such as "api.github.com/orgs/octo-org/20261120T134500Z-5f1c".
	// It is the prefix of every name in a [Store].
	Run string `json:"run,omitempty"`

	Repositories []string                        `json:"repositories"`
	Start        ghmigrate.StartMigrationRequest `json:"start"` // without Repositories

	// Dir is the folder for archives. The journal leaves it out, so that a run's
	// folder can be moved.
	Dir string `json:"dir,omitempty"`

	DeleteArchive bool `json:"delete_archive,omitzero"` // at GitHub, at the end
	KeepLocked    bool `json:"keep_locked,omitzero"`    // keep the locks of exported repositories
	Stream        bool `json:"stream,omitzero"`         // move the archive to the Store without a disk

	// UnlockOnly marks a migration that only may hold locks: a twin, or a migration
	// of an earlier run.
	UnlockOnly bool `json:"unlock_only,omitzero"`

	// Dropped lists the options that Start has beside the options of the run:
	// "exclude_releases", "exclude_attachments".
	Dropped []string `json:"dropped,omitempty"`

	State State `json:"state,omitzero"`

	// Store receives verified archives; nil leaves them in Dir. Set Store again
	// after decoding a Job.
	Store Store `json:"-"`
	// Save saves the job. [Step] calls it before and after an effect, and performs
	// the effect only if Save returns nil. A nil Save saves nothing.
	Save func(*Job) error `json:"-"`
	// Progress, if not nil, gets the events of [Step] and [Perform].
	Progress func(Event) `json:"-"`

	lineage   lineage
	disk      disk           // nil: the disk of the operating system
	elsewhere map[int64]bool // migrations of other jobs: a search need not read them
}

// State describes a job's migration, as far as it is known.
type State struct { //nolint:recvcheck // a value is marshaled too
	// Intent is an effect that was begun. Its result is not known.
	Intent Effect `json:"intent,omitempty"`

	Migration int64     `json:"migration,omitzero"`
	Begun     time.Time `json:"begun,omitzero"`    // when it was started, or found
	Adopted   bool      `json:"adopted,omitzero"`  // found after the response to its start was lost
	Inferred  bool      `json:"inferred,omitzero"` // adopted, and another migration matched as well
	Twins     []int64   `json:"twins,omitempty"`   // other migrations that a start of this job has made

	Outcome Outcome   `json:"outcome,omitempty"`
	Ended   time.Time `json:"ended,omitzero"`   // when the outcome was seen
	Reason  string    `json:"reason,omitempty"` // the last error; empty after a success
	Named   []string  `json:"named,omitempty"`  // the repositories that GitHub refused by name, or a probe's

	Listed bool              `json:"listed,omitzero"`  // GitHub's list of the migration's repositories was read
	Absent []string          `json:"absent,omitempty"` // not in that list, though asked for
	Others []string          `json:"others,omitempty"` // in that list, though not asked for
	Fates  map[string]string `json:"fates,omitempty"`  // sentences about repositories that were renamed, transferred or deleted

	Archive   *Archive `json:"archive,omitzero"`    // once it was fetched
	Verified  bool     `json:"verified,omitzero"`   // read to its end, with the right checksum
	Missing   []string `json:"missing,omitempty"`   // not in the archive, though asked for
	Condemned []string `json:"condemned,omitempty"` // in the archive with faults of their own
	Unsound   bool     `json:"unsound,omitzero"`    // the archive has a fault that belongs to no single repository
	Faults    []Fault  `json:"faults,omitempty"`    // the first of them
	Stored    bool     `json:"stored,omitzero"`     // the archive is in its place
	InStore   bool     `json:"in_store,omitzero"`   // that place is the Store

	Released []string `json:"released,omitempty"` // certainly not locked by this migration
	Locked   []string `json:"locked,omitempty"`   // could not be unlocked
	Deleted  bool     `json:"deleted,omitzero"`   // the archive at GitHub

	// Forgotten says that the migration is not at GitHub any more: nothing can
	// release its locks.
	Forgotten bool `json:"forgotten,omitzero"`

	// Parked says why the job waits for the next call; empty if it does not.
	Parked string `json:"parked,omitempty"`

	book book
}

// book is the bookkeeping of a State.
type book struct {
	Floor    int64               `json:"floor,omitzero"`    // the newest migration of the account before the first start
	Starts   int                 `json:"starts,omitzero"`   // starts that were sent, or may have been
	Lost     int                 `json:"lost,omitzero"`     // starts whose response was lost
	LostAt   time.Time           `json:"lost_at,omitzero"`  // since when the latest of them is searched for; zero if it is not
	Searched time.Time           `json:"searched,omitzero"` // when the latest search in vain ended
	Parks    int                 `json:"parks,omitzero"`    // calls in a row that parked the job
	Tries    map[Effect]attempts `json:"tries,omitempty"`   // copied before every change, so that copies of a Job can share it
}

// attempts counts the failures of one effect.
type attempts struct {
	Count  int           `json:"count,omitzero"`  // failures since the latest success
	Since  time.Time     `json:"since,omitzero"`  // the first of them
	Paused time.Duration `json:"paused,omitzero"` // the pauses after them, in all
	Due    time.Time     `json:"due,omitzero"`    // the effect must not be tried before
	Over   bool          `json:"over,omitzero"`   // the effect was given up
}

// An Archive is a file that was fetched.
type Archive struct {
	Name   string `json:"name"` // such as "migration-79.tar.gz"
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // hex, as it was fetched
}

// A Fault is something wrong in an archive.
type Fault struct {
	Repository string `json:"repository,omitempty"` // empty: the archive as a whole
	Message    string `json:"message"`
}

// An Effect is one thing that a job does.
type Effect string

// The effects, in their order.
const (
	EffectNone     Effect = ""         // nothing, now
	EffectStart    Effect = "start"    // start the migration
	EffectSearch   Effect = "search"   // look for the migration of a start whose response was lost
	EffectWait     Effect = "wait"     // look whether the export has ended
	EffectList     Effect = "list"     // read GitHub's list of the migration's repositories
	EffectUnlock   Effect = "unlock"   // unlock repositories, 25 at most
	EffectDownload Effect = "download" // fetch the archive
	EffectVerify   Effect = "verify"   // read the archive from the disk
	EffectStore    Effect = "store"    // put the archive where it belongs
	EffectTransfer Effect = "transfer" // with Stream: download, verify and store in one pass
	EffectDelete   Effect = "delete"   // delete the archive at GitHub
)

// An Outcome is how a job's export ended.
type Outcome string

// The outcomes.
const (
	OutcomeUnknown   Outcome = ""          // not ended
	OutcomeExported  Outcome = "exported"  // GitHub says so
	OutcomeFailed    Outcome = "failed"    // GitHub says so
	OutcomeRefused   Outcome = "refused"   // GitHub did not accept the start
	OutcomeLost      Outcome = "lost"      // five starts left no trace
	OutcomeStuck     Outcome = "stuck"     // still running after a day
	OutcomeGone      Outcome = "gone"      // the migration or its archive is not there any more
	OutcomeUnfetched Outcome = "unfetched" // the archive cannot be had: too large for the disk, refused, damaged
	OutcomeSplit     Outcome = "split"     // divided before its start, to try one repository alone
	OutcomeAbandoned Outcome = "abandoned" // never started: see [ErrSystemic]
)

// MarshalJSON writes the job with the bookkeeping that it has no fields for.
func (j Job) MarshalJSON() ([]byte, error) {
	type fields Job
	return json.Marshal(struct {
		fields
		Lineage lineage `json:"lineage,omitzero"`
	}{fields(j), j.lineage})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (j *Job) UnmarshalJSON(data []byte) error {
	type fields Job
	more := struct {
		Lineage *lineage `json:"lineage"`
	}{&j.lineage}
	return errors.Join(json.Unmarshal(data, (*fields)(j)), json.Unmarshal(data, &more))
}

// MarshalJSON writes the state with the bookkeeping that it has no fields for.
func (s State) MarshalJSON() ([]byte, error) {
	type fields State
	return json.Marshal(struct {
		fields
		Book book `json:"book,omitzero"`
	}{fields(s), s.book})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *State) UnmarshalJSON(data []byte) error {
	type fields State
	more := struct {
		Book *book `json:"book"`
	}{&s.book}
	return errors.Join(json.Unmarshal(data, (*fields)(s)), json.Unmarshal(data, &more))
}

// Next returns the effect that is due at now. If no effect is due, it returns
// EffectNone and the time of the next effect. A zero time means that the job is
// over or parked, or that only effects in except are left. Except lists effects
// to leave out, such as the effects under way: an unlock never waits for a
// transfer, nor a transfer for an unlock.
func (j *Job) Next(now time.Time, except ...Effect) (Effect, time.Time) {
	var later time.Time
	for _, e := range j.open(now) {
		due := j.tries(e).Due
		switch {
		case slices.Contains(except, e):
		case !due.After(now):
			return e, now
		case later.IsZero() || due.Before(later):
			later = due
		}
	}
	return EffectNone, later
}

// Over reports whether the job has no effects left, in this call or another.
func (j *Job) Over() bool { return j.State.Outcome != OutcomeUnknown && len(j.remaining()) == 0 }

// open lists the effects that may come next, due or not.
func (j *Job) open(now time.Time) []Effect {
	s := &j.State
	switch {
	case s.Outcome != OutcomeUnknown:
		open := j.remaining()
		if s.Parked != "" { // locks are released all the same
			open = slices.DeleteFunc(open, func(e Effect) bool { return e != EffectUnlock })
		}
		return open
	case s.Parked != "":
		return nil
	case s.Migration != 0:
		return []Effect{EffectWait}
	case !s.book.LostAt.IsZero():
		return []Effect{EffectSearch}
	case s.book.Lost > 0 && now.Sub(s.book.Searched) >= searchStale: // a migration may have appeared since
		return []Effect{EffectSearch}
	}
	return []Effect{EffectStart}
}

// remaining lists the effects that may come next after the end of the export.
func (j *Job) remaining() []Effect {
	s := &j.State
	if s.Migration != 0 && !s.Listed && !j.tries(EffectList).Over && (j.Start.LockRepositories || s.Outcome == OutcomeExported) {
		return []Effect{EffectList}
	}
	var open []Effect
	if !j.tries(EffectUnlock).Over && len(j.Owed()) > 0 {
		open = append(open, EffectUnlock)
	}
	if j.UnlockOnly || s.Outcome != OutcomeExported {
		return open
	}
	switch {
	case s.Archive == nil && j.Stream:
		return append(open, EffectTransfer)
	case s.Archive == nil:
		return append(open, EffectDownload)
	case !s.Verified:
		return append(open, EffectVerify)
	case !s.Stored:
		return append(open, EffectStore)
	case j.mayDelete() && !j.tries(EffectDelete).Over:
		return append(open, EffectDelete)
	}
	return open
}

// Owed lists the repositories that are to be unlocked, as far as is known now. It
// is empty before the export has ended.
func (j *Job) Owed() []string {
	s := &j.State
	if !j.Start.LockRepositories || s.Migration == 0 || s.Outcome == OutcomeUnknown || !s.Listed && !j.tries(EffectList).Over {
		return nil
	}
	decided := s.Outcome != OutcomeExported || s.Stored
	released := nameSet(s.Released)
	var owed []string
	for _, name := range j.Repositories {
		keep := j.KeepLocked && !j.UnlockOnly && (j.covers(name) || !decided && !containsFold(s.Absent, name))
		if !keep && !released[lockKey(name)] {
			owed = append(owed, name)
		}
	}
	for _, name := range s.Others {
		if !released[lockKey(name)] {
			owed = append(owed, name)
		}
	}
	return owed
}

// mayLock lists the repositories that stay locked if the run ends now.
func (j *Job) mayLock() []string {
	s := &j.State
	sent := s.Intent == EffectStart || s.book.Lost > 0
	switch {
	case !j.Start.LockRepositories, s.Migration == 0 && (!sent || s.Outcome == OutcomeRefused):
		return nil
	case s.Migration == 0, s.Outcome == OutcomeUnknown, !s.Listed && !j.tries(EffectList).Over:
		return j.Repositories
	}
	return j.Owed()
}

// mayDelete is the condition of the one effect that cannot be undone.
func (j *Job) mayDelete() bool {
	s := &j.State
	return j.DeleteArchive && !j.UnlockOnly && s.Outcome == OutcomeExported && s.Verified && s.Stored &&
		!s.Inferred && !s.Deleted && !s.Unsound && len(j.lacking()) == 0
}

// covers reports whether the stored archive has a repository, without faults.
func (j *Job) covers(name string) bool {
	s := &j.State
	return !j.UnlockOnly && s.Outcome == OutcomeExported && s.Verified && s.Stored && !s.Unsound &&
		!containsFold(s.Absent, name) && !containsFold(s.Missing, name) && !containsFold(s.Condemned, name)
}

// lacking lists the repositories that the job does not cover.
func (j *Job) lacking() []string {
	return slices.DeleteFunc(slices.Clone(j.Repositories), j.covers)
}

func (j *Job) tries(e Effect) attempts { return j.State.book.Tries[e] }
