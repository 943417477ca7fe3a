package temporal_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/ghmigrate/ghmigrate/temporal"
)

// A request that comes while the token's workflow is about to continue as new is part
// of what continues.
func TestATokenThatContinuesLosesNoRequest(t *testing.T) {
	env := new(testsuite.WorkflowTestSuite).NewTestWorkflowEnvironment()
	env.RegisterWorkflow(temporal.ShareToken)
	env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).After(10 * time.Second).Return(nil)
	first, second := temporal.LeaseRequest{Workflow: "a", Ticket: "1"}, temporal.LeaseRequest{Workflow: "b", Ticket: "2"}
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(temporal.LeaseSignal, first) }, time.Second)
	env.RegisterDelayedCallback(func() { // while the first one is granted
		env.SetContinueAsNewSuggested(true)
		env.SignalWorkflow(temporal.LeaseSignal, second)
	}, 5*time.Second)
	env.ExecuteWorkflow(temporal.ShareToken, temporal.TokenState{})
	var again *workflow.ContinueAsNewError
	require.ErrorAs(t, env.GetWorkflowError(), &again)
	var s temporal.TokenState
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &s))
	assert.Equal(t, first, s.Holder)
	assert.Equal(t, []temporal.LeaseRequest{second}, s.Queue)
	assert.Equal(t, []string{"a", "b"}, s.Members)
}
