package export

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/durable"
)

// Run exports the repositories, and returns a manifest with a row for each of them.
// The error beside the manifest is nil if a verified archive covers every
// repository. Otherwise it is a [*PartialError]: it lists the repositories that are
// missing, that lack releases or attachments, or that may still be locked.
//
// If a crash, the context or an error ends a run early, the next call in the same
// Dir continues the run. Otherwise the next call begins a new run.
//
// When the context ends, Run waits up to ten seconds for the response to a start,
// unlocks as many repositories as it can in two minutes, and returns.
// PartialError.Locked lists the remaining repositories, and the next call unlocks them.
//
// If Run returns an error without a manifest, it has started nothing. The reasons:
//
//   - The options are bad.
//   - Dir cannot be used: [ErrInUse], [ErrForeign] or [ErrDamaged].
//   - Dir has an unfinished run with other options: [ErrUnfinished].
//   - The Store refuses objects.
//   - GitHub does not report the owner of a user's token.
func Run(ctx context.Context, acct Account, opts Options) (*Manifest, error) {
	r, err := open(ctx, acct, opts)
	if errors.Is(err, ErrUnfinished) && opts.FinishFirst {
		return finishFirst(ctx, acct, opts)
	}
	if err != nil {
		return nil, err
	}
	defer r.close()
	r.prepare(ctx)
	err = r.drive(ctx)
	return r.end(ctx, r.release(ctx, err))
}

// finishFirst finishes the unfinished run, and then begins a new run.
func finishFirst(ctx context.Context, acct Account, opts Options) (*Manifest, error) {
	opts.FinishFirst = false
	old := opts
	old.Repositories = nil
	earlier, err := Run(ctx, acct, old)
	if errors.Is(err, ErrUnfinished) { // the unfinished run has no Store
		old.Store, old.Stream = nil, false
		earlier, err = Run(ctx, acct, old)
	}
	if earlier == nil || earlier.Ended.IsZero() {
		return earlier, err
	}
	m, err := Run(ctx, acct, opts)
	if m == nil {
		return earlier, earlier.shortfall(err)
	}
	m.Earlier = earlier
	return m, err
}

// A run is one call of Run: a driver of jobs that keeps their state in the journal.
// The goroutine of Run owns all fields except those below mu. Other goroutines
// perform effects on copies of jobs, and poll.
type run struct {
	acct    Account // a pacedAccount
	account string  // the name of the account, with the login of a user
	opts    Options
	dir     string // the run's folder
	lock    durable.File
	resumed bool // the journal has a run that an earlier call began
	journal *journal
	tally   *Tally

	live    []*Job            // jobs that were begun and are not over
	pending []*Job            // jobs to be started, in this order
	busy    map[*Job][]Effect // effects under way
	results chan result       // of effects, and of requests of the run itself
	active  int               // results to come
	moving  int               // archives being downloaded, verified or stored
	full    bool              // downloads wait, because too many archives on disk wait for the Store
	counted map[string]int    // the number of repositories that are done, by the ID of the job

	poll           *poll
	twins          twinSearch
	newest         int64     // the highest ID of a migration that the run has seen
	newestAt       time.Time // when findNewest last succeeded
	newestAttempts attempts  // of findNewest
	starting       bool      // a start, or a request of the run itself, is under way
	pausedUntil    time.Time // the end of a rate limit
	systemic       bool      // Run starts no more jobs: see ErrSystemic
	lastFailure    error     // why the latest export failed
	parked         []error   // why jobs are left to the next call

	stop      error // why Run begins no more effects
	releasing bool  // Run only unlocks repositories

	mu        sync.Mutex // guards the calls of Progress
	done, all int        // repositories
}

// A result is the result of an effect, or of a request of the run itself.
type result struct {
	job    *Job
	effect Effect
	Result
	then func() error // continues after a request of the run itself; nil for an effect
}

func newRun(acct Account, opts Options) *run {
	return &run{
		acct:    pace(acct),
		opts:    opts,
		tally:   new(Tally),
		busy:    map[*Job][]Effect{},
		counted: map[string]int{},
		results: make(chan result),
		poll:    newPoll(),
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

// emit calls Progress, one call at a time.
func (r *run) emit(e Event) {
	if r.opts.Progress == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	e.Time, e.Done, e.All = time.Now(), r.done, r.all
	r.opts.Progress(e)
}

// prepare fills live and pending, and tries the Store.
func (r *run) prepare(ctx context.Context) {
	for _, job := range r.journal.jobs {
		r.count(job)
	}
	r.enlist(false, r.journal.jobs...)
	kind := EventBegun
	if r.resumed {
		kind = EventResumed
	}
	r.emit(Event{Kind: kind, Repositories: r.all})
	if r.resumed { // for a new run, begin has tried the Store
		r.stop = tryStore(ctx, r.opts.Store, r.account)
	}
}

// release unlocks repositories if err has ended the run early. It returns err, or
// the error that replaces it.
func (r *run) release(ctx context.Context, err error) error {
	r.poll.wg.Wait()
	if err == nil || errors.Is(err, errJournal) {
		return err
	}
	r.tally.suspend()
	if saveErr := r.saveTally(); saveErr != nil {
		return errors.Join(err, saveErr)
	}
	longer, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockGrace)
	defer cancel()
	r.stop, r.releasing = err, true
	return cmp.Or(r.drive(longer), err)
}

// unlockGrace limits the time in which Run unlocks repositories after its context has
// ended.
const unlockGrace = 2 * time.Minute

// count updates the number of repositories that are done by a job.
func (r *run) count(job *Job) {
	if job.UnlockOnly {
		return
	}
	n := 0
	for _, name := range job.Repositories {
		if job.covers(name) {
			n++
		}
	}
	if job.Over() {
		n = len(job.Repositories)
		for _, next := range job.Successors() {
			n -= len(next.Repositories)
		}
		if job.reduced() != nil {
			n = 0
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done += n - r.counted[job.ID]
	r.counted[job.ID] = n
}

// retryRequest retries a request of the run itself until the request succeeds, or
// the pauses after its failures exceed their limit.
func (r *run) retryRequest(ctx context.Context, do func() error) error {
	var a attempts
	for {
		err := do()
		if err == nil || ctx.Err() != nil {
			return errors.Join(err, contextError(ctx))
		}
		if a.retry(resultOf(err), time.Now()) {
			return err
		}
		r.emit(Event{Kind: EventWaiting, Wait: time.Until(a.Due), Err: err})
		if err := sleepUntil(ctx, a.Due); err != nil {
			return err
		}
	}
}

// planMore plans more jobs when no effect is under way and no effect is due. It
// returns false if the run is finished, and an error if the run must end unfinished.
func (r *run) planMore(ctx context.Context) (bool, error) {
	now := time.Now()
	switch {
	case len(r.parked) > 0 && !r.systemic: // all other jobs wait for the parked jobs
		return false, errors.Join(r.parked...)
	case len(r.pending) > 0: // the tally does not let these jobs start
		abandon := r.tally.Stopped()
		if err := r.saveTally(); err != nil || !abandon {
			return false, errors.Join(err, fmt.Errorf("%w: %w", ErrSystemic, r.lastFailure))
		}
		reason := fmt.Sprintf("not started, because two calls in a row failed: %v: %v", ErrSystemic, r.lastFailure)
		for _, job := range slices.Clone(r.pending) {
			before := job.State
			job.Abandon(reason, now)
			if err := r.note(job, EffectStart, Result{}, &before); err != nil {
				return false, err
			}
		}
		return true, nil
	case len(r.live) > 0: // all are parked
		return false, errors.Join(r.parked...)
	}
	if rest := r.tally.Rest(r.journal.jobs); len(rest) > 0 {
		if err := r.plan(rest); err != nil {
			return false, err
		}
		for _, job := range rest {
			job.emit(job.event(EventReduced))
		}
		r.enlist(false, rest...)
		return true, nil
	}
	return r.lastTwins(ctx)
}

// saveTally writes the part of the tally that the next call needs, if that part has
// changed.
func (r *run) saveTally() error {
	t := &r.tally.t
	if saved := r.journal.tally.t; t.Stops == saved.Stops && len(t.Doubt) == len(saved.Doubt) {
		return nil
	}
	r.journal.tally = Tally{tally{Stops: t.Stops, Doubt: t.Doubt}}
	return r.journal.write(line{Tally: &r.journal.tally})
}

// end finishes the run if err is nil. It returns the manifest and its PartialError.
func (r *run) end(ctx context.Context, err error) (*Manifest, error) {
	if err == nil {
		err = r.finish(ctx)
	}
	m := r.manifest()
	if r.journal.end != nil {
		m.Ended = r.journal.end.At
	}
	err = m.shortfall(err)
	if !m.Ended.IsZero() { // count leaves out jobs that a reduced export could replace
		r.done = r.all
	}
	r.emit(Event{Kind: EventEnded, Repositories: r.all, Err: err})
	return m, err
}

func (r *run) manifest() *Manifest {
	h := r.journal.header
	m := NewManifest(r.account, h.Start, r.journal.jobs)
	m.Run, m.Begun, m.Dir = h.Name, h.Begun, r.dir
	return m
}

// finish writes the manifest, and then the last line of the journal.
func (r *run) finish(ctx context.Context) error {
	for _, job := range r.journal.jobs {
		_ = job.Clear() // an earlier Clear may have failed
		if job.State.Migration != 0 && job.State.Archive == nil {
			job.removeParts(r.opts.disk)
		}
	}
	now := time.Now().UTC()
	m := r.manifest()
	m.Ended = now
	data, err := m.encode()
	if err != nil {
		return err
	}
	if err := durable.WriteFile(r.opts.disk, m.path(), data); err != nil {
		return err
	}
	if r.opts.Store != nil {
		name := path.Join(r.journal.header.Name, manifestName)
		err := r.retryRequest(ctx, func() error {
			if err := r.opts.Store.Put(ctx, name, bytes.NewReader(data), int64(len(data))); err != nil {
				return &storeError{name, err}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if err := r.journal.write(line{End: &end{At: now}}); err != nil {
		return err
	}
	r.journal.end = &end{At: now}
	return nil
}
