package export

// This file is part of the core: it does no I/O and reads no clock.

import (
	"encoding/json"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxRow    = 3  // batches that fail in a row before it is doubted that GitHub exports anything
	maxSets   = 8  // or different sets of repositories
	maxProbes = 12 // repositories that are then tried alone
	atOnce    = 3  // at the same time
	maxStops  = 2  // calls in a row that end in this doubt
)

// A Tally judges all jobs of one call together: whether GitHub exports anything,
// and whether it accepts starts. It is plain JSON, holds IDs and no jobs, and grows
// with failures only.
type Tally struct{ t tally }

type tally struct {
	Sets   []string `json:"sets,omitempty"`   // hashes of the sets that failed since the latest success
	Roots  []string `json:"roots,omitempty"`  // the batches that these were planned in
	Probes []string `json:"probes,omitempty"` // repositories that were tried alone since then
	Dry    bool     `json:"dry,omitzero"`     // no other repository can be tried alone
	Any    bool     `json:"any,omitzero"`     // something was exported in this call
	Stops  int      `json:"stops,omitzero"`   // calls in a row that ended with ErrSystemic, with no success since
	Doubt  []string `json:"doubt,omitempty"`  // hashes of the sets that failed before such an end: it may not be their fault

	Taken   time.Time `json:"taken,omitzero"`    // when GitHub last accepted a start
	Refused time.Time `json:"refused,omitzero"`  // since when it accepts none
	Blocker string    `json:"blocker,omitempty"` // the job that was refused first
	Gate    time.Time `json:"gate,omitzero"`     // before, nothing is started: two sets were refused
}

// MarshalJSON writes the tally.
func (t *Tally) MarshalJSON() ([]byte, error) { return json.Marshal(t.t) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (t *Tally) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, &t.t) }

// Resume begins another call. Of the earlier calls, only calls that ended with
// ErrSystemic count.
func (t *Tally) Resume() { t.t = tally{Stops: t.t.Stops, Doubt: t.t.Doubt} }

// Started notes the result of a start, or of the search for one, after [Job.Apply].
// It reports whether the run must end, because GitHub has accepted no start for too
// long. If GitHub accepts other sets meanwhile, it refuses this set: the job ends,
// and is halved.
func (t *Tally) Started(j *Job, r Result, now time.Time) (stop bool) {
	s := &t.t
	if j.State.Migration != 0 {
		s.Taken, s.Refused, s.Blocker, s.Gate = now, time.Time{}, "", time.Time{}
		return false
	}
	a := j.tries(EffectStart)
	if r.Class == ClassNone || r.Class == ClassWait || j.State.Outcome != OutcomeUnknown || a.Count == 0 || a.Since.IsZero() || !j.State.book.LostAt.IsZero() {
		return false
	}
	if s.Refused.IsZero() {
		s.Refused, s.Blocker = now, j.ID
	}
	limit := maxDenied
	if r.Class == ClassJob {
		limit = maxNameless
	}
	if r.Class == ClassRetry {
		limit = maxTrouble
	}
	switch {
	case r.Class != ClassRetry && r.Class != ClassRun && s.Taken.After(a.Since):
		j.end(OutcomeRefused, r.Reason, now)
	case now.Sub(s.Refused) >= limit && r.Class == ClassJob:
		j.end(OutcomeRefused, r.Reason, now)
	case now.Sub(s.Refused) >= limit:
		return true
	case s.Blocker != j.ID:
		s.Gate = now.Add(namelessAgain)
	}
	return false
}

// Ended notes how an export ended, as soon as that is known: its job may be over
// hours later, and a success must count at once.
func (t *Tally) Ended(j *Job) {
	s := &t.t
	switch j.State.Outcome {
	case OutcomeUnknown:
		return
	case OutcomeExported, OutcomeGone, OutcomeUnfetched: // GitHub exports
		if !j.UnlockOnly && j.State.Migration != 0 {
			t.calm()
			s.Any, s.Stops = true, 0
		}
	case OutcomeFailed, OutcomeRefused, OutcomeStuck, OutcomeLost:
		if len(j.Dropped) > 0 || j.lineage.Alone || j.UnlockOnly || j.State.Outcome == OutcomeRefused && len(j.State.Named) > 0 {
			break
		}
		root, _, _ := strings.Cut(j.ID, ".")
		if set := j.set(); !slices.Contains(s.Sets, set) {
			s.Sets = append(s.Sets, set)
		}
		if !slices.Contains(s.Roots, root) {
			s.Roots = append(s.Roots, root)
		}
	default:
	}
	s.Dry = false // its successors may be tried alone
}

// Over notes that a job is over and returns the jobs that take its place. A
// driver may call it again after a crash: the jobs have the same IDs.
func (t *Tally) Over(j *Job) []*Job {
	t.t.Dry = false
	return j.Successors()
}

func (t *Tally) calm() { t.t.Sets, t.t.Roots, t.t.Probes, t.t.Dry = nil, nil, nil, false }

func (t *Tally) doubts() bool { return len(t.t.Roots) >= maxRow || len(t.t.Sets) >= maxSets }

// A Load counts the jobs of a driver: see [Weigh].
type Load struct {
	Running int // exports under way, until their successors are known, but for exports older than Options.Patience
	Started int // jobs that were begun and are not over
	Probes  int // probes among these
	Others  int // jobs that are not over and were not isolated for failing in the run before
}

// slowTransfer is how long an exported archive may wait for its transfer before
// it counts as running: archives die after seven days.
const slowTransfer = 24 * time.Hour

// Weigh counts jobs, and returns the jobs that are to be started. Jobs that are
// over do not count.
func Weigh(jobs []*Job, patience time.Duration, now time.Time) (load Load, pending []*Job) {
	for _, j := range jobs {
		s := &j.State
		if j.UnlockOnly || s.Parked != "" || j.Over() {
			continue
		}
		if !j.lineage.Alone {
			load.Others++
		}
		if j.toBeStarted() && s.Intent != EffectStart {
			pending = append(pending, j)
			if j.lineage.Probe && j.lineage.Try == 1 && s.book.Starts == 0 {
				load.Probes++
			}
			continue
		}
		load.Started++
		switch {
		case s.Outcome == OutcomeUnknown:
			if s.Migration == 0 || now.Sub(s.Begun) < patience {
				load.Running++
			}
			if j.lineage.Probe {
				load.Probes++
			}
		case s.Outcome != OutcomeExported, s.Archive == nil && now.Sub(s.Ended) >= slowTransfer:
			load.Running++
		}
	}
	return load, pending
}

// toBeStarted reports whether the job's next effect is a start.
func (j *Job) toBeStarted() bool {
	s := &j.State
	return s.Outcome == OutcomeUnknown && s.Migration == 0 && s.book.LostAt.IsZero()
}

// MayStart reports whether a job may be started now: nil, [ErrNotNow] with the
// time to ask again (zero: when something has ended), or [ErrSystemic] when the
// call should end.
func (t *Tally) MayStart(j *Job, load Load, now time.Time) (time.Time, error) {
	s := &t.t
	switch {
	case now.Before(s.Gate):
		return s.Gate, ErrNotNow
	case j.lineage.Alone && !s.Any && load.Others > 0:
		return time.Time{}, ErrNotNow
	case !t.doubts() || len(j.Dropped) > 0:
		return time.Time{}, nil
	case load.Running == 0 && (len(s.Probes) >= maxProbes && load.Probes == 0 || s.Dry && !s.Any):
		return time.Time{}, ErrSystemic
	case load.Running == 0 && s.Dry: // all that is left has failed alone
		t.calm()
		return time.Time{}, nil
	case j.lineage.Probe && j.lineage.Try == 1 && j.lineage.Gone == 0:
		return time.Time{}, nil
	}
	return time.Time{}, ErrNotNow
}

// Probe chooses the next repository to be tried alone from the jobs that are
// not started. It divides the repository off its job and returns the divided
// job, which is over then. If the job has a single repository, Probe marks and
// returns that job. It returns nil if no repository is to be tried now. The
// choice depends on names alone, and on no order.
func (t *Tally) Probe(pending []*Job, load Load, now time.Time) *Job {
	s := &t.t
	if !t.doubts() || len(s.Probes) >= maxProbes || load.Probes >= atOnce {
		return nil
	}
	var best *Job
	name, least := "", uint64(0)
	for _, j := range pending {
		if j.State.book.Starts > 0 && len(j.Repositories) > 1 || len(j.Dropped) > 0 || j.lineage.Alone && load.Others > 0 || j.UnlockOnly || j.Over() {
			continue
		}
		for _, n := range j.Repositories {
			if h := hash(j.Run, n); (best == nil || h < least) && !containsFold(s.Probes, n) {
				best, name, least = j, n, h
			}
		}
	}
	if s.Dry = best == nil && load.Started == 0; best == nil {
		return nil
	}
	s.Probes = append(s.Probes, name)
	if len(best.Repositories) == 1 {
		l := &best.lineage
		l.Try, l.Gone, l.Probe, l.Alone = 1, 0, true, false
		return best
	}
	best.State.Named = []string{name}
	best.end(OutcomeSplit, "", now)
	return best
}

// Stopped notes that the call ends with [ErrSystemic]. It reports whether
// everything that is not started is to be abandoned: without that no run would
// ever end. See [Job.Abandon].
func (t *Tally) Stopped() (abandon bool) {
	t.suspend()
	t.t.Stops++
	return t.t.Stops >= maxStops
}

// suspend ends a call. If it ends in doubt, the sets that have failed are retried
// as a whole once more.
func (t *Tally) suspend() {
	s := &t.t
	for _, set := range s.Sets {
		if t.doubts() && !slices.Contains(s.Doubt, set) {
			s.Doubt = append(s.Doubt, set)
		}
	}
}

// Rest returns the jobs that are tried when all others are over: repositories
// that failed alone, without releases, and then without attachments. One that
// failed before a call ended with ErrSystemic is tried whole once more. Jobs are
// all of the run.
func (t *Tally) Rest(jobs []*Job) []*Job {
	if t.t.Stops >= maxStops {
		return nil
	}
	known := byID(jobs)
	var rest []*Job
	for _, j := range jobs {
		c := j.reduced()
		if c == nil || known[c.ID] != nil {
			continue
		}
		if len(j.Dropped) == 0 && !j.lineage.Twice && slices.Contains(t.t.Doubt, j.set()) {
			c = j.child(1, j.Repositories)
			c.lineage.Try, c.lineage.Twice = maxTries, true
		}
		rest = append(rest, c)
	}
	slices.SortFunc(rest, func(a, b *Job) int { return strings.Compare(a.ID, b.ID) })
	return rest
}

// set tells the job's set of repositories apart from others.
func (j *Job) set() string { return strconv.FormatUint(hash(j.Repositories...), 36) }

func hash(words ...string) uint64 {
	h := fnv.New64a()
	for _, w := range words {
		_, _ = h.Write([]byte(strings.ToLower(w)))
		_, _ = h.Write([]byte{0})
	}
	return h.Sum64()
}
