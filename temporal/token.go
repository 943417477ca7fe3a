package temporal

import (
	"fmt"
	"maps"
	"slices"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/workflow"
)

// GitHub counts requests by token, and wants requests that change something one at
// a time. So there is a workflow for each token: exports ask it for the lease of the
// token before such a request, and tell it of rate limits. It tells the other exports.

const (
	leaseSignal = "ghmigrate.lease" // from an export to the token's workflow
	grantSignal = "ghmigrate.grant" // and back: the ticket
	limitSignal = "ghmigrate.limit" // to all exports: how long GitHub wants no request

	leaseGap  = time.Second      // between two leases, as GitHub asks for
	leaseTime = 20 * time.Minute // after which a lease ends by itself
	idleTime  = time.Hour        // after which the token's workflow ends
)

// A leaseRequest asks for the lease, gives it back, or tells of a rate limit.
type leaseRequest struct {
	Workflow string        `json:"workflow"`
	Ticket   string        `json:"ticket,omitempty"`
	Release  bool          `json:"release,omitempty"`
	Wait     time.Duration `json:"wait,omitempty"` // how long GitHub wants no request
}

// tokenState is what the workflow of a token remembers.
type tokenState struct {
	Queue   []leaseRequest `json:"queue,omitempty"`
	Holder  leaseRequest   `json:"holder,omitzero"`
	Expires time.Time      `json:"expires,omitzero"` // the holder's lease
	Next    time.Time      `json:"next,omitzero"`    // when the next lease may begin
	Gate    time.Time      `json:"gate,omitzero"`
	Members []string       `json:"members,omitempty"` // exports that use the token, by workflow ID
}

func tokenID(token string) string { return "ghmigrate/tokens/" + token }

// shareToken is the workflow of a token. It ends when no export has asked for an
// hour.
func shareToken(ctx workflow.Context, s tokenState) error {
	requests := workflow.GetSignalChannel(ctx, leaseSignal)
	for {
		for {
			var r leaseRequest
			if !requests.ReceiveAsync(&r) {
				break
			}
			s.receive(ctx, r)
		}
		wait := s.grant(ctx)
		if requests.Len() > 0 { // the next history would not have them
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

// receive notes a request.
func (s *tokenState) receive(ctx workflow.Context, r leaseRequest) {
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
		s.Holder = leaseRequest{} // it has not heard that it has the lease
		s.Queue = slices.Insert(s.Queue, 0, r)
	case !r.Release:
		if !slices.ContainsFunc(s.Queue, func(q leaseRequest) bool { return q.Ticket == r.Ticket }) {
			s.Queue = append(s.Queue, r)
		}
	case r.Ticket == "":
	case r.Ticket == s.Holder.Ticket:
		s.Holder, s.Next = leaseRequest{}, now.Add(leaseGap)
	default:
		s.Queue = slices.DeleteFunc(s.Queue, func(q leaseRequest) bool { return q.Ticket == r.Ticket })
	}
}

// broadcast tells all other exports of a rate limit, and forgets exports that have
// ended.
func (s *tokenState) broadcast(ctx workflow.Context, r leaseRequest) {
	s.Members = slices.DeleteFunc(s.Members, func(id string) bool {
		return id != r.Workflow && workflow.SignalExternalWorkflow(ctx, id, "", limitSignal, r.Wait).Get(ctx, nil) != nil
	})
}

// grant gives the lease to the next in the queue, if it may have it, and returns
// how long to wait for the next change.
func (s *tokenState) grant(ctx workflow.Context) time.Duration {
	now := workflow.Now(ctx)
	if s.Holder.Ticket != "" && !now.Before(s.Expires) {
		s.Holder = leaseRequest{}
	}
	for s.Holder.Ticket == "" && len(s.Queue) > 0 {
		if wait := max(s.Next.Sub(now), s.Gate.Sub(now)); wait > 0 {
			return wait
		}
		next := s.Queue[0]
		s.Queue = s.Queue[1:]
		if workflow.SignalExternalWorkflow(ctx, next.Workflow, "", grantSignal, next.Ticket).Get(ctx, nil) != nil {
			continue // it has ended
		}
		s.Holder, s.Expires = next, workflow.Now(ctx).Add(leaseTime)
	}
	if s.Holder.Ticket != "" {
		return s.Expires.Sub(workflow.Now(ctx))
	}
	return idleTime
}

// lease waits for the lease of the token, and returns a function that gives it back
// and tells how long GitHub wants no request.
func (x *exporter) lease(ctx workflow.Context) (release func(wait time.Duration)) {
	x.tickets++
	info := workflow.GetInfo(ctx)
	r := leaseRequest{Workflow: info.WorkflowExecution.ID, Ticket: fmt.Sprintf("%s/%d", info.WorkflowExecution.RunID, x.tickets)}
	x.granted[r.Ticket] = false
	x.signalToken(ctx, r)
	_ = workflow.Await(ctx, func() bool { return x.granted[r.Ticket] })
	return func(wait time.Duration) {
		delete(x.granted, r.Ticket)
		r.Release, r.Wait = true, wait
		x.signalToken(ctx, r)
	}
}

// remindAfter is how long an export waits for a lease before it asks again.
const remindAfter = time.Hour

// remind asks again for leases that are not granted: somebody may have terminated the
// workflow of the token.
func (x *exporter) remind(ctx workflow.Context) {
	for {
		waiting := x.waiting()
		if len(waiting) == 0 {
			if workflow.Await(ctx, func() bool { return len(x.waiting()) > 0 }) != nil {
				return
			}
			continue
		}
		if workflow.Sleep(ctx, remindAfter) != nil {
			return
		}
		for _, ticket := range x.waiting() {
			if slices.Contains(waiting, ticket) {
				x.signalToken(ctx, leaseRequest{Workflow: workflow.GetInfo(ctx).WorkflowExecution.ID, Ticket: ticket})
			}
		}
	}
}

// waiting lists the tickets that are not granted.
func (x *exporter) waiting() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(x.granted)), func(ticket string) bool { return x.granted[ticket] })
}

// report tells the token's workflow of a rate limit.
func (x *exporter) report(ctx workflow.Context, wait time.Duration) {
	x.signalToken(ctx, leaseRequest{Workflow: workflow.GetInfo(ctx).WorkflowExecution.ID, Release: true, Wait: wait})
}

// signalToken signals the workflow of the token, and starts it if it does not run.
func (x *exporter) signalToken(ctx workflow.Context, r leaseRequest) {
	if x.token.Lock(ctx) != nil {
		return
	}
	defer x.token.Unlock()
	id := tokenID(x.order.token())
	for {
		if workflow.SignalExternalWorkflow(ctx, id, "", leaseSignal, r).Get(ctx, nil) == nil {
			return
		}
		start := workflow.ExecuteChildWorkflow(child(ctx, id, enums.PARENT_CLOSE_POLICY_ABANDON), tokenWorkflow, tokenState{})
		if err := start.GetChildWorkflowExecution().Get(ctx, nil); err != nil && workflow.Sleep(ctx, time.Second) != nil { // another export has started it
			return
		}
	}
}

// receiveGrants receives leases. One that nobody waits for is given back.
func (x *exporter) receiveGrants(ctx workflow.Context) {
	grants := workflow.GetSignalChannel(ctx, grantSignal)
	for {
		var ticket string
		grants.Receive(ctx, &ticket)
		if _, waits := x.granted[ticket]; waits {
			x.granted[ticket] = true
			continue
		}
		x.signalToken(ctx, leaseRequest{Workflow: workflow.GetInfo(ctx).WorkflowExecution.ID, Ticket: ticket, Release: true})
	}
}

// receiveLimits receives the rate limits that other exports have met.
func (x *exporter) receiveLimits(ctx workflow.Context) {
	limits := workflow.GetSignalChannel(ctx, limitSignal)
	for {
		var wait time.Duration
		limits.Receive(ctx, &wait)
		x.tell(func(t *turn) { t.limited(wait) })
	}
}
