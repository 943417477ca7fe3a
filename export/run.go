package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/internal/durable"
)

// Run exports the repositories and returns when all that can be done is done:
// every repository is in a verified archive, or is named in the
// [*PartialError] that is returned beside the manifest. A run that was ended
// early, by a crash, by its context or by an error, is continued by the next
// call in the same Dir; else a new one begins.
//
// A context that ends lets the requests under way end, and Run then unlocks
// what can be unlocked, which may take it two minutes; what it could not is in
// PartialError.Locked, and the next call tries again.
//
// Without a manifest, an error means that nothing was begun: options that make
// no sense, a Dir that cannot be used ([ErrInUse], [ErrForeign], [ErrDamaged])
// or has an unfinished run that was asked for otherwise ([ErrUnfinished]).
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
	opts    Options
	dir     string // the run's folder
	lock    durable.File
	resumed bool

	poller    *poller
	pacer     pacer
	starting  turn          // of the job that came last
	transfers chan struct{} // held by jobs that move archives
	incident  *incident

	mu       sync.Mutex // guards what follows
	journal  *journal
	broken   error          // of the journal: what is not in it cannot be done
	ids      map[int64]bool // of all migrations in the journal
	highest  int64          // of all that were seen
	starts   map[int]int    // by the number of the job
	started  int            // how many there were before this call
	firsts   int            // how many batches were planned
	isolated int            // how many repositories are being isolated
	systemic bool
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

// requested lists what was asked for.
func (r *run) requested() []string {
	var names []string
	for _, job := range r.journal.jobs {
		if job.isFirst() {
			names = append(names, job.Repositories...)
		}
	}
	return names
}

// adopt lends a job what it needs.
func (r *run) adopt(job *Job) {
	job.Dir, job.Store, job.Save, job.NotBefore = r.dir, r.opts.Store, r.save, time.Time{}
	job.run = &surroundings{disk: r.opts.disk, known: r.known, highest: r.newest, emit: r.emit, pacer: r.pacer}
	r.note(job)
	if job.isFirst() {
		r.firsts++
		r.all += len(job.Repositories)
	}
}

// plan adds jobs to the run.
func (r *run) plan(jobs []*Job) error {
	if len(jobs) == 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.journal.plan(jobs); err != nil {
		return r.breaks(err)
	}
	for _, job := range jobs {
		r.adopt(job)
	}
	return nil
}

// save writes a job's state to the journal.
func (r *run) save(job *Job) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken != nil {
		return r.broken
	}
	r.note(job)
	if err := r.journal.write(line{Job: job.Number, State: &job.State}); err != nil {
		return r.breaks(err)
	}
	return nil
}

func (r *run) breaks(err error) error {
	r.broken = fmt.Errorf("%w: %w", errBroken, err)
	return r.broken
}

// note remembers what the run has to know of all jobs together.
func (r *run) note(job *Job) {
	for _, id := range append(slices.Clone(job.State.Twins), job.State.Migration) {
		r.ids[id] = true
		r.highest = max(r.highest, id)
	}
	r.starts[job.Number] = job.State.Starts
}

func (r *run) known(migration int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ids[migration]
}

func (r *run) newest() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.highest
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
	ctx, stop := context.WithCancelCause(ctx)
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
	if ctx.Err() != nil && len(troubles) == 0 {
		return contextError(ctx)
	}
	return errors.Join(distinct(troubles)...)
}

// distinct leaves out errors that say the same: those of jobs that were
// stopped for one reason.
func distinct(errs []error) []error {
	var all []error
	for _, err := range errs {
		if !slices.ContainsFunc(all, func(e error) bool {
			return e.Error() == err.Error() || errors.Is(err, context.Canceled) && errors.Is(e, context.Canceled)
		}) {
			all = append(all, err)
		}
	}
	return all
}

// look finds the newest migration of the account: what is started from now on
// has a higher ID.
func (r *run) look(ctx context.Context) error {
	var id int64
	err := r.persist(ctx, func() (err error) {
		id, err = newest(ctx, r.acct)
		return err
	}, nil)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.highest = max(r.highest, id)
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

// over takes note that a job has ended, and returns those that take its place.
func (r *run) over(job *Job) ([]*Job, error) {
	r.count(job)
	job.emit(EventOver)
	next := job.Successors()
	systemic := r.incident.sees(job)
	r.mu.Lock()
	r.isolated = r.incident.isolated()
	r.systemic = r.systemic || systemic
	systemic = r.systemic
	r.mu.Unlock()
	if len(next) == 0 {
		return nil, nil
	}
	if systemic && !next[0].UnlockOnly {
		return nil, ErrSystemic // the next call has the successors
	}
	if err := r.plan(next); err != nil {
		return nil, err
	}
	job.emit(EventReplaced)
	return next, nil
}

// count adds to what is done.
func (r *run) count(job *Job) {
	if job.UnlockOnly {
		return
	}
	r.telling.Lock()
	defer r.telling.Unlock()
	if len(job.replacements()) == 0 {
		r.done += len(job.Repositories)
		return
	}
	for _, name := range job.Repositories {
		if job.covers(name) && len(job.State.Faults) == 0 {
			r.done++
		}
	}
}

// mayStart tells whether another start is within bounds. Each call has its own:
// who calls again has had a look, one hopes.
func (r *run) mayStart() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.allStarts()-r.started >= 3*r.firsts+20*r.isolated {
		r.systemic = true
	}
	return !r.systemic
}

func (r *run) allStarts() int {
	total := 0
	for _, n := range r.starts {
		total += n
	}
	return total
}

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
		if job.State.Intent != EffectStart && !r.mayStart() {
			return fmt.Errorf("batch %d: start: %w", job.Number, ErrSystemic)
		}
		err := r.step(ctx, job)
		if _, answered := errors.AsType[*ghmigrate.APIError](err); answered {
			return fmt.Errorf("%w: %w", errRefusesAll, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// errRefusesAll says that GitHub will not start anything for this account.
var errRefusesAll = errors.New("GitHub starts no migrations")

// wait waits, together with all others, until the job's migration is done.
func (r *run) wait(ctx context.Context, job *Job) error {
	return r.persist(ctx, func() error {
		m, err := r.poller.await(ctx, job.State.Migration)
		switch {
		case errors.Is(err, ghmigrate.ErrNotFound) && !errors.Is(err, ghmigrate.ErrMissingScope):
			return job.vanish(err)
		case err != nil:
			return fmt.Errorf("batch %d: wait: %w", job.Number, err)
		}
		return job.observe(m)
	}, job)
}

func (r *run) transfer(ctx context.Context, job *Job) error {
	select {
	case r.transfers <- struct{}{}:
	case <-ctx.Done():
		return contextError(ctx)
	}
	defer func() { <-r.transfers }()
	return r.step(ctx, job)
}

const (
	// How long something may go on failing for reasons that may pass.
	maxTrouble = time.Hour
	// The pauses between two tries: they double.
	troubleMin = 5 * time.Second
	troubleMax = 5 * time.Minute
)

// persist does something until it succeeds, or fails for a reason that stays,
// or has failed for too long. Rate limits do not count.
func (r *run) persist(ctx context.Context, do func() error, job *Job) error {
	var since time.Time
	pause := troubleMin
	for {
		r.mu.Lock()
		gate := r.gate
		r.mu.Unlock()
		if err := sleepUntil(ctx, gate); err != nil {
			return err
		}
		err := do()
		answer, _ := errors.AsType[*ghmigrate.APIError](err)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return err
		case answer != nil && answer.RetryAfter > 0:
			r.mu.Lock()
			r.gate = time.Now().Add(answer.RetryAfter)
			r.mu.Unlock()
			r.waits(job, answer.RetryAfter, err)
			continue
		case !mayPass(err):
			return err
		case since.IsZero():
			since = time.Now()
		case time.Since(since) >= maxTrouble:
			return fmt.Errorf("after %v: %w", maxTrouble, err)
		}
		r.waits(job, pause, err)
		if err := sleepUntil(ctx, time.Now().Add(pause)); err != nil {
			return err
		}
		pause = min(2*pause, troubleMax)
	}
}

func (r *run) waits(job *Job, wait time.Duration, err error) {
	e := Event{Kind: EventWaiting, Wait: wait, Err: err}
	if job != nil {
		e.Job, e.Migration, e.Repositories = job.Number, job.State.Migration, len(job.Repositories)
	}
	r.emit(e)
}

// mayPass tells whether an error may be gone at the next try.
func mayPass(err error) bool {
	if answer, ok := errors.AsType[*ghmigrate.APIError](err); ok {
		return answer.StatusCode >= 500 || errors.Is(err, ghmigrate.ErrArchiveNotReady)
	}
	return !isFatal(err)
}

// isFatal tells whether an error is about everything, and not about one job.
func isFatal(err error) bool {
	if answer, ok := errors.AsType[*ghmigrate.APIError](err); ok {
		return answer.StatusCode < 500 && !errors.Is(err, ghmigrate.ErrNotFound) || errors.Is(err, errRefusesAll)
	}
	_, disk := errors.AsType[*fs.PathError](err)
	return disk || errors.Is(err, errBroken) || errors.Is(err, errNotFetched) || errors.Is(err, durable.ErrLocked) || errors.Is(err, durable.ErrNotRegular)
}

var errBroken = errors.New("the journal cannot be written")

// lateTwins finds migrations that came into being long after the answer to
// their start was lost, and returns the jobs that release their locks.
func (r *run) lateTwins(ctx context.Context) ([]*Job, error) {
	lost := map[string]*Job{}
	var floor int64
	for _, job := range r.journal.jobs {
		if job.State.Lost == 0 || job.UnlockOnly {
			continue
		}
		if len(lost) == 0 || job.State.Floor < floor {
			floor = job.State.Floor
		}
		if key := twinKey(job.Start, job.Repositories); lost[key] == nil {
			lost[key] = job
		}
	}
	if len(lost) == 0 {
		return nil, nil
	}
	found := map[*Job][]int64{}
	err := r.persist(ctx, func() error {
		clear(found)
		for m, err := range r.acct.List(ctx, &ghmigrate.ListOrgMigrationsOptions{OmitRepositories: true}) {
			if err != nil {
				return err
			}
			if m.ID <= floor {
				break
			}
			if r.known(m.ID) {
				continue
			}
			job, err := r.twinOf(ctx, m, lost)
			if err != nil {
				return err
			}
			if job != nil {
				found[job] = append(found[job], m.ID)
			}
		}
		return nil
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("look for late migrations: %w", err)
	}
	var jobs []*Job
	for _, job := range r.journal.jobs {
		ids := found[job]
		if len(ids) == 0 {
			continue
		}
		before := len(job.twins())
		job.State.Twins = append(job.State.Twins, ids...)
		if err := r.save(job); err != nil {
			return nil, err
		}
		jobs = append(jobs, job.twins()[min(before, len(job.twins())):]...)
	}
	return jobs, r.plan(jobs)
}

// twinOf finds the job that a migration was started for.
func (r *run) twinOf(ctx context.Context, m *ghmigrate.Migration, lost map[string]*Job) (*Job, error) {
	options := false
	for _, job := range lost {
		options = options || sameOptions(m, job.Start)
	}
	if !options {
		return nil, nil
	}
	var names []string
	for repo, err := range r.acct.ListRepositories(ctx, m.ID, nil) {
		if errors.Is(err, ghmigrate.ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		names = append(names, repo.FullName)
	}
	for _, job := range lost {
		if m.ID > job.State.Floor && sameOptions(m, job.Start) && twinKey(job.Start, names) == twinKey(job.Start, job.Repositories) {
			return job, nil
		}
	}
	return nil, nil
}

// twinKey is the same for the same options and set of repositories.
func twinKey(start ghmigrate.StartMigrationRequest, names []string) string {
	key := optionNames(start)
	for _, name := range names {
		key = append(key, strings.ToLower(name))
	}
	slices.Sort(key)
	return strings.Join(key, "\n")
}

// unlockGrace is how long Run goes on unlocking after its context has ended.
const unlockGrace = 2 * time.Minute

// end writes the manifest if the run is finished, and else releases what it
// can. The error tells what is missing.
func (r *run) end(ctx context.Context, err error) (*Manifest, error) {
	if err != nil && r.broken == nil {
		patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockGrace)
		r.release(patient)
		cancel()
	}
	if err == nil {
		err = r.finish(ctx)
	}
	m := newManifest(r.journal, r.dir)
	partial := &PartialError{Repositories: m.missing(), Locked: m.Locked, Err: err}
	if len(partial.Repositories) == 0 && len(partial.Locked) == 0 && err == nil {
		r.emit(Event{Kind: EventEnded, Repositories: r.all})
		return m, nil
	}
	r.emit(Event{Kind: EventEnded, Repositories: r.all, Err: partial})
	return m, partial
}

// release unlocks what a run that ends early would leave locked, and what is
// done.
func (r *run) release(ctx context.Context) {
	for _, job := range r.journal.jobs {
		if job.State.Migration == 0 || !job.Start.LockRepositories || job.State.Unlocked {
			continue
		}
		if job.State.Outcome == OutcomeUnknown {
			_ = job.look(ctx, r.acct) // what is not known to be done stays in PartialError.Locked
		}
		if job.State.Outcome != OutcomeUnknown && job.owesUnlock() {
			_ = job.unlock(ctx, r.acct)
		}
	}
}

// finish puts the manifest in place and ends the journal.
func (r *run) finish(ctx context.Context) error {
	now := time.Now().UTC()
	m := newManifest(r.journal, r.dir)
	m.Ended = now
	data, err := m.encode()
	if err != nil {
		return err
	}
	if err := writeFile(r.opts.disk, m.path(), data); err != nil {
		return err
	}
	if r.opts.Store != nil {
		name := path.Join(filepath.Base(r.dir), manifestName)
		if err := r.opts.Store.Put(ctx, name, strings.NewReader(string(data)), int64(len(data))); err != nil {
			return fmt.Errorf("put %s: %w", name, err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.journal.write(line{End: &end{At: now}}); err != nil {
		return r.breaks(err)
	}
	r.journal.end = &end{At: now}
	return nil
}
