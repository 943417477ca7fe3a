package export_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

// A forgetful account does not list a repository in any migration.
type forgetful struct {
	export.Account
	forgets string
}

func (a forgetful) ListRepositories(ctx context.Context, id int64, opts *ghmigrate.ListOptions) iter.Seq2[*ghmigrate.Repository, error] {
	return func(yield func(*ghmigrate.Repository, error) bool) {
		for repo, err := range a.Account.ListRepositories(ctx, id, opts) {
			if (err != nil || repo.FullName != a.forgets) && !yield(repo, err) {
				return
			}
		}
	}
}

func TestWhatGitHubDoesNotListInTheMigrationIsNotCovered(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 3)
		server.Inject(ghmigratetest.Fault{Path: "/repos/", Status: http.StatusOK, Body: `{"full_name":"octo/r001"}`, Times: -1})
		m, err := run(t, t.Context(), server, forgetful{octo(t, server), names[1]}, export.Options{Repositories: names, Dir: t.TempDir(), DeleteArchives: true})
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

func TestTheManifestIsDocumentedJSON(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		m, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: names, Dir: t.TempDir(), DeleteArchives: true})
		require.NoError(t, err)
		row := &m.Repositories[0]
		require.Len(t, row.SHA256, 64)
		require.Positive(t, row.Size)
		row.SHA256, row.Size = "…", 20480
		m.Ended, m.Run = m.Begun, m.Run[:len(m.Run)-6]+"…"
		data, err := json.MarshalIndent(m, "", "  ")
		require.NoError(t, err)
		//nolint:testifylint // the order counts too, for who reads it
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

// GitHub answers 404 to a token that has lost its rights: what it does not show
// any more has not vanished.
func TestLostRightsAreNotTakenForVanishedMigrations(t *testing.T) {
	for _, when := range []export.EventKind{export.EventStarted, export.EventExported, "downloading"} {
		t.Run(string(when), func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				opts := export.Options{Repositories: addRepositories(server, 2), Dir: t.TempDir(), BatchSize: 1}
				opts.Progress = func(e export.Event) {
					if e.Kind == when {
						server.SetRole("octo", "member")
					}
				}
				acct := choosy{octo(t, server), func(int64) error {
					if when == "downloading" {
						server.SetRole("octo", "member")
					}
					return nil
				}}
				_, err := run(t, t.Context(), server, acct, opts)
				require.ErrorIs(t, partial(t, err).Err, ghmigrate.ErrNotFound)
				server.SetRole("octo", "admin")
				opts.Progress = nil
				_, err = run(t, t.Context(), server, octo(t, server), opts)
				require.NoError(t, err)
				assert.Len(t, server.Migrations(), 2, "nothing is exported twice")
			})
		})
	}
}

func TestAPartialErrorTellsTheFirstAndWhyOnOneLine(t *testing.T) {
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

// Whatever is in a journal, it is read or refused.
func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"run":{"version":2,"repositories":1}}`), []byte(`{"plan":[{"id":"1","repositories":["a/b"],"start":{}}]}`), []byte(`{"job":"1","state":{"migration":79,"outcome":"failed"}}`))
	f.Add([]byte(`{"run":{"version":2}}`), []byte(`{"plan":[null]}`), []byte(`{"job":"x","state":{}}`))
	f.Add([]byte(`{"run":{"version":2}}`), []byte(`{"plan":[{"id":"1","repositories":["a","b"],"lineage":{"at":[1,-5]},"state":{"outcome":"refused","twins":[1,2]}}]}`), []byte(`{"end":{}}`))
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		jobs, err := export.Replay(a, b, c)
		if err != nil {
			return
		}
		for _, job := range jobs {
			for _, next := range job.Successors() {
				assert.False(t, next.Over() && !next.UnlockOnly)
			}
		}
	})
}
