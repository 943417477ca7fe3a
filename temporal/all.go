package temporal

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Orders are the argument of [ExportAll].
type Orders struct {
	Orders []Order `json:"orders"`
	// Concurrency limits the exports that run at the same time: 10 by default.
	Concurrency int `json:"concurrency,omitempty"`
	// MaxEvents is as in [Order].
	MaxEvents int `json:"max_events,omitempty"`

	// Continued has the state of an ExportAll that continues as new. Leave it empty.
	Continued []Summary `json:"continued,omitempty"`
}

// Summaries are the result of [ExportAll].
type Summaries struct {
	// Exports has a Summary for each order, in the order in which the exports ended.
	Exports []Summary `json:"exports"`
}

// OK reports whether all exports are complete.
func (s *Summaries) OK() bool {
	return !slices.ContainsFunc(s.Exports, func(e Summary) bool { return !e.OK() })
}

// ExportAll is the workflow that exports many accounts, such as the organizations of
// an enterprise. It starts an [Export] for each. If one fails, its Summary has a
// Problem, and the others go on. A canceled ExportAll cancels its exports, waits for
// them, and returns a canceled error whose details are the [Summaries].
func ExportAll(ctx workflow.Context, orders Orders) (*Summaries, error) {
	all := &Summaries{Exports: orders.Continued}
	running := map[string]bool{}
	if err := orders.check(); err != nil {
		return nil, fatal(err)
	}
	if orders.Concurrency == 0 {
		orders.Concurrency = 10
	}
	err := workflow.SetQueryHandler(ctx, ProgressQuery, func() ([]string, error) { return slices.Sorted(maps.Keys(running)), nil })
	if err != nil {
		return nil, err
	}
	detached, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	pending := orders.Orders
	for {
		info := workflow.GetInfo(ctx)
		full := info.GetContinueAsNewSuggested() || orders.MaxEvents > 0 && info.GetCurrentHistoryLength() > orders.MaxEvents
		for ; ctx.Err() == nil && !full && len(pending) > 0 && len(running) < orders.Concurrency; pending = pending[1:] {
			order := pending[0]
			id := order.WorkflowID()
			running[id] = true
			done := workflow.ExecuteChildWorkflow(forChild(ctx, id, enums.PARENT_CLOSE_POLICY_REQUEST_CANCEL), ExportWorkflow, order)
			workflow.Go(detached, func(detached workflow.Context) {
				all.Exports = append(all.Exports, summaryOf(detached, order, done))
				delete(running, id)
			})
		}
		switch {
		case len(running) > 0:
		case ctx.Err() != nil:
			return nil, temporal.NewCanceledError(all)
		case len(pending) == 0:
			return all, nil
		default:
			orders.Orders, orders.Continued = pending, all.Exports
			return nil, workflow.NewContinueAsNewError(ctx, ExportAllWorkflow, orders)
		}
		before := len(running)
		if err := workflow.Await(detached, func() bool { return len(running) < before }); err != nil {
			return nil, err
		}
	}
}

// check finds the errors that need no request.
func (o Orders) check() error {
	if len(o.Orders) == 0 && len(o.Continued) == 0 {
		return errors.New("there are no Orders")
	}
	if o.Concurrency < 0 {
		return fmt.Errorf("the Concurrency of the Orders is %d: want 1 or more", o.Concurrency)
	}
	seen := map[string]bool{}
	for i, order := range o.Orders {
		id := order.WorkflowID()
		if seen[id] {
			return fmt.Errorf("order %d is for an account that has an order already: %s", i, id)
		}
		seen[id] = true
		if err := order.check(); err != nil {
			return fmt.Errorf("order %d: %w", i, err)
		}
	}
	return nil
}

// summaryOf waits for an export and returns its summary. The summary of a canceled
// export is in the error.
func summaryOf(ctx workflow.Context, order Order, done workflow.ChildWorkflowFuture) Summary {
	var s Summary
	err := done.Get(ctx, &s)
	if err == nil {
		return s
	}
	if canceled, ok := errors.AsType[*temporal.CanceledError](err); ok && canceled.HasDetails() && canceled.Details(&s) == nil {
		return s
	}
	s.Account, s.Problem = order.WorkflowID(), err.Error()
	if temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		s.Problem = "another export of this account is running"
	}
	return s
}
