package temporal_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/ghmigrate/ghmigrate/temporal"
)

// TestReplay replays recorded histories with the workflows as they are now. If it
// passes, exports that are open when workers are upgraded go on. To record the
// histories again:
//
//	go test -tags e2e ./internal/e2e -record
func TestReplay(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "histories", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			r := worker.NewWorkflowReplayer()
			for name, f := range map[string]any{
				temporal.ExportWorkflow: temporal.Export, temporal.ExportAllWorkflow: temporal.ExportAll, temporal.TokenWorkflow: temporal.ShareToken,
			} {
				r.RegisterWorkflowWithOptions(f, workflow.RegisterOptions{Name: name})
			}
			require.NoError(t, r.ReplayWorkflowHistoryFromJSONFile(nil, file))
		})
	}
}
