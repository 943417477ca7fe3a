package export

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/ghmigrate/ghmigrate"
)

// lookAgain limits the age of the newest migration's ID: Run must not take a
// migration that another program has started since for its own.
const lookAgain = 30 * time.Second

// start starts the next job that may be started, one at a time, and returns when
// to look again.
func (r *run) start(ctx context.Context) (wake time.Time, err error) {
	now := time.Now()
	switch {
	case now.Before(r.gate), r.starting, r.system, len(r.pending) == 0:
		return wake, nil
	case now.Before(r.looking.Due):
		return r.looking.Due, nil
	}
	load, _ := Weigh(r.live, r.opts.Patience, now)
	if load.Running >= r.opts.Concurrency {
		return wake, nil
	}
	if r.tally.doubts() || r.pending[0].lineage.Alone {
		load, _ = Weigh(slices.Concat(r.live, r.pending), r.opts.Patience, now)
	}
	if probe := r.tally.Probe(r.pending, load, now); probe != nil {
		return now.Add(1), r.note(probe, EffectNone, Result{}, &State{})
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
				r.system = true
				return time.Time{}, nil
			case err != nil && !at.IsZero():
				return at, nil
			case err != nil:
				continue
			}
			if now.Sub(r.lookedAt) >= lookAgain {
				r.lookForNewest(ctx)
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

// lookForNewest finds the newest migration of the account: a later start gets a
// higher ID.
func (r *run) lookForNewest(ctx context.Context) {
	var newest int64
	r.ask("look for the newest migration", &r.looking, func() (err error) {
		newest, err = Newest(ctx, r.acct)
		return err
	}, func() error {
		r.highest, r.lookedAt = max(r.highest, newest), time.Now()
		return nil
	})
}

// ask performs a request of the run itself, and then calls then. Run starts nothing
// meanwhile. The run ends if the request fails for too long.
func (r *run) ask(doing string, a *attempts, do func() error, then func() error) {
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
			r.meet(a, err)
			return nil
		}}
	}()
}

// meet notes an error of a request of the run itself.
func (r *run) meet(a *attempts, err error) {
	res := resultOf(err)
	over := a.meet(res, time.Now())
	switch {
	case r.stop != nil:
	case over:
		r.stop = err
	default:
		r.emit(Event{Kind: EventWaiting, Wait: time.Until(a.Due), Err: err})
	}
	if res.Class == ClassWait && a.Due.After(r.gate) {
		r.gate = a.Due
	}
}

// A poll watches the migrations of a run. For an organization one sequence watches
// all migrations: it lives as long as the run and sends a conditional request for
// each hundred migrations. For a user there is a sequence for each migration, because
// the list of a user's migrations cannot omit their repositories.
type poll struct {
	results chan pollResult
	wg      sync.WaitGroup
	all     bool                           // the sequence for all is running
	since   time.Time                      // when it began
	met     attempts                       // of it
	shown   map[int64]*ghmigrate.Migration // as a sequence has shown them last; nil before the first time
	failed  map[int64]bool                 // migrations that a sequence did not find: they are looked at one by one
}

// A pollResult is one element of a sequence.
type pollResult struct {
	id        int64 // of a sequence for one migration; 0 for all
	migration *ghmigrate.Migration
	err       error // of that migration, or of the sequence
}

const (
	// patient is how long the sequence for all may take to show a migration that
	// was started.
	patient = 2 * time.Minute
	// early is how long after its begin the sequence for all may miss a migration
	// that was started and has ended.
	early = 10 * time.Second
)

func newPoll() *poll {
	return &poll{results: make(chan pollResult), shown: map[int64]*ghmigrate.Migration{}, failed: map[int64]bool{}}
}

// watch sends the elements of a sequence.
func (p *poll) watch(ctx context.Context, id int64, seq iter.Seq2[*ghmigrate.Migration, error]) {
	p.wg.Go(func() {
		for m, err := range seq {
			select {
			case p.results <- pollResult{id, m, err}:
			case <-ctx.Done():
				return
			}
		}
	})
}

// followAll begins the sequence for all, and returns when it may begin if it
// may not yet.
func (r *run) followAll(ctx context.Context, now time.Time) time.Time {
	p := r.poll
	if p.all || r.acct.Owner() == "" || len(r.live)+len(r.pending) == 0 {
		return time.Time{}
	}
	if now.Before(p.met.Due) {
		return p.met.Due
	}
	p.all, p.since = true, now
	p.watch(ctx, 0, r.acct.WatchAll(ctx))
	return time.Time{}
}

// follow has a migration watched, and returns when to look whether it is.
func (r *run) follow(ctx context.Context, job *Job) time.Time {
	p, id := r.poll, job.State.Migration
	if _, followed := p.shown[id]; r.acct.Owner() == "" && !followed && !p.failed[id] {
		p.shown[id] = nil
		p.watch(ctx, id, r.acct.Watch(ctx, []int64{id}))
	}
	return job.State.Begun.Add(patient)
}

// isWatched reports whether a sequence shows the job's migration, or will soon.
func (r *run) isWatched(job *Job, now time.Time) bool {
	p, s := r.poll, &job.State
	soon := p.all && s.Begun.After(p.since.Add(early)) && now.Before(s.Begun.Add(patient))
	_, followed := p.shown[s.Migration]
	return followed || soon && !p.failed[s.Migration]
}

// see notes an element of a sequence.
func (r *run) see(s pollResult) error {
	p, now := r.poll, time.Now()
	switch {
	case s.migration == nil && s.id != 0:
		delete(p.shown, s.id)
		p.failed[s.id] = true
		return nil
	case s.migration == nil:
		p.all = false
		clear(p.shown) // they are looked at one by one meanwhile
		p.met.meet(resultOf(s.err), now)
		r.emit(Event{Kind: EventWaiting, Wait: time.Until(p.met.Due), Err: fmt.Errorf("watch the migrations: %w", s.err)})
		return nil
	}
	id := s.migration.ID
	p.met = attempts{}
	r.highest = max(r.highest, id)
	if p.failed[id] = s.err != nil; p.failed[id] {
		delete(p.shown, id)
	} else {
		p.shown[id] = s.migration // the loop looks there
	}
	return nil
}
