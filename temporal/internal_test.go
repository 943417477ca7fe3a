package temporal

// For the replay of histories, and for a token's workflow that ends too early.
const (
	TokenWorkflow = tokenWorkflow
	LeaseSignal   = leaseSignal
)

var ShareToken = shareToken

type TokenState = tokenState

type LeaseRequest = leaseRequest
