//go:build e2e && unix

package e2e_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/temporal"
)

const (
	queue = "ghmigrate"
	token = "ghp_0123456789abcdefghijABCDEFGHIJ012345"

	// patience limits the waits of a test. Temporal notices after half a minute that a
	// worker has died.
	patience = 3 * time.Minute
)

// A world has a namespace, a fake GitHub, a bucket and workers for one test.
type world struct {
	*testing.T
	server    *server
	namespace string
	github    *ghmigratetest.Server
	bucket    *bucket
	client    client.Client
	workers   []*process
}

func newWorld(t *testing.T, s *server, opts ...ghmigratetest.Option) *world {
	t.Helper()
	opts = append([]ghmigratetest.Option{ghmigratetest.WithToken(token), ghmigratetest.WithExportDuration(time.Second)}, opts...)
	w := &world{T: t, server: s, github: ghmigratetest.NewServer(opts...), bucket: newBucket(t), namespace: s.newNamespace()}
	t.Cleanup(w.github.Close)
	var err error
	w.client, err = client.Dial(client.Options{
		HostPort: s.address(), Namespace: w.namespace, Logger: sdklog.NewStructuredLogger(slog.New(slog.NewTextHandler(t.Output(), nil))),
	})
	require.NoError(t, err)
	t.Cleanup(w.client.Close)
	t.Cleanup(w.end)
	return w
}

// end kills the workers. If the test has failed, it shows their output.
func (w *world) end() {
	for i, p := range w.workers {
		p.kill()
		if w.Failed() {
			fmt.Fprintf(w.Output(), "worker %d, process %d:\n%s\n", i, p.pid(), p.output)
		}
	}
}

// env returns the environment of the programs.
func (w *world) env() []string {
	return append(w.bucket.env(),
		"GITHUB_TOKEN="+token, "GHMIGRATE_TOKEN_OCTO_1="+token, "GHMIGRATE_TOKEN_OCTO_2="+token,
		"GHMIGRATE_TOKEN_OCTO_3="+token, "GHMIGRATE_TOKEN_OCTO_4="+token,
		"GITHUB_API_URL="+w.github.URL(),
		"TEMPORAL_ADDRESS="+w.server.address(), "TEMPORAL_NAMESPACE="+w.namespace)
}

// startWorker starts a worker, and waits until it takes work.
func (w *world) startWorker(scratch string, flags ...string) *process {
	w.Helper()
	p, err := startProcess("worker", w.env(), append([]string{"--bucket", w.bucket.url(), "--scratch", scratch}, flags...)...)
	require.NoError(w, err)
	w.workers = append(w.workers, p)
	require.NoError(w, p.await(`"msg":"working"`, time.Minute))
	return p
}

// startWorkersWithOwnDisks starts two workers with a scratch folder each.
func (w *world) startWorkersWithOwnDisks(flags ...string) {
	w.Helper()
	for range 2 {
		w.startWorker(w.TempDir(), flags...)
	}
}

// startWorkersWithSharedDisk starts two workers with one scratch folder.
func (w *world) startWorkersWithSharedDisk(flags ...string) {
	w.Helper()
	scratch := filepath.Join(w.TempDir(), "scratch")
	for range 2 {
		w.startWorker(scratch, flags...)
	}
}

// add adds n repositories to an organization, and returns their names.
func (w *world) add(org string, n int, opts ...ghmigratetest.RepositoryOption) []string {
	var names []string
	for i := range n {
		name := fmt.Sprintf("%s/repo-%03d", org, i)
		w.github.AddRepository(name, opts...)
		names = append(names, name)
	}
	return names
}

// start starts an export.
func (w *world) start(order temporal.Order) client.WorkflowRun {
	w.Helper()
	run, err := w.client.ExecuteWorkflow(w.Context(), client.StartWorkflowOptions{ID: order.WorkflowID(), TaskQueue: queue}, temporal.ExportWorkflow, order)
	require.NoError(w, err)
	return run
}

// startSeparateWorkers starts a worker for requests and a worker for transfers.
func (w *world) startSeparateWorkers() {
	w.Helper()
	w.startWorker(w.TempDir(), "--transfers", "0")
	w.startWorker(w.TempDir(), "--requests", "0")
}

// startAll starts an ExportAll.
func (w *world) startAll(orders temporal.Orders) client.WorkflowRun {
	w.Helper()
	run, err := w.client.ExecuteWorkflow(w.Context(), client.StartWorkflowOptions{ID: "ghmigrate/all", TaskQueue: queue}, temporal.ExportAllWorkflow, orders)
	require.NoError(w, err)
	return run
}

// finish waits for the end of an export, and returns the summary.
func (w *world) finish(run client.WorkflowRun) *temporal.Summary {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	s := new(temporal.Summary)
	require.NoError(w, run.Get(ctx, s))
	return s
}

// until waits until a condition holds.
func (w *world) until(what string, holds func() bool) {
	w.Helper()
	require.Eventually(w, holds, patience, 20*time.Millisecond, what)
}

// awaitMigration waits until GitHub has a migration.
func (w *world) awaitMigration() {
	w.Helper()
	w.until("GitHub has a migration", func() bool { return len(w.github.Migrations()) > 0 })
}

// fetched returns the number of bytes that storage has sent.
func (w *world) fetched() (n int64) {
	for _, r := range w.github.Requests() {
		if r.Origin == ghmigratetest.Storage {
			n += r.Size
		}
	}
	return n
}

// changes returns the requests that change something at GitHub, in their order.
func (w *world) changes() (all []ghmigratetest.Request) {
	for _, r := range w.github.Requests() {
		if r.Origin == ghmigratetest.API && r.Method != http.MethodGet && !strings.HasSuffix(r.Path, "/graphql") {
			all = append(all, r)
		}
	}
	return all
}

// activity returns the pending activity of a type, and the worker that performs it.
func (w *world) activity(run client.WorkflowRun, kind string) (*workflowpb.PendingActivityInfo, *process) {
	info, err := w.client.DescribeWorkflow(w.Context(), run.GetID(), "")
	if err != nil {
		return nil, nil
	}
	for _, a := range info.RawResponse.GetPendingActivities() {
		if a.GetActivityType().GetName() != kind {
			continue
		}
		id, _, _ := strings.Cut(a.GetLastWorkerIdentity(), "@")
		pid, _ := strconv.Atoi(id)
		if i := slices.IndexFunc(w.workers, func(p *process) bool { return p.pid() == pid }); i >= 0 {
			return a, w.workers[i]
		}
	}
	return nil, nil
}

// awaitWorker waits until a worker performs an activity, and returns the worker.
func (w *world) awaitWorker(run client.WorkflowRun, kind string) (worker *process) {
	w.Helper()
	w.until("a worker performs "+kind, func() bool {
		_, worker = w.activity(run, kind)
		return worker != nil
	})
	return worker
}

// slowStorage makes storage slow until the faults are cleared.
func (w *world) slowStorage() {
	w.github.Inject(ghmigratetest.Fault{Name: "slow", Origin: ghmigratetest.Storage, Times: -1, Rate: 500_000})
}

// awaitTransfer waits until storage has sent a number of bytes, and returns the worker
// of the transfer.
func (w *world) awaitTransfer(run client.WorkflowRun, bytes int64) *process {
	w.Helper()
	w.until("storage has sent a part of the archive", func() bool { return w.fetched() > bytes })
	return w.awaitWorker(run, "ghmigrate.Transfer")
}

// checkComplete checks the result of an export that has exported every repository.
func (w *world) checkComplete(s *temporal.Summary, names []string) {
	w.Helper()
	assert.True(w, s.OK(), s.Problem)
	assert.Equal(w, len(names), s.Covered)
	w.check(s, names)
}

// check checks the rules of every export. The manifest counts all starts and has a row
// for each repository, and archives in the bucket are whole. No repository is locked,
// and no history has a secret.
func (w *world) check(s *temporal.Summary, names []string) {
	w.Helper()
	m := w.bucket.manifest(s.Manifest)
	org, _, _ := strings.Cut(names[0], "/")
	started := 0
	for _, migration := range w.github.Migrations() {
		if migration.Owner == org {
			started++
		}
	}
	assert.Equal(w, started, m.Starts, "the manifest counts all starts")
	assert.Equal(w, m.Starts, s.Starts)
	rows := make([]string, 0, len(names))
	for _, row := range m.Repositories {
		rows = append(rows, row.Repository)
		assert.True(w, row.OK() || row.Error != "", row.Repository)
		if row.OK() {
			assert.Equal(w, row.SHA256, w.bucket.sum(m.Run+"/"+row.Archive), "the archive of %s is whole", row.Repository)
		}
	}
	slices.Sort(rows)
	assert.Equal(w, names, rows, "the manifest has a row for each repository")
	for _, name := range names {
		assert.False(w, w.github.Locked(name), name)
	}
	w.checkHistories()
}

// order returns an order for octo-org with a short pause, which locks repositories.
func order() temporal.Order {
	return temporal.Order{Organization: "octo-org", Start: locking, Pause: 5 * time.Second}
}

var locking = ghmigrate.StartMigrationRequest{LockRepositories: true}
