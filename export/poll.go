package export

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/ghmigrate/ghmigrate"
)

// A poll watches the migrations of a run. For an organization, one sequence watches
// all migrations: it lives as long as the run, and sends a conditional request for
// each hundred migrations. For a user, each migration has a sequence of its own,
// because the list of a user's migrations cannot omit their repositories. If no
// sequence shows a migration, Run polls it with [EffectWait].
type poll struct {
	results  chan pollResult
	wg       sync.WaitGroup
	all      bool                           // the sequence for all migrations is running
	since    time.Time                      // when it began
	attempts attempts                       // to run it
	shown    map[int64]*ghmigrate.Migration // the latest state from a sequence; nil before the first
	failed   map[int64]bool                 // migrations with an error from a sequence: Run polls them
}

// A pollResult is one element of a sequence.
type pollResult struct {
	id        int64 // the migration of the sequence; 0 for the sequence of all migrations
	migration *ghmigrate.Migration
	err       error // of the migration, or of the whole sequence if migration is nil
}

const (
	// maxShowDelay is how long a new migration may be missing from the sequence for all
	// migrations.
	maxShowDelay = 2 * time.Minute
	// warmUp follows the beginning of the sequence for all migrations, which may miss
	// migrations that end before its first poll.
	warmUp = 10 * time.Second
)

func newPoll() *poll {
	return &poll{results: make(chan pollResult), shown: map[int64]*ghmigrate.Migration{}, failed: map[int64]bool{}}
}

// watch sends the elements of a sequence to results.
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

// watchAll begins the sequence for all migrations. If the sequence must wait after a
// failure, watchAll returns the time when it may begin.
func (r *run) watchAll(ctx context.Context, now time.Time) time.Time {
	p := r.poll
	if p.all || r.acct.Owner() == "" || len(r.live)+len(r.pending) == 0 {
		return time.Time{}
	}
	if now.Before(p.attempts.Due) {
		return p.attempts.Due
	}
	p.all, p.since = true, now
	p.watch(ctx, 0, r.acct.WatchAll(ctx))
	return time.Time{}
}

// watchOne begins the sequence for the job's migration, if it needs one. It returns
// the time after which Run polls a migration that no sequence has shown.
func (r *run) watchOne(ctx context.Context, job *Job) time.Time {
	p, id := r.poll, job.State.Migration
	if _, watched := p.shown[id]; r.acct.Owner() == "" && !watched && !p.failed[id] {
		p.shown[id] = nil
		p.watch(ctx, id, r.acct.Watch(ctx, []int64{id}))
	}
	return job.State.Begun.Add(maxShowDelay)
}

// isWatched reports whether a sequence shows the job's migration, or will soon.
func (r *run) isWatched(job *Job, now time.Time) bool {
	p, s := r.poll, &job.State
	soon := p.all && s.Begun.After(p.since.Add(warmUp)) && now.Before(s.Begun.Add(maxShowDelay))
	_, watched := p.shown[s.Migration]
	return watched || soon && !p.failed[s.Migration]
}

// observe records an element of a sequence. The method launch applies the state of
// the migration to its job.
func (r *run) observe(s pollResult) error {
	p, now := r.poll, time.Now()
	switch {
	case s.migration == nil && s.id != 0:
		delete(p.shown, s.id)
		p.failed[s.id] = true
		return nil
	case s.migration == nil:
		p.all = false
		clear(p.shown) // Run polls one by one until the sequence begins again
		p.attempts.retry(resultOf(s.err), now)
		r.emit(Event{Kind: EventWaiting, Wait: time.Until(p.attempts.Due), Err: fmt.Errorf("watch the migrations: %w", s.err)})
		return nil
	}
	id := s.migration.ID
	p.attempts = attempts{}
	r.newest = max(r.newest, id)
	if p.failed[id] = s.err != nil; p.failed[id] {
		delete(p.shown, id)
	} else {
		p.shown[id] = s.migration
	}
	return nil
}
