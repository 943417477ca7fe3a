package export

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// drive is the main loop of a run. It begins the effects that are due, waits for a
// result, and applies the result, until this call can begin no more effects. If the
// run is not finished then, the error says why.
func (r *run) drive(ctx context.Context) error {
	var cancel context.CancelCauseFunc
	ctx, cancel = context.WithCancelCause(ctx)
	defer cancel(nil)
	for {
		if ctx.Err() != nil && r.stop == nil {
			r.stop = contextError(ctx)
		}
		if r.stop != nil && !r.releasing {
			cancel(r.stop)
		}
		wake, err := r.launch(ctx)
		if err == nil && r.stop == nil {
			var at time.Time
			at, err = r.start(ctx)
			wake = sooner(wake, at)
			if r.active > 0 || !wake.IsZero() { // otherwise planMore searches for twins
				wake = sooner(wake, r.findTwins(ctx, time.Now()))
			}
		}
		switch {
		case err != nil:
		case r.active > 0, r.stop == nil && !wake.IsZero():
			err = r.await(ctx, wake)
		case r.stop != nil:
			return r.stop
		default:
			var more bool
			if more, err = r.planMore(ctx); err == nil && !more {
				return nil
			}
		}
		if err != nil { // from the journal, ErrSystemic, or from parked jobs
			cancel(err)
			for ; r.active > 0; r.active-- {
				<-r.results
			}
			return err
		}
	}
}

// await waits for a result or a poll until the time wake, and applies it. A zero
// time is never reached.
func (r *run) await(ctx context.Context, wake time.Time) error {
	var alarm <-chan time.Time
	if !wake.IsZero() {
		timer := time.NewTimer(time.Until(wake))
		defer timer.Stop()
		alarm = timer.C
	}
	ended := ctx.Done()
	if r.stop != nil {
		ended = nil // the context has canceled the effects under way
	}
	select {
	case res := <-r.results:
		r.active--
		if res.then != nil {
			return res.then()
		}
		return r.apply(res)
	case s := <-r.poll.results:
		return r.observe(s)
	case <-alarm:
	case <-ended:
	}
	return nil
}

// launch begins every effect that is due and allowed. It returns the time when the
// next effect is due; a zero time means after a result.
func (r *run) launch(ctx context.Context) (wake time.Time, err error) {
	now := time.Now()
	if now.Before(r.pausedUntil) {
		return r.pausedUntil, nil
	}
	r.full = r.holding() >= 2*r.opts.Transfers
	for _, job := range slices.Clone(r.live) {
		if s := &job.State; s.Outcome == OutcomeUnknown && s.Migration != 0 && !r.releasing {
			before := *s
			if m, watched := r.poll.shown[s.Migration]; watched {
				job.Observe(m, now) // m is nil before the first poll
			}
			if s.Outcome != OutcomeUnknown {
				if err := r.note(job, EffectWait, Result{}, &before); err != nil {
					return wake, err
				}
			} else {
				for _, t := range []time.Time{r.watchOne(ctx, job), s.Begun.Add(r.opts.Patience), s.Begun.Add(maxExportTime)} {
					if t.After(now) {
						wake = sooner(wake, t)
					}
				}
			}
		}
		for {
			effect, at := job.Next(now, r.excluded(job, now)...)
			if effect == EffectNone {
				wake = sooner(wake, at)
				break
			}
			if err := r.perform(ctx, job, effect); err != nil {
				return wake, err
			}
		}
	}
	if r.stop == nil {
		wake = sooner(wake, r.watchAll(ctx, now))
	}
	return wake, nil
}

// sooner returns the earlier of two times. A zero time is never reached.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// excluded lists the effects of a job that are not allowed now.
func (r *run) excluded(job *Job, now time.Time) []Effect {
	except := slices.Clone(r.busy[job])
	transfers := []Effect{EffectDownload, EffectVerify, EffectStore, EffectTransfer}
	if r.stop != nil {
		except = append(except, EffectStart, EffectSearch, EffectDelete)
		except = append(except, transfers...)
		if !r.releasing || r.active >= maxReleasing {
			except = append(except, EffectWait, EffectList, EffectUnlock)
		}
		return except
	}
	if job.toBeStarted() { // the method start begins these effects
		except = append(except, EffectStart, EffectSearch)
	}
	if r.isWatched(job, now) {
		except = append(except, EffectWait)
	}
	switch {
	case r.moving >= r.opts.Transfers:
		except = append(except, transfers...)
	case r.full:
		except = append(except, EffectDownload)
	}
	return except
}

// maxReleasing limits the concurrent effects of a run that ends. After a rate limit,
// only these requests are refused.
const maxReleasing = 2

// holding counts the archives on disk that wait for the Store.
func (r *run) holding() (n int) {
	for _, job := range r.live {
		s := &job.State
		if r.opts.Store != nil && s.Outcome == OutcomeExported && !s.Stored && (s.Archive != nil || slices.Contains(r.busy[job], EffectDownload)) {
			n++
		}
	}
	return n
}

// perform starts a goroutine that performs an effect on a copy of the job.
func (r *run) perform(ctx context.Context, job *Job, effect Effect) error {
	if effect == EffectStart || effect == EffectDelete {
		job.Begin(effect, r.newest)
		if err := r.journal.save(job); err != nil {
			return err
		}
	}
	r.active++
	r.busy[job] = append(r.busy[job], effect)
	if moves(effect) {
		r.moving++
	}
	snapshot := *job
	if effect == EffectSearch {
		snapshot.elsewhere = knownMigrations(r.journal.jobs)
	}
	go func() {
		r.results <- result{job: job, effect: effect, Result: Perform(ctx, r.acct, &snapshot, effect)}
	}()
	return nil
}

// moves reports whether an effect moves an archive.
func moves(e Effect) bool {
	return e == EffectDownload || e == EffectVerify || e == EffectStore || e == EffectTransfer
}

// apply applies the result of an effect.
func (r *run) apply(res result) error {
	job, now := res.job, time.Now()
	r.busy[job] = slices.DeleteFunc(r.busy[job], func(e Effect) bool { return e == res.effect })
	if len(r.busy[job]) == 0 {
		delete(r.busy, job)
	}
	if moves(res.effect) {
		r.moving--
	}
	if res.effect == EffectStart {
		r.starting = false
	}
	if r.stop != nil && !r.releasing && res.Class != ClassNone && res.effect != EffectStart { // the run has canceled the effect
		return nil
	}
	before := job.State
	stop := job.Apply(res.effect, res.Result, now)
	stop = r.tally.Started(job, res.effect, res.Result, now) || stop
	if res.Class == ClassWait && now.Add(res.After).After(r.pausedUntil) {
		r.pausedUntil = now.Add(res.After)
	}
	err := res.error()
	if stop && r.stop == nil {
		r.stop = fmt.Errorf("batch %s: %s: %w", job.ID, res.effect, err)
	}
	if res.effect == EffectDownload && isDiskFull(err) { // several downloads may have filled it together
		r.opts.Transfers = 1
	}
	if job.State.Parked != "" && before.Parked == "" {
		r.parked = append(r.parked, fmt.Errorf("batch %s: %s: after %v: %w", job.ID, res.effect, maxRetryTime, err))
	}
	return r.note(job, res.effect, res.Result, &before)
}

// note saves a job that has changed, emits an event, and plans the successors of
// a job that is over. Before is the state before the change.
func (r *run) note(job *Job, effect Effect, res Result, before *State) error {
	s := &job.State
	r.newest = max(r.newest, s.Migration)
	ended := s.Outcome != before.Outcome
	if ended {
		r.tally.Ended(job)
		if s.Outcome != OutcomeExported {
			r.lastFailure = Result{Reason: s.Reason, err: res.err}.error()
		}
	}
	temporary := res.Class == ClassRetry || res.Class == ClassWait || res.Class == ClassRun
	if ended || !temporary || effect == EffectStart || s.Parked != before.Parked || len(s.Released) != len(before.Released) {
		if err := r.journal.save(job); err != nil {
			return err
		}
	}
	if ended || s.InStore && !before.InStore {
		if err := job.Clear(); err != nil {
			r.emit(Event{Kind: EventWaiting, Err: err}) // finish and the next call try again
		}
	}
	r.count(job)
	job.Report(effect, res, before)
	if err := r.saveTally(); err != nil {
		return err
	}
	return r.settle(job)
}

// settle puts a job into live or pending. It replaces a job that is over by its
// successors.
func (r *run) settle(job *Job) error {
	is := func(j *Job) bool { return j == job }
	r.live, r.pending = slices.DeleteFunc(r.live, is), slices.DeleteFunc(r.pending, is)
	if !job.Over() || len(r.busy[job]) > 0 {
		if job.toBeStarted() && len(r.busy[job]) == 0 {
			r.pending = slices.Insert(r.pending, 0, job)
		} else {
			r.live = append(r.live, job)
		}
		return nil
	}
	r.count(job)
	job.emit(job.event(EventOver))
	next := append(r.unknown(r.tally.Over(job)), job.twinUnlocks(r.journal.known, false)...)
	if len(next) == 0 {
		return nil
	}
	if err := r.plan(next); err != nil {
		return err
	}
	e := job.event(EventReplaced)
	for _, n := range next {
		if !n.UnlockOnly {
			e.Next = append(e.Next, n.ID)
		}
	}
	if len(e.Next) > 0 {
		job.emit(e)
	}
	r.enlist(true, next...)
	return nil
}

// enlist adds jobs to live and pending. If first is set, they precede the other
// pending jobs: Run starts successors first, to find the repository that fails.
func (r *run) enlist(first bool, jobs ...*Job) {
	var begun, waiting []*Job
	for _, job := range jobs {
		switch {
		case job.Over():
		case job.toBeStarted():
			waiting = append(waiting, job)
		default:
			begun = append(begun, job)
		}
	}
	r.live = append(r.live, begun...)
	if first {
		r.pending = append(waiting, r.pending...)
	} else {
		r.pending = append(r.pending, waiting...)
	}
}

// plan adds jobs to the run.
func (r *run) plan(jobs []*Job) error {
	if len(jobs) == 0 {
		return nil
	}
	for _, job := range jobs {
		r.adopt(job)
	}
	return r.journal.plan(jobs)
}

// unknown returns the jobs that are not in the journal.
func (r *run) unknown(jobs []*Job) []*Job {
	var unknown []*Job
	for _, job := range jobs {
		if r.journal.known[job.ID] == nil {
			unknown = append(unknown, job)
		}
	}
	return unknown
}
