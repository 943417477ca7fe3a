package export

import (
	"time"

	"github.com/ghmigrate/ghmigrate"
)

// A Job is one migration, from its start to its traces' removal. It is plain
// state, to be kept as JSON, of which later versions will understand what this
// one writes; [Step] performs the next effect.
//
// A migration that fails is not repeated by its Job: others take its place, see
// [Job.Successors].
type Job struct {
	Number   int `json:"number"`            // from 1, unique in a run
	Replaces int `json:"replaces,omitzero"` // the number of the job that failed before

	Repositories []string                        `json:"repositories"`
	Start        ghmigrate.StartMigrationRequest `json:"start"` // without Repositories

	// Dir is the folder that archives are fetched into. A journal leaves it
	// out, so that its folder can be moved.
	Dir string `json:"dir,omitempty"`

	DeleteArchive bool `json:"delete_archive,omitzero"` // at GitHub, in the end; a GHES cannot for users
	KeepLocked    bool `json:"keep_locked,omitzero"`    // what was exported

	// UnlockOnly is a migration that exports nothing for us any more but may
	// hold locks: a twin, or the debt of an earlier run.
	UnlockOnly bool `json:"unlock_only,omitzero"`

	Try   int  `json:"try"`              // 1 at first, 2 for a repetition
	Gone  int  `json:"gone,omitzero"`    // how often its archive has died
	Again bool `json:"again,omitzero"`   // for what an archive lacked
	Level int  `json:"level,omitzero"`   // how often the batch was halved
	Half  int  `json:"half_of,omitzero"` // the number of the job that was halved

	// NotBefore is when the next Step makes sense; zero if at once.
	NotBefore time.Time `json:"not_before,omitzero"`

	State State `json:"state,omitzero"`

	// Store, if not nil, is where the archive goes when it is verified. It is
	// not part of the state: set it again after decoding.
	Store Store `json:"-"`

	// Save, if not nil, is called whenever State has changed: before an effect,
	// when State tells what is intended, and after it. Step goes on only when
	// it has returned nil: by then the state must survive a crash. Without it
	// a start whose answer is lost in a crash may be made twice. It is not part
	// of the state either.
	Save func(*Job) error `json:"-"`

	run      *surroundings   // see around
	ended    bool            // in an earlier call of Run
	lost     error           // why the latest answer to a start was lost
	names    []string        // of the migration's repositories; nil if not read
	released map[string]bool // by lockKey, those that are unlocked
}

// State is what is known of a job's migration. Facts are only added; what
// comes next follows from them alone.
type State struct {
	// Intent is the effect that may have happened: it was about to be tried
	// when this was saved, and no result is known.
	Intent Effect `json:"intent,omitempty"`

	Floor  int64     `json:"floor,omitzero"`   // the highest migration ID that was seen before the start
	Starts int       `json:"starts,omitzero"`  // how often it was sent
	Lost   int       `json:"lost,omitzero"`    // how often its answer was lost
	LostAt time.Time `json:"lost_at,omitzero"` // since when it has been looked for; zero if it is not

	Migration int64     `json:"migration,omitzero"`
	Begun     time.Time `json:"begun,omitzero"`    // when it was started, or found
	Adopted   bool      `json:"adopted,omitzero"`  // found after its answer was lost
	Inferred  bool      `json:"inferred,omitzero"` // adopted, and another one may be the right one
	Twins     []int64   `json:"twins,omitempty"`   // migrations of the same repositories that were not wanted

	Outcome Outcome   `json:"outcome,omitempty"`
	Ended   time.Time `json:"ended,omitzero"`   // when that was seen
	Reason  string    `json:"reason,omitempty"` // in words, if Outcome is no success

	Listed   bool     `json:"listed,omitzero"`   // the migration's repositories were read
	Absent   []string `json:"absent,omitempty"`  // asked for, and not among them
	Archive  *Archive `json:"archive,omitzero"`  // once it is on disk
	Damaged  int      `json:"damaged,omitzero"`  // how often it did not read back as it was fetched
	Absences int      `json:"absences,omitzero"` // how often it, or the migration, was not found without a reason

	Verified bool     `json:"verified,omitzero"` // it was read to its end, and it is what was fetched
	Missing  []string `json:"missing,omitempty"` // asked for, and not in the archive
	Faults   []string `json:"faults,omitempty"`  // what is wrong in the archive, in words
	Stored   bool     `json:"stored,omitzero"`   // it is where it belongs
	InStore  bool     `json:"in_store,omitzero"` // and that is a Store, which has confirmed it

	Unlocked  bool     `json:"unlocked,omitzero"`  // nothing is left locked by it
	Unlocks   int      `json:"unlocks,omitzero"`   // how often that was tried in vain
	Locked    []string `json:"locked,omitempty"`   // what could not be unlocked
	Forgotten bool     `json:"forgotten,omitzero"` // nor ever can be: GitHub has no such migration any more

	Deleted   bool `json:"deleted,omitzero"`   // the archive at GitHub
	Deletions int  `json:"deletions,omitzero"` // how often that was refused
}

// An Archive is a file that was fetched.
type Archive struct {
	Name   string `json:"name"` // in the job's Dir
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // hex, as it was fetched
}

// An Effect is one thing that a job does.
type Effect string

// The effects, in their order.
const (
	EffectNone     Effect = ""         // the job is over
	EffectStart    Effect = "start"    // the migration, once
	EffectWait     Effect = "wait"     // look whether it is done
	EffectList     Effect = "list"     // what is in the migration
	EffectDownload Effect = "download" // the archive
	EffectVerify   Effect = "verify"   // the archive, on disk
	EffectStore    Effect = "store"    // put the archive where it belongs
	EffectUnlock   Effect = "unlock"   // all repositories of the migration
	EffectDelete   Effect = "delete"   // the archive at GitHub
)

// An Outcome is how a migration ended.
type Outcome string

// The outcomes.
const (
	OutcomeUnknown  Outcome = ""         // not ended
	OutcomeExported Outcome = "exported" // as GitHub says
	OutcomeFailed   Outcome = "failed"   // as GitHub says
	OutcomeRefused  Outcome = "refused"  // GitHub did not take the request
	OutcomeGone     Outcome = "gone"     // its archive died, or it is not to be found any more
)

const (
	maxUnlocks   = 3 // how often an unlock is tried
	maxDeletions = 3
)

// Next tells which effect comes next: a pure function of the job's state.
func (j *Job) Next() Effect {
	s := &j.State
	switch {
	case s.Outcome == OutcomeUnknown && s.Migration == 0:
		return EffectStart
	case s.Outcome == OutcomeUnknown:
		return EffectWait
	case s.Outcome == OutcomeExported && !j.UnlockOnly:
		switch {
		case !s.Listed:
			return EffectList
		case s.Archive == nil:
			return EffectDownload
		case !s.Verified:
			return EffectVerify
		case !s.Stored:
			return EffectStore
		}
	}
	switch {
	case j.mayUnlock() && s.Unlocks < maxUnlocks:
		return EffectUnlock
	case j.mayDelete() && s.Deletions < maxDeletions:
		return EffectDelete
	}
	return EffectNone
}

// Over tells whether nothing is left to be done.
func (j *Job) Over() bool { return j.Next() == EffectNone }

// owesUnlock tells whether locks of the migration are to be released, or may
// be there although nobody knows the migration yet.
func (j *Job) owesUnlock() bool {
	s := &j.State
	switch {
	case !j.Start.LockRepositories || s.Unlocked:
		return false
	case s.Migration == 0:
		return s.Outcome == OutcomeUnknown && (s.Intent == EffectStart || s.Lost > 0)
	case !j.KeepLocked || s.Outcome != OutcomeExported || j.UnlockOnly:
		return true
	}
	return s.Stored && len(j.owed()) > 0 // what is known to be not exported
}

// mayUnlock tells whether there is a migration to release locks through.
func (j *Job) mayUnlock() bool {
	return j.owesUnlock() && j.State.Migration != 0 && !j.State.Forgotten
}

// mayDelete is the one condition for the one effect that cannot be undone: all
// of it is in the journal, and synced, before the request is sent.
func (j *Job) mayDelete() bool {
	s := &j.State
	return j.DeleteArchive && s.Stored && j.complete() && !s.Inferred && !s.Deleted && !j.UnlockOnly
}

// complete tells whether the archive is verified and has all that it should.
func (j *Job) complete() bool {
	s := &j.State
	return s.Outcome == OutcomeExported && s.Verified &&
		len(s.Absent) == 0 && len(s.Missing) == 0 && len(s.Faults) == 0
}

// covers tells whether the verified archive has a repository, and is where it
// belongs.
func (j *Job) covers(repository string) bool {
	s := &j.State
	return !j.UnlockOnly && s.Verified && s.Stored && !containsFold(s.Absent, repository) && !containsFold(s.Missing, repository)
}
