package export_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

func TestARepositoryThatGitHubDoesNotListIsNotCovered(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 3)
		server.Inject(ghmigratetest.Fault{Path: "/repos/", Status: http.StatusOK, Body: `{"full_name":"octo/r001"}`, Times: -1})
		acct := omittingAccount{octo(t, server), names[1], func(int64) bool { return true }}
		m, err := runAs(t, t.Context(), server, acct, export.Options{Repositories: names, Dir: t.TempDir(), DeleteArchives: true})
		p := partial(t, err)
		require.NoError(t, p.Err)
		require.Equal(t, names[1:2], namesOf(p.Repositories))
		row := p.Repositories[0]
		assert.Equal(t, []bool{true, false, true}, []bool{row.Requested, row.InMigration, row.InArchive})
		assert.Equal(t, "GitHub has left it out of migration 80", row.Error)
		assert.Equal(t, 2, m.Covered)
		assert.Equal(t, "export: 1 repository not exported: octo/r001: GitHub has left it out of migration 80", err.Error())
	})
}

func TestManifestJSON(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		m, err := run(t, server, export.Options{Repositories: names, Dir: t.TempDir(), DeleteArchives: true})
		require.NoError(t, err)
		row := &m.Repositories[0]
		require.Len(t, row.SHA256, 64)
		require.Positive(t, row.Size)
		row.SHA256, row.Size = "…", 20480
		m.Ended, m.Run = m.Begun, m.Run[:len(m.Run)-6]+"…"
		data, err := json.MarshalIndent(m, "", "  ")
		require.NoError(t, err)
		//nolint:testifylint // the order of the members counts too
		assert.Equal(t, `{
  "version": 2,
  "account": "127.0.0.1:8000/orgs/octo",
  "run": "127.0.0.1:8000/orgs/octo/20000101T000000Z-…",
  "begun": "2000-01-01T00:00:00Z",
  "ended": "2000-01-01T00:00:00Z",
  "options": [],
  "requested": 1,
  "covered": 1,
  "reduced": 0,
  "starts": 1,
  "adopted": 0,
  "inferred": 0,
  "repositories": [
    {
      "repository": "octo/r000",
      "requested": true,
      "in_migration": true,
      "in_archive": true,
      "stored": true,
      "batch": "1",
      "migration": 79,
      "archive": "migration-79.tar.gz",
      "size": 20480,
      "sha256": "…",
      "deleted": true
    }
  ]
}`, string(data))
	})
}

func TestPartialErrorNamesTheFirstRepositoryAndTheReason(t *testing.T) {
	bad := export.Row{Repository: "octo/bad", Error: "the archive has faults", Faults: []string{"no HEAD", "no pack"}}
	large := export.Row{Repository: "octo/large", Dropped: []string{"exclude_releases"}}
	for want, err := range map[string]*export.PartialError{
		"export: 1 repository not exported: octo/bad: the archive has faults: no HEAD": {Repositories: []export.Row{bad}},
		"export: 2 repositories not exported, the first is octo/gone: migration failed; 1 repository perhaps still locked: octo/a": {
			Repositories: []export.Row{{Repository: "octo/gone", Error: "migration failed"}, bad}, Locked: []string{"octo/a"},
		},
		"export: 1 repository exported in part: octo/large: with exclude_releases":                                                                        {Reduced: []export.Row{large}},
		"export: 2 repositories perhaps still locked, the first is octo/a; no room; GitHub fails to export any repository at the moment, try again later": {Locked: []string{"octo/a", "octo/b"}, Err: errors.Join(errors.New("no room"), export.ErrSystemic)},
	} {
		assert.Equal(t, want, err.Error())
		if err.Err != nil {
			require.ErrorIs(t, err, export.ErrSystemic)
		}
	}
}

func TestRowErrorOfARenamedTransferredOrDeletedRepository(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*ghmigratetest.Server)
		get    ghmigratetest.Fault // GitHub's response to a GET of the repository
		want   string
	}{
		"renamed": {
			func(s *ghmigratetest.Server) { s.RenameRepository("octo/r001", "octo/new") },
			ghmigratetest.Fault{Status: http.StatusOK, Body: `{"full_name":"octo/new"}`},
			"the repository was renamed to octo/new: export it under that name",
		},
		"transferred": {
			func(s *ghmigratetest.Server) { s.RenameRepository("octo/r001", "other/r001") },
			ghmigratetest.Fault{Status: http.StatusOK, Body: `{"full_name":"other/r001"}`},
			"the repository was transferred to other/r001: export it from that account",
		},
		"deleted": {
			func(s *ghmigratetest.Server) { s.RemoveRepository("octo/r001") },
			ghmigratetest.Fault{Status: http.StatusNotFound, Body: `{"message":"Not Found"}`},
			"the repository no longer exists, or the token has no access to it",
		},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				server.AddRepository("other/there")
				opts := locked(addRepositories(server, 4), t.TempDir())
				server.InjectFunc(func(r ghmigratetest.Request, _ int) (ghmigratetest.Fault, bool) {
					return test.get, strings.HasPrefix(r.Path, "/repos/octo/")
				})
				time.AfterFunc(30*time.Minute, func() { test.change(server) })
				m, err := run(t, server, opts)
				p := partial(t, err)
				require.NoError(t, p.Err, "the run is finished")
				require.Equal(t, opts.Repositories[1:2], namesOf(p.Repositories))
				assert.Equal(t, test.want, p.Repositories[0].Error)
				assert.Equal(t, 3, m.Covered)
				for _, migration := range server.Migrations() {
					for _, name := range migration.Locked {
						assert.Contains(t, m.Locked, name, "locked and not listed")
					}
				}
				assert.Empty(t, m.Locked)
			}, ghmigratetest.WithExportDuration(time.Hour))
		})
	}
}
