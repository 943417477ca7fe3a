package temporal

// This file decides what Export does next. It does no I/O and does not use Temporal.
// The workflow calls it in side effects, so that every decision is data in the
// history: a new version of the rules changes no history.

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/ghmigrate/ghmigrate/export"
)

const (
	maxNewestAge       = 30 * time.Second // limits the age of Highest before a start
	twinSearchInterval = 5 * time.Minute  // between two searches for late twins
	maxPauses          = 24               // in a row, before Export gives up
	maxSearch          = 10 * time.Minute // how long a canceled Export searches for lost starts
	maxExport          = 24 * time.Hour   // an export that runs for longer is stuck
	maxRelease         = 26 * time.Hour   // how long a canceled Export releases locks
)

// A decision has the changes of the memory, and the work to begin.
type decision struct {
	Head    head     `json:"head"`
	Changed []*batch `json:"changed,omitempty"`
	Begin   []step   `json:"begin,omitempty"`
	Watch   []int64  `json:"watch,omitempty"` // migrations to poll

	Load   bool `json:"load,omitzero"`   // load the next page of the plan
	Remain bool `json:"remain,omitzero"` // plan the remaining work
	Finish bool `json:"finish,omitzero"` // write the manifest

	Wake time.Duration `json:"wake,omitzero"` // decide again after this time, also without news; 0: only with news
}

// A step is an effect of a batch to begin.
type step struct {
	N      int           `json:"n"`
	Effect export.Effect `json:"effect"`
}

// A turn makes one decision. It changes the memory in place, and notes every change
// in the decision.
type turn struct {
	*memory
	now      time.Time
	order    Order
	busy     map[int][]export.Effect // effects under way, by batch
	active   int                     // activities under way
	moving   int                     // archives under way
	starting bool                    // a start is under way
	loading  bool                    // more jobs are being loaded or planned
	draining bool                    // the workflow is about to continue as new
	quiet    bool                    // draining, and without work until then
	canceled bool
	log      func(export.Event)
	changed  map[int]*batch
	decision decision
	wake     time.Time
}

// news is an event that the next turn applies to the memory: a result, a rate limit,
// or a failure.
type news func(*turn)

// decide applies the news and decides what comes next.
func (t *turn) decide(all []news) decision {
	for _, n := range all {
		n(t)
	}
	t.proceed()
	return t.result()
}

// result returns the decision.
func (t *turn) result() decision {
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

// edit returns the job of a batch, and notes that the batch changes.
func (t *turn) edit(b *batch) *export.Job {
	t.changed[b.N] = b
	b.Job.Progress = t.log
	return b.Job
}

// wakeBy makes the next turn come at a time at the latest.
func (t *turn) wakeBy(when time.Time) {
	if !when.IsZero() && (t.wake.IsZero() || when.Before(t.wake)) {
		t.wake = when
	}
}

// proceed decides what to begin. While a rate limit or a pause lasts, it begins nothing.
// While the workflow waits for transfers before it continues as new, it only observes
// exports and unlocks repositories.
func (t *turn) proceed() {
	t.Canceled = t.canceled
	switch {
	case t.canceled && t.ReleasingSince.IsZero():
		t.ReleasingSince, t.Problem = t.now, cmp.Or(t.Problem, "the export was canceled")
	case t.Pauses > maxPauses && t.ReleasingSince.IsZero():
		t.ReleasingSince = t.now
	}
	releasing := t.releasing()
	if releasing {
		t.unpark()
	}
	t.watch(releasing)
	switch {
	case releasing && t.now.Sub(t.ReleasingSince) >= maxRelease:
		t.decision.Watch, t.decision.Finish = nil, true
		return
	case t.quiet:
		return
	case t.now.Before(t.Gate):
		t.wakeBy(t.Gate)
		return
	case !releasing && t.now.Before(t.PausedUntil):
		t.wakeBy(t.PausedUntil)
		return
	case !releasing && !t.PausedUntil.IsZero():
		t.resume()
	}
	t.launch(releasing)
	if !releasing && !t.draining {
		t.start()
	}
	if t.active == 0 && len(t.decision.Begin) == 0 && !t.loading && !t.decision.Load && t.wake.IsZero() && len(t.decision.Watch) == 0 {
		t.planMore(releasing)
	} else if !releasing && !t.draining {
		t.lookForTwins()
	}
}

// watch lists the migrations that the poll reads. EffectWait reads all other migrations:
// migrations that the poll does not find, migrations of an earlier run, and migrations
// that are stuck, because they have run for a day.
func (t *turn) watch(releasing bool) {
	for _, b := range t.Batches {
		s := &b.Job.State
		switch {
		case b.Settled, s.Migration == 0, s.Outcome != export.OutcomeUnknown, s.Parked != "", releasing && !b.Job.Start.LockRepositories:
		case s.Begun.IsZero(), t.now.Sub(s.Begun) >= maxExport:
			t.edit(b)
			b.Unpolled = true
		case !b.Unpolled:
			t.decision.Watch = append(t.decision.Watch, s.Migration)
		}
	}
	slices.Sort(t.decision.Watch)
}

// transfers are the effects that move an archive.
var transfers = []export.Effect{export.EffectDownload, export.EffectVerify, export.EffectStore, export.EffectTransfer}

// launch begins all effects that are due and allowed, except for starts, and wakes
// when an export exceeds the order's Patience or is stuck.
func (t *turn) launch(releasing bool) {
	for _, b := range slices.Clone(t.Batches) {
		if b.Settled || releasing && !b.Job.Start.LockRepositories {
			continue
		}
		for {
			effect, at := b.Job.Next(t.now, t.excluded(b, releasing)...)
			if effect == export.EffectNone {
				t.wakeBy(at)
				break
			}
			t.begin(b, step{N: b.N, Effect: effect})
		}
		if s := &b.Job.State; s.Migration != 0 && s.Outcome == export.OutcomeUnknown && s.Parked == "" {
			for _, after := range []time.Duration{t.order.Patience, maxExport} {
				if when := s.Begun.Add(after); when.After(t.now) {
					t.wakeBy(when)
				}
			}
		}
	}
}

// excluded lists the effects of a batch that are not allowed now.
func (t *turn) excluded(b *batch, releasing bool) []export.Effect {
	excluded := append(slices.Clone(t.busy[b.N]), export.EffectStart)
	if !b.Unpolled {
		excluded = append(excluded, export.EffectWait)
	}
	if releasing && t.now.Sub(t.ReleasingSince) > maxSearch {
		excluded = append(excluded, export.EffectSearch)
	}
	if releasing || t.draining {
		excluded = append(excluded, export.EffectDelete)
	}
	if releasing || t.draining || t.moving >= t.order.Transfers {
		excluded = append(excluded, transfers...)
	}
	return excluded
}

// begin adds a step to the decision. A step that moves an archive excludes all other
// effects that move the archive of the batch.
func (t *turn) begin(b *batch, s step) {
	effects := []export.Effect{s.Effect}
	if slices.Contains(transfers, s.Effect) {
		effects = transfers
		t.moving++
	}
	t.busy[b.N] = append(t.busy[b.N], effects...)
	t.decision.Begin = append(t.decision.Begin, s)
	if s.Effect == export.EffectDelete {
		t.edit(b).Begin(s.Effect, 0)
	}
	t.StartLost = t.StartLost || s.Effect == export.EffectSearch
}

// start adds the start of the next batch to the decision, unless another start is under
// way. It loads more of the plan first if too few batches are pending. While the memory
// is large, because exports end faster than unlocks and transfers, it loads nothing.
func (t *turn) start() {
	jobs := make([]*export.Job, 0, len(t.Batches))
	batchOf := map[*export.Job]*batch{}
	for _, b := range t.Batches {
		if !b.Settled {
			jobs = append(jobs, b.Job)
			batchOf[b.Job] = b
		}
	}
	load, pending := export.Weigh(jobs, t.order.Patience, t.now)
	if len(pending) < t.order.Concurrency && t.Loaded < t.Pages && t.size() < maxLoadSize {
		t.decision.Load = !t.loading
		return
	}
	if t.starting || t.loading || load.Running >= t.order.Concurrency {
		return
	}
	if probe := t.Tally.Probe(pending, load, t.now); probe != nil {
		t.edit(batchOf[probe])
		t.settle(batchOf[probe], export.OutcomeUnknown)
		t.wakeBy(t.now.Add(time.Millisecond))
		return
	}
	for _, job := range pending {
		effect, at := job.Next(t.now)
		if effect != export.EffectStart { // a search comes first, or the start is not due
			t.wakeBy(at)
			continue
		}
		switch at, err := t.Tally.MayStart(job, load, t.now); {
		case errors.Is(err, export.ErrSystemic):
			return
		case err != nil && !at.IsZero():
			t.wakeBy(at)
			return
		case err != nil:
			continue
		}
		t.starting = true
		t.begin(batchOf[job], step{N: batchOf[job].N, Effect: effect})
		return
	}
}

// lookForTwins plans a search for late twins every five minutes, beside all other
// work, once the response to a start was lost.
func (t *turn) lookForTwins() {
	switch {
	case !t.StartLost || t.loading || t.starting || t.decision.Load:
		return
	case t.NextTwinSearch.IsZero():
		t.NextTwinSearch = t.now.Add(twinSearchInterval)
	case !t.NextTwinSearch.After(t.now):
		t.NextTwinSearch = t.now.Add(twinSearchInterval)
		t.decision.Remain = true
	}
	t.wakeBy(t.NextTwinSearch)
}
