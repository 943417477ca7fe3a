package export

// This file is part of the core: it does no I/O and reads no clock.

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/ghmigrate/ghmigrate"
)

// A Job is one migration, from its start to the deletion of its archive. It is
// plain state that a driver keeps as JSON. The methods of a Job do no I/O and read
// no clock; [Perform] performs the effects.
//
// A Job starts one migration only. If the migration fails, [Job.Successors] export
// its repositories.
type Job struct { //nolint:recvcheck // json.Marshal must accept a value too
	// ID names the job in its run, such as "7". The IDs of successors extend it:
	// "7.1", "7.2".
	ID string `json:"id"`
	// Run is the name of the run, such as
	// "api.github.com/orgs/octo-org/20261120T134500Z-5f1c2a". It is the prefix of
	// every name in a [Store].
	Run string `json:"run,omitempty"`

	Repositories []string                        `json:"repositories"`
	Start        ghmigrate.StartMigrationRequest `json:"start"` // without Repositories

	// Dir is the folder for archives. The journal leaves it out, so that a run's
	// folder can be moved.
	Dir string `json:"dir,omitempty"`

	DeleteArchive bool `json:"delete_archive,omitzero"` // delete the archive at GitHub at the end
	KeepLocked    bool `json:"keep_locked,omitzero"`    // keep the locks of exported repositories
	Stream        bool `json:"stream,omitzero"`         // move the archive to the Store without a disk

	// UnlockOnly marks a job that only unlocks the repositories of a migration: of a
	// twin, or of a migration of an earlier run.
	UnlockOnly bool `json:"unlock_only,omitzero"`

	// Dropped lists the options of Start that the run does not have:
	// "exclude_releases", "exclude_attachments".
	Dropped []string `json:"dropped,omitempty"`

	State State `json:"state,omitzero"`

	// Store receives the verified archive. If Store is nil, the archive stays in
	// Dir. A driver sets Store again after it has decoded a Job.
	Store Store `json:"-"`
	// Save, if not nil, saves the job. [Step] calls Save before and after an effect,
	// and performs the effect only if Save returns nil.
	Save func(*Job) error `json:"-"`
	// Progress, if not nil, is called with the events of [Step] and [Perform].
	Progress func(Event) `json:"-"`

	lineage   lineage
	disk      disk           // nil: the disk of the operating system
	elsewhere map[int64]bool // migrations of other jobs, which a search skips
}

// State is the known state of a job's migration.
type State struct { //nolint:recvcheck // json.Marshal must accept a value too
	// Intent is an effect that was begun and whose result is not known.
	Intent Effect `json:"intent,omitempty"`

	Migration int64     `json:"migration,omitzero"`
	Begun     time.Time `json:"begun,omitzero"`    // when the migration was started, or found
	Adopted   bool      `json:"adopted,omitzero"`  // the response to the start was lost, and a search found the migration
	Inferred  bool      `json:"inferred,omitzero"` // adopted, and another migration matched as well
	Twins     []int64   `json:"twins,omitempty"`   // other migrations that match a lost start of this job

	Outcome Outcome   `json:"outcome,omitempty"`
	Ended   time.Time `json:"ended,omitzero"`   // when the driver saw the outcome
	Reason  string    `json:"reason,omitempty"` // the last error; empty after a success
	Named   []string  `json:"named,omitempty"`  // repositories that GitHub refused by name, or the repository of a probe

	Listed bool              `json:"listed,omitzero"`  // GitHub's list of the migration's repositories was read
	Absent []string          `json:"absent,omitempty"` // requested repositories that the list lacks
	Others []string          `json:"others,omitempty"` // repositories in the list that were not requested
	Fates  map[string]string `json:"fates,omitempty"`  // sentences about repositories that were renamed, transferred or deleted

	Archive   *Archive `json:"archive,omitzero"`    // nil before the download
	Verified  bool     `json:"verified,omitzero"`   // read to the end, with the right checksum
	Missing   []string `json:"missing,omitempty"`   // requested repositories that the archive lacks
	Condemned []string `json:"condemned,omitempty"` // repositories in the archive with faults of their own
	Unsound   bool     `json:"unsound,omitzero"`    // the archive has a fault that belongs to no single repository
	Faults    []Fault  `json:"faults,omitempty"`    // the first faults
	Stored    bool     `json:"stored,omitzero"`     // the archive is in the Store, or in Dir without a Store
	InStore   bool     `json:"in_store,omitzero"`   // the archive is in the Store

	Released []string `json:"released,omitempty"` // repositories that this migration certainly does not lock
	Locked   []string `json:"locked,omitempty"`   // repositories that GitHub did not unlock
	Deleted  bool     `json:"deleted,omitzero"`   // the archive was deleted at GitHub

	// Forgotten means that the migration no longer exists at GitHub: no call can
	// release its locks.
	Forgotten bool `json:"forgotten,omitzero"`

	// Parked is the reason why the job waits for the driver's next call. It is empty
	// if the job does not wait.
	Parked string `json:"parked,omitempty"`

	book book
}

// book is the bookkeeping of a State.
type book struct {
	Floor    int64               `json:"floor,omitzero"`    // the newest migration of the account before the first start
	Starts   int                 `json:"starts,omitzero"`   // starts that were sent, or may have been sent
	Lost     int                 `json:"lost,omitzero"`     // starts whose response was lost
	LostAt   time.Time           `json:"lost_at,omitzero"`  // when the latest start was lost; zero while no search is due
	Searched time.Time           `json:"searched,omitzero"` // when the latest search without a match ended
	Parks    int                 `json:"parks,omitzero"`    // calls in a row that parked the job
	Tries    map[Effect]attempts `json:"tries,omitempty"`   // copied before every change, so that copies of a Job can share it
}

// attempts counts the failures of one effect.
type attempts struct {
	Count     int           `json:"count,omitzero"`     // failures since the latest success
	Refusals  int           `json:"refusals,omitzero"`  // 404s, refusals and damage among these failures
	Temporary bool          `json:"temporary,omitzero"` // whether one of them was a temporary error
	Since     time.Time     `json:"since,omitzero"`     // the time of the first of these failures
	Paused    time.Duration `json:"paused,omitzero"`    // the sum of the pauses after them
	Due       time.Time     `json:"due,omitzero"`       // the effect must not be tried before
	Over      bool          `json:"over,omitzero"`      // the effect was given up
}

// An Archive is an archive that was downloaded.
type Archive struct {
	Name   string `json:"name"` // such as "migration-79.tar.gz"
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // hex, computed during the download
}

// A Fault is a defect of an archive.
type Fault struct {
	Repository string `json:"repository,omitempty"` // empty for a fault of the archive as a whole
	Message    string `json:"message"`
}

// An Effect is one action of a job at GitHub, on disk or in the Store.
type Effect string

// The effects, in their order.
const (
	EffectNone     Effect = ""         // no effect is due
	EffectStart    Effect = "start"    // start the migration
	EffectSearch   Effect = "search"   // search for the migration of a start whose response was lost
	EffectWait     Effect = "wait"     // poll once whether the export has ended
	EffectList     Effect = "list"     // read GitHub's list of the migration's repositories
	EffectUnlock   Effect = "unlock"   // unlock up to 25 repositories
	EffectDownload Effect = "download" // download the archive
	EffectVerify   Effect = "verify"   // verify the archive on disk
	EffectStore    Effect = "store"    // put the archive into the Store, or check that it is in Dir
	EffectTransfer Effect = "transfer" // with Stream: download, verify and store in one pass
	EffectDelete   Effect = "delete"   // delete the archive at GitHub
)

// An Outcome says how a job's export ended.
type Outcome string

// The outcomes.
const (
	OutcomeUnknown   Outcome = ""          // the export has not ended
	OutcomeExported  Outcome = "exported"  // GitHub's state of the migration
	OutcomeFailed    Outcome = "failed"    // GitHub's state of the migration
	OutcomeRefused   Outcome = "refused"   // GitHub did not accept the start
	OutcomeLost      Outcome = "lost"      // five starts were lost, and no migration was found
	OutcomeStuck     Outcome = "stuck"     // the export still ran after a day
	OutcomeGone      Outcome = "gone"      // the migration or its archive no longer exists at GitHub
	OutcomeUnfetched Outcome = "unfetched" // the archive cannot be downloaded: too large for the disk, refused, damaged
	OutcomeSplit     Outcome = "split"     // divided before its start, to export one repository alone
	OutcomeAbandoned Outcome = "abandoned" // never started: see [ErrSystemic]
)

// MarshalJSON returns the JSON of the job, with its unexported fields.
func (j Job) MarshalJSON() ([]byte, error) {
	type exported Job
	type unexported struct {
		Lineage lineage `json:"lineage,omitzero"`
	}
	return marshalObject(exported(j), unexported{j.lineage})
}

// UnmarshalJSON decodes the JSON of MarshalJSON.
func (j *Job) UnmarshalJSON(data []byte) error {
	type exported Job
	type unexported struct {
		Lineage *lineage `json:"lineage"`
	}
	return unmarshalObject(data, (*exported)(j), &unexported{&j.lineage})
}

// MarshalJSON returns the JSON of the state, with its unexported fields.
func (s State) MarshalJSON() ([]byte, error) {
	type exported State
	type unexported struct {
		Book book `json:"book,omitzero"`
	}
	return marshalObject(exported(s), unexported{s.book})
}

// UnmarshalJSON decodes the JSON of MarshalJSON.
func (s *State) UnmarshalJSON(data []byte) error {
	type exported State
	type unexported struct {
		Book *book `json:"book"`
	}
	return unmarshalObject(data, (*exported)(s), &unexported{&s.book})
}

// marshalObject returns one JSON object with the members of all parts.
func marshalObject(parts ...any) ([]byte, error) {
	object := []byte{'{'}
	for _, part := range parts {
		data, err := json.Marshal(part)
		if err != nil {
			return nil, err
		}
		members := data[1 : len(data)-1]
		if len(object) > 1 && len(members) > 0 {
			object = append(object, ',')
		}
		object = append(object, members...)
	}
	return append(object, '}'), nil
}

// unmarshalObject decodes one JSON object into all parts.
func unmarshalObject(data []byte, parts ...any) error {
	for _, part := range parts {
		if err := json.Unmarshal(data, part); err != nil {
			return err
		}
	}
	return nil
}

// Next returns the effect that is due at now. If no effect is due, it returns
// EffectNone and the time of the next effect. A zero time means that the job is
// over or parked, or that except has all its effects.
//
// Next does not return the effects in except. A driver lists the effects under way
// there: an unlock may run beside a transfer.
func (j *Job) Next(now time.Time, except ...Effect) (Effect, time.Time) {
	var later time.Time
	for _, e := range j.openEffects(now) {
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

// Over reports whether the job has no effects left, in this call or a later one.
func (j *Job) Over() bool {
	return j.State.Outcome != OutcomeUnknown && len(j.effectsAfterExport()) == 0
}

// openEffects lists the effects that may come next, due or not.
func (j *Job) openEffects(now time.Time) []Effect {
	s := &j.State
	switch {
	case s.Outcome != OutcomeUnknown:
		open := j.effectsAfterExport()
		if s.Parked != "" { // a parked job still releases locks
			open = slices.DeleteFunc(open, func(e Effect) bool { return e != EffectUnlock })
		}
		return open
	case s.Parked != "":
		return nil
	case s.Migration != 0:
		return []Effect{EffectWait}
	case !s.book.LostAt.IsZero():
		return []Effect{EffectSearch}
	case s.book.Lost > 0 && now.Sub(s.book.Searched) >= maxSearchAge: // the migration may have appeared since
		return []Effect{EffectSearch}
	}
	return []Effect{EffectStart}
}

// effectsAfterExport lists the effects that may come next after the export has
// ended.
func (j *Job) effectsAfterExport() []Effect {
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

// Owed lists the repositories that the job still has to unlock, according to its
// present state. The list is empty before the export has ended.
func (j *Job) Owed() []string {
	s := &j.State
	if !j.Start.LockRepositories || s.Migration == 0 || s.Outcome == OutcomeUnknown || !s.Listed && !j.tries(EffectList).Over {
		return nil
	}
	decided := s.Outcome != OutcomeExported || s.Stored
	released := lockKeys(s.Released)
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

// possiblyLocked lists the repositories that may stay locked if the run ends now.
func (j *Job) possiblyLocked() []string {
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

// mayDelete reports whether the archive at GitHub may be deleted. The deletion is
// the only effect that cannot be undone.
func (j *Job) mayDelete() bool {
	s := &j.State
	return j.DeleteArchive && !j.UnlockOnly && s.Outcome == OutcomeExported && s.Verified && s.Stored &&
		!s.Inferred && !s.Deleted && !s.Unsound && len(j.uncovered()) == 0
}

// covers reports whether the stored archive has the repository, without faults.
func (j *Job) covers(name string) bool {
	s := &j.State
	return !j.UnlockOnly && s.Outcome == OutcomeExported && s.Verified && s.Stored && !s.Unsound &&
		!containsFold(s.Absent, name) && !containsFold(s.Missing, name) && !containsFold(s.Condemned, name)
}

// uncovered lists the repositories that the job does not cover.
func (j *Job) uncovered() []string {
	return slices.DeleteFunc(slices.Clone(j.Repositories), j.covers)
}

func (j *Job) tries(e Effect) attempts { return j.State.book.Tries[e] }
