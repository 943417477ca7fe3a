//go:build e2e && unix

package e2e_test

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
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

// record has the histories of some tests written for temporal.TestReplay.
var record = flag.Bool("record", false, "write histories to testdata")

// recorded are the tests whose histories are kept: small ones of all kinds.
var recorded = []string{"TestWorkerKilledBetweenAStartAndItsReport", "TestCancelWhileEverythingIsLocked", "TestTwoOrganizationsWithOneToken", "TestPoisonedRepository"}

// record writes the history of a workflow.
func (w *world) record(workflow string, events []*historypb.HistoryEvent) {
	w.Helper()
	if !*record || !slices.Contains(recorded, w.Name()) {
		return
	}
	data, err := temporalproto.CustomJSONMarshalOptions{Indent: " "}.Marshal(&historypb.History{Events: events})
	require.NoError(w, err)
	name := w.Name() + "-" + strings.ReplaceAll(strings.TrimPrefix(workflow, "ghmigrate/"), "/", "-") + ".json"
	require.NoError(w, os.WriteFile(filepath.Join("..", "..", "testdata", "histories", name), append(data, '\n'), 0o600))
}

func (w *world) history(workflow, run string) (data []byte) {
	w.Helper()
	var all []*historypb.HistoryEvent
	defer func() { w.record(workflow, all) }()
	events := w.client.GetWorkflowHistory(w.Context(), workflow, run, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(w, err)
		all = append(all, event)
		data, err = proto.MarshalOptions{}.MarshalAppend(data, event)
		require.NoError(w, err)
	}
	return data
}
