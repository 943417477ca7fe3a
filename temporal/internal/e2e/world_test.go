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

	// patience is how long a test waits for anything: a worker that dies is missed
	// after half a minute.
	patience = 3 * time.Minute
)

// A world is what one test has for itself: a namespace, a GitHub, a bucket and
// workers.
type world struct {
	*testing.T
	server  *server
	github  *ghmigratetest.Server
	bucket  *bucket
	client  client.Client
	space   string // the namespace
	workers []*process
}

func newWorld(t *testing.T, s *server, opts ...ghmigratetest.Option) *world {
	t.Helper()
	opts = append([]ghmigratetest.Option{ghmigratetest.WithToken(token), ghmigratetest.WithExportDuration(time.Second)}, opts...)
	w := &world{T: t, server: s, github: ghmigratetest.NewServer(opts...), bucket: newBucket(t), space: s.newNamespace()}
	t.Cleanup(w.github.Close)
	var err error
	w.client, err = client.Dial(client.Options{
		HostPort: s.address(), Namespace: w.space, Logger: sdklog.NewStructuredLogger(slog.New(slog.NewTextHandler(t.Output(), nil))),
	})
	require.NoError(t, err)
	t.Cleanup(w.client.Close)
	t.Cleanup(w.end)
	return w
}

// end kills the workers, and shows what they wrote if the test has failed.
func (w *world) end() {
	for i, p := range w.workers {
		p.kill()
		if w.Failed() {
			fmt.Fprintf(w.Output(), "worker %d, process %d:\n%s\n", i, p.pid(), p.output)
		}
	}
}

// env is the environment of workers.
func (w *world) env() []string {
	return append(w.bucket.env(), "GITHUB_TOKEN="+token, "GHMIGRATE_TOKEN_OCTO_1="+token, "GHMIGRATE_TOKEN_OCTO_2="+token,
		"GHMIGRATE_TOKEN_OCTO_3="+token, "GHMIGRATE_TOKEN_OCTO_4="+token,
		"GITHUB_API_URL="+w.github.URL(),
		"TEMPORAL_ADDRESS="+w.server.address(), "TEMPORAL_NAMESPACE="+w.space)
}

// work starts a worker, and waits until it works.
func (w *world) work(scratch string, flags ...string) *process {
	w.Helper()
	p, err := startProcess("worker", w.env(), append([]string{"--bucket", w.bucket.url(), "--scratch", scratch}, flags...)...)
	require.NoError(w, err)
	w.workers = append(w.workers, p)
	require.NoError(w, p.await(`"msg":"working"`, time.Minute))
	return p
}

// workOnOwnDisks starts two workers, each with a disk of its own.
func (w *world) workOnOwnDisks(flags ...string) {
	w.Helper()
	for range 2 {
		w.work(w.TempDir(), flags...)
	}
}

// workOnSharedDisk starts two workers with one disk.
func (w *world) workOnSharedDisk(flags ...string) {
	w.Helper()
	scratch := filepath.Join(w.TempDir(), "scratch")
	for range 2 {
		w.work(scratch, flags...)
	}
}

// add adds repositories to an organization, and returns their names.
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

// workApart starts a worker for requests, and one for transfers.
func (w *world) workApart() {
	w.Helper()
	w.work(w.TempDir(), "--transfers", "0")
	w.work(w.TempDir(), "--requests", "0")
}

// startAll starts exports of many organizations.
func (w *world) startAll(orders temporal.Orders) client.WorkflowRun {
	w.Helper()
	run, err := w.client.ExecuteWorkflow(w.Context(), client.StartWorkflowOptions{ID: "ghmigrate/all", TaskQueue: queue}, temporal.ExportAllWorkflow, orders)
	require.NoError(w, err)
	return run
}

// finish waits for the end of an export, and returns its summary.
func (w *world) finish(run client.WorkflowRun) *temporal.Summary {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	s := new(temporal.Summary)
	require.NoError(w, run.Get(ctx, s))
	return s
}

// until waits until something is so.
func (w *world) until(what string, so func() bool) {
	w.Helper()
	require.Eventually(w, so, patience, 20*time.Millisecond, what)
}

// fetched is how many bytes storage has sent.
func (w *world) fetched() (n int64) {
	for _, r := range w.github.Requests() {
		if r.Origin == ghmigratetest.Storage {
			n += r.Size
		}
	}
	return n
}

// changes are the requests that change something, in the order in which they came.
func (w *world) changes() (all []ghmigratetest.Request) {
	for _, r := range w.github.Requests() {
		if r.Origin == ghmigratetest.API && r.Method != http.MethodGet && !strings.HasSuffix(r.Path, "/graphql") {
			all = append(all, r)
		}
	}
	return all
}

// pending returns the activity of a type that a worker performs, and that worker.
func (w *world) pending(run client.WorkflowRun, activity string) (*workflowpb.PendingActivityInfo, *process) {
	info, err := w.client.DescribeWorkflow(w.Context(), run.GetID(), "")
	if err != nil {
		return nil, nil
	}
	for _, a := range info.RawResponse.GetPendingActivities() {
		if a.GetActivityType().GetName() != activity {
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

// performer waits until a worker performs an activity, and returns the worker.
func (w *world) performer(run client.WorkflowRun, activity string) (worker *process) {
	w.Helper()
	w.until("a worker performs "+activity, func() bool {
		_, worker = w.pending(run, activity)
		return worker != nil
	})
	return worker
}

// slow makes storage slow until the faults are cleared.
func (w *world) slow() {
	w.github.Inject(ghmigratetest.Fault{Name: "slow", Origin: ghmigratetest.Storage, Times: -1, Rate: 500_000})
}

// transferred waits until storage has sent some bytes, and returns the worker that
// fetches them.
func (w *world) transferred(run client.WorkflowRun, bytes int64) *process {
	w.Helper()
	w.until("an archive is on its way", func() bool { return w.fetched() > bytes })
	return w.performer(run, "ghmigrate.Transfer")
}

// complete checks the result of an export that has everything.
func (w *world) complete(s *temporal.Summary, names []string) {
	w.Helper()
	assert.True(w, s.OK(), s.Problem)
	assert.Equal(w, len(names), s.Covered)
	w.check(s, names)
}

// check checks what holds for every export. Starts are counted, the manifest accounts
// for each repository, and objects are whole. Nothing is locked, and no history has a
// secret.
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
	assert.Equal(w, started, m.Starts, "all starts are counted")
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
	assert.Equal(w, names, rows, "the manifest accounts for each repository")
	for _, name := range names {
		assert.False(w, w.github.Locked(name), name)
	}
	w.inspect()
}

// order is an order that makes pauses short.
func order(start ghmigrate.StartMigrationRequest) temporal.Order {
	return temporal.Order{Organization: "octo-org", Start: start, Pause: 5 * time.Second}
}

var locking = ghmigrate.StartMigrationRequest{LockRepositories: true}
