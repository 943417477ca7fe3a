package temporal_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	sdk "go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/temporal"
)

// A request that arrives while the workflow of the token is about to continue as new
// is part of the next state.
func TestATokenThatContinuesAsNewLosesNoRequest(t *testing.T) {
	env := new(testsuite.WorkflowTestSuite).NewTestWorkflowEnvironment()
	env.RegisterWorkflow(temporal.ShareToken)
	env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).After(10 * time.Second).Return(nil)
	first, second := temporal.TokenMessage{Workflow: "a", Ticket: "1"}, temporal.TokenMessage{Workflow: "b", Ticket: "2"}
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(temporal.LeaseSignal, first) }, time.Second)
	env.RegisterDelayedCallback(func() { // while the first lease is granted
		env.SetContinueAsNewSuggested(true)
		env.SignalWorkflow(temporal.LeaseSignal, second)
	}, 5*time.Second)
	env.ExecuteWorkflow(temporal.ShareToken, temporal.TokenState{})
	var again *workflow.ContinueAsNewError
	require.ErrorAs(t, env.GetWorkflowError(), &again)
	var s temporal.TokenState
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &s))
	assert.Equal(t, first, s.Holder)
	assert.Equal(t, []temporal.TokenMessage{second}, s.Queue)
	assert.Equal(t, []string{"a", "b"}, s.Members)
}

// After 20 minutes, a holder is asked whether it still has the lease. The lease ends only
// when the holder gives it back, or when the workflow of the holder has ended.
func TestALeaseEndsWithItsHolder(t *testing.T) {
	const kept = 50 * time.Minute // asked twice
	for name, ended := range map[string]bool{"released": false, "ended": true} {
		t.Run(name, func(t *testing.T) {
			env := new(testsuite.WorkflowTestSuite).NewTestWorkflowEnvironment()
			env.RegisterWorkflow(temporal.ShareToken)
			send := func(after time.Duration, m temporal.TokenMessage) {
				env.RegisterDelayedCallback(func() { env.SignalWorkflow(temporal.LeaseSignal, m) }, after)
			}
			begun := env.Now()
			grants := map[string][]time.Duration{}
			env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, temporal.GrantSignal, mock.Anything).Return(
				func(_, id, _, _ string, _ any) error {
					grants[id] = append(grants[id], env.Now().Sub(begun).Truncate(time.Minute))
					if id == "a" && ended && len(grants["a"]) == 3 {
						return serviceerror.NewNotFound("the workflow has ended")
					}
					return nil
				})
			send(0, temporal.TokenMessage{Workflow: "a", Ticket: "1"})
			send(time.Second, temporal.TokenMessage{Workflow: "b", Ticket: "2"})
			if !ended {
				send(kept, temporal.TokenMessage{Workflow: "a", Ticket: "1", Release: true})
			}
			send(kept+11*time.Minute, temporal.TokenMessage{Workflow: "b", Ticket: "2", Release: true})
			env.ExecuteWorkflow(temporal.ShareToken, temporal.TokenState{})
			require.NoError(t, env.GetWorkflowError())
			want := map[string][]time.Duration{"a": {0, 20 * time.Minute, 40 * time.Minute}, "b": {kept}}
			if ended {
				want["b"] = []time.Duration{40 * time.Minute, time.Hour}
			}
			assert.Equal(t, want, grants)
		})
	}
}

// If the workflow of the token is terminated, the export repeats its request for
// the lease.
func TestALostRequestForALeaseIsRepeated(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(2)
		w.prepare = func() {
			begun := 0
			w.env.RegisterWorkflowWithOptions(func(ctx workflow.Context, s temporal.TokenState) error {
				if begun++; begun == 1 { // it receives the request, and ends
					workflow.GetSignalChannel(ctx, temporal.LeaseSignal).Receive(ctx, nil)
					return nil
				}
				return temporal.ShareToken(ctx, s)
			}, workflow.RegisterOptions{Name: temporal.TokenWorkflow, DisableAlreadyRegisteredCheck: true})
		}
		w.mustExport(temporal.Order{Start: locking})
		assert.Equal(t, 1, w.starts())
	})
}

// A limitedAccount is an account whose downloads exceed a rate limit.
type limitedAccount struct {
	export.Account
	limited func()
}

func (l limitedAccount) DownloadArchive(context.Context, int64, string, *ghmigrate.DownloadOptions) (*ghmigrate.DownloadResult, error) {
	l.limited()
	return nil, &ghmigrate.APIError{StatusCode: http.StatusTooManyRequests, RetryAfter: 10 * time.Minute}
}

// The workflow of the token ends after an idle hour. A transfer that reports a rate limit
// starts it again. A cancel of the export ends the transfer, and not that workflow.
func TestACanceledExportDoesNotCancelTheToken(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(1)
		w.wrap = func(acct export.Account) export.Account {
			return limitedAccount{acct, func() { w.env.RegisterDelayedCallback(w.env.CancelWorkflow, 5*time.Minute) }}
		}
		started, canceled := 0, 0
		w.prepare = func() {
			w.env.SetOnChildWorkflowStartedListener(func(*workflow.Info, workflow.Context, converter.EncodedValues) { started++ })
			w.env.SetOnChildWorkflowCanceledListener(func(*workflow.Info) { canceled++ })
		}
		_, err := w.export(temporal.Order{})
		var end *sdk.CanceledError
		require.ErrorAs(t, err, &end)
		assert.Equal(t, 2, started)
		assert.Zero(t, canceled)
	}, ghmigratetest.WithExportDuration(2*time.Hour))
}

// The ID of the newest migration is at most 30 seconds old when a start is sent, also if
// the export had to wait for the lease.
func TestAStartAfterALongWaitForTheLease(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(2)
		lists := 0
		w.prepare = func() {
			w.env.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, _ converter.EncodedValues) {
				if info.ActivityType.Name == "ghmigrate.Newest" {
					lists++
				}
			})
			w.env.RegisterWorkflowWithOptions(func(ctx workflow.Context, _ temporal.TokenState) error {
				for {
					var m temporal.TokenMessage
					if heard, _ := workflow.GetSignalChannel(ctx, temporal.LeaseSignal).ReceiveWithTimeout(ctx, time.Hour, &m); !heard {
						return nil
					}
					if m.Release {
						continue
					}
					if err := workflow.Sleep(ctx, 40*time.Second); err != nil { // others hold the lease
						return err
					}
					_ = workflow.SignalExternalWorkflow(ctx, m.Workflow, "", temporal.GrantSignal, m.Ticket).Get(ctx, nil)
				}
			}, workflow.RegisterOptions{Name: temporal.TokenWorkflow, DisableAlreadyRegisteredCheck: true})
		}
		w.mustExport(temporal.Order{BatchSize: 1})
		assert.Equal(t, 2, w.starts())
		assert.Equal(t, 2, lists)
	}, ghmigratetest.WithExportDuration(time.Hour))
}
