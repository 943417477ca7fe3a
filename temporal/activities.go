package temporal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"gocloud.dev/blob"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/blobstore"
	"github.com/ghmigrate/ghmigrate/export"
)

// Activities talk to GitHub and to the bucket. A worker registers one value for all
// accounts: see [Register].
type Activities struct {
	// Account returns the account of an order, with a client for its token. A client
	// for one token should serve all orders: it then knows how many requests are left.
	// Give it [ghmigrate.WithMaxRateLimitWait](0), so that no worker waits for a rate
	// limit.
	Account func(ctx context.Context, order Order) (export.Account, error)

	// Bucket receives archives, manifests, and the state of runs. All workers have
	// the same bucket.
	Bucket *blob.Bucket

	// Scratch is a folder for archives on their way, without [Order].Stream. If
	// workers share it, a download that a dead worker began is resumed.
	Scratch string
}

// pageSize is how many jobs a page of the plan has.
const pageSize = 20

// planned tells what plan has put into the bucket.
type planned struct {
	Account      string `json:"account"`
	Run          string `json:"run"`
	Jobs         int    `json:"jobs"`
	Pages        int    `json:"pages"`
	Repositories int    `json:"repositories"`
}

// plan checks the account, the token and the bucket, and puts the plan of the run
// into the bucket.
func (a *Activities) plan(ctx context.Context, order Order) (*planned, error) {
	stop := beat(ctx)
	defer stop()
	acct, err := a.account(ctx, order)
	if err != nil {
		return nil, err
	}
	if _, err := identify(ctx, acct, order.options(order.Repositories)); err != nil {
		return nil, err
	}
	store := blobstore.New(a.Bucket)
	report, err := export.Preflight(ctx, acct, store)
	if err != nil {
		return nil, explain(err)
	}
	if !report.OK() {
		return nil, fatal(errors.New(strings.Join(report.Problems, "; "))) //nolint:err113 // for people
	}
	names, err := a.repositories(ctx, acct, order)
	if err != nil {
		return nil, err
	}
	opts := order.options(names)
	account, err := identify(ctx, acct, opts)
	if err != nil {
		return nil, err
	}
	opts.Run, opts.Store, opts.Stream = export.NameRun(account, time.Now()), store, order.Stream
	debts, err := a.previous(ctx, &opts)
	if err != nil {
		return nil, err
	}
	_, jobs, err := export.Plan(opts)
	if err != nil {
		return nil, fatal(err)
	}
	jobs = append(debts, jobs...)
	p := &planned{Account: account, Run: opts.Run, Jobs: len(jobs), Repositories: len(names)}
	for page := range slices.Chunk(jobs, pageSize) {
		if err := a.write(ctx, planName(opts.Run, p.Pages), page); err != nil {
			return nil, err
		}
		p.Pages++
	}
	return p, nil
}

// identify returns the name of the account. Options that fit no account, or not this
// one, are fatal errors.
func identify(ctx context.Context, acct export.Account, opts export.Options) (string, error) {
	if _, _, err := export.Plan(opts); err != nil {
		return "", fatal(err)
	}
	account, err := export.Identify(ctx, acct, opts)
	if err == nil {
		return account, nil
	}
	if acct.Owner() != "" { // GitHub was not asked
		return "", fatal(err)
	}
	if _, without := export.Identify(ctx, acct, export.Options{}); without == nil { // the options are at fault
		return "", fatal(err)
	}
	return "", explain(err)
}

// repositories lists the names that an order asks for.
func (a *Activities) repositories(ctx context.Context, acct export.Account, order Order) (names []string, err error) {
	switch {
	case order.RepositoriesObject != "":
		if err := a.read(ctx, order.RepositoriesObject, &names); err != nil {
			return nil, fatal(fmt.Errorf("RepositoriesObject: %w", err))
		}
	case len(order.Repositories) > 0:
		return order.Repositories, nil
	default:
		for repo, err := range export.Repositories(ctx, acct) {
			if err != nil {
				return nil, explain(err)
			}
			if (!order.SkipArchived || !repo.Archived) && (!order.SkipForks || !repo.Fork) {
				names = append(names, repo.FullName)
			}
		}
	}
	if len(names) == 0 {
		return nil, fatal(fmt.Errorf("%s: no repositories to export", acct))
	}
	return names, nil
}

// latest names the newest run of an account.
type latest struct {
	Run string `json:"run"`
}

// previous finds the run before in the bucket: the repositories that failed in it
// are isolated, and its locks are released.
func (a *Activities) previous(ctx context.Context, opts *export.Options) ([]*export.Job, error) {
	var l latest
	switch err := a.read(ctx, latestName(opts.Run), &l); {
	case isAbsent(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	var m export.Manifest
	if err := a.read(ctx, manifestName(l.Run), &m); err != nil {
		return nil, err
	}
	opts.Previous = &m
	if len(m.Locked) == 0 {
		return nil, nil
	}
	batches, err := a.batches(ctx, l.Run)
	return export.Debts(jobsOf(batches), opts.Run), err
}

// page returns a page of the plan.
func (a *Activities) page(ctx context.Context, run string, n int) (jobs []*export.Job, err error) {
	return jobs, a.read(ctx, planName(run, n), &jobs)
}

// looked is the account's newest migration.
type looked struct {
	Newest int64         `json:"newest"`
	Wait   time.Duration `json:"wait,omitzero"` // a rate limit
}

// newest looks for the account's newest migration.
func (a *Activities) newest(ctx context.Context, order Order) (*looked, error) {
	acct, err := a.account(ctx, order)
	if err != nil {
		return nil, err
	}
	id, err := export.Newest(ctx, acct)
	if wait := pauseOf(err); wait > 0 {
		return &looked{Wait: wait}, nil
	}
	if err != nil {
		return nil, patient(ctx, err)
	}
	return &looked{Newest: id, Wait: quotaPause(acct)}, nil
}

// A task is an effect of a job.
type task struct {
	Order  Order         `json:"order"`
	Job    *export.Job   `json:"job"`
	Effect export.Effect `json:"effect"`
	Now    time.Time     `json:"now"` // the workflow's time
}

// A clock tells the workflow's time, which dates everything in a job. The clock of
// this machine may be ahead of it.
type clock struct{ ahead time.Duration }

func (t task) clock(ctx context.Context) clock {
	info := activity.GetInfo(ctx)
	return clock{time.Since(t.Now.Add(info.StartedTime.Sub(info.ScheduledTime)))}
}

func (c clock) now() time.Time { return time.Now().Add(-c.ahead) }

// perform is export.Perform, which goes by the clock of this machine.
func (c clock) perform(ctx context.Context, acct export.Account, job *export.Job, effect export.Effect) export.Result {
	dated := *job
	if !dated.State.Ended.IsZero() {
		dated.State.Ended = dated.State.Ended.Add(c.ahead)
	}
	r := export.Perform(ctx, acct, &dated, effect)
	if !r.Asked.IsZero() {
		r.Asked = r.Asked.Add(-c.ahead)
	}
	return r
}

// An effectResult is what has become of an effect.
type effectResult struct {
	Effect export.Effect `json:"effect"`
	Result export.Result `json:"result"`
}

// performed are the results of a task.
type performed struct {
	Results []effectResult `json:"results"`
	Wait    time.Duration  `json:"wait,omitzero"` // how long the token wants no request
}

// perform performs one effect that moves no archive.
func (a *Activities) perform(ctx context.Context, t task) (*performed, error) {
	stop := beat(ctx)
	defer stop()
	acct, err := a.account(ctx, t.Order)
	if err != nil {
		return nil, err
	}
	c := t.clock(ctx)
	r := c.perform(ctx, acct, t.Job, t.Effect)
	if ctx.Err() != nil && r.Class != export.ClassNone {
		return nil, context.Cause(ctx)
	}
	return &performed{[]effectResult{{t.Effect, r}}, max(r.After, quotaPause(acct))}, nil
}

var errStopping = errors.New("the worker stops, and hands the transfer over")

// transfer downloads, verifies and stores an archive: in one activity, because all
// three need the same disk. A worker that stops hands it over at once.
func (a *Activities) transfer(ctx context.Context, t task) (*performed, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-activity.GetWorkerStopChannel(ctx):
			cancel(errStopping)
		case <-ctx.Done():
		}
	}()
	acct, err := a.account(ctx, t.Order)
	if err != nil {
		return nil, err
	}
	job := t.Job
	job.Dir = filepath.Join(a.Scratch, filepath.FromSlash(job.Run))
	job.Store = blobstore.New(a.Bucket)
	log := logTo(activity.GetLogger(ctx).Info)
	moved := new(moved)
	stop := beat(ctx, moved.get)
	defer stop()
	job.Progress = func(e export.Event) {
		moved.set(e)
		log(e)
	}
	p, c := new(performed), t.clock(ctx)
	for effect := t.Effect; ; {
		r := c.perform(ctx, acct, job, effect)
		if err := context.Cause(ctx); err != nil && r.Class != export.ClassNone {
			return nil, handOver(err)
		}
		job.Apply(effect, r, c.now())
		p.Results = append(p.Results, effectResult{effect, r})
		p.Wait = max(r.After, quotaPause(acct))
		if err := job.Clear(); err != nil {
			activity.GetLogger(ctx).Warn("remove an archive that the bucket has", "error", err)
		}
		effect, _ = job.Next(c.now(), export.EffectUnlock, export.EffectDelete, export.EffectList)
		if r.Class != export.ClassNone || !slices.Contains(transfers, effect) {
			return p, nil
		}
	}
}

// handOver has another worker try at once.
func handOver(err error) error {
	if !errors.Is(err, errStopping) {
		return err
	}
	return temporal.NewApplicationErrorWithOptions(err.Error(), "stopping", temporal.ApplicationErrorOptions{
		NextRetryDelay: time.Millisecond, Category: temporal.ApplicationErrorCategoryBenign, // no alert
	})
}

// A sight is what a poll has seen of a migration.
type sight struct {
	Migration int64                    `json:"migration"`
	State     ghmigrate.MigrationState `json:"state,omitempty"` // empty: the poll does not find it
}

// poll looks once at migrations. If no migration has ended, poll returns an error:
// Temporal's next attempt is the next look.
func (a *Activities) poll(ctx context.Context, order Order, ids []int64) ([]sight, error) {
	stop := beat(ctx)
	defer stop()
	acct, err := a.account(ctx, order)
	if err != nil {
		return nil, err
	}
	states := map[int64]ghmigrate.MigrationState{}
	missing := len(ids)
	for m, err := range acct.List(ctx, &ghmigrate.ListOrgMigrationsOptions{OmitRepositories: true}) {
		switch wait := pauseOf(err); {
		case wait > 0:
			return nil, notYet(ctx, err.Error(), wait)
		case err != nil:
			return unseen(ids), nil
		}
		if slices.Contains(ids, m.ID) && states[m.ID] == "" {
			states[m.ID] = cmp.Or(m.State, ghmigrate.StatePending)
			missing--
		}
		if missing == 0 || m.ID < slices.Min(ids) {
			break
		}
	}
	var seen []sight
	for _, id := range ids {
		if state := states[id]; state == "" || state.Done() {
			seen = append(seen, sight{id, state})
		}
	}
	if len(seen) == 0 {
		return nil, notYet(ctx, "no export has ended yet", 0)
	}
	return seen, nil
}

// unseen has every migration looked at by an effect, which knows what to make of
// errors.
func unseen(ids []int64) []sight {
	seen := make([]sight, len(ids))
	for i, id := range ids {
		seen[i].Migration = id
	}
	return seen
}

// notYet has Temporal look again: after 5 seconds first, later after a minute.
func notYet(ctx context.Context, reason string, wait time.Duration) error {
	wait = max(wait, min(5*time.Second<<min(activity.GetInfo(ctx).Attempt/2, 8), time.Minute))
	return temporal.NewApplicationErrorWithOptions(reason, "not yet", temporal.ApplicationErrorOptions{
		NextRetryDelay: wait, Category: temporal.ApplicationErrorCategoryBenign, // no alert
	})
}

// save puts batches that are over into the bucket.
func (a *Activities) save(ctx context.Context, run string, batches []*batch) error {
	for _, b := range batches {
		if err := a.write(ctx, jobName(run, b.N), b); err != nil {
			return err
		}
	}
	return nil
}

// remaining returns the jobs that are left when all others are over: repositories
// that are tried without releases or attachments, and locks of late twins. Live jobs
// are not over, and not in the bucket.
func (a *Activities) remaining(ctx context.Context, order Order, run string, tally *export.Tally, live []*export.Job) ([]*export.Job, error) {
	stop := beat(ctx)
	defer stop()
	acct, err := a.account(ctx, order)
	if err != nil {
		return nil, err
	}
	over, err := a.batches(ctx, run)
	if err != nil {
		return nil, err
	}
	twins := map[int]int{}
	for _, b := range over {
		twins[b.N] = len(b.Job.State.Twins)
	}
	all := append(jobsOf(over), live...)
	jobs, err := export.LateTwins(ctx, acct, all)
	if err != nil {
		return nil, patient(ctx, err)
	}
	changed := slices.DeleteFunc(over, func(b *batch) bool { return len(b.Job.State.Twins) == twins[b.N] })
	if err := a.save(ctx, run, changed); err != nil {
		return nil, err
	}
	if len(live) == 0 {
		jobs = append(jobs, tally.Rest(all)...)
	}
	return jobs[:min(len(jobs), 2*pageSize)], nil
}

// finishing is what the manifest is made of, beside the jobs in the bucket.
type finishing struct {
	Account string                          `json:"account"`
	Run     string                          `json:"run"`
	Start   ghmigrate.StartMigrationRequest `json:"start"`
	Begun   time.Time                       `json:"begun"`
	Ended   time.Time                       `json:"ended,omitzero"` // zero if the run is not finished
	Live    []*batch                        `json:"live,omitempty"` // not over
	Problem string                          `json:"problem,omitempty"`
}

// maxLocked limits the names in a summary.
const maxLocked = 100

// finish writes the manifest, and returns its summary.
func (a *Activities) finish(ctx context.Context, f finishing) (*Summary, error) {
	stop := beat(ctx)
	defer stop()
	slices.SortFunc(f.Live, func(a, b *batch) int { return cmp.Compare(a.N, b.N) })
	if err := a.save(ctx, f.Run, f.Live); err != nil { // the next run releases their locks
		return nil, err
	}
	batches, err := a.batches(ctx, f.Run)
	if err != nil {
		return nil, err
	}
	m := export.NewManifest(f.Account, f.Start, jobsOf(batches))
	m.Run, m.Begun, m.Ended = f.Run, f.Begun, f.Ended
	if err := a.write(ctx, manifestName(f.Run), m); err != nil {
		return nil, err
	}
	if err := a.write(ctx, latestName(f.Run), latest{f.Run}); err != nil {
		return nil, err
	}
	s := &Summary{
		Account: f.Account, Manifest: manifestName(f.Run), Requested: m.Requested, Covered: m.Covered, Reduced: m.Reduced, Starts: m.Starts,
		Adopted: m.Adopted, Locked: m.Locked[:min(len(m.Locked), maxLocked)], Problem: f.Problem,
	}
	if err := m.Err(); err != nil && s.Problem == "" {
		s.Problem = err.Error()
	}
	return s, nil
}

// account returns the account of an order.
func (a *Activities) account(ctx context.Context, order Order) (export.Account, error) {
	acct, err := a.Account(ctx, order)
	if err != nil {
		return nil, fatal(fmt.Errorf("the worker has no client for token %q: %w", order.token(), err))
	}
	return acct, nil
}

// explain tells Temporal whether and when to try again.
func explain(err error) error {
	switch export.Classify(err) { //nolint:exhaustive // all others are final
	case export.ClassRetry:
		return err
	case export.ClassWait:
		return temporal.NewApplicationErrorWithOptions(err.Error(), "rate limit", temporal.ApplicationErrorOptions{NextRetryDelay: pauseOf(err)})
	}
	return fatal(err)
}

// maxRefusals is how often a request that worked before may be refused, half a minute
// apart.
const maxRefusals = 10

// patient is explain for a request that worked before: a refusal may pass.
func patient(ctx context.Context, err error) error {
	explained := explain(err)
	if app, ok := errors.AsType[*temporal.ApplicationError](explained); ok && app.NonRetryable() && activity.GetInfo(ctx).Attempt < maxRefusals {
		return temporal.NewApplicationErrorWithOptions(err.Error(), "refused", temporal.ApplicationErrorOptions{NextRetryDelay: 30 * time.Second})
	}
	return explained
}

// pauseOf is how long GitHub wants no request after an error.
func pauseOf(err error) time.Duration {
	if api, ok := errors.AsType[*ghmigrate.APIError](err); ok {
		return api.RetryAfter
	}
	return 0
}

// quotaPause returns how long the token must rest because few requests are left
// until the limit's reset. A twentieth is kept for requests under way.
func quotaPause(acct export.Account) time.Duration {
	client, ok := acct.(interface{ RateLimit() ghmigrate.RateLimit })
	if !ok {
		return 0
	}
	limit := client.RateLimit()
	if limit.Limit == 0 || limit.Remaining > limit.Limit/20 {
		return 0
	}
	return max(time.Until(limit.Reset), 0)
}
