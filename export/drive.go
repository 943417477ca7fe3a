package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/ghmigrate/ghmigrate"
)

// drive takes a job from effect to effect until it is over.
func (r *run) drive(ctx context.Context, job *Job, turn turn) error {
	for {
		var err error
		switch job.Next() {
		case EffectNone:
			return nil
		case EffectStart:
			err = r.start(ctx, job, turn)
		case EffectWait:
			err = r.wait(ctx, job)
		case EffectDownload, EffectVerify, EffectStore:
			err = r.transfer(ctx, job)
		case EffectUnlock:
			err = r.unlock(ctx, job)
		default:
			err = r.step(ctx, job)
		}
		if err != nil {
			return err
		}
	}
}

// step performs one effect, as often as it takes.
func (r *run) step(ctx context.Context, job *Job) error {
	return r.persist(ctx, func() error {
		if err := sleepUntil(ctx, job.NotBefore); err != nil {
			return err
		}
		return Step(ctx, r.acct, job)
	}, job)
}

// A turn is a job's place in the queue of those that are to be started.
type turn struct {
	before <-chan struct{} // closed when the one before has been; nil if there is none
	over   chan struct{}   // closed when this one has been
}

// queue gives a job its place.
func (r *run) queue(job *Job) turn {
	if job.Next() != EffectStart {
		return turn{}
	}
	r.starting = turn{r.starting.over, make(chan struct{})}
	return r.starting
}

// start starts the job's migration while no other job starts one, up to the
// answer or the end of the search for it.
func (r *run) start(ctx context.Context, job *Job, turn turn) error {
	defer close(turn.over)
	if turn.before != nil {
		select {
		case <-turn.before:
		case <-ctx.Done():
			return contextError(ctx)
		}
	}
	for job.Next() == EffectStart {
		if job.State.Intent != EffectStart {
			if err := r.mayStart(); err != nil {
				return fmt.Errorf("batch %d: start: %w", job.Number, err)
			}
		}
		err := r.step(ctx, job)
		r.noteLost(job)
		if _, answered := errors.AsType[*ghmigrate.APIError](err); ctx.Err() == nil && (answered || err != nil && mayPass(err)) {
			return fmt.Errorf("%w: %w", errNoStarts, err) // the next batch would wait as long, in vain
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// wait waits, together with all others, until the job's migration is done.
func (r *run) wait(ctx context.Context, job *Job) error {
	return r.persist(ctx, func() error {
		if err := sleepUntil(ctx, job.NotBefore); err != nil {
			return err
		}
		if job.State.Absences > 0 { // the others' poll would not tell before it is done
			return Step(ctx, r.acct, job)
		}
		m, err := r.poller.await(ctx, job.State.Migration)
		switch {
		case m != nil && isAbsent(err):
			return job.absent(ctx, r.acct, err)
		case err != nil:
			return fmt.Errorf("batch %d: wait: %w", job.Number, err)
		}
		return job.observe(m)
	}, job)
}

// transfer performs an effect that moves an archive, while few others do.
func (r *run) transfer(ctx context.Context, job *Job) error {
	return r.persist(ctx, func() error {
		if err := sleepUntil(ctx, job.NotBefore); err != nil {
			return err
		}
		select {
		case r.transfers <- struct{}{}:
		case <-ctx.Done():
			return contextError(ctx)
		}
		defer func() { <-r.transfers }()
		return Step(ctx, r.acct, job)
	}, job)
}

// unlock releases the locks of a job's migration. What GitHub fails to do for
// too long does not keep the run from its end: it is named, and is left to the
// next one.
func (r *run) unlock(ctx context.Context, job *Job) error {
	err := r.step(ctx, job)
	if err == nil || ctx.Err() != nil || !mayPass(err) {
		return err
	}
	locked := job.stillLocked()
	return job.settle(func(s *State) { s.Locked, s.Unlocks = locked, maxUnlocks })
}

func (r *run) noteLost(job *Job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost = cmp.Or(job.lost, r.lost)
}

// mayStart refuses another start that is out of bounds. Each call has its own:
// who calls again has had a look, one hopes.
func (r *run) mayStart() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	// To isolate one of 1,000 takes ten halvings of three starts, and some at the end.
	exhausted := r.allStarts()-r.started >= 3*r.firsts+40*r.isolated
	r.systemic = r.systemic || exhausted
	switch {
	case exhausted && r.lost != nil:
		return fmt.Errorf("%w: %w", ErrSystemic, r.lost)
	case r.systemic:
		return ErrSystemic
	}
	return nil
}

func (r *run) allStarts() int {
	total := 0
	for _, n := range r.starts {
		total += n
	}
	return total
}
