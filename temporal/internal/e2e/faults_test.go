//go:build e2e && unix

package e2e_test

import (
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/temporal"
)

// late delays a request until release is closed.
func late(arrived, release chan struct{}) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		close(arrived)
		<-release
		next.ServeHTTP(w, r)
	}
}

func TestServerKilled(t *testing.T) {
	t.Parallel()
	s, err := newServer(filepath.Join(t.TempDir(), "own"))
	require.NoError(t, err)
	t.Cleanup(func() { s.kill() })
	w := newWorld(t, s)
	names := w.add("octo-org", 6, ghmigratetest.Payload(500_000))
	w.startWorkersWithOwnDisks()
	o := order()
	o.BatchSize = 2
	run := w.start(o)
	w.awaitMigration()
	s.kill()
	require.NoError(t, s.start())
	summary := w.finish(run)
	w.checkComplete(summary, names)
	assert.Equal(t, 3, summary.Starts)
}

// The first Ctrl-C in the program export cancels the export.
func TestCancelWhileEverythingIsLocked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shared, ghmigratetest.WithExportDuration(15*time.Second))
	names := w.add("octo-org", 4)
	w.startWorkersWithOwnDisks()
	p, err := startProcess("export", w.env(), "--org", "octo-org", "--lock", "--batch", "2")
	require.NoError(t, err)
	t.Cleanup(p.kill)
	w.until("everything is locked", func() bool {
		return !slices.ContainsFunc(names, func(name string) bool { return !w.github.Locked(name) })
	})
	p.signal(syscall.SIGINT)
	status, err := p.wait(patience)
	require.NoError(t, err)
	require.Equal(t, 3, status, p.output)
	var s temporal.Summary
	require.NoError(t, json.Unmarshal([]byte(p.stdout.String()), &s))
	assert.NotEmpty(t, s.Problem)
	assert.Empty(t, s.Locked)
	w.check(&s, names)
	w.record()
}

func TestPoisonedRepository(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shared)
	names := w.add("octo-org", 6)
	w.github.UpdateRepository(names[4], ghmigratetest.PoisonsExport())
	w.startSeparateWorkers()
	o := order()
	o.BatchSize = 3
	s := w.finish(w.start(o))
	assert.False(t, s.OK())
	assert.Equal(t, 5, s.Covered)
	w.check(s, names)
	for _, row := range w.bucket.manifest(s.Manifest).Repositories {
		assert.Equal(t, row.Repository != names[4], row.OK(), row.Repository)
	}
}

func TestTokenRefusedForAWhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shared)
	names := w.add("octo-org", 4)
	w.startWorkersWithOwnDisks()
	o := order()
	o.BatchSize = 1
	run := w.start(o)
	w.awaitMigration()
	const refusals = 8
	w.github.Inject(ghmigratetest.Fault{Name: "refusal", Origin: ghmigratetest.API, Status: http.StatusUnauthorized, Times: refusals})
	w.checkComplete(w.finish(run), names)
	refused := 0
	for _, r := range w.github.Requests() {
		if r.Fault == "refusal" {
			refused++
		}
	}
	assert.Equal(t, refusals, refused)
}

func TestBucketFailsForAWhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shared)
	names := w.add("octo-org", 4, ghmigratetest.Payload(500_000))
	w.startWorkersWithOwnDisks()
	o := order()
	o.BatchSize = 1
	run := w.start(o)
	w.awaitMigration()
	w.bucket.failing.Store(true)
	w.until("the bucket has failed", func() bool { return w.bucket.failed.Load() > 12 })
	w.bucket.failing.Store(false)
	w.checkComplete(w.finish(run), names)
}

// The program export exports two organizations with one token.
func TestTwoOrganizationsWithOneToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shared)
	fast := ghmigratetest.FastChanges()
	fast.Name = "fast"
	w.github.Inject(fast)
	one, two := w.add("octo-org", 4), w.add("octo-two", 4)
	w.startWorkersWithOwnDisks()
	limited := ghmigratetest.SecondaryRateLimitAfter(3 * time.Second)
	limited.Operation, limited.After = "migrations/start-for-org", 3
	w.github.Inject(limited)
	p, err := startProcess("export", w.env(), "--org", "octo-org,octo-two", "--lock", "--batch", "2", "--delete-archives", "--pause", "5s")
	require.NoError(t, err)
	t.Cleanup(p.kill)
	status, err := p.wait(patience)
	require.NoError(t, err)
	require.Zero(t, status, p.output)
	var all temporal.Summaries
	require.NoError(t, json.Unmarshal([]byte(p.stdout.String()), &all))
	require.Len(t, all.Exports, 2)
	names := map[string][]string{"octo-org": one, "octo-two": two}
	for i := range all.Exports {
		s := &all.Exports[i]
		w.checkComplete(s, names[filepath.Base(s.Account)])
		assert.Equal(t, 2, s.Starts)
	}
	changes := w.changes()
	assert.GreaterOrEqual(t, len(changes), 4+8+4) // starts, unlocks, deletions
	for _, r := range changes {
		assert.NotEqual(t, "fast", r.Fault, "%s %s", r.Method, r.Path)
	}
	w.record()
}

// The exports of two hundred jobs continue as new several times. They have four tokens,
// so the second between two starts does not make the test slow.
func TestManyJobsContinueAsNew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shared)
	orders := temporal.Orders{Concurrency: 4}
	names := map[string][]string{}
	for _, org := range []string{"octo-1", "octo-2", "octo-3", "octo-4"} {
		names[org] = w.add(org, 50)
		orders.Orders = append(orders.Orders, temporal.Order{
			Organization: org, Token: org, BatchSize: 1, MaxEvents: 200, Pause: 5 * time.Second,
			Start: ghmigrate.StartMigrationRequest{ExcludeMetadata: true},
		})
	}
	w.startWorkersWithOwnDisks()
	run := w.startAll(orders)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var all temporal.Summaries
	require.NoError(t, run.Get(ctx, &all))
	require.Len(t, all.Exports, 4)
	for i := range all.Exports {
		s := &all.Exports[i]
		w.checkComplete(s, names[filepath.Base(s.Account)])
		assert.Equal(t, 50, s.Starts)
		assert.Positive(t, s.Continued)
	}
}
