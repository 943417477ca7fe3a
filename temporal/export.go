package temporal

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/ghmigrate/ghmigrate/export"
)

// Export is the workflow that exports one organization or user. Start it with
// [Order.WorkflowID], so that Temporal refuses a second export of the same account
// while the first one runs. Export returns when every repository is in a verified
// archive in the bucket, or has a row in the manifest that says why it is not.
//
// If errors continue for an hour, if GitHub refuses the token, or if every export
// fails, Export waits for [Order].Pause and tries again. It gives up after 24 pauses
// in a row. A canceled Export starts no migrations, waits until GitHub has finished the
// exports that lock repositories, and unlocks them. It returns a canceled error whose
// details are the [Summary].
//
// A bad order, an unknown account, a token without rights, and a bucket that refuses
// objects fail the workflow before it starts a migration.
func Export(ctx workflow.Context, order Order) (*Summary, error) {
	if err := order.check(); err != nil {
		return nil, fatal(err)
	}
	x := &exporter{order: order.withDefaults(), busy: map[int][]export.Effect{}, signaling: workflow.NewMutex(ctx), granted: map[string]bool{}}
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

// An exporter is one run of the workflow Export. Only one coroutine of a workflow runs
// at a time, so that its fields need no mutex.
type exporter struct {
	order Order
	memory
	news       []news
	busy       map[int][]export.Effect // effects under way, by batch
	active     int                     // activities under way, and requests for leases
	moving     int                     // archives under way
	starting   bool                    // a start is under way
	loading    bool                    // more jobs are being loaded or planned
	draining   bool                    // the workflow is about to continue as new
	full       bool                    // the history is too long to wait for transfers with other work
	canceled   bool
	watched    []int64  // migrations to poll
	unsaved    []*batch // settled, and not yet in the bucket
	saving     bool
	wakeAt     time.Time // of the newest timer; zero if it has fired
	timerFired bool
	signaling  workflow.Mutex  // held while the exporter signals the workflow of the token
	tickets    int             // leases that were requested
	granted    map[string]bool // by ticket: false while the request waits
}

// plan plans the run in an activity.
func (x *exporter) plan(ctx workflow.Context) error {
	var p planResult
	if err := workflow.ExecuteActivity(forPlan(ctx), planActivity, x.order).Get(ctx, &p); err != nil {
		return err
	}
	x.head = head{
		Account: p.Account, Run: p.Run, Begun: workflow.Now(ctx).UTC(), Tally: new(export.Tally), Pages: p.Pages, Made: p.Jobs, All: p.Repositories,
	}
	return nil
}

// setAttribute sets the search attribute of the order to the account.
func (x *exporter) setAttribute(ctx workflow.Context) error {
	if x.order.SearchAttribute == "" {
		return nil
	}
	return workflow.UpsertTypedSearchAttributes(ctx, temporal.NewSearchAttributeKeyKeyword(x.order.SearchAttribute).ValueSet(x.Account))
}

// run decides and acts until the export is over. A cancel ends transfers only: all
// other work goes on with a detached context, because it releases locks.
func (x *exporter) run(ctx workflow.Context) (*Summary, error) {
	detached, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	workflow.Go(detached, x.receiveGrants)
	workflow.Go(detached, x.receiveLimits)
	workflow.Go(detached, x.repeatRequests)
	workflow.Go(detached, x.poll)
	for {
		info := workflow.GetInfo(ctx)
		x.canceled = x.Canceled || ctx.Err() != nil
		x.draining = info.GetContinueAsNewSuggested() || x.order.MaxEvents > 0 && info.GetCurrentHistoryLength() > x.order.MaxEvents
		x.full = info.GetCurrentHistoryLength() > maxDrainEvents || info.GetCurrentHistorySize() > maxDrainBytes
		d := x.decide(detached)
		for _, s := range d.Begin {
			x.begin(ctx, detached, s)
		}
		if d.Load {
			x.addJobs(detached, x.loadPage)
		}
		if d.Remain {
			x.addJobs(detached, x.planRemaining)
		}
		x.save(detached)
		switch idle := x.active == 0 && len(x.news) == 0; {
		case d.Finish && idle:
			return x.finish(ctx, detached)
		case x.draining && idle:
			return nil, x.continueAsNew(ctx)
		}
		if err := x.await(ctx, detached, d.Wake); err != nil {
			return nil, err
		}
	}
}

// Temporal terminates a workflow whose history has 51,200 events or 50 MB. It suggests
// to continue as new after 4,096 events or 4 MB.
const (
	maxDrainEvents = 20_000
	maxDrainBytes  = 20 << 20
)

// quiet reports whether the export begins nothing before it continues as new. While
// transfers are under way, which may take a day, it still polls and unlocks.
func (x *exporter) quiet() bool { return x.draining && (x.moving == 0 || x.full) }

// decide makes the next decision from the news.
func (x *exporter) decide(ctx workflow.Context) decision {
	d := x.recordDecision(ctx, func(t *turn) decision { return t.decide(x.news) })
	x.news, x.watched = nil, d.Watch
	return d
}

// recordDecision makes a decision in a side effect, which records it in the history,
// and applies it to the memory. During a replay, the decision comes from the history,
// and decide is not called.
func (x *exporter) recordDecision(ctx workflow.Context, decide func(*turn) decision) decision {
	now, log := workflow.Now(ctx), logTo(workflow.GetLogger(ctx).Info)
	encoded := workflow.SideEffect(ctx, func(workflow.Context) any {
		busy := map[int][]export.Effect{}
		for n, effects := range x.busy {
			busy[n] = slices.Clone(effects)
		}
		return decide(&turn{
			memory: &x.memory, now: now, order: x.order, busy: busy, active: x.active, moving: x.moving, starting: x.starting,
			loading: x.loading, draining: x.draining, quiet: x.quiet(), canceled: x.canceled, log: log, changed: map[int]*batch{},
		})
	})
	var d decision
	if err := encoded.Get(&d); err != nil {
		panic(fmt.Sprintf("decode a decision: %v", err)) // fails the workflow task, which Temporal retries
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

// tell adds news for the next turn.
func (x *exporter) tell(n news) { x.news = append(x.news, n) }

// await waits for news, a cancel, or the end of wake. A wake of 0 never ends.
func (x *exporter) await(ctx, detached workflow.Context, wake time.Duration) error {
	now := workflow.Now(ctx)
	if at := now.Add(wake); wake > 0 && (x.wakeAt.IsZero() || !x.wakeAt.After(now) || at.Before(x.wakeAt)) {
		x.wakeAt = at
		timer := workflow.NewTimer(detached, wake)
		workflow.Go(detached, func(ctx workflow.Context) {
			if timer.Get(ctx, nil) == nil && x.wakeAt.Equal(at) {
				x.timerFired, x.wakeAt = true, time.Time{}
			}
		})
	}
	err := workflow.Await(detached, func() bool { return len(x.news) > 0 || x.timerFired || !x.canceled && ctx.Err() != nil })
	x.timerFired = false
	return err
}

// continueAsNew returns the error that begins another history with the memory.
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

// finish writes the manifest, and returns the summary.
func (x *exporter) finish(ctx, detached workflow.Context) (*Summary, error) {
	f := finishTask{Account: x.Account, Run: x.Run, Start: x.order.Start, Begun: x.Begun, Live: x.Batches, Problem: x.Problem}
	if x.ReleasingSince.IsZero() {
		f.Ended = workflow.Now(ctx).UTC()
	}
	var s Summary
	if err := workflow.ExecuteActivity(forFinish(detached), finishActivity, f).Get(detached, &s); err != nil {
		return nil, err
	}
	s.Continued = x.Continued
	if x.canceled {
		return nil, temporal.NewCanceledError(s)
	}
	return &s, nil
}
