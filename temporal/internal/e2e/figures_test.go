//go:build e2e && unix

package e2e_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/temporal"
)

var figures = flag.Int("figures", 0, "measure exports of this number of jobs, in four organizations with a token each")

// TestFigures measures the figures of docs/measurements.md. Run it with -figures 1000
// -timeout 30m.
func TestFigures(t *testing.T) {
	if *figures == 0 {
		t.Skip("without -figures")
	}
	s, err := newServer(filepath.Join(t.TempDir(), "own"))
	require.NoError(t, err)
	t.Cleanup(func() { s.kill() })
	w := newWorld(t, s, ghmigratetest.WithRateLimit(1_000_000)) // to the fake, the four tokens are one
	orders := temporal.Orders{Concurrency: 4}
	for i := range 4 {
		org := fmt.Sprintf("octo-%d", i+1)
		w.add(org, *figures/4)
		orders.Orders = append(orders.Orders, temporal.Order{Organization: org, Token: org, BatchSize: 1})
	}
	w.startWorkersWithOwnDisks()
	begun := time.Now()
	run := w.startAll(orders)
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	var all temporal.Summaries
	require.NoError(t, run.Get(ctx, &all))
	assert.True(t, all.OK())
	t.Logf("%d jobs after %v", *figures, time.Since(begun).Round(time.Second))
	w.sizes()
	t.Logf("server: %s", memory(s.process))
	for _, p := range w.workers {
		t.Logf("worker: %s", memory(p))
	}
	for _, name := range []string{"temporal.db", "temporal.db-wal"} {
		if info, err := os.Stat(filepath.Join(s.dir, name)); err == nil {
			t.Logf("%s: %d bytes", name, info.Size())
		}
	}
	requests := map[string]int{}
	for _, r := range w.github.Requests() {
		if r.Origin == ghmigratetest.API {
			requests[r.Operation]++
			requests["all"]++
		}
	}
	t.Logf("requests to GitHub's API: %v", requests)
}

// sizes logs the events and bytes of all histories, by type of workflow.
func (w *world) sizes() {
	type total struct{ runs, events, bytes int64 }
	totals := map[string]total{}
	for _, info := range w.executions() {
		described, err := w.client.DescribeWorkflow(w.Context(), info.GetExecution().GetWorkflowId(), info.GetExecution().GetRunId())
		require.NoError(w, err)
		i := described.RawResponse.GetWorkflowExecutionInfo()
		t := totals[info.GetType().GetName()]
		totals[info.GetType().GetName()] = total{t.runs + 1, t.events + i.GetHistoryLength(), t.bytes + i.GetHistorySizeBytes()}
	}
	for kind, t := range totals {
		w.Logf("%s: %d runs, %d events, %d bytes", kind, t.runs, t.events, t.bytes)
	}
}

// memory returns the memory of a process, now and at its peak.
func memory(p *process) string {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid()))
	if err != nil {
		return err.Error()
	}
	var lines []string
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "VmRSS") || strings.HasPrefix(line, "VmHWM") {
			lines = append(lines, strings.Join(strings.Fields(line), " "))
		}
	}
	return strings.Join(lines, ", ")
}
