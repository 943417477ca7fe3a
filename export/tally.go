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

// The limits of all jobs together. In doubt, GitHub may export nothing at all.
const (
	maxFailedBatches = 3  // batches that fail in a row until the doubt begins
	maxFailedSets    = 8  // sets of repositories that fail in a row until the doubt begins
	maxProbes        = 12 // repositories that are exported alone, in doubt
	maxProbesAtOnce  = 3
	maxStops         = 2 // calls in a row that end in doubt
)

// A Tally counts successes and failures over all jobs of one call. From them it
// decides whether GitHub exports anything, and whether GitHub accepts starts. It is
// plain JSON, and grows only with failures.
type Tally struct{ t tally }

type tally struct {
	Sets     []string `json:"sets,omitempty"`   // hashes of the sets of repositories that failed since the latest success
	Roots    []string `json:"roots,omitempty"`  // IDs of the planned batches that these sets belong to
	Probes   []string `json:"probes,omitempty"` // repositories that were exported alone since the latest success
	Dry      bool     `json:"dry,omitzero"`     // no repository is left to be exported alone
	Exported bool     `json:"any,omitzero"`     // GitHub has exported a batch in this call
	Stops    int      `json:"stops,omitzero"`   // calls in a row that ended with ErrSystemic, with no success since
	Doubt    []string `json:"doubt,omitempty"`  // hashes of the sets that failed in doubt: they are retried as a whole

	Accepted  time.Time `json:"taken,omitzero"`     // when GitHub last accepted a start
	Refused   time.Time `json:"refused,omitzero"`   // when a start first failed after that
	Temporary bool      `json:"temporary,omitzero"` // whether a start has failed since then with a temporary error
	Blocker   string    `json:"blocker,omitempty"`  // the ID of the job whose start was refused first
	NotBefore time.Time `json:"gate,omitzero"`      // the time of the next start, after two sets were refused
}

// MarshalJSON returns the JSON of the tally.
func (t *Tally) MarshalJSON() ([]byte, error) { return json.Marshal(t.t) }

// UnmarshalJSON decodes the JSON of MarshalJSON.
func (t *Tally) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, &t.t) }

// Resume prepares the tally for another call of the driver. It forgets the failures
// of earlier calls, except for calls that ended with ErrSystemic.
func (t *Tally) Resume() { t.t = tally{Stops: t.t.Stops, Doubt: t.t.Doubt} }

// Started counts the result of a start, or of a search that has found the migration of
// a lost start. It ignores other results. A driver calls Started after [Job.Apply].
// Stop reports whether the run must end, because GitHub has accepted no start for too
// long. If GitHub accepts other sets of repositories meanwhile, Started ends the job as
// refused, so that it is halved.
func (t *Tally) Started(j *Job, e Effect, r Result, now time.Time) (stop bool) {
	s := &t.t
	if e != EffectStart && (e != EffectSearch || j.State.Migration == 0) {
		return false
	}
	if j.State.Migration != 0 {
		s.Accepted, s.NotBefore = now, time.Time{}
		s.accept()
		return false
	}
	a := j.tries(EffectStart)
	if r.Class == ClassNone || r.Class == ClassWait || j.State.Outcome != OutcomeUnknown || a.Count == 0 || a.Since.IsZero() || !j.State.book.LostAt.IsZero() {
		return false
	}
	if s.Refused.IsZero() {
		s.Refused, s.Blocker = now, j.ID
	}
	s.Temporary = s.Temporary || r.Class == ClassRetry
	limit := maxDeniedTime
	switch {
	case s.Temporary:
		limit = maxRetryTime
	case r.Class == ClassJob:
		limit = maxNamelessTime
	}
	switch {
	case r.Class != ClassRetry && r.Class != ClassRun && s.Accepted.After(a.Since):
		j.end(OutcomeRefused, r.Reason, now)
		s.accept()
	case now.Sub(s.Refused) >= limit && r.Class == ClassJob:
		j.end(OutcomeRefused, r.Reason, now)
	case now.Sub(s.Refused) >= limit:
		return true
	case s.Blocker != j.ID:
		s.NotBefore = now.Add(namelessPause)
	}
	return false
}

// accept forgets the failures of starts: GitHub accepts some starts.
func (s *tally) accept() { s.Refused, s.Temporary, s.Blocker = time.Time{}, false, "" }

// Ended counts the outcome of an export. A driver calls Ended as soon as the outcome
// is known: the job may be over hours later.
func (t *Tally) Ended(j *Job) {
	s := &t.t
	switch j.State.Outcome {
	case OutcomeUnknown:
		return
	case OutcomeExported, OutcomeGone, OutcomeUnfetched: // GitHub exports
		if !j.UnlockOnly && j.State.Migration != 0 {
			t.clearDoubt()
			s.Exported, s.Stops = true, 0
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
	s.Dry = false // the successors may be exported alone
}

// Over records that a job is over, and returns its successors. A driver may call
// Over again after a crash: the successors have the same IDs.
func (t *Tally) Over(j *Job) []*Job {
	t.t.Dry = false
	return j.Successors()
}

func (t *Tally) clearDoubt() { t.t.Sets, t.t.Roots, t.t.Probes, t.t.Dry = nil, nil, nil, false }

// doubts reports whether GitHub may export nothing at all.
func (t *Tally) doubts() bool {
	return len(t.t.Roots) >= maxFailedBatches || len(t.t.Sets) >= maxFailedSets
}

// A Load counts the jobs of a driver that are not over: see [Weigh].
type Load struct {
	Running int // exports under way that are not older than Options.Patience; a failed export counts until its job is over
	Started int // jobs that were started
	Probes  int // jobs that export a single repository to find out whether GitHub exports anything
	Others  int // jobs that are not isolated: their repositories did not fail in the previous run
}

// slowTransfer is the time after which an exported archive that waits for its
// transfer counts as running: GitHub deletes archives after seven days.
const slowTransfer = 24 * time.Hour

// Weigh counts the jobs that are not over, and returns the jobs that are to be started.
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
	return s.Outcome == OutcomeUnknown && s.Migration == 0 && s.book.LostAt.IsZero() && s.Parked == ""
}

// MayStart returns nil if a job may be started now. It returns [ErrNotNow] and a time
// if the driver must call MayStart again at that time; a zero time means after the
// next result. It returns [ErrSystemic] if the call should end.
func (t *Tally) MayStart(j *Job, load Load, now time.Time) (time.Time, error) {
	s := &t.t
	switch {
	case now.Before(s.NotBefore):
		return s.NotBefore, ErrNotNow
	case j.lineage.Alone && !s.Exported && load.Others > 0:
		return time.Time{}, ErrNotNow
	case !t.doubts() || len(j.Dropped) > 0:
		return time.Time{}, nil
	case load.Running == 0 && (len(s.Probes) >= maxProbes && load.Probes == 0 || s.Dry && !s.Exported):
		return time.Time{}, ErrSystemic
	case load.Running == 0 && s.Dry: // all remaining repositories have failed alone
		t.clearDoubt()
		return time.Time{}, nil
	case j.lineage.Probe && j.lineage.Try == 1 && j.lineage.Gone == 0:
		return time.Time{}, nil
	}
	return time.Time{}, ErrNotNow
}

// Probe chooses the next repository that is exported alone, from the jobs that are
// not started. It splits the job of the repository: it ends and returns the job,
// whose successors are the probe and the rest. If the job has a single repository,
// Probe marks and returns that job. Probe returns nil if no probe is due. The choice
// depends on the names of the run and the repositories, and not on an order.
func (t *Tally) Probe(pending []*Job, load Load, now time.Time) *Job {
	s := &t.t
	if !t.doubts() || len(s.Probes) >= maxProbes || load.Probes >= maxProbesAtOnce {
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

// Stopped records that the call ends with [ErrSystemic]. Abandon reports whether the
// driver must call [Job.Abandon] for all jobs that are not started, so that the run
// finishes.
func (t *Tally) Stopped() (abandon bool) {
	t.suspend()
	t.t.Stops++
	return t.t.Stops >= maxStops
}

// suspend records that the call ends. If it ends in doubt, the sets that have failed
// are retried as a whole once more.
func (t *Tally) suspend() {
	s := &t.t
	for _, set := range s.Sets {
		if t.doubts() && !slices.Contains(s.Doubt, set) {
			s.Doubt = append(s.Doubt, set)
		}
	}
}

// Rest returns the jobs that come when all other jobs are over. They export a
// repository that failed alone without its releases, and then without its
// attachments. If the repository failed before a call ended with ErrSystemic, the
// job first exports it as a whole once more. Jobs are all jobs of the run.
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

// set returns a hash of the job's set of repositories.
func (j *Job) set() string { return strconv.FormatUint(hash(j.Repositories...), 36) }

func hash(words ...string) uint64 {
	h := fnv.New64a()
	for _, w := range words {
		_, _ = h.Write([]byte(strings.ToLower(w)))
		_, _ = h.Write([]byte{0})
	}
	return h.Sum64()
}
