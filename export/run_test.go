package export_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

func TestRunLeavesVerifiedArchivesAndNoTraces(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 7, ghmigratetest.WithIssues(2))
		dir := filepath.Join(t.TempDir(), "backups")
		m, err := run(t, t.Context(), server, octo(t, server), export.Options{
			Repositories:   names,
			Dir:            dir,
			BatchSize:      3,
			DeleteArchives: true,
			Start:          ghmigrate.StartMigrationRequest{LockRepositories: true},
		})
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

func TestRunKeepsTheArchivesAtGitHubUnlessToldOtherwise(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		_, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: names, Dir: t.TempDir()})
		require.NoError(t, err)
		assert.False(t, server.Migrations()[0].ArchiveDeleted)
		assert.Empty(t, requests(server, http.MethodDelete, ""), "nothing was locked, nothing is unlocked")
	})
}

func TestStartsAreSerialAndASecondApart(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 5)
		_, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: 1})
		require.NoError(t, err)
		starts := requests(server, http.MethodPost, "")
		require.Len(t, starts, 5)
		for i := 1; i < len(starts); i++ {
			assert.GreaterOrEqual(t, starts[i].Time.Sub(starts[i-1].Time), time.Second)
		}
	})
}

func TestARunThatWasMovedAndLinkedIsContinued(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := export.Options{Repositories: addRepositories(server, 3), Dir: t.TempDir(), BatchSize: 1}
		unfinished(t, server, opts)
		was, is := filepath.Dir(journalOf(t, opts.Dir)), filepath.Join(t.TempDir(), "elsewhere")
		require.NoError(t, os.Rename(was, is))
		require.NoError(t, os.Symlink(is, was))
		_, err := export.Run(t.Context(), octo(t, server), opts)
		require.NoError(t, err)
		assert.Len(t, server.Migrations(), 3, "nothing is exported twice")
	})
}
