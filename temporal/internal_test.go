package temporal

// The workflow of a token and the activity of a transfer have no exported names. Tests
// replay the histories of the token, run its workflow alone, and delay transfers.
const (
	TokenWorkflow = tokenWorkflow
	LeaseSignal   = leaseSignal
	GrantSignal   = grantSignal
)

var (
	ShareToken  = shareToken
	RunTransfer = (*Activities).transfer
)

type TokenState = tokenState

type TokenMessage = tokenMessage

type Task = task

type TaskResult = taskResult
