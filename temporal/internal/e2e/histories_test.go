//go:build e2e && unix

package e2e_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/proto"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/temporal"
)

var record = flag.Bool("record", false, "write the histories for TestReplay of package temporal")

// A history has the events of one run of a workflow.
type history struct {
	id, kind string // of the workflow
	events   *historypb.History
}

// checkHistories checks that no history and no log has the token, the secret key of the
// bucket, or the signature of a URL, and that the workflows are deterministic.
func (w *world) checkHistories() {
	w.Helper()
	secrets := []string{token, secretKey}
	for _, r := range w.github.Requests() {
		if signature := r.Query.Get("X-Amz-Signature"); r.Origin == ghmigratetest.Storage && signature != "" {
			secrets = append(secrets, signature)
		}
	}
	for _, h := range w.histories() {
		data, err := proto.Marshal(h.events) // payloads are not encoded
		require.NoError(w, err)
		for _, secret := range secrets {
			assert.False(w, bytes.Contains(data, []byte(secret)), "the history of %s has %q", h.id, secret)
		}
		if h.kind == temporal.ExportWorkflow {
			assert.True(w, bytes.Contains(data, []byte(`"organization":"`)), "payloads are plain JSON")
		}
		w.replay(h)
	}
	for _, secret := range secrets {
		for _, p := range w.workers {
			assert.NotContains(w, p.output.String(), secret)
		}
	}
}

// replay replays a history of Export or ExportAll. The workflow of a token has no
// exported name: only the tests of package temporal can replay it.
func (w *world) replay(h history) {
	w.Helper()
	r := worker.NewWorkflowReplayer()
	r.RegisterWorkflowWithOptions(temporal.Export, workflow.RegisterOptions{Name: temporal.ExportWorkflow})
	r.RegisterWorkflowWithOptions(temporal.ExportAll, workflow.RegisterOptions{Name: temporal.ExportAllWorkflow})
	if h.kind == temporal.ExportWorkflow || h.kind == temporal.ExportAllWorkflow {
		assert.NoError(w, r.ReplayWorkflowHistory(nil, h.events), h.id)
	}
}

// histories returns the histories of all workflows of the test.
func (w *world) histories() (all []history) {
	w.Helper()
	for _, info := range w.executions() {
		id := info.GetExecution()
		all = append(all, history{id.GetWorkflowId(), info.GetType().GetName(), w.events(id.GetWorkflowId(), id.GetRunId())})
	}
	return all
}

// executions returns all runs of workflows of the test, the newest first.
func (w *world) executions() (all []*workflowpb.WorkflowExecutionInfo) {
	w.Helper()
	var page []byte
	for {
		list, err := w.client.ListWorkflow(w.Context(), &workflowservice.ListWorkflowExecutionsRequest{NextPageToken: page})
		require.NoError(w, err)
		all = append(all, list.GetExecutions()...)
		if page = list.GetNextPageToken(); len(page) == 0 {
			require.NotEmpty(w, all)
			return all
		}
	}
}

// events returns the history of one run.
func (w *world) events(workflow, run string) *historypb.History {
	w.Helper()
	h := new(historypb.History)
	events := w.client.GetWorkflowHistory(w.Context(), workflow, run, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(w, err)
		h.Events = append(h.Events, event)
	}
	return h
}

// Recorded histories have no names of machines: these are in the identities of workers
// and in the names of their task queues.
var (
	identity    = regexp.MustCompile(`("identity": *)"[^"]*"`)
	stickyQueue = regexp.MustCompile(`("name": *)"[^":]*(:[0-9a-f-]{36}")`)
)

// record writes the history of the first run of each workflow of the test, if -record
// is set.
func (w *world) record() {
	w.Helper()
	if !*record {
		return
	}
	seen := map[string]bool{}
	for _, h := range slices.Backward(w.histories()) { // the oldest comes last
		if seen[h.id] {
			continue
		}
		seen[h.id] = true
		data, err := temporalproto.CustomJSONMarshalOptions{Indent: "  "}.Marshal(h.events)
		require.NoError(w, err)
		name := strings.TrimPrefix(w.Name(), "Test") + "-" + strings.ReplaceAll(strings.TrimPrefix(h.id, "ghmigrate/"), "/", "-") + ".json"
		dir := filepath.Join("..", "..", "testdata", "histories")
		require.NoError(w, os.MkdirAll(dir, 0o750))
		data = identity.ReplaceAll(data, []byte(`$1"worker"`))
		data = stickyQueue.ReplaceAll(data, []byte(`$1"worker$2`))
		require.NoError(w, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
}
