package temporal

import (
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// The names by which clients start the workflows [Export] and [ExportAll].
const (
	ExportWorkflow    = "ghmigrate.Export"
	ExportAllWorkflow = "ghmigrate.ExportAll"
)

// The names of the other workflow and of the activities, in histories.
const (
	tokenWorkflow = "ghmigrate.Token"

	planActivity      = "ghmigrate.Plan"
	pageActivity      = "ghmigrate.Page"
	newestActivity    = "ghmigrate.Newest"
	performActivity   = "ghmigrate.Perform"
	transferActivity  = "ghmigrate.Transfer"
	pollActivity      = "ghmigrate.Poll"
	saveActivity      = "ghmigrate.Save"
	remainingActivity = "ghmigrate.Remaining"
	finishActivity    = "ghmigrate.Finish"
)

// Register registers the workflows, and all activities except for transfers, with the
// worker of a task queue. Transfers need another worker: see [RegisterTransfers].
func Register(w worker.Registry, a *Activities) {
	for name, f := range map[string]any{ExportWorkflow: Export, ExportAllWorkflow: ExportAll, tokenWorkflow: shareToken} {
		w.RegisterWorkflowWithOptions(f, workflow.RegisterOptions{Name: name})
	}
	for name, f := range map[string]any{
		planActivity: a.plan, pageActivity: a.page, newestActivity: a.newest, performActivity: a.perform,
		pollActivity: a.poll, saveActivity: a.save, remainingActivity: a.remaining, finishActivity: a.finish,
	} {
		w.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
}

// RegisterTransfers registers the activity that moves archives with the worker of a
// [TransferQueue]. Set [worker.Options].DisableWorkflowWorker for that worker. One
// process may have both workers.
func RegisterTransfers(w worker.ActivityRegistry, a *Activities) {
	w.RegisterActivityWithOptions(a.transfer, activity.RegisterOptions{Name: transferActivity})
}
