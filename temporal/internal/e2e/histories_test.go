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
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/proto"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/temporal"
)

var record = flag.Bool("record", false, "write histories for TestReplay of package temporal")

// A history has the events of one run of a workflow.
type history struct {
	workflow, kind string
	events         *historypb.History
}

// inspect checks that no history and no log has the token, the secret of the bucket,
// or a signature of a URL, and that the workflows are deterministic.
func (w *world) inspect() {
	w.Helper()
	secrets := []string{token, secretKey}
	for _, r := range w.github.Requests() {
		if signature := r.Query.Get("X-Amz-Signature"); r.Origin == ghmigratetest.Storage && signature != "" {
			secrets = append(secrets, signature)
		}
	}
	for _, h := range w.histories() {
		data, err := proto.Marshal(h.events) // payloads are plain in it
		require.NoError(w, err)
		for _, secret := range secrets {
			assert.False(w, bytes.Contains(data, []byte(secret)), "the history of %s has %q", h.workflow, secret)
		}
		if h.kind == temporal.ExportWorkflow {
			assert.True(w, bytes.Contains(data, []byte(`"organization":"`)), "payloads can be searched")
		}
		w.replay(h)
	}
	for _, secret := range secrets {
		for _, p := range w.workers {
			assert.NotContains(w, p.output.String(), secret)
		}
	}
}

// replay replays a history. The name of the token's workflow is for the tests of package
// temporal: its function has no exported name.
func (w *world) replay(h history) {
	w.Helper()
	r := worker.NewWorkflowReplayer()
	r.RegisterWorkflowWithOptions(temporal.Export, workflow.RegisterOptions{Name: temporal.ExportWorkflow})
	r.RegisterWorkflowWithOptions(temporal.ExportAll, workflow.RegisterOptions{Name: temporal.ExportAllWorkflow})
	if h.kind == temporal.ExportWorkflow || h.kind == temporal.ExportAllWorkflow {
		assert.NoError(w, r.ReplayWorkflowHistory(nil, h.events), h.workflow)
	}
}

// histories returns the histories of all workflows of the test.
func (w *world) histories() (all []history) {
	w.Helper()
	var page []byte
	for {
		list, err := w.client.ListWorkflow(w.Context(), &workflowservice.ListWorkflowExecutionsRequest{NextPageToken: page})
		require.NoError(w, err)
		for _, info := range list.GetExecutions() {
			id := info.GetExecution()
			all = append(all, history{id.GetWorkflowId(), info.GetType().GetName(), w.events(id.GetWorkflowId(), id.GetRunId())})
		}
		if page = list.GetNextPageToken(); len(page) == 0 {
			break
		}
	}
	require.NotEmpty(w, all)
	return all
}

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

// The names of workers and of their task queues have the name of the machine.
var (
	identity    = regexp.MustCompile(`("identity": *)"[^"]*"`)
	stickyQueue = regexp.MustCompile(`("name": *)"[^":]*(:[0-9a-f-]{36}")`)
)

// record writes the histories of the test, with -record: the first run of each
// workflow.
func (w *world) record() {
	w.Helper()
	if !*record {
		return
	}
	seen := map[string]bool{}
	for _, h := range slices.Backward(w.histories()) { // the oldest comes last
		if seen[h.workflow] {
			continue
		}
		seen[h.workflow] = true
		data, err := temporalproto.CustomJSONMarshalOptions{Indent: "  "}.Marshal(h.events)
		require.NoError(w, err)
		name := strings.TrimPrefix(w.Name(), "Test") + "-" + strings.ReplaceAll(strings.TrimPrefix(h.workflow, "ghmigrate/"), "/", "-") + ".json"
		dir := filepath.Join("..", "..", "testdata", "histories")
		require.NoError(w, os.MkdirAll(dir, 0o750))
		data = identity.ReplaceAll(data, []byte(`$1"worker"`))
		data = stickyQueue.ReplaceAll(data, []byte(`$1"worker$2`))
		require.NoError(w, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
}
