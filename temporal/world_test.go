package temporal_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	sdklog "go.temporal.io/sdk/log"
	sdk "go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/temporal"
)

// A world runs workflows in the SDK's test suite, with a fake GitHub and a bucket. The
// clock of the fake follows the virtual time of the workflow.
type world struct {
	*testing.T
	github  *ghmigratetest.Server
	client  *ghmigrate.Client
	bucket  *blob.Bucket
	scratch string
	names   []string // the repositories of octo-org

	mu     sync.Mutex
	ticked time.Time // the time of the workflow at the latest tick

	env     *testsuite.TestWorkflowEnvironment
	prepare func()                                   // prepares env before each run of a workflow
	wrap    func(acct export.Account) export.Account // wraps every account
	restart bool                                     // suggest after a minute that each run continues as new
}

// inWorld runs a test with a world in a synctest bubble.
func inWorld(t *testing.T, test func(t *testing.T, w *world), opts ...ghmigratetest.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newWorld(t, append(opts, ghmigratetest.InMemory())...)) })
}

func newWorld(t *testing.T, opts ...ghmigratetest.Option) *world {
	t.Helper()
	opts = append([]ghmigratetest.Option{ghmigratetest.WithExportDuration(time.Minute), ghmigratetest.WithURLLifetime(24 * time.Hour)}, opts...)
	w := &world{T: t, github: ghmigratetest.NewServer(opts...), bucket: memblob.OpenBucket(nil), scratch: t.TempDir(), prepare: func() {}}
	t.Cleanup(func() {
		w.client.CloseIdleConnections()
		w.github.Close()
	})
	t.Cleanup(func() { _ = w.bucket.Close() })
	w.wrap = func(acct export.Account) export.Account { return acct }
	var err error
	w.client, err = ghmigrate.NewClient(
		ghmigrate.WithBaseURL(w.github.URL()), ghmigrate.WithHTTPClient(w.github.Client()), ghmigrate.WithToken(w.github.Token()),
		ghmigrate.WithMaxRateLimitWait(0), ghmigrate.WithMaxRetries(0))
	require.NoError(t, err)
	return w
}

// add adds repositories to octo-org.
func (w *world) add(n int, opts ...ghmigratetest.RepositoryOption) {
	for range n {
		name := fmt.Sprintf("octo-org/repo-%02d", len(w.names)+1)
		w.github.AddRepository(name, opts...)
		w.names = append(w.names, name)
	}
}

// account is Activities.Account.
func (w *world) account(_ context.Context, order temporal.Order) (export.Account, error) {
	if order.Token == "missing" {
		return nil, errors.New("no such token")
	}
	w.tick()
	if order.Organization == "" {
		return w.wrap(export.UserAccount(w.client)), nil
	}
	return w.wrap(export.OrgAccount(w.client, order.Organization)), nil
}

// activities returns the activities of the workers.
func (w *world) activities() *temporal.Activities {
	return &temporal.Activities{Account: w.account, Bucket: w.bucket, Scratch: w.scratch}
}

// tick advances the clock of the fake by the workflow's time since the latest tick.
func (w *world) tick() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.env.Now()
	if !w.ticked.IsZero() {
		w.github.Clock().Advance(max(0, now.Sub(w.ticked)))
	}
	w.ticked = now
}

// run runs a workflow with an ID, and the runs that continue it.
func (w *world) run(id string, run any, arg any) (result converter.EncodedValue, err error) {
	w.Helper()
	start := time.Now()
	for {
		var suite testsuite.WorkflowTestSuite
		suite.SetLogger(sdklog.NewStructuredLogger(slog.New(slog.NewTextHandler(w.Output(), nil))))
		w.env = suite.NewTestWorkflowEnvironment()
		w.env.SetStartTime(start)
		w.env.SetTestTimeout(10000 * time.Hour)
		w.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: id, TaskQueue: "ghmigrate"})
		activities := w.activities()
		temporal.Register(w.env, activities)
		temporal.RegisterTransfers(w.env, activities)
		w.prepare()
		w.env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).
			Return(serviceerror.NewNotFound("no such workflow")).Maybe() // the workflow of the token, before it is started
		if w.restart {
			w.env.RegisterDelayedCallback(func() { w.env.SetContinueAsNewSuggested(true) }, time.Minute)
		}
		w.env.ExecuteWorkflow(run, arg)
		require.True(w, w.env.IsWorkflowCompleted())
		err := w.env.GetWorkflowError()
		var again *workflow.ContinueAsNewError
		if !errors.As(err, &again) {
			w.tick()
			return encodedResult{w.env}, err
		}
		var next temporal.Order
		require.NoError(w, converter.GetDefaultDataConverter().FromPayloads(again.Input, &next))
		arg, start = next, w.env.Now()
	}
}

// An encodedResult is the result of the workflow in a test environment.
type encodedResult struct {
	*testsuite.TestWorkflowEnvironment
}

func (e encodedResult) HasValue() bool       { return true }
func (e encodedResult) Get(result any) error { return e.GetWorkflowResult(result) }

// export exports octo-org, and returns the summary.
func (w *world) export(order temporal.Order) (*temporal.Summary, error) {
	w.Helper()
	order.Organization = "octo-org"
	result, err := w.run(order.WorkflowID(), temporal.Export, order)
	if err != nil {
		return nil, err
	}
	var s temporal.Summary
	require.NoError(w, result.Get(&s))
	return &s, nil
}

// canceled exports octo-org until it is canceled, and returns the summary.
func (w *world) canceled(order temporal.Order) *temporal.Summary {
	w.Helper()
	s, err := w.export(order)
	require.Nil(w, s)
	var canceled *sdk.CanceledError
	require.ErrorAs(w, err, &canceled)
	s = new(temporal.Summary)
	require.NoError(w, canceled.Details(s))
	return s
}

// mustExport exports octo-org, and checks that every repository is in a whole archive
// in the bucket, except for the missing ones.
func (w *world) mustExport(order temporal.Order, missing ...string) (*temporal.Summary, *export.Manifest) {
	w.Helper()
	s, err := w.export(order)
	require.NoError(w, err)
	m := w.check(s, w.names, missing...)
	return s, m
}

// check checks the manifest of a finished export, and returns it.
func (w *world) check(s *temporal.Summary, names []string, missing ...string) *export.Manifest {
	w.Helper()
	m := w.manifest(s.Manifest)
	assert.False(w, m.Ended.IsZero())
	assert.Equal(w, len(missing) == 0 && m.Reduced == 0, s.OK(), s.Problem)
	assert.Equal(w, len(names), s.Requested)
	assert.Equal(w, len(names)-len(missing), s.Covered)
	var rows []string
	for _, row := range m.Repositories {
		rows = append(rows, row.Repository)
		if slices.Contains(missing, row.Repository) {
			assert.NotEmpty(w, row.Error)
		} else {
			assert.True(w, row.OK(), "%s: %s", row.Repository, row.Error)
			w.checkArchive(m, row)
		}
		assert.False(w, w.github.Locked(row.Repository), "%s is locked", row.Repository)
	}
	assert.Equal(w, names, rows)
	assert.Empty(w, m.Locked)
	return m
}

// checkArchive checks that the archive of a row is whole in the bucket.
func (w *world) checkArchive(m *export.Manifest, row export.Row) {
	w.Helper()
	data, err := w.bucket.ReadAll(w.Context(), path.Join(m.Run, row.Archive))
	require.NoError(w, err)
	sum := sha256.Sum256(data)
	assert.Equal(w, row.SHA256, hex.EncodeToString(sum[:]))
}

// manifest reads a manifest from the bucket.
func (w *world) manifest(name string) *export.Manifest {
	w.Helper()
	data, err := w.bucket.ReadAll(w.Context(), name)
	require.NoError(w, err)
	var m export.Manifest
	require.NoError(w, json.Unmarshal(data, &m))
	return &m
}

// starts returns the number of migrations that GitHub has.
func (w *world) starts() int { return len(w.github.Migrations()) }
