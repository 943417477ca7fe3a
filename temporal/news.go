package temporal

// This file applies news to the memory: results of activities, rate limits and polls.
// Like decide.go, it does no I/O.

import (
	"fmt"
	"time"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
)

// performed applies the results of effects to a batch.
func (t *turn) performed(n int, results []effectResult) {
	b := t.batch(n)
	job := t.edit(b)
	outcome := job.State.Outcome
	for _, r := range results {
		before := job.State
		stop := job.Apply(r.Effect, r.Result, t.now)
		stop = t.Tally.Started(job, r.Effect, r.Result, t.now) || stop
		if r.Result.Class == export.ClassNone {
			t.Pauses = 0
		}
		if r.Result.Class == export.ClassWait {
			t.limited(r.Result.After)
		}
		t.Highest = max(t.Highest, job.State.Migration)
		if r.Effect == export.EffectWait {
			b.Unpolled = r.Result.Class != export.ClassNone
		}
		job.Report(r.Effect, r.Result, &before)
		if stop {
			t.pause(fmt.Sprintf("batch %s: %s: %s", job.ID, r.Effect, r.Result.Reason))
		}
	}
	t.settle(b, outcome)
}

// beginStart records the intent of a start. Found, if not nil, has the newest
// migration.
func (t *turn) beginStart(n int, found *newestResult) {
	if found != nil {
		t.Highest, t.NewestAt = max(t.Highest, found.Newest), t.now
	}
	t.edit(t.batch(n)).Begin(export.EffectStart, t.Highest)
}

// interrupted records that the result of a start is lost.
func (t *turn) interrupted(n int) {
	b := t.batch(n)
	job := t.edit(b)
	before := job.State
	job.Interrupted(t.now)
	job.Report(export.EffectStart, export.Result{}, &before)
	t.settle(b, before.Outcome)
}

// limited records a rate limit that ends after a wait.
func (t *turn) limited(wait time.Duration) {
	if until := t.now.Add(wait); wait > 0 && until.After(t.Gate) {
		t.Gate = until
	}
}

// polled applies the results of a poll.
func (t *turn) polled(results []pollResult) {
	for _, r := range results {
		for _, b := range t.Batches {
			if b.Settled || b.Job.State.Migration != r.Migration || b.Job.State.Outcome != export.OutcomeUnknown {
				continue
			}
			job := t.edit(b)
			if r.State == "" {
				b.Unpolled = true
				continue
			}
			before := job.State
			job.Observe(&ghmigrate.Migration{ID: r.Migration, State: r.State}, t.now)
			job.Report(export.EffectWait, export.Result{}, &before)
			t.settle(b, before.Outcome)
		}
	}
}

// loaded adds a page of the plan.
func (t *turn) loaded(jobs []*export.Job) {
	for _, b := range pageBatches(t.Loaded, jobs) {
		t.Batches = append(t.Batches, b)
		t.changed[b.N] = b
	}
	t.Loaded++
	t.sort()
}

// remaining adds the jobs of the remaining work. Last says that no other job was left
// when they were planned.
func (t *turn) remaining(jobs []*export.Job, last bool) {
	t.Complete = last && len(jobs) == 0
	for _, job := range jobs {
		if !job.UnlockOnly {
			t.Done -= len(job.Repositories)
		}
	}
	t.add(jobs...)
}

// settle compares the outcome of a batch with the outcome before a change, and tells
// the Tally. If the batch is over, settle adds its successors.
func (t *turn) settle(b *batch, before export.Outcome) {
	job := t.edit(b)
	if job.State.Outcome != before {
		t.Tally.Ended(job)
		if job.State.Outcome != export.OutcomeExported {
			t.LastFailure = job.State.Reason
		}
	}
	if b.Settled || !job.Over() || len(t.busy[b.N]) > 0 {
		return
	}
	b.Settled = true
	next := t.Tally.Over(job)
	t.add(next...)
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

// add adds jobs that were made during the run.
func (t *turn) add(jobs ...*export.Job) {
	for _, job := range jobs {
		t.Made++
		b := &batch{N: t.Made, Job: job, Successor: true}
		t.Batches = append(t.Batches, b)
		t.changed[b.N] = b
	}
	t.sort()
}
