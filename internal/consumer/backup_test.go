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

// The services are what a program's own interfaces ask for.
var (
	_ consumer.Exports = (*ghmigrate.UserMigrations)(nil)
	_ io.ReadCloser    = (*ghmigrate.ArchiveStream)(nil)
	_ archive.Record   = (*archive.Issue)(nil)
	_ export.Store     = shelf{}
)

// in runs a test in virtual time, against a fake GitHub with one repository of
// a user and two of an organization.
func in(t *testing.T, test func(t *testing.T, github *ghmigratetest.Server, client *ghmigrate.Client)) {
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
	in(t, func(t *testing.T, github *ghmigratetest.Server, client *ghmigrate.Client) {
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

// What cannot be exported is an error of a kind, and what was locked for it is
// unlocked all the same.
func TestBackUpOfWhatFails(t *testing.T) {
	in(t, func(t *testing.T, github *ghmigratetest.Server, client *ghmigrate.Client) {
		github.AddRepository("octocat/too-large", ghmigratetest.PoisonsExport())
		path := filepath.Join(t.TempDir(), "backup.tar.gz")
		_, err := consumer.BackUp(t.Context(), client.UserMigrations, path, "octocat/too-large")
		require.ErrorIs(t, err, ghmigrate.ErrMigrationFailed)
		assert.NoFileExists(t, path)
		assert.False(t, github.Locked("octocat/too-large"))

		_, err = consumer.BackUp(t.Context(), client.UserMigrations, path, "octocat/typo")
		require.ErrorIs(t, err, ghmigrate.ErrValidation)
		answer, ok := errors.AsType[*ghmigrate.APIError](err)
		require.True(t, ok)
		assert.Equal(t, http.StatusUnprocessableEntity, answer.StatusCode)
	})
}

// noExports is a mock without a server: it fails at once.
type noExports struct{ consumer.Exports }

var errNoExports = errors.New("no exports today")

func (noExports) Start(context.Context, ghmigrate.StartMigrationRequest) (*ghmigrate.Migration, error) {
	return &ghmigrate.Migration{ID: 1, State: ghmigrate.StatePending}, nil
}

func (noExports) Wait(context.Context, int64) (*ghmigrate.Migration, error) { return nil, errNoExports }

func (noExports) ListRepositories(context.Context, int64, *ghmigrate.ListOptions) iter.Seq2[*ghmigrate.Repository, error] {
	return func(yield func(*ghmigrate.Repository, error) bool) {
		yield(&ghmigrate.Repository{Name: "hello-world", FullName: "octocat/hello-world"}, nil)
	}
}

func (noExports) UnlockRepository(context.Context, int64, string) error {
	return ghmigrate.ErrNotFound
}

func TestBackUpWithoutAServer(t *testing.T) {
	_, err := consumer.BackUp(t.Context(), noExports{}, "nowhere")
	require.ErrorIs(t, err, errNoExports)
	require.NotErrorIs(t, err, ghmigrate.ErrNotFound)
}

// A shelf is a Store of the program's own.
type shelf map[string][]byte

func (s shelf) Put(_ context.Context, name string, r io.Reader, size int64) error {
	content, err := io.ReadAll(r)
	if err == nil && int64(len(content)) != size {
		err = io.ErrUnexpectedEOF
	}
	s[name] = content
	return err
}

func TestExportOfAnOrganization(t *testing.T) {
	in(t, func(t *testing.T, github *ghmigratetest.Server, client *ghmigrate.Client) {
		store := shelf{}
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
