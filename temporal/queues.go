package temporal

import (
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// The functions below set the options of activities. An activity fails only if its
// worker dies or cannot do its part: all other errors are in the results.

// forPlan is for the activity that plans a run. It may list 100,000 repositories.
func forPlan(ctx workflow.Context) workflow.Context {
	return withActivityOptions(ctx, 2*time.Hour, 2*time.Hour, time.Minute, 0)
}

// forRequest is for activities that send a few requests to GitHub or to the bucket.
// Their errors end after an hour, so that the workflow can pause.
func forRequest(ctx workflow.Context) workflow.Context {
	return withActivityOptions(ctx, 15*time.Minute, time.Hour, 30*time.Second, 0)
}

// forLease is for activities during which an export has the lease of the token. Other
// exports wait for the lease.
func forLease(ctx workflow.Context) workflow.Context {
	return withActivityOptions(ctx, 15*time.Minute, 20*time.Minute, 30*time.Second, 0)
}

// forFinish is for the activity that writes the manifest. It waits for the bucket.
func forFinish(ctx workflow.Context) workflow.Context {
	return withActivityOptions(ctx, 15*time.Minute, 0, 30*time.Second, 0)
}

// forStart is for a start. It has one attempt.
func forStart(ctx workflow.Context) workflow.Context {
	return withActivityOptions(ctx, 2*time.Minute, 0, 15*time.Second, 1)
}

// forPoll is for the poll. The workflow waits until a canceled poll has ended.
func forPoll(ctx workflow.Context) workflow.Context {
	return workflow.WithWaitForCancellation(withActivityOptions(ctx, 5*time.Minute, 0, 30*time.Second, 0), true)
}

// forTransfer is for transfers, which have a task queue of their own. The workflow
// waits until a canceled transfer has closed its files.
func forTransfer(ctx workflow.Context) workflow.Context {
	ctx = withActivityOptions(ctx, 24*time.Hour, 0, 30*time.Second, 0)
	ctx = workflow.WithTaskQueue(ctx, TransferQueue(workflow.GetInfo(ctx).TaskQueueName))
	return workflow.WithWaitForCancellation(ctx, true)
}

// withActivityOptions limits one attempt, all attempts together and the time between
// two heartbeats. Zero means no limit.
func withActivityOptions(ctx workflow.Context, attempt, total, heartbeat time.Duration, attempts int32) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: attempt, ScheduleToCloseTimeout: total, HeartbeatTimeout: heartbeat,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute, MaximumAttempts: attempts,
		},
	})
}

// TransferQueue returns the name of the task queue for transfers that belongs to a task
// queue. Its workers can be scaled apart from the others.
func TransferQueue(queue string) string { return queue + "-transfers" }

// forChild is for a workflow that Export or ExportAll starts.
func forChild(ctx workflow.Context, id string, policy enums.ParentClosePolicy) workflow.Context {
	return workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: id, ParentClosePolicy: policy, WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE, WaitForCancellation: true,
	})
}
