//go:build e2e && unix

package e2e_test

import (
	"bytes"
	"errors"
	"io"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/proto"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// secrets checks that no history and no log has the token, the secret of the bucket,
// or a signature of a URL.
func (w *world) secrets() {
	w.Helper()
	secrets := []string{token, secretKey}
	for _, r := range w.github.Requests() {
		if r.Origin == ghmigratetest.Storage && r.Query.Get("X-Amz-Signature") != "" {
			secrets = append(secrets, r.Query.Get("X-Amz-Signature"))
		}
	}
	histories := w.histories()
	for _, secret := range secrets {
		for name, history := range histories {
			assert.False(w, bytes.Contains(history, []byte(secret)), "the history of %s has %q", name, secret)
		}
		for _, p := range w.workers {
			assert.NotContains(w, p.output.String(), secret)
		}
	}
}

// histories returns the events of all workflows, by workflow and run. Payloads are
// plain in them.
func (w *world) histories() map[string][]byte {
	w.Helper()
	all := map[string][]byte{}
	var page []byte
	for {
		list, err := w.client.ListWorkflow(w.Context(), &workflowservice.ListWorkflowExecutionsRequest{NextPageToken: page})
		require.NoError(w, err)
		for _, info := range list.GetExecutions() {
			id := info.GetExecution()
			all[id.GetWorkflowId()+" "+id.GetRunId()] = w.history(id.GetWorkflowId(), id.GetRunId())
		}
		if page = list.GetNextPageToken(); len(page) == 0 {
			break
		}
	}
	require.NotEmpty(w, all)
	return all
}

func (w *world) history(workflow, run string) (data []byte) {
	w.Helper()
	events := w.client.GetWorkflowHistory(w.Context(), workflow, run, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(w, err)
		data, err = proto.MarshalOptions{}.MarshalAppend(data, event)
		require.NoError(w, err)
	}
	return data
}
