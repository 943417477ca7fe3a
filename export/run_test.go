package export_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

func TestRunLeavesVerifiedArchivesAndNoLocks(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 7, ghmigratetest.WithIssues(2))
		opts := locked(names, filepath.Join(t.TempDir(), "backups"))
		opts.BatchSize, opts.DeleteArchives = 3, true
		m, err := run(t, server, opts)
		require.NoError(t, err)
		assert.Equal(t, 7, m.Covered)
		assert.Equal(t, 3, m.Starts)
		assert.Equal(t, "127.0.0.1:8000/orgs/octo", m.Account)
		assert.Equal(t, []string{"lock_repositories"}, m.Options)
		assert.Empty(t, m.Locked)

		migrations := server.Migrations()
		require.Len(t, migrations, 3)
		for i, batch := range [][]string{names[:3], names[3:6], names[6:]} {
			assert.Equal(t, batch, migrations[i].Repositories)
			assert.True(t, migrations[i].ArchiveDeleted)
			assert.Empty(t, migrations[i].Locked)
		}
		for i, row := range m.Repositories {
			assert.Equal(t, migrations[i/3].ID, row.Migration)
			info, err := os.Stat(filepath.Join(m.Dir, row.Archive))
			require.NoError(t, err)
			assert.Equal(t, info.Size(), row.Size)
			assert.Len(t, row.SHA256, 64)
			assert.True(t, row.OK())
			assert.True(t, row.Deleted)
		}
		entries, err := os.ReadDir(m.Dir)
		require.NoError(t, err)
		assert.Len(t, entries, 5, "three archives, the journal and the manifest")
	})
}

func TestRunKeepsArchivesAtGitHubByDefault(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		_, err := run(t, server, export.Options{Repositories: names, Dir: t.TempDir()})
		require.NoError(t, err)
		assert.False(t, server.Migrations()[0].ArchiveDeleted)
		assert.Empty(t, requests(server, http.MethodDelete, ""), "no unlock either")
	})
}

func TestARunWithoutRepositoriesFinishesAtOnce(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		addRepositories(server, 1)
		dir := t.TempDir()
		m, err := run(t, server, export.Options{Repositories: []string{}, Dir: dir})
		require.NoError(t, err)
		assert.NotZero(t, m.Ended)
		assert.Empty(t, m.Repositories)
		assert.Zero(t, posts(server))
		_, err = export.Run(t.Context(), octo(t, server), export.Options{Dir: dir})
		require.ErrorContains(t, err, "no repositories, and no unfinished run to continue")
	})
}

func TestPollsAreConditional(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		_, err := run(t, server, export.Options{Repositories: addRepositories(server, 3), Dir: t.TempDir(), BatchSize: 1})
		require.NoError(t, err)
		polls, unchanged := 0, 0
		for _, r := range requests(server, http.MethodGet, "/orgs/octo/migrations") {
			if r.Path != "/orgs/octo/migrations" {
				continue
			}
			polls++
			if r.Status == http.StatusNotModified {
				unchanged++
			}
		}
		assert.Greater(t, unchanged, polls*8/10, "of %d polls", polls)
	}, ghmigratetest.WithExportDuration(3*time.Hour))
}

func TestTheErrorOfACanceledContextHasItsCause(t *testing.T) {
	t.Run("Step while it verifies", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			job, acct := planJob(t, export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir()}), octo(t, server)
			for next(job) != export.EffectVerify {
				pause(job)
				require.NoError(t, export.Step(t.Context(), acct, job))
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(assert.AnError)
			err := export.Step(ctx, acct, job)
			require.ErrorIs(t, err, assert.AnError)
			require.ErrorIs(t, err, context.Canceled)
		})
	})
	t.Run("Run while it starts", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			ctx, cancel := context.WithCancelCause(t.Context())
			server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Stall: true, Applied: true})
			time.AfterFunc(5*time.Second, func() { cancel(assert.AnError) })
			_, err := runAs(t, ctx, server, octo(t, server), export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir()})
			require.ErrorIs(t, err, assert.AnError)
			require.ErrorIs(t, err, context.Canceled)
		})
	})
	t.Run("Run with a Store that returns another error", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			store := putFunc(func(ctx context.Context, _ string, _ io.Reader) error {
				<-ctx.Done()
				return errors.New("the bucket went away")
			})
			_, err := runAs(t, ctx, server, octo(t, server), export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir(), Store: store})
			require.ErrorIs(t, err, context.DeadlineExceeded)
		})
	})
}
