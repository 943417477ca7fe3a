package temporal

// This file decides when an attempt to export ends, and when the next one begins.

import (
	"errors"
	"fmt"
	"time"

	"github.com/ghmigrate/ghmigrate/export"
)

// planMore decides how to go on when nothing is under way and nothing is due: with a
// pause, with the remaining work, or with the manifest.
func (t *turn) planMore(releasing bool) {
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
	case len(pending) > 0: // the Tally allows no start
		if abandon := t.Tally.Stopped(); !abandon {
			t.pause(fmt.Sprintf("%v: %s", export.ErrSystemic, t.LastFailure))
			return
		}
		for _, b := range pending {
			t.edit(b).Abandon(fmt.Sprintf("not started, because two attempts in a row failed: %v: %s", export.ErrSystemic, t.LastFailure), t.now)
			t.settle(b, export.OutcomeUnknown)
		}
		t.wakeBy(t.now.Add(time.Millisecond))
	case len(parked) > 0:
		job := parked[0].Job
		t.pause(fmt.Sprintf("batch %s: %s", job.ID, job.State.Parked))
	case !t.Complete:
		t.decision.Remain = true
	default:
		t.Problem = ""
		t.decision.Finish = true
	}
}

// pause ends an attempt: the next one begins after Order.Pause.
func (t *turn) pause(reason string) {
	if !t.PausedUntil.IsZero() {
		return
	}
	t.Pauses++
	t.PausedUntil, t.Problem = t.now.Add(t.order.Pause), reason
	t.wakeBy(t.PausedUntil)
	t.log(export.Event{Time: t.now, Kind: export.EventWaiting, Wait: t.order.Pause, Err: errors.New(reason)}) //nolint:err113 // for people
}

// resume begins another attempt.
func (t *turn) resume() {
	if t.starting { // the result of the start belongs to the previous attempt
		return
	}
	t.PausedUntil, t.Problem = time.Time{}, ""
	t.Tally.Resume()
	for _, b := range t.Batches {
		if !b.Settled && len(t.busy[b.N]) == 0 {
			t.edit(b).Resume(t.now)
		}
	}
}

// unpark resumes parked jobs that may still hold locks, when Export only releases locks:
// no other attempt resumes them. A job that parks twice in a row gives up.
func (t *turn) unpark() {
	for _, b := range t.Batches {
		if s := &b.Job.State; s.Parked != "" && !s.Listed && b.Job.Start.LockRepositories && len(t.busy[b.N]) == 0 {
			t.edit(b).Resume(t.now)
		}
	}
}
