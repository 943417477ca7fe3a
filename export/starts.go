package export

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// maxNewestAge limits the age of r.newest before a start. If the start is lost, Run
// may take a later migration for its own although another program has started it.
const maxNewestAge = 30 * time.Second

// start starts one pending job that may be started. It returns the time of the next
// attempt.
func (r *run) start(ctx context.Context) (wake time.Time, err error) {
	now := time.Now()
	switch {
	case now.Before(r.pausedUntil), r.starting, r.systemic, len(r.pending) == 0:
		return wake, nil
	case now.Before(r.newestAttempts.Due):
		return r.newestAttempts.Due, nil
	}
	load, _ := Weigh(r.live, r.opts.Patience, now)
	if load.Running >= r.opts.Concurrency {
		return wake, nil
	}
	if r.tally.doubts() || r.pending[0].lineage.Alone {
		load, _ = Weigh(slices.Concat(r.live, r.pending), r.opts.Patience, now)
	}
	if probe := r.tally.Probe(r.pending, load, now); probe != nil {
		before := probe.State
		before.Outcome = OutcomeUnknown
		return now.Add(1), r.note(probe, EffectNone, Result{}, &before)
	}
	for _, job := range r.pending {
		effect, at := job.Next(now)
		if effect == EffectNone {
			wake = sooner(wake, at)
			continue
		}
		if effect == EffectStart {
			switch at, err := r.tally.MayStart(job, load, now); {
			case errors.Is(err, ErrSystemic):
				r.systemic = true
				return time.Time{}, nil
			case err != nil && !at.IsZero():
				return at, nil
			case err != nil:
				continue
			}
			if now.Sub(r.newestAt) >= maxNewestAge {
				r.findNewest(ctx)
				return wake, nil
			}
			r.starting = true
		}
		r.pending = slices.DeleteFunc(r.pending, func(j *Job) bool { return j == job })
		r.live = append(r.live, job)
		return now.Add(1), r.perform(ctx, job, effect)
	}
	return wake, nil
}

// findNewest requests the newest migration of the account: a later start gets a
// higher ID.
func (r *run) findNewest(ctx context.Context) {
	var newest int64
	r.request("find the newest migration", &r.newestAttempts, func() (err error) {
		newest, err = Newest(ctx, r.acct)
		return err
	}, func() error {
		r.newest, r.newestAt = max(r.newest, newest), time.Now()
		return nil
	})
}

// request performs a request of the run itself in a goroutine, and calls then after a
// success. Run starts no job meanwhile. The run ends if the request fails for too
// long.
func (r *run) request(doing string, a *attempts, do, then func() error) {
	r.starting = true
	r.active++
	go func() {
		err := do()
		r.results <- result{then: func() error {
			r.starting = false
			if err == nil {
				*a = attempts{}
				return then()
			}
			err = fmt.Errorf("%s: %w", doing, err)
			r.retryLater(a, err)
			return nil
		}}
	}()
}

// retryLater schedules the retry of a request of the run itself, or ends the run.
func (r *run) retryLater(a *attempts, err error) {
	res := resultOf(err)
	over := a.retry(res, time.Now())
	switch {
	case r.stop != nil:
	case over:
		r.stop = err
	default:
		r.emit(Event{Kind: EventWaiting, Wait: time.Until(a.Due), Err: err})
	}
	if res.Class == ClassWait && a.Due.After(r.pausedUntil) {
		r.pausedUntil = a.Due
	}
}
