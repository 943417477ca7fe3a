package temporal

import (
	"fmt"
	"maps"
	"slices"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/workflow"
)

// This file shares a token among exports. GitHub limits requests by token, and asks
// clients to send requests that change something one at a time. So each token has a
// workflow. Before an export sends such a request, it asks the workflow for the lease of
// the token. It also reports rate limits, which the workflow forwards to the other
// exports.

const (
	leaseSignal = "ghmigrate.lease" // from an export to the workflow of the token: a tokenMessage
	grantSignal = "ghmigrate.grant" // to the export that gets the lease: its ticket
	limitSignal = "ghmigrate.limit" // to the other exports: how long a rate limit lasts

	leaseGap   = time.Second      // between two leases, as GitHub asks for
	leaseCheck = 20 * time.Minute // after which a holder is asked whether it still has the lease
	idleTime   = time.Hour        // after which the workflow of the token ends
)

// A tokenMessage asks for the lease, gives it back, or reports a rate limit.
type tokenMessage struct {
	Workflow string        `json:"workflow"`         // the ID of the export
	Ticket   string        `json:"ticket,omitempty"` // of the lease; empty to report a rate limit
	Release  bool          `json:"release,omitempty"`
	Wait     time.Duration `json:"wait,omitempty"` // how long a rate limit lasts
}

// tokenState is the state that the workflow of a token carries from one history to the
// next.
type tokenState struct {
	Queue   []tokenMessage `json:"queue,omitempty"`
	Holder  tokenMessage   `json:"holder,omitzero"`
	Expires time.Time      `json:"expires,omitzero"`  // when the holder is asked whether it still has the lease
	Next    time.Time      `json:"next,omitzero"`     // when the next lease may begin
	Gate    time.Time      `json:"gate,omitzero"`     // the end of a rate limit
	Members []string       `json:"members,omitempty"` // exports that use the token, by workflow ID
}

// tokenID returns the ID of the workflow of a token.
func tokenID(token string) string { return "ghmigrate/tokens/" + token }

// shareToken is the workflow of a token. It ends when no export has sent a message for
// an hour.
func shareToken(ctx workflow.Context, s tokenState) error {
	requests := workflow.GetSignalChannel(ctx, leaseSignal)
	for {
		for {
			var r tokenMessage
			if !requests.ReceiveAsync(&r) {
				break
			}
			s.receive(ctx, r)
		}
		wait := s.grant(ctx)
		if requests.Len() > 0 { // continuing as new would lose the requests
			continue
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			return workflow.NewContinueAsNewError(ctx, tokenWorkflow, s)
		}
		heard, err := workflow.AwaitWithTimeout(ctx, wait, func() bool { return requests.Len() > 0 })
		if err != nil {
			return err
		}
		if !heard && s.Holder.Ticket == "" && len(s.Queue) == 0 {
			return nil
		}
	}
}

// receive applies a message to the state.
func (s *tokenState) receive(ctx workflow.Context, r tokenMessage) {
	now := workflow.Now(ctx)
	if !slices.Contains(s.Members, r.Workflow) {
		s.Members = append(s.Members, r.Workflow)
	}
	if until := now.Add(r.Wait); r.Wait > 0 && until.After(s.Gate) {
		s.Gate = until
		s.broadcast(ctx, r)
	}
	switch {
	case !r.Release && r.Ticket == s.Holder.Ticket:
		s.Holder = tokenMessage{} // the grant was lost: grant again
		s.Queue = slices.Insert(s.Queue, 0, r)
	case !r.Release:
		if !slices.ContainsFunc(s.Queue, func(q tokenMessage) bool { return q.Ticket == r.Ticket }) {
			s.Queue = append(s.Queue, r)
		}
	case r.Ticket == "":
	case r.Ticket == s.Holder.Ticket:
		s.Holder, s.Next = tokenMessage{}, now.Add(leaseGap)
	default:
		s.Queue = slices.DeleteFunc(s.Queue, func(q tokenMessage) bool { return q.Ticket == r.Ticket })
	}
}

// broadcast forwards a rate limit to all other exports, and removes exports that have
// ended.
func (s *tokenState) broadcast(ctx workflow.Context, r tokenMessage) {
	s.Members = slices.DeleteFunc(s.Members, func(id string) bool {
		return id != r.Workflow && workflow.SignalExternalWorkflow(ctx, id, "", limitSignal, r.Wait).Get(ctx, nil) != nil
	})
}

// grant gives the lease to the first export in the queue, if the lease is free, and
// returns how long to wait for the next change. A holder that keeps the lease for long
// gets its grant again. An export that does not need the lease gives it back. If the
// export has ended, the signal fails, and the lease is free.
func (s *tokenState) grant(ctx workflow.Context) time.Duration {
	now := workflow.Now(ctx)
	if s.Holder.Ticket != "" && !now.Before(s.Expires) {
		holder := s.Holder
		s.Holder = tokenMessage{}
		s.give(ctx, holder)
	}
	for s.Holder.Ticket == "" && len(s.Queue) > 0 {
		if wait := max(s.Next.Sub(now), s.Gate.Sub(now)); wait > 0 {
			return wait
		}
		next := s.Queue[0]
		s.Queue = s.Queue[1:]
		s.give(ctx, next)
	}
	if s.Holder.Ticket != "" {
		return s.Expires.Sub(workflow.Now(ctx))
	}
	return idleTime
}

// give gives the lease to an export, unless the export has ended.
func (s *tokenState) give(ctx workflow.Context, r tokenMessage) {
	if workflow.SignalExternalWorkflow(ctx, r.Workflow, "", grantSignal, r.Ticket).Get(ctx, nil) == nil {
		s.Holder, s.Expires = r, workflow.Now(ctx).Add(leaseCheck)
	}
}

// lease waits for the lease of the token. It returns a function that gives the lease
// back, and reports how long a rate limit lasts.
func (x *exporter) lease(ctx workflow.Context) (release func(wait time.Duration)) {
	x.tickets++
	info := workflow.GetInfo(ctx)
	r := tokenMessage{Workflow: info.WorkflowExecution.ID, Ticket: fmt.Sprintf("%s/%d", info.WorkflowExecution.RunID, x.tickets)}
	x.granted[r.Ticket] = false
	x.signalToken(ctx, r)
	_ = workflow.Await(ctx, func() bool { return x.granted[r.Ticket] })
	return func(wait time.Duration) {
		delete(x.granted, r.Ticket)
		r.Release, r.Wait = true, wait
		x.signalToken(ctx, r)
	}
}

// repeatAfter is how long an export waits for a lease before it repeats its request.
const repeatAfter = time.Hour

// repeatRequests repeats requests for leases that are not granted, because the workflow
// of the token may have been terminated.
func (x *exporter) repeatRequests(ctx workflow.Context) {
	for {
		waiting := x.waitingTickets()
		if len(waiting) == 0 {
			if workflow.Await(ctx, func() bool { return len(x.waitingTickets()) > 0 }) != nil {
				return
			}
			continue
		}
		if workflow.Sleep(ctx, repeatAfter) != nil {
			return
		}
		for _, ticket := range x.waitingTickets() {
			if slices.Contains(waiting, ticket) {
				x.signalToken(ctx, tokenMessage{Workflow: workflow.GetInfo(ctx).WorkflowExecution.ID, Ticket: ticket})
			}
		}
	}
}

// waitingTickets returns the tickets of the leases that are not granted.
func (x *exporter) waitingTickets() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(x.granted)), func(ticket string) bool { return x.granted[ticket] })
}

// reportLimit reports a rate limit to the workflow of the token. A cancel of ctx, such
// as the context of a transfer, does not cancel that workflow: other exports use it.
func (x *exporter) reportLimit(ctx workflow.Context, wait time.Duration) {
	detached, _ := workflow.NewDisconnectedContext(ctx)
	x.signalToken(detached, tokenMessage{Workflow: workflow.GetInfo(ctx).WorkflowExecution.ID, Release: true, Wait: wait})
}

// signalToken signals the workflow of the token, and starts it if it does not run. A
// cancel of ctx cancels that workflow.
func (x *exporter) signalToken(ctx workflow.Context, r tokenMessage) {
	if x.signaling.Lock(ctx) != nil {
		return
	}
	defer x.signaling.Unlock()
	id := tokenID(x.order.token())
	for {
		if workflow.SignalExternalWorkflow(ctx, id, "", leaseSignal, r).Get(ctx, nil) == nil {
			return
		}
		start := workflow.ExecuteChildWorkflow(forChild(ctx, id, enums.PARENT_CLOSE_POLICY_ABANDON), tokenWorkflow, tokenState{})
		if err := start.GetChildWorkflowExecution().Get(ctx, nil); err != nil && workflow.Sleep(ctx, time.Second) != nil { // after an error: another export has started it
			return
		}
	}
}

// receiveGrants receives leases. It gives back a lease that is not needed, such as a
// lease of an earlier run with this workflow ID.
func (x *exporter) receiveGrants(ctx workflow.Context) {
	grants := workflow.GetSignalChannel(ctx, grantSignal)
	for {
		var ticket string
		grants.Receive(ctx, &ticket)
		if _, waits := x.granted[ticket]; waits {
			x.granted[ticket] = true
			continue
		}
		x.signalToken(ctx, tokenMessage{Workflow: workflow.GetInfo(ctx).WorkflowExecution.ID, Ticket: ticket, Release: true})
	}
}

// receiveLimits receives the rate limits of other exports.
func (x *exporter) receiveLimits(ctx workflow.Context) {
	limits := workflow.GetSignalChannel(ctx, limitSignal)
	for {
		var wait time.Duration
		limits.Receive(ctx, &wait)
		x.tell(func(t *turn) { t.limited(wait) })
	}
}
