package temporal

// This file decides what comes next. It does no I/O and knows nothing of Temporal.
// The workflow calls it in side effects, so that a history has every decision as
// data: a new version of the rules changes no history.

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
)

const (
	lookAgain  = 30 * time.Second // the age of the newest migration's ID before a start, at most
	twinsAgain = 5 * time.Minute  // between two searches for late twins
	maxCalls   = 24               // pauses in a row before Export gives up
	searchTime = 10 * time.Minute // how long a canceled Export searches for lost starts
	maxExport  = 24 * time.Hour   // an export that runs for longer is stuck
	maxRelease = 26 * time.Hour   // how long a canceled Export releases locks
)

// memory is what the workflow remembers. It is plain JSON, and small: it has the
// jobs that were loaded from the plan and are not over.
type memory struct {
	head
	Batches []*batch `json:"batches"`
}

// head is the part of the memory that every decision replaces.
type head struct {
	Account string        `json:"account"`
	Run     string        `json:"run"`
	Begun   time.Time     `json:"begun"`
	Tally   *export.Tally `json:"tally"`

	Pages  int `json:"pages"`  // of the plan, in the bucket
	Loaded int `json:"loaded"` // of these
	Made   int `json:"made"`   // jobs that were made

	All   int   `json:"all"` // repositories
	Done  int   `json:"done"`
	Bytes int64 `json:"bytes,omitzero"`

	Highest  int64     `json:"highest,omitzero"`   // the newest migration that was seen
	LookedAt time.Time `json:"looked_at,omitzero"` // when the newest of the account was looked for
	Gate     time.Time `json:"gate,omitzero"`      // before, GitHub wants no request
	Searched bool      `json:"searched,omitzero"`  // a start was lost: late twins are searched for
	TwinsAt  time.Time `json:"twins_at,omitzero"`  // when to do so next

	Until     time.Time `json:"until,omitzero"`     // the end of a pause
	Doubt     string    `json:"doubt,omitempty"`    // why the latest export failed
	Problem   string    `json:"problem,omitempty"`  // the reason of the pause, or of the end
	Calls     int       `json:"calls,omitzero"`     // pauses since the latest success
	Complete  bool      `json:"complete,omitzero"`  // nothing remains to be planned
	Releasing time.Time `json:"releasing,omitzero"` // since when only locks are released
	Continued int       `json:"continued,omitzero"`
}

// A batch is a job with its place in the run.
type batch struct {
	N       int         `json:"n"` // jobs are numbered as they are made
	Job     *export.Job `json:"job"`
	First   bool        `json:"first,omitzero"`   // it takes the place of another job
	Unseen  bool        `json:"unseen,omitzero"`  // the poll does not find its migration
	Settled bool        `json:"settled,omitzero"` // it is over, and its successors are made
}

// rank orders the batches that wait for their start: successors come first, so
// that Export soon knows which repository has failed a batch.
func (b *batch) rank() int {
	if b.First {
		return -b.N
	}
	return b.N
}

// A decision is what changes, and what to do.
type decision struct {
	Head    head     `json:"head"`
	Changed []*batch `json:"changed,omitempty"`
	Begin   []begin  `json:"begin,omitempty"`
	Watch   []int64  `json:"watch,omitempty"` // migrations to poll

	Load   bool `json:"load,omitzero"`   // the next page of the plan
	Remain bool `json:"remain,omitzero"` // plan what remains
	Finish bool `json:"finish,omitzero"` // write the manifest

	Wake time.Duration `json:"wake,omitzero"` // when to decide again without news; 0 is never
}

// begin is an effect to begin.
type begin struct {
	N      int           `json:"n"`
	Effect export.Effect `json:"effect"`
	Look   bool          `json:"look,omitzero"` // look for the newest migration before
}

// A turn makes one decision. It changes the memory in place: all that it changes is
// in the decision too.
type turn struct {
	*memory
	now      time.Time
	order    Order
	busy     map[int][]export.Effect // effects under way, by batch
	active   int                     // activities under way
	moving   int                     // archives under way
	starting bool                    // a start is under way
	loading  bool                    // a page or the remaining work is
	draining bool                    // the workflow is about to continue as new
	canceled bool
	log      func(export.Event)
	changed  map[int]*batch
	decision decision
	wake     time.Time
}

// news is something that has happened, for the next turn.
type news func(*turn)

// decide notes the news and decides what comes next.
func (t *turn) decide(all []news) decision {
	for _, n := range all {
		n(t)
	}
	t.proceed()
	return t.end()
}

// end returns the decision.
func (t *turn) end() decision {
	d := t.decision
	d.Head = t.head
	for _, n := range slices.Sorted(maps.Keys(t.changed)) {
		d.Changed = append(d.Changed, t.changed[n])
	}
	if !t.wake.IsZero() {
		d.Wake = max(t.wake.Sub(t.now), time.Millisecond)
	}
	return d
}

// edit returns a job to be changed.
func (t *turn) edit(b *batch) *export.Job {
	t.changed[b.N] = b
	b.Job.Progress = t.log
	return b.Job
}

// batch returns the batch of a number.
func (m *memory) batch(n int) *batch {
	for _, b := range m.Batches {
		if b.N == n {
			return b
		}
	}
	return nil
}

// at has the next turn come at a time.
func (t *turn) at(when time.Time) {
	if !when.IsZero() && (t.wake.IsZero() || when.Before(t.wake)) {
		t.wake = when
	}
}

func (t *turn) proceed() {
	switch {
	case t.canceled && t.Releasing.IsZero():
		t.Releasing, t.Problem = t.now, cmp.Or(t.Problem, "the export was canceled")
	case t.Calls > maxCalls && t.Releasing.IsZero():
		t.Releasing = t.now
	}
	releasing := !t.Releasing.IsZero()
	t.watch(releasing)
	switch {
	case releasing && t.now.Sub(t.Releasing) >= maxRelease:
		t.decision.Watch, t.decision.Finish = nil, true
		return
	case t.draining:
		return
	case t.now.Before(t.Gate):
		t.at(t.Gate)
		return
	case !releasing && t.now.Before(t.Until):
		t.at(t.Until)
		return
	case !releasing && !t.Until.IsZero():
		t.resume()
	}
	t.launch(releasing)
	if !releasing {
		t.start()
	}
	if t.active == 0 && len(t.decision.Begin) == 0 && !t.loading && !t.decision.Load && t.wake.IsZero() && len(t.decision.Watch) == 0 {
		t.more(releasing)
	} else if !releasing {
		t.lookForTwins()
	}
}

// watch lists the migrations that the poll looks at. An effect looks at a migration
// that the poll does not find, at one of an earlier run, and at one that runs for a
// day: it is stuck.
func (t *turn) watch(releasing bool) {
	for _, b := range t.Batches {
		s := &b.Job.State
		switch {
		case b.Settled, s.Migration == 0, s.Outcome != export.OutcomeUnknown, s.Parked != "", releasing && !b.Job.Start.LockRepositories:
		case s.Begun.IsZero(), t.now.Sub(s.Begun) >= maxExport:
			t.edit(b)
			b.Unseen = true
		case !b.Unseen:
			t.decision.Watch = append(t.decision.Watch, s.Migration)
		}
	}
	slices.Sort(t.decision.Watch)
}

// transfers are the effects that move an archive.
var transfers = []export.Effect{export.EffectDownload, export.EffectVerify, export.EffectStore, export.EffectTransfer}

// launch begins the effects that are due and allowed, but for starts.
func (t *turn) launch(releasing bool) {
	for _, b := range slices.Clone(t.Batches) {
		if b.Settled || releasing && !b.Job.Start.LockRepositories {
			continue
		}
		for {
			effect, at := b.Job.Next(t.now, t.except(b, releasing)...)
			if effect == export.EffectNone {
				t.at(at)
				break
			}
			t.begin(b, begin{N: b.N, Effect: effect})
		}
		if s := &b.Job.State; s.Migration != 0 && s.Outcome == export.OutcomeUnknown && s.Parked == "" {
			for _, after := range []time.Duration{t.order.Patience, maxExport} {
				if when := s.Begun.Add(after); when.After(t.now) {
					t.at(when)
				}
			}
		}
	}
}

// except lists the effects of a batch that are not allowed now.
func (t *turn) except(b *batch, releasing bool) []export.Effect {
	except := append(slices.Clone(t.busy[b.N]), export.EffectStart)
	if !b.Unseen {
		except = append(except, export.EffectWait)
	}
	if releasing {
		except = append(except, export.EffectDelete)
		if t.now.Sub(t.Releasing) > searchTime {
			except = append(except, export.EffectSearch)
		}
	}
	if releasing || t.moving >= t.order.Transfers {
		except = append(except, transfers...)
	}
	return except
}

// begin has an effect performed. A transfer goes through all effects that move the
// archive.
func (t *turn) begin(b *batch, e begin) {
	effects := []export.Effect{e.Effect}
	if slices.Contains(transfers, e.Effect) {
		effects = transfers
		t.moving++
	}
	t.busy[b.N] = append(t.busy[b.N], effects...)
	t.decision.Begin = append(t.decision.Begin, e)
	if e.Effect == export.EffectDelete {
		t.edit(b).Begin(e.Effect, 0)
	}
	t.Searched = t.Searched || e.Effect == export.EffectSearch
}

// start starts the next batch that may be started, one at a time.
func (t *turn) start() {
	jobs := make([]*export.Job, 0, len(t.Batches))
	of := map[*export.Job]*batch{}
	for _, b := range t.Batches {
		if !b.Settled {
			jobs = append(jobs, b.Job)
			of[b.Job] = b
		}
	}
	load, pending := export.Weigh(jobs, t.order.Patience, t.now)
	if len(pending) < t.order.Concurrency && t.Loaded < t.Pages {
		t.decision.Load = !t.loading
		return
	}
	if t.starting || t.loading || load.Running >= t.order.Concurrency {
		return
	}
	if probe := t.Tally.Probe(pending, load, t.now); probe != nil {
		t.edit(of[probe])
		t.settle(of[probe], export.OutcomeUnknown)
		t.at(t.now.Add(time.Millisecond))
		return
	}
	for _, job := range pending {
		effect, at := job.Next(t.now)
		if effect != export.EffectStart { // a search, or later
			t.at(at)
			continue
		}
		switch at, err := t.Tally.MayStart(job, load, t.now); {
		case errors.Is(err, export.ErrSystemic):
			return
		case err != nil && !at.IsZero():
			t.at(at)
			return
		case err != nil:
			continue
		}
		t.starting = true
		t.begin(of[job], begin{N: of[job].N, Effect: effect, Look: t.now.Sub(t.LookedAt) >= lookAgain})
		return
	}
}

// lookForTwins searches for late twins beside all other work.
func (t *turn) lookForTwins() {
	switch {
	case !t.Searched || t.loading || t.starting || t.decision.Load:
		return
	case t.TwinsAt.IsZero():
		t.TwinsAt = t.now.Add(twinsAgain)
	case !t.TwinsAt.After(t.now):
		t.TwinsAt = t.now.Add(twinsAgain)
		t.decision.Remain = true
	}
	t.at(t.TwinsAt)
}

// more plans further work when nothing is under way and nothing is due.
func (t *turn) more(releasing bool) {
	if releasing {
		t.decision.Finish = true
		return
	}
	var pending, parked []*batch
	for _, b := range t.Batches {
		switch {
		case b.Settled:
		case b.Job.State.Migration == 0 && b.Job.State.Parked == "":
			pending = append(pending, b)
		default:
			parked = append(parked, b)
		}
	}
	switch {
	case len(pending) > 0: // Tally allows no start
		if abandon := t.Tally.Stopped(); !abandon {
			t.pause(fmt.Sprintf("%v: %s", export.ErrSystemic, t.Doubt))
			return
		}
		for _, b := range pending {
			t.edit(b).Abandon(fmt.Sprintf("not started, because two attempts in a row failed: %v: %s", export.ErrSystemic, t.Doubt), t.now)
			t.settle(b, export.OutcomeUnknown)
		}
		t.at(t.now.Add(time.Millisecond))
	case len(parked) > 0:
		s := &parked[0].Job.State
		t.pause(fmt.Sprintf("batch %s: %s", parked[0].Job.ID, s.Parked))
	case !t.Complete:
		t.decision.Remain = true
	default:
		t.Problem = ""
		t.decision.Finish = true
	}
}

// pause ends an attempt: see Order.Pause.
func (t *turn) pause(reason string) {
	if !t.Until.IsZero() {
		return
	}
	t.Calls++
	t.Until, t.Problem = t.now.Add(t.order.Pause), reason
	t.at(t.Until)
	t.log(export.Event{Time: t.now, Kind: export.EventWaiting, Wait: t.order.Pause, Err: errors.New(reason)}) //nolint:err113 // for people
}

// resume begins another attempt.
func (t *turn) resume() {
	if t.starting { // its result is part of the attempt before
		return
	}
	t.Until, t.Problem = time.Time{}, ""
	t.Tally.Resume()
	for _, b := range t.Batches {
		if !b.Settled && len(t.busy[b.N]) == 0 {
			t.edit(b).Resume(t.now)
		}
	}
}

// settle notes the outcome of a batch that has changed, and makes the successors of
// a batch that is over.
func (t *turn) settle(b *batch, before export.Outcome) {
	job := t.edit(b)
	if job.State.Outcome != before {
		t.Tally.Ended(job)
		if job.State.Outcome != export.OutcomeExported {
			t.Doubt = job.State.Reason
		}
	}
	if b.Settled || !job.Over() || len(t.busy[b.N]) > 0 {
		return
	}
	b.Settled = true
	next := t.Tally.Over(job)
	t.add(true, next...)
	if job.UnlockOnly {
		return
	}
	if s := &job.State; s.Stored && s.Archive != nil {
		t.Bytes += s.Archive.Size
	}
	t.Done += len(job.Repositories)
	e := export.Event{Time: t.now, Kind: export.EventOver, Job: job.ID, Migration: job.State.Migration, Repositories: len(job.Repositories)}
	for _, n := range next {
		t.Done -= len(n.Repositories)
		e.Kind, e.Next = export.EventReplaced, append(e.Next, n.ID)
	}
	t.log(e)
}

// add adds jobs that were made now.
func (t *turn) add(first bool, jobs ...*export.Job) {
	for _, job := range jobs {
		t.Made++
		b := &batch{N: t.Made, Job: job, First: first}
		t.Batches = append(t.Batches, b)
		t.changed[b.N] = b
	}
	t.sort()
}

func (m *memory) sort() {
	slices.SortFunc(m.Batches, func(a, b *batch) int { return cmp.Compare(a.rank(), b.rank()) })
}

// performed notes results of a batch's effects.
func (t *turn) performed(n int, results []effectResult) {
	b := t.batch(n)
	job := t.edit(b)
	outcome := job.State.Outcome
	for _, r := range results {
		before := job.State
		stop := job.Apply(r.Effect, r.Result, t.now)
		if r.Effect == export.EffectStart || r.Effect == export.EffectSearch {
			stop = t.Tally.Started(job, r.Result, t.now) || stop
		}
		if r.Result.Class == export.ClassNone {
			t.Calls = 0
		}
		if r.Result.Class == export.ClassWait {
			t.limited(r.Result.After)
		}
		t.Highest = max(t.Highest, job.State.Migration)
		if r.Effect == export.EffectWait {
			b.Unseen = r.Result.Class != export.ClassNone
		}
		job.Report(r.Effect, r.Result, &before)
		if stop {
			t.pause(fmt.Sprintf("batch %s: %s: %s", job.ID, r.Effect, r.Result.Reason))
		}
	}
	t.settle(b, outcome)
}

// beginStart has the intent of a start in the history. Look, if not nil, is the
// result of a look for the newest migration.
func (t *turn) beginStart(n int, look *looked) {
	if look != nil {
		t.Highest, t.LookedAt = max(t.Highest, look.Newest), t.now
	}
	t.edit(t.batch(n)).Begin(export.EffectStart, t.Highest)
}

// interrupted notes that nobody knows the result of an effect.
func (t *turn) interrupted(n int) {
	b := t.batch(n)
	job := t.edit(b)
	before := job.State
	job.Interrupted(t.now)
	job.Report(export.EffectStart, export.Result{}, &before)
	t.settle(b, before.Outcome)
}

// limited notes that GitHub wants no request for some time.
func (t *turn) limited(wait time.Duration) {
	if until := t.now.Add(wait); wait > 0 && until.After(t.Gate) {
		t.Gate = until
	}
}

// seen notes what the poll has seen.
func (t *turn) seen(sights []sight) {
	for _, s := range sights {
		for _, b := range t.Batches {
			if b.Settled || b.Job.State.Migration != s.Migration || b.Job.State.Outcome != export.OutcomeUnknown {
				continue
			}
			if s.State == "" {
				t.edit(b)
				b.Unseen = true
				continue
			}
			job := t.edit(b)
			before := job.State
			job.Observe(&ghmigrate.Migration{ID: s.Migration, State: s.State}, t.now)
			job.Report(export.EffectWait, export.Result{}, &before)
			t.settle(b, before.Outcome)
		}
	}
}

// loaded notes a page of the plan. Planned jobs are numbered already.
func (t *turn) loaded(jobs []*export.Job) {
	for i, job := range jobs {
		b := &batch{N: t.Loaded*pageSize + i + 1, Job: job}
		t.Batches = append(t.Batches, b)
		t.changed[b.N] = b
	}
	t.Loaded++
	t.sort()
}

// remaining notes the jobs that are left when all others are over.
func (t *turn) remaining(jobs []*export.Job, last bool) {
	t.Complete = last && len(jobs) == 0
	for _, job := range jobs {
		if !job.UnlockOnly {
			t.Done -= len(job.Repositories)
		}
	}
	t.add(true, jobs...)
}

// logTo returns a function that logs events.
func logTo(log func(msg string, keyvals ...any)) func(export.Event) {
	return func(e export.Event) {
		if e.Kind == export.EventProgress {
			return
		}
		var pairs []any
		for _, a := range e.Attrs() {
			if a.Key != "done" && a.Key != "all" {
				pairs = append(pairs, a.Key, slog.AnyValue(a.Value).String())
			}
		}
		log("export", pairs...)
	}
}
