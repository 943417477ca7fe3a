package consumer_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"example.com/consumer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/archive"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// The types of the library implement the interfaces of the program, and the other way
// round.
var (
	_ consumer.Exports = (*ghmigrate.UserMigrations)(nil)
	_ io.ReadCloser    = (*ghmigrate.ArchiveStream)(nil)
	_ archive.Record   = (*archive.Issue)(nil)
	_ export.Store     = memoryStore{}
)

// inBubble runs a test in virtual time, against a fake GitHub with one repository of a
// user and two of an organization.
func inBubble(t *testing.T, test func(t *testing.T, github *ghmigratetest.Server, client *ghmigrate.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		github := ghmigratetest.NewServer(ghmigratetest.InMemory(), ghmigratetest.WithExportDuration(time.Hour))
		defer github.Close()
		github.AddRepository("octocat/hello-world", ghmigratetest.WithIssues(3))
		github.AddRepository("octo-org/hello-world")
		github.AddRepository("octo-org/spoon-knife")
		client, err := ghmigrate.NewClient(
			ghmigrate.WithBaseURL(github.URL()),
			ghmigrate.WithHTTPClient(github.Client()),
			ghmigrate.WithToken(github.Token()),
		)
		require.NoError(t, err)
		defer client.CloseIdleConnections()
		test(t, github, client)
	})
}

func TestBackUp(t *testing.T) {
	inBubble(t, func(t *testing.T, github *ghmigratetest.Server, client *ghmigrate.Client) {
		path := filepath.Join(t.TempDir(), "backup.tar.gz")
		summary, err := consumer.BackUp(t.Context(), client.UserMigrations, path, "octocat/hello-world")
		require.NoError(t, err)
		assert.Equal(t, int64(3), summary.Records["issue"])
		assert.False(t, github.Locked("octocat/hello-world"))
		_, err = client.UserMigrations.ArchiveURL(t.Context(), 79)
		require.ErrorIs(t, err, ghmigrate.ErrArchiveGone)
		require.ErrorIs(t, err, ghmigrate.ErrNotFound)

		f, err := os.Open(path)
		require.NoError(t, err)
		defer f.Close()
		r, err := archive.NewReader(f, nil)
		require.NoError(t, err)
		var issues []int64
		for issue, err := range archive.Records[*archive.Issue](r) {
			require.NoError(t, err)
			issues = append(issues, issue.URL.Number())
		}
		assert.Equal(t, []int64{1, 2, 3}, issues)
	})
}

// A failed export and a refused start are errors of their kind. The repositories of a
// failed export are unlocked.
func TestFailedBackUps(t *testing.T) {
	inBubble(t, func(t *testing.T, github *ghmigratetest.Server, client *ghmigrate.Client) {
		github.AddRepository("octocat/too-large", ghmigratetest.PoisonsExport())
		path := filepath.Join(t.TempDir(), "backup.tar.gz")
		_, err := consumer.BackUp(t.Context(), client.UserMigrations, path, "octocat/too-large")
		require.ErrorIs(t, err, ghmigrate.ErrMigrationFailed)
		assert.NoFileExists(t, path)
		assert.False(t, github.Locked("octocat/too-large"))

		_, err = consumer.BackUp(t.Context(), client.UserMigrations, path, "octocat/typo")
		require.ErrorIs(t, err, ghmigrate.ErrValidation)
		apiError, ok := errors.AsType[*ghmigrate.APIError](err)
		require.True(t, ok)
		assert.Equal(t, http.StatusUnprocessableEntity, apiError.StatusCode)
	})
}

// failingExports is a mock whose exports fail.
type failingExports struct{ consumer.Exports }

var errExport = errors.New("the export failed")

func (failingExports) Start(context.Context, ghmigrate.StartMigrationRequest) (*ghmigrate.Migration, error) {
	return &ghmigrate.Migration{ID: 1, State: ghmigrate.StatePending}, nil
}

func (failingExports) Wait(context.Context, int64) (*ghmigrate.Migration, error) {
	return nil, errExport
}

func (failingExports) ListRepositories(context.Context, int64, *ghmigrate.ListOptions) iter.Seq2[*ghmigrate.Repository, error] {
	return func(yield func(*ghmigrate.Repository, error) bool) {
		yield(&ghmigrate.Repository{Name: "hello-world", FullName: "octocat/hello-world"}, nil)
	}
}

func (failingExports) UnlockRepository(context.Context, int64, string) error {
	return ghmigrate.ErrNotFound
}

func TestBackUpWithoutAServer(t *testing.T) {
	_, err := consumer.BackUp(t.Context(), failingExports{}, "nowhere")
	require.ErrorIs(t, err, errExport)
	require.NotErrorIs(t, err, ghmigrate.ErrNotFound)
}

// A memoryStore is a Store that the program implements.
type memoryStore map[string][]byte

func (s memoryStore) Put(_ context.Context, name string, r io.Reader, size int64) error {
	content, err := io.ReadAll(r)
	if err == nil && int64(len(content)) != size {
		err = io.ErrUnexpectedEOF
	}
	s[name] = content
	return err
}

func TestExportOfAnOrganization(t *testing.T) {
	inBubble(t, func(t *testing.T, github *ghmigratetest.Server, client *ghmigrate.Client) {
		store := memoryStore{}
		manifest, err := export.Run(t.Context(), export.OrgAccount(client, "octo-org"), export.Options{
			Repositories:   []string{"octo-org/hello-world", "octo-org/spoon-knife"},
			Dir:            t.TempDir(),
			Start:          ghmigrate.StartMigrationRequest{LockRepositories: true},
			DeleteArchives: true,
			Store:          store,
		})
		require.NoError(t, err)
		assert.Equal(t, 2, manifest.Covered)
		for _, row := range manifest.Repositories {
			assert.True(t, row.OK(), row.Repository)
			assert.False(t, github.Locked(row.Repository))
		}
		assert.NotEmpty(t, store)

		_, err = export.Run(t.Context(), export.OrgAccount(client, "octo-org"), export.Options{
			Repositories: []string{"octo-org/hello-world", "octo-org/typo"},
			Dir:          t.TempDir(),
		})
		partial, ok := errors.AsType[*export.PartialError](err)
		require.True(t, ok, err)
		require.Len(t, partial.Repositories, 1)
		assert.Equal(t, "octo-org/typo", partial.Repositories[0].Repository)
	})
}
