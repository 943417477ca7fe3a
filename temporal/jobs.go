package temporal

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/ghmigrate/ghmigrate/export"
)

// addJobs runs a function that adds jobs to the run, in a coroutine. The decisions
// begin one of these functions at a time.
func (x *exporter) addJobs(ctx workflow.Context, do func(workflow.Context)) {
	x.loading = true
	x.active++
	workflow.Go(ctx, func(ctx workflow.Context) {
		do(ctx)
		x.loading = false
		x.active--
	})
}

// loadPage loads the next page of the plan.
func (x *exporter) loadPage(ctx workflow.Context) {
	var jobs []*export.Job
	if err := workflow.ExecuteActivity(forRequest(ctx), pageActivity, x.Run, x.Loaded).Get(ctx, &jobs); err != nil {
		x.fail("load the plan", err)
		return
	}
	x.tell(func(t *turn) { t.loaded(jobs) })
}

// planRemaining plans the jobs that come after all others, and searches for late twins.
// Both read the jobs of the run from the bucket, so planRemaining waits until the
// settled batches are there.
func (x *exporter) planRemaining(ctx workflow.Context) {
	_ = workflow.Await(ctx, func() bool { return !x.saving && len(x.unsaved) == 0 })
	last := len(x.Batches) == 0
	var jobs []*export.Job
	live := make([]*export.Job, 0, len(x.Batches))
	for _, b := range x.Batches {
		live = append(live, b.Job)
	}
	if err := workflow.ExecuteActivity(forRequest(ctx), remainingActivity, x.order, x.Run, x.Tally, live).Get(ctx, &jobs); err != nil {
		x.fail("plan the remaining work", err)
		return
	}
	x.tell(func(t *turn) { t.remaining(jobs, last) })
}

// fail pauses the export after an activity failed. Temporal has retried the activity
// if the error was temporary.
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
			if err := workflow.ExecuteActivity(forRequest(ctx), saveActivity, x.Run, some).Get(ctx, nil); err != nil {
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
