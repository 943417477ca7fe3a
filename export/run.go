package export

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/durable"
)

// Run exports the repositories and returns when all that can be done is done:
// every repository is in a verified archive, or is named in the
// [*PartialError] that is returned beside the manifest. One that could be
// exported only without its releases or attachments is in an archive and is
// named too, in PartialError.Reduced: a nil error means that nothing is missing.
// A run that was ended early, by a crash, by its context or by an error, is
// continued by the next call in the same Dir; else a new one begins.
//
// A context that ends lets the requests under way end, and Run then unlocks
// what can be unlocked, which may take it two minutes; what it could not is in
// PartialError.Locked, and the next call tries again.
//
// Without a manifest, an error means that nothing was begun: options that make
// no sense, a Dir that cannot be used ([ErrInUse], [ErrForeign], [ErrDamaged])
// or has an unfinished run that was asked for otherwise ([ErrUnfinished]), or,
// for a user's account, that GitHub does not say whose token it is.
func Run(ctx context.Context, acct Account, opts Options) (*Manifest, error) {
	r, err := open(ctx, acct, opts)
	if err != nil {
		return nil, err
	}
	defer r.close()
	return r.end(ctx, r.work(ctx))
}

// A run is one call of Run.
type run struct {
	acct    Account
	account string // whose runs these are
	opts    Options
	dir     string // the run's folder
	lock    durable.File
	resumed bool

	poller    *poller
	pacer     pacer
	starting  turn          // of the job that came last
	transfers chan struct{} // held by jobs that move archives
	incident  *incident
	held      []*Job // failed, and to be exported only in part when all else is over
	wire      wire

	mu       sync.Mutex // guards what follows
	journal  *journal
	broken   error          // of the journal: what is not in it cannot be done
	ids      map[int64]bool // of all migrations in the journal
	highest  int64          // of all that were seen
	looked   time.Time      // for the newest of the account
	starts   map[int]int    // by the number of the job
	started  int            // how many there were before this call
	firsts   int            // how many batches were planned
	isolated int            // how many repositories are being isolated
	systemic bool
	lost     error     // why the latest answer to a start was
	gate     time.Time // before, GitHub wants no request

	telling sync.Mutex // one event at a time
	done    int
	all     int
}

func newRun(acct Account, opts Options) *run {
	return &run{
		acct:      acct,
		opts:      opts,
		poller:    newPoller(acct),
		pacer:     newPacer(),
		transfers: make(chan struct{}, opts.Transfers),
		incident:  newIncident(),
		ids:       map[int64]bool{},
		starts:    map[int]int{},
	}
}

func (r *run) close() {
	if r.journal != nil {
		_ = r.journal.close()
	}
	if r.lock != nil {
		_ = r.lock.Close()
	}
}

func (r *run) emit(e Event) {
	if r.opts.Progress == nil {
		return
	}
	r.telling.Lock()
	defer r.telling.Unlock()
	e.Time, e.Done, e.All = time.Now(), r.done, r.all
	r.opts.Progress(e)
}

// work drives all jobs, and those that take their place, until each is over or
// cannot go on. The error is why the run is not finished.
func (r *run) work(ctx context.Context) error {
	first := EventBegun
	if r.resumed {
		first = EventResumed
	}
	for _, job := range r.journal.jobs {
		if job.Over() {
			r.count(job)
			r.incident.jobs[job.Number] = job
		}
	}
	r.isolated, r.started = r.incident.isolated(), r.allStarts()
	r.emit(Event{Kind: first, Repositories: r.all})
	outer := ctx
	ctx, stop := context.WithCancelCause(outer)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop(nil)
	wg.Go(func() { r.poller.run(ctx) })

	if err := r.look(ctx); err != nil {
		return err
	}
	type result struct {
		job *Job
		err error
	}
	results := make(chan result)
	pending := r.pending()
	active := 0
	var troubles []error
	for {
		for len(pending) > 0 && active < r.opts.Concurrency && ctx.Err() == nil {
			job := pending[0]
			pending = pending[1:]
			active++
			turn := r.queue(job)
			wg.Go(func() { results <- result{job, r.drive(ctx, job, turn)} })
		}
		if active == 0 {
			if len(troubles) > 0 || ctx.Err() != nil {
				break
			}
			reduced, err := r.reduce()
			if err != nil {
				troubles = append(troubles, err)
				break
			}
			if len(reduced) > 0 {
				pending = append(pending, reduced...)
				continue
			}
			twins, err := r.lateTwins(ctx)
			if err != nil {
				troubles = append(troubles, err)
			}
			if len(twins) == 0 {
				break
			}
			pending = append(pending, twins...)
			continue
		}
		done := <-results
		active--
		if done.err == nil {
			var next []*Job
			next, done.err = r.over(done.job)
			// First, so that it is soon known whether it was the batch's fault.
			pending = append(next, pending...)
		}
		switch {
		case done.err == nil:
		case outer.Err() == nil && ctx.Err() != nil && errors.Is(done.err, context.Canceled): // by the fatal error, which is told
		case errors.Is(done.err, ErrSystemic):
			if !slices.ContainsFunc(troubles, func(err error) bool { return errors.Is(err, ErrSystemic) }) {
				troubles = append(troubles, done.err)
			}
		case isFatal(done.err):
			stop(done.err)
			troubles = append(troubles, done.err)
		default:
			troubles = append(troubles, done.err)
		}
	}
	if err := outer.Err(); err != nil { // once, with its cause, whatever the jobs made of it
		troubles = slices.DeleteFunc(troubles, func(e error) bool { return errors.Is(e, err) })
		troubles = append(troubles, contextError(outer))
	}
	return errors.Join(troubles...)
}

// look finds the newest migration of the account: what is started from now on
// has a higher ID.
func (r *run) look(ctx context.Context) error {
	var id int64
	err := r.persist(ctx, func() (err error) {
		ctx, _ := r.wire.watch(ctx)
		id, err = newest(ctx, r.acct)
		return err
	}, nil)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.highest, r.looked = max(r.highest, id), time.Now()
	return err
}

// pending lists the jobs that are not over: first those that have begun.
func (r *run) pending() []*Job {
	var begun, others []*Job
	for _, job := range r.journal.jobs {
		switch {
		case job.Over():
		case job.State.Migration != 0 || job.State.Intent == EffectStart:
			begun = append(begun, job)
		default:
			others = append(others, job)
		}
	}
	return append(begun, others...)
}
