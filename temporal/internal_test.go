package temporal

// The workflow of a token has no exported names. Tests replay its histories, and run it
// alone.
const (
	TokenWorkflow = tokenWorkflow
	LeaseSignal   = leaseSignal
	GrantSignal   = grantSignal
)

var ShareToken = shareToken

type TokenState = tokenState

type TokenMessage = tokenMessage
