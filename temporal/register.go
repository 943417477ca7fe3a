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

// The names by which histories know workflows and activities.
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

// Register registers the workflows and the activities with a worker. A worker whose
// task queue is a [TransferQueue] gets transfers alone; it needs
// [worker.Options].DisableWorkflowWorker. Both kinds may run in one process.
func Register(w worker.Registry, a *Activities) {
	for name, f := range map[string]any{ExportWorkflow: Export, ExportAllWorkflow: ExportAll, tokenWorkflow: shareToken} {
		w.RegisterWorkflowWithOptions(f, workflow.RegisterOptions{Name: name})
	}
	for name, f := range map[string]any{
		planActivity: a.plan, pageActivity: a.page, newestActivity: a.newest, performActivity: a.perform, transferActivity: a.transfer,
		pollActivity: a.poll, saveActivity: a.save, remainingActivity: a.remaining, finishActivity: a.finish,
	} {
		w.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
}
