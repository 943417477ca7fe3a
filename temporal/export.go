package temporal

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/ghmigrate/ghmigrate/export"
)

// Export is the workflow that exports one organization or user. Start it with
// [Order.WorkflowID]: a second export of the same account is then refused while the
// first one runs. Export returns when every repository is in a verified archive in
// the bucket, or has a row in the manifest that says why it is not.
//
// After an hour of trouble, a refused token or failures of everything, Export waits
// for [Order].Pause and tries again, for a day of such pauses. A canceled Export
// starts nothing more, waits for the ends of exports that lock repositories, unlocks
// them, and returns a canceled error whose details are the [Summary].
//
// Bad orders, accounts that are not there, tokens without rights and buckets that
// refuse objects fail the workflow before anything is started.
func Export(ctx workflow.Context, order Order) (*Summary, error) {
	if err := order.check(); err != nil {
		return nil, fatal(err)
	}
	x := &exporter{order: order.withDefaults(), busy: map[int][]export.Effect{}, token: workflow.NewMutex(ctx), granted: map[string]bool{}}
	x.order.Continued = nil
	if err := workflow.SetQueryHandler(ctx, ProgressQuery, func() (Progress, error) { return x.progress(workflow.Now(ctx)), nil }); err != nil {
		return nil, err
	}
	if order.Continued == nil {
		if err := x.plan(ctx); err != nil {
			return nil, err
		}
	} else if err := json.Unmarshal(order.Continued, &x.memory); err != nil {
		return nil, fatal(fmt.Errorf("Order.Continued: %w", err))
	}
	if err := x.setAttribute(ctx); err != nil {
		return nil, err
	}
	x.order.Repositories = nil // the plan has them
	return x.run(ctx)
}

// An exporter is one run of the workflow Export. Its coroutines take turns, so that
// nothing needs a mutex.
type exporter struct {
	order Order
	memory
	news     []news
	busy     map[int][]export.Effect // effects under way, by batch
	active   int                     // activities under way, and leases that are waited for
	moving   int                     // archives under way
	starting bool
	loading  bool
	draining bool // the workflow is about to continue as new
	canceled bool
	watched  []int64  // migrations to poll
	unsaved  []*batch // settled, and not in the bucket yet
	saving   bool
	wakeAt   time.Time      // of the timer that runs
	rung     bool           // it has fired
	token    workflow.Mutex // around signals to the token's workflow
	tickets  int
	granted  map[string]bool
}

// plan makes the run.
func (x *exporter) plan(ctx workflow.Context) error {
	var p planned
	if err := workflow.ExecuteActivity(planning(ctx), planActivity, x.order).Get(ctx, &p); err != nil {
		return err
	}
	x.head = head{
		Account: p.Account, Run: p.Run, Begun: workflow.Now(ctx).UTC(), Tally: new(export.Tally), Pages: p.Pages, Made: p.Jobs, All: p.Repositories,
	}
	return nil
}

func (x *exporter) setAttribute(ctx workflow.Context) error {
	if x.order.SearchAttribute == "" {
		return nil
	}
	return workflow.UpsertTypedSearchAttributes(ctx, temporal.NewSearchAttributeKeyKeyword(x.order.SearchAttribute).ValueSet(x.Account))
}

// run decides and acts until the export is over. What it begins goes on after a
// cancel, but for transfers: locks are still to be released.
func (x *exporter) run(ctx workflow.Context) (*Summary, error) {
	lasting, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	workflow.Go(lasting, x.receiveGrants)
	workflow.Go(lasting, x.receiveLimits)
	workflow.Go(lasting, x.remind)
	workflow.Go(lasting, x.poll)
	for {
		info := workflow.GetInfo(ctx)
		x.canceled = ctx.Err() != nil
		x.draining = info.GetContinueAsNewSuggested() || x.order.MaxEvents > 0 && info.GetCurrentHistoryLength() > x.order.MaxEvents
		d := x.decide(lasting)
		for _, b := range d.Begin {
			x.begin(ctx, lasting, b)
		}
		if d.Load {
			x.request(lasting, x.load)
		}
		if d.Remain {
			x.request(lasting, x.remain)
		}
		x.save(lasting)
		switch idle := x.active == 0 && len(x.news) == 0; {
		case d.Finish && idle:
			return x.finish(ctx, lasting)
		case x.draining && idle:
			return nil, x.continueAsNew(ctx)
		}
		if err := x.await(ctx, lasting, d.Wake); err != nil {
			return nil, err
		}
	}
}

// decide records a decision in the history, and applies it.
func (x *exporter) decide(ctx workflow.Context) decision {
	d := x.record(ctx, func(t *turn) decision { return t.decide(x.news) })
	x.news, x.watched = nil, d.Watch
	return d
}

func (x *exporter) record(ctx workflow.Context, turnTo func(*turn) decision) decision {
	now, log := workflow.Now(ctx), logTo(workflow.GetLogger(ctx).Info)
	encoded := workflow.SideEffect(ctx, func(workflow.Context) any {
		busy := map[int][]export.Effect{}
		for n, effects := range x.busy {
			busy[n] = slices.Clone(effects)
		}
		return turnTo(&turn{
			memory: &x.memory, now: now, order: x.order, busy: busy, active: x.active, moving: x.moving, starting: x.starting,
			loading: x.loading, draining: x.draining, canceled: x.canceled, log: log, changed: map[int]*batch{},
		})
	})
	var d decision
	if err := encoded.Get(&d); err != nil {
		panic(fmt.Sprintf("decode a decision: %v", err)) // fails the workflow task, which is tried again
	}
	x.head = d.Head
	for _, b := range d.Changed {
		x.Batches = slices.DeleteFunc(x.Batches, func(old *batch) bool { return old.N == b.N })
		if b.Settled {
			x.unsaved = append(x.unsaved, b)
		} else {
			x.Batches = append(x.Batches, b)
		}
	}
	x.sort()
	return d
}

// tell leaves news for the next turn.
func (x *exporter) tell(n news) { x.news = append(x.news, n) }

// await waits for news, a cancel, or the time to decide again.
func (x *exporter) await(ctx, lasting workflow.Context, wake time.Duration) error {
	now := workflow.Now(ctx)
	if at := now.Add(wake); wake > 0 && (x.wakeAt.IsZero() || !x.wakeAt.After(now) || at.Before(x.wakeAt)) {
		x.wakeAt = at
		timer := workflow.NewTimer(lasting, wake)
		workflow.Go(lasting, func(ctx workflow.Context) {
			if timer.Get(ctx, nil) == nil && x.wakeAt.Equal(at) {
				x.rung, x.wakeAt = true, time.Time{}
			}
		})
	}
	err := workflow.Await(lasting, func() bool { return len(x.news) > 0 || x.rung || !x.canceled && ctx.Err() != nil })
	x.rung = false
	return err
}

// request performs a request that makes jobs. There is one at a time.
func (x *exporter) request(ctx workflow.Context, do func(workflow.Context)) {
	x.loading = true
	x.active++
	workflow.Go(ctx, func(ctx workflow.Context) {
		do(ctx)
		x.loading = false
		x.active--
	})
}

// load loads the next page of the plan.
func (x *exporter) load(ctx workflow.Context) {
	var jobs []*export.Job
	if err := workflow.ExecuteActivity(storing(ctx), pageActivity, x.Run, x.Loaded).Get(ctx, &jobs); err != nil {
		x.fail("load the plan", err)
		return
	}
	x.tell(func(t *turn) { t.loaded(jobs) })
}

// remain asks for the jobs that are left when all others are over, and for late
// twins. They need all jobs of the run to be in the bucket.
func (x *exporter) remain(ctx workflow.Context) {
	_ = workflow.Await(ctx, func() bool { return !x.saving && len(x.unsaved) == 0 })
	last := len(x.Batches) == 0
	var jobs []*export.Job
	live := make([]*export.Job, 0, len(x.Batches))
	for _, b := range x.Batches {
		live = append(live, b.Job)
	}
	if err := workflow.ExecuteActivity(requesting(ctx), remainingActivity, x.order, x.Run, x.Tally, live).Get(ctx, &jobs); err != nil {
		x.fail("plan the remaining work", err)
		return
	}
	x.tell(func(t *turn) { t.remaining(jobs, last) })
}

// fail pauses the export after an error of an activity. Temporal has retried errors
// that may pass.
func (x *exporter) fail(doing string, err error) {
	x.tell(func(t *turn) { t.pause(fmt.Sprintf("%s: %v", doing, err)) })
}

// save puts settled batches into the bucket, several at a time.
func (x *exporter) save(ctx workflow.Context) {
	if x.saving || len(x.unsaved) == 0 {
		return
	}
	x.saving = true
	x.active++
	workflow.Go(ctx, func(ctx workflow.Context) {
		for len(x.unsaved) > 0 {
			some := slices.Clone(x.unsaved[:min(len(x.unsaved), pageSize)])
			if err := workflow.ExecuteActivity(storing(ctx), saveActivity, x.Run, some).Get(ctx, nil); err != nil {
				workflow.GetLogger(ctx).Error("save batches", "error", err)
				_ = workflow.Sleep(ctx, time.Minute)
				continue
			}
			x.unsaved = x.unsaved[len(some):]
		}
		x.saving = false
		x.active--
		x.tell(func(*turn) {})
	})
}

// begin begins an effect.
func (x *exporter) begin(ctx, lasting workflow.Context, b begin) {
	effects := []export.Effect{b.Effect}
	do := x.effect
	switch {
	case slices.Contains(transfers, b.Effect):
		effects, do, lasting = transfers, x.transfer, ctx
		x.moving++
	case b.Effect == export.EffectStart:
		do = x.start
		x.starting = true
	case b.Effect == export.EffectUnlock, b.Effect == export.EffectDelete:
		do = x.change
	}
	x.active++
	x.busy[b.N] = append(x.busy[b.N], effects...)
	workflow.Go(lasting, func(ctx workflow.Context) {
		result := do(ctx, b)
		x.active--
		x.busy[b.N] = slices.DeleteFunc(x.busy[b.N], func(e export.Effect) bool { return slices.Contains(effects, e) })
		if len(effects) > 1 {
			x.moving--
		}
		if b.Effect == export.EffectStart {
			x.starting = false
		}
		x.tell(result)
	})
}

// effect performs an effect that changes nothing at GitHub.
func (x *exporter) effect(ctx workflow.Context, b begin) news {
	return x.perform(requesting(ctx), performActivity, b, nil)
}

// transfer moves an archive to the bucket.
func (x *exporter) transfer(ctx workflow.Context, b begin) news {
	return x.perform(transferring(ctx), transferActivity, b, nil)
}

// change performs an effect that changes something at GitHub, with the lease of
// the token.
func (x *exporter) change(ctx workflow.Context, b begin) news {
	release := x.lease(ctx)
	return x.perform(requesting(ctx), performActivity, b, release)
}

// start starts a migration. The intent is in the history before the request is sent,
// and the activity has one attempt: if its end is not known, the migration is
// searched for.
func (x *exporter) start(ctx workflow.Context, b begin) news {
	release := x.lease(ctx)
	if x.canceled {
		release(0)
		return func(*turn) {}
	}
	var look *looked
	if b.Look {
		look = new(looked)
		if err := workflow.ExecuteActivity(requesting(ctx), newestActivity, x.order).Get(ctx, look); err != nil {
			release(0)
			return func(t *turn) { t.pause(fmt.Sprintf("look for the newest migration: %v", err)) }
		}
		if look.Wait > 0 {
			release(look.Wait)
			return func(t *turn) { t.limited(look.Wait) }
		}
	}
	x.record(ctx, func(t *turn) decision {
		t.beginStart(b.N, look)
		return t.end()
	})
	return x.perform(once(ctx), performActivity, b, release)
}

// perform performs effects of a batch in an activity, and returns their results as
// news. Release, if not nil, gives the lease of the token back.
func (x *exporter) perform(ctx workflow.Context, name string, b begin, release func(time.Duration)) news {
	var p performed
	err := workflow.ExecuteActivity(ctx, name, task{x.order, x.batch(b.N).Job, b.Effect, workflow.Now(ctx)}).Get(ctx, &p)
	switch {
	case release != nil:
		release(p.Wait)
	case p.Wait > 0:
		x.report(ctx, p.Wait)
	}
	switch {
	case temporal.IsCanceledError(err):
		return func(*turn) {}
	case err != nil && b.Effect == export.EffectStart:
		workflow.GetLogger(ctx).Warn("the result of a start is lost", "batch", b.N, "error", err)
		return func(t *turn) { t.interrupted(b.N) }
	case err != nil:
		return func(t *turn) {
			t.performed(b.N, []effectResult{{b.Effect, export.Result{Class: export.ClassRetry, Reason: err.Error()}}})
		}
	}
	return func(t *turn) {
		t.limited(p.Wait)
		t.performed(b.N, p.Results)
	}
}

// poll has one activity look at all migrations that GitHub exports. Its retries are
// the pauses between two looks: they take no worker and no event.
func (x *exporter) poll(ctx workflow.Context) {
	for {
		if workflow.Await(ctx, func() bool { return len(x.watched) > 0 && !x.draining }) != nil {
			return
		}
		x.active++
		ids := slices.Clone(x.watched)
		looking, cancel := workflow.WithCancel(ctx)
		look := workflow.ExecuteActivity(polling(looking), pollActivity, x.order, ids)
		_ = workflow.Await(ctx, func() bool { return look.IsReady() || x.draining || !contains(ids, x.watched) || len(x.watched) == 0 })
		cancel()
		var seen []sight
		err := look.Get(ctx, &seen)
		if err != nil && !temporal.IsCanceledError(err) {
			seen = unseen(ids)
		}
		x.active--
		x.tell(func(t *turn) { t.seen(seen) })
		_ = workflow.Await(ctx, func() bool { return len(x.news) == 0 })
	}
}

// contains reports whether all has each of some.
func contains(all, some []int64) bool {
	return !slices.ContainsFunc(some, func(id int64) bool { return !slices.Contains(all, id) })
}

// continueAsNew begins another history, with what this one knows.
func (x *exporter) continueAsNew(ctx workflow.Context) error {
	x.head.Continued++
	carried, err := json.Marshal(x.memory)
	if err != nil {
		return fatal(err)
	}
	next := x.order
	next.Continued = carried
	return workflow.NewContinueAsNewError(ctx, ExportWorkflow, next)
}

// finish writes the manifest.
func (x *exporter) finish(ctx, lasting workflow.Context) (*Summary, error) {
	f := finishing{Account: x.Account, Run: x.Run, Start: x.order.Start, Begun: x.Begun, Live: x.Batches, Problem: x.Problem}
	if x.Releasing.IsZero() {
		f.Ended = workflow.Now(ctx).UTC()
	}
	var s Summary
	if err := workflow.ExecuteActivity(storing(lasting), finishActivity, f).Get(lasting, &s); err != nil {
		return nil, err
	}
	s.Continued = x.Continued
	if x.canceled {
		return nil, temporal.NewCanceledError(s)
	}
	return &s, nil
}

// progress answers the query.
func (x *exporter) progress(now time.Time) Progress {
	p := Progress{Account: x.Account, Done: x.Done, All: x.All, Moving: x.moving, Bytes: x.Bytes, Problem: x.Problem}
	for _, b := range x.Batches {
		switch s := &b.Job.State; {
		case s.Outcome != export.OutcomeUnknown:
		case s.Migration == 0:
			p.Pending++
		default:
			p.Waiting++
		}
	}
	for _, until := range []time.Time{x.Until, x.Gate} {
		p.Paused = max(p.Paused, until.Sub(now))
	}
	p.Paused = max(p.Paused, 0)
	return p
}

// The options of activities. Errors that may pass are in results: an activity fails
// only if its worker dies, or cannot do its part.

func planning(ctx workflow.Context) workflow.Context {
	return activities(ctx, 2*time.Hour, 2*time.Hour, time.Minute, 0)
}

func requesting(ctx workflow.Context) workflow.Context {
	return activities(ctx, 15*time.Minute, 0, 30*time.Second, 0)
}

// once is for a start: it has one attempt.
func once(ctx workflow.Context) workflow.Context {
	return activities(ctx, 2*time.Minute, 0, 15*time.Second, 1)
}

func polling(ctx workflow.Context) workflow.Context {
	return workflow.WithWaitForCancellation(activities(ctx, 5*time.Minute, 0, 30*time.Second, 0), true)
}

func storing(ctx workflow.Context) workflow.Context {
	return activities(ctx, 15*time.Minute, 0, 30*time.Second, 0)
}

// transferring is for the workers that move archives: they have a task queue of
// their own. An activity that is canceled is waited for: it lets go of its files.
func transferring(ctx workflow.Context) workflow.Context {
	ctx = activities(ctx, 24*time.Hour, 0, 30*time.Second, 0)
	ctx = workflow.WithTaskQueue(ctx, TransferQueue(workflow.GetInfo(ctx).TaskQueueName))
	return workflow.WithWaitForCancellation(ctx, true)
}

func activities(ctx workflow.Context, attempt, all, heartbeat time.Duration, attempts int32) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: attempt, ScheduleToCloseTimeout: all, HeartbeatTimeout: heartbeat,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute, MaximumAttempts: attempts,
		},
	})
}

// TransferQueue is the task queue for transfers beside a task queue for everything
// else: workers for transfers can be scaled alone.
func TransferQueue(queue string) string { return queue + "-transfers" }

// child has options for a workflow that Export or ExportAll starts.
func child(ctx workflow.Context, id string, policy enums.ParentClosePolicy) workflow.Context {
	return workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: id, ParentClosePolicy: policy, WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE, WaitForCancellation: true,
	})
}
