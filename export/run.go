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

// Run exports the repositories. When it returns, every repository is in a verified
// archive, or is named in the [*PartialError] that it returns beside the manifest.
// PartialError.Reduced names the repositories that were exported without releases or
// attachments: a nil error means that nothing is missing. If a crash, the context or
// an error ends a run early, the next call in the same Dir continues it; otherwise
// the next call begins a new run.
//
// When the context ends, Run waits for the response to a start under way, unlocks
// as many repositories as it can in two minutes, and returns. PartialError.Locked has
// the rest, and the next call tries again.
//
// An error without a manifest means that Run has started nothing. The options
// are bad, the Store refuses objects, or GitHub does not tell the owner of a
// user's token. Or Dir cannot be used ([ErrInUse], [ErrForeign], [ErrDamaged])
// or has an unfinished run with other options ([ErrUnfinished]).
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

// finishFirst finishes the unfinished run, and then begins a new one.
func finishFirst(ctx context.Context, acct Account, opts Options) (*Manifest, error) {
	opts.FinishFirst = false
	old := opts
	old.Repositories = nil
	earlier, err := Run(ctx, acct, old)
	if errors.Is(err, ErrUnfinished) { // it was begun without a Store
		old.Store, old.Stream = nil, false
		earlier, err = Run(ctx, acct, old)
	}
	if earlier == nil || earlier.Ended.IsZero() {
		return earlier, err
	}
	m, err := Run(ctx, acct, opts)
	if m != nil {
		m.Earlier = earlier
	}
	return m, err
}

// A run is one call of Run: a driver of jobs, with the journal as its memory. The
// goroutine of Run owns all fields but those below mu. Other goroutines perform
// effects on copies of jobs, and poll.
type run struct {
	acct    Account // paced
	account string  // the name of the account, with the login of a user
	opts    Options
	dir     string // the run's folder
	lock    durable.File
	resumed bool
	journal *journal
	tally   *Tally

	live     []*Job            // begun, and not over
	pending  []*Job            // to be started, in this order
	busy     map[*Job][]Effect // effects under way
	results  chan result       // of effects, and of requests of the run itself
	active   int               // how many of them are under way
	moving   int               // archives that are downloaded, verified or stored
	full     bool              // downloads wait: too many archives on disk wait for the Store
	counted  map[string]int    // repositories that are done, by job
	poll     *poll
	twins    twinSearch
	highest  int64     // the newest migration that was seen
	lookedAt time.Time // when the newest of the account was looked for
	looking  attempts  // to do so
	starting bool      // a start is under way, or the look before it
	gate     time.Time // before, GitHub wants no request
	system   bool      // nothing more is started: see ErrSystemic
	doubt    error     // why the latest export failed
	parked   []error   // why jobs are left to the next call

	stop      error // why nothing new is begun
	releasing bool  // only locks are released

	mu        sync.Mutex // guards events
	done, all int
}

// A result is the result of an effect, or of a request of the run itself.
type result struct {
	job    *Job
	effect Effect
	Result
	then func() error // of a request of the run itself
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

// emit calls Progress, with one event at a time.
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
	if r.resumed { // begin has done so before
		r.stop = tryStore(ctx, r.opts.Store, r.account)
	}
}

// release unlocks repositories after an error has ended the run early, and returns
// the error.
func (r *run) release(ctx context.Context, err error) error {
	r.poll.wg.Wait()
	if err == nil || errors.Is(err, errBroken) {
		return err
	}
	r.tally.suspend()
	if saveErr := r.saveTally(); saveErr != nil {
		return errors.Join(err, saveErr)
	}
	patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockGrace)
	defer cancel()
	r.stop, r.releasing = err, true
	return cmp.Or(r.drive(patient), err)
}

// unlockGrace is how long Run goes on unlocking after its context has ended.
const unlockGrace = 2 * time.Minute

// count updates the number of repositories that are done.
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

// persist retries a request of the run itself until it succeeds, or fails for too
// long.
func (r *run) persist(ctx context.Context, do func() error) error {
	var a attempts
	for {
		err := do()
		if err == nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if a.meet(resultOf(err), time.Now()) {
			return err
		}
		r.emit(Event{Kind: EventWaiting, Wait: time.Until(a.Due), Err: err})
		if err := sleepUntil(ctx, a.Due); err != nil {
			return err
		}
	}
}

// more plans further jobs when nothing is under way and nothing is due. It returns
// false if the run is finished, and an error if the run must end unfinished.
func (r *run) more(ctx context.Context) (bool, error) {
	now := time.Now()
	switch {
	case len(r.pending) > 0: // they must not be started
		abandon := r.tally.Stopped()
		if err := r.saveTally(); err != nil || !abandon {
			return false, errors.Join(err, fmt.Errorf("%w: %w", ErrSystemic, r.doubt))
		}
		reason := fmt.Sprintf("not started, because two calls in a row failed: %v: %v", ErrSystemic, r.doubt)
		for _, job := range slices.Clone(r.pending) {
			before := job.State
			job.Abandon(reason, now)
			if err := r.note(job, EffectStart, Result{}, &before); err != nil {
				return false, err
			}
		}
		return true, nil
	case len(r.live) > 0: // parked
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

// saveTally writes the part of the tally that the next call needs, if it has
// changed.
func (r *run) saveTally() error {
	t := &r.tally.t
	if saved := r.journal.tally.t; t.Stops == saved.Stops && len(t.Doubt) == len(saved.Doubt) {
		return nil
	}
	r.journal.tally = Tally{tally{Stops: t.Stops, Doubt: t.Doubt}}
	return r.journal.write(line{Tally: &r.journal.tally})
}

// end writes the manifest if the run is finished. The error lists what is missing.
func (r *run) end(ctx context.Context, err error) (*Manifest, error) {
	if err == nil {
		err = r.finish(ctx)
	}
	m := r.manifest()
	if r.journal.end != nil {
		m.Ended = r.journal.end.At
	}
	err = m.shortfall(err)
	if !m.Ended.IsZero() { // also the repositories that were not tried in part
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

// finish puts the manifest in place and ends the journal.
func (r *run) finish(ctx context.Context) error {
	for _, job := range r.journal.jobs { // files that could not be removed before
		_ = job.Clear()
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
		err := r.persist(ctx, func() error {
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
