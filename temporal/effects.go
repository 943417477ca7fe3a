package temporal

import (
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/ghmigrate/ghmigrate/export"
)

// begin performs a step in a coroutine. Transfers get ctx, so that a cancel ends them;
// all other effects get detached.
func (x *exporter) begin(ctx, detached workflow.Context, s step) {
	chosen, effects, do := detached, []export.Effect{s.Effect}, x.read
	moves := slices.Contains(transfers, s.Effect)
	switch {
	case moves:
		chosen, effects, do = ctx, transfers, x.transfer
		x.moving++
	case s.Effect == export.EffectStart:
		do = x.start
		x.starting = true
	case s.Effect == export.EffectUnlock, s.Effect == export.EffectDelete:
		do = x.change
	}
	x.active++
	x.busy[s.N] = append(x.busy[s.N], effects...)
	workflow.Go(chosen, func(ctx workflow.Context) {
		result := do(ctx, s)
		x.active--
		x.busy[s.N] = slices.DeleteFunc(x.busy[s.N], func(e export.Effect) bool { return slices.Contains(effects, e) })
		if moves {
			x.moving--
		}
		if s.Effect == export.EffectStart {
			x.starting = false
		}
		x.tell(result)
	})
}

// read performs an effect that changes nothing at GitHub.
func (x *exporter) read(ctx workflow.Context, s step) news {
	return x.perform(forRequest(ctx), performActivity, s, nil)
}

// transfer moves an archive to the bucket.
func (x *exporter) transfer(ctx workflow.Context, s step) news {
	return x.perform(forTransfer(ctx), transferActivity, s, nil)
}

// change performs an effect that changes something at GitHub, with the lease of
// the token.
func (x *exporter) change(ctx workflow.Context, s step) news {
	release := x.lease(ctx)
	return x.perform(forLease(ctx), performActivity, s, release)
}

// start starts a migration with the lease of the token. The history has the intent
// before the activity sends the request. The activity has one attempt: if its result
// is lost, Export searches for the migration.
func (x *exporter) start(ctx workflow.Context, s step) news {
	release := x.lease(ctx)
	if x.releasing() {
		release(0)
		return func(*turn) {}
	}
	var newest *newestResult
	if workflow.Now(ctx).Sub(x.NewestAt) >= maxNewestAge { // the wait for the lease may have been long
		newest = new(newestResult)
		if err := workflow.ExecuteActivity(forLease(ctx), newestActivity, x.order).Get(ctx, newest); err != nil {
			newest.Failed = notSent(export.ClassRetry, err)
		}
		switch {
		case newest.Failed.Class != export.ClassNone:
			release(0)
			return func(t *turn) {
				t.beginStart(s.N, nil)
				t.performed(s.N, []effectResult{{s.Effect, newest.Failed}})
			}
		case newest.Wait > 0:
			release(newest.Wait)
			return func(t *turn) { t.limited(newest.Wait) }
		case x.releasing():
			release(0)
			return func(*turn) {}
		}
	}
	x.recordDecision(ctx, func(t *turn) decision {
		t.beginStart(s.N, newest)
		return t.result()
	})
	return x.perform(forStart(ctx), performActivity, s, release)
}

// perform performs a step in an activity, and returns the results as news. Release, if
// not nil, gives back the lease of the token.
func (x *exporter) perform(ctx workflow.Context, name string, s step, release func(time.Duration)) news {
	var p taskResult
	err := workflow.ExecuteActivity(ctx, name, task{x.order, x.batch(s.N).Job, s.Effect, workflow.Now(ctx)}).Get(ctx, &p)
	switch {
	case release != nil:
		release(p.Wait)
	case p.Wait > 0:
		x.reportLimit(ctx, p.Wait)
	}
	switch {
	case temporal.IsCanceledError(err):
		return func(*turn) {}
	case err != nil && s.Effect == export.EffectStart:
		workflow.GetLogger(ctx).Warn("the result of a start is lost", "batch", s.N, "error", err)
		return func(t *turn) { t.interrupted(s.N) }
	case err != nil:
		return func(t *turn) {
			t.performed(s.N, []effectResult{{s.Effect, export.Result{Class: export.ClassRetry, Reason: err.Error()}}})
		}
	}
	return func(t *turn) {
		t.limited(p.Wait)
		if p.Elsewhere {
			forgetArchive(t.edit(t.batch(s.N)))
		}
		t.performed(s.N, p.Results)
	}
}

// poll reads the states of all migrations under way in one activity. The activity
// fails until an export has ended, and Temporal retries it: between two attempts, it
// occupies no worker and adds no events to the history.
func (x *exporter) poll(ctx workflow.Context) {
	for {
		if workflow.Await(ctx, func() bool { return len(x.watched) > 0 && !x.quiet() }) != nil {
			return
		}
		x.active++
		ids := slices.Clone(x.watched)
		polling, cancel := workflow.WithCancel(ctx)
		poll := workflow.ExecuteActivity(forPoll(polling), pollActivity, x.order, ids)
		_ = workflow.Await(ctx, func() bool {
			return poll.IsReady() || x.quiet() || !containsAll(ids, x.watched) || len(x.watched) == 0
		})
		cancel()
		var results []pollResult
		err := poll.Get(ctx, &results)
		if err != nil && !temporal.IsCanceledError(err) {
			results = unknownResults(ids)
		}
		x.active--
		x.tell(func(t *turn) { t.polled(results) })
		_ = workflow.Await(ctx, func() bool { return len(x.news) == 0 })
	}
}

// containsAll reports whether ids has all of others.
func containsAll(ids, others []int64) bool {
	return !slices.ContainsFunc(others, func(id int64) bool { return !slices.Contains(ids, id) })
}
