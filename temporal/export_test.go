package temporal_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/temporal"
)

// A world is a fake GitHub, a bucket and an environment of the SDK's test suite. The
// clock of the fake follows the virtual time of the workflow.
type world struct {
	*testing.T
	github *ghmigratetest.Server
	client *ghmigrate.Client
	bucket *blob.Bucket
	env    *testsuite.TestWorkflowEnvironment
}

func newWorld(t *testing.T, opts ...ghmigratetest.Option) *world {
	t.Helper()
	w := &world{T: t, github: ghmigratetest.NewServer(append([]ghmigratetest.Option{ghmigratetest.WithExportDuration(time.Minute)}, opts...)...), bucket: memblob.OpenBucket(nil)}
	t.Cleanup(w.github.Close)
	t.Cleanup(func() { _ = w.bucket.Close() })
	var err error
	w.client, err = ghmigrate.NewClient(
		ghmigrate.WithBaseURL(w.github.URL()), ghmigrate.WithHTTPClient(w.github.Client()), ghmigrate.WithToken(w.github.Token()),
		ghmigrate.WithMaxRateLimitWait(0), ghmigrate.WithMaxRetries(0))
	require.NoError(t, err)
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(sdklog.NewStructuredLogger(slog.New(slog.NewTextHandler(t.Output(), nil))))
	w.env = suite.NewTestWorkflowEnvironment()
	w.env.SetTestTimeout(time.Minute)
	temporal.Register(w.env, &temporal.Activities{Account: w.account, Bucket: w.bucket, Scratch: t.TempDir()})
	w.env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).
		Return(serviceerror.NewNotFound("no such workflow")).Maybe() // the token's, before it is started
	return w
}

func (w *world) account(_ context.Context, order temporal.Order) (export.Account, error) {
	w.tick()
	return export.OrgAccount(w.client, order.Organization), nil
}

// tick moves the clock of GitHub to the workflow's time.
func (w *world) tick() {
	if ahead := w.env.Now().Sub(w.github.Clock().Now()); ahead > 0 {
		w.github.Clock().Advance(ahead)
	}
}

// add adds repositories to octo-org, and returns their names.
func (w *world) add(n int, opts ...ghmigratetest.RepositoryOption) []string {
	var names []string
	for range n {
		name := fmt.Sprintf("octo-org/repo-%02d", len(w.names())+1)
		w.github.AddRepository(name, opts...)
		names = append(names, name)
	}
	return names
}

func (w *world) names() (names []string) {
	for repo, err := range export.Repositories(w.Context(), export.OrgAccount(w.client, "octo-org")) {
		if err != nil {
			return nil
		}
		names = append(names, repo.FullName)
	}
	return names
}

// export runs the workflow.
func (w *world) export(order temporal.Order) *temporal.Summary {
	w.Helper()
	order.Organization = "octo-org"
	orders := temporal.Orders{Orders: []temporal.Order{order}}
	w.env.ExecuteWorkflow(temporal.ExportAll, orders)
	require.True(w, w.env.IsWorkflowCompleted())
	require.NoError(w, w.env.GetWorkflowError())
	var all temporal.Summaries
	require.NoError(w, w.env.GetWorkflowResult(&all))
	require.Len(w, all.Exports, 1)
	return &all.Exports[0]
}

func (w *world) manifest(s *temporal.Summary) *export.Manifest {
	w.Helper()
	data, err := w.bucket.ReadAll(w.Context(), s.Manifest)
	require.NoError(w, err)
	var m export.Manifest
	require.NoError(w, json.Unmarshal(data, &m))
	return &m
}

func TestExport(t *testing.T) {
	w := newWorld(t)
	names := w.add(6)
	s := w.export(temporal.Order{BatchSize: 2, DeleteArchives: true, Start: ghmigrate.StartMigrationRequest{LockRepositories: true}})
	assert.True(t, s.OK(), s.Problem)
	assert.Equal(t, 6, s.Covered)
	assert.Equal(t, 3, s.Starts)
	m := w.manifest(s)
	for i, row := range m.Repositories {
		assert.Equal(t, names[i], row.Repository)
		assert.True(t, row.OK() && row.Deleted, row.Error)
		assert.False(t, w.github.Locked(row.Repository))
	}
}
