package ghmigrate_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

// The seven operations for organizations, in the order of a migration's life:
// what each sends, and what comes back.
func TestOrgMigrations(t *testing.T) {
	for _, github := range githubs() {
		t.Run(github.name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				const base = "/orgs/octo-org/migrations"
				server.AddRepository("octo-org/hello")
				server.AddRepository("octo-org/world", ghmigratetest.Private())
				client := testclient.New(t, server, ghmigrate.WithAPIVersion(github.version))
				orgs, ctx := client.OrgMigrations, t.Context()
				asked := 0
				requireSent := func(want ...sent) {
					t.Helper()
					require.Equal(t, want, sentSince(server, asked))
					for _, r := range server.Requests()[asked:] {
						if r.Origin == ghmigratetest.API {
							require.Equal(t, []string{github.version}, r.Header["X-Github-Api-Version"])
							require.Equal(t, []string{"application/vnd.github+json"}, r.Header["Accept"])
						}
					}
					asked = len(server.Requests())
				}
				began := time.Now().UTC().Round(0)
				both := []string{"octo-org/hello", "octo-org/world"}

				started, err := orgs.Start(ctx, "octo-org", ghmigrate.StartMigrationRequest{
					Repositories: both, LockRepositories: true, ExcludeReleases: true,
				})
				require.NoError(t, err)
				want := &ghmigrate.Migration{
					ID:               79,
					NodeID:           "MDk6TWlncmF0aW9uNzk=",
					GUID:             server.Migration(79).GUID,
					State:            ghmigrate.StatePending,
					Owner:            accountOf(server, "octo-org", "Organization", 583232),
					LockRepositories: true,
					ExcludeReleases:  true,
					URL:              server.URL() + base + "/79",
					CreatedAt:        began,
					UpdatedAt:        began,
				}
				got, names := plain(started)
				assert.Equal(t, want, got)
				assert.Equal(t, both, names)
				requireSent(sent{"POST", base, "", `{"repositories":["octo-org/hello","octo-org/world"],"lock_repositories":true,"exclude_releases":true}`})

				listed, err := ghmigrate.Collect(orgs.List(ctx, "octo-org", nil))
				require.NoError(t, err)
				require.Len(t, listed, 1)
				got, names = plain(listed[0])
				assert.Equal(t, want, got)
				assert.Equal(t, both, names)
				requireSent(sent{"GET", base, "", ""})

				listed, err = ghmigrate.Collect(orgs.List(ctx, "octo-org", &ghmigrate.ListOrgMigrationsOptions{OmitRepositories: true}))
				require.NoError(t, err)
				require.Len(t, listed, 1)
				got, names = plain(listed[0])
				assert.Equal(t, want, got)
				assert.Empty(t, names)
				requireSent(sent{"GET", base, "exclude=repositories&per_page=100", ""})

				time.Sleep(2 * time.Second)
				want.State, want.UpdatedAt, want.ArchiveURL = ghmigrate.StateExported, began.Add(2*time.Second), server.URL()+base+"/79/archive"
				found, err := orgs.Get(ctx, "octo-org", 79, nil)
				require.NoError(t, err)
				got, names = plain(found)
				assert.Equal(t, want, got)
				assert.Equal(t, both, names)
				requireSent(sent{"GET", base + "/79", "", ""})

				found, err = orgs.Get(ctx, "octo-org", 79, &ghmigrate.GetOptions{OmitRepositories: true})
				require.NoError(t, err)
				got, names = plain(found)
				assert.Equal(t, want, got)
				assert.Empty(t, names)
				requireSent(sent{"GET", base + "/79", "exclude=repositories", ""})

				repositories, err := ghmigrate.Collect(orgs.ListRepositories(ctx, "octo-org", 79, nil))
				require.NoError(t, err)
				require.Len(t, repositories, 2)
				for i, r := range repositories {
					assert.Equal(t, both[i], r.FullName)
					assert.Equal(t, both[i] == "octo-org/world", r.Private)
					assert.Equal(t, want.Owner, r.Owner)
					assert.Equal(t, github.version == "2022-11-28", r.DefaultBranch == "main", "2026-03-10 leaves it out: %q", r.DefaultBranch)
				}
				requireSent(sent{"GET", base + "/79/repositories", "per_page=100", ""})

				waited, err := orgs.Wait(ctx, "octo-org", 79)
				require.NoError(t, err)
				got, _ = plain(waited)
				assert.Equal(t, want, got)
				assert.Nil(t, waited.Repositories)
				requireSent(sent{"GET", base + "/79", "exclude=repositories", ""})

				signed, err := orgs.ArchiveURL(ctx, "octo-org", 79)
				require.NoError(t, err)
				assert.True(t, strings.HasPrefix(signed.Reveal(), server.StorageURL()+"/"), signed)
				requireSent(sent{"GET", base + "/79/archive", "", ""})

				path := filepath.Join(t.TempDir(), "archive.tar.gz")
				result, err := orgs.DownloadArchive(ctx, "octo-org", 79, path, nil)
				require.NoError(t, err)
				data, err := os.ReadFile(path)
				require.NoError(t, err)
				assert.Equal(t, &ghmigrate.DownloadResult{Path: path, Size: int64(len(data)), SHA256: sha256Of(data)}, result)
				requireSent(sent{"GET", base + "/79/archive", "", ""})

				require.NoError(t, orgs.UnlockRepository(ctx, "octo-org", 79, "hello"))
				assert.False(t, server.Locked("octo-org/hello"))
				assert.True(t, server.Locked("octo-org/world"))
				requireSent(sent{"DELETE", base + "/79/repos/hello/lock", "", ""})
				require.ErrorIs(t, orgs.UnlockRepository(ctx, "octo-org", 79, "hello"), ghmigrate.ErrNotFound, "it is unlocked already")
				requireSent(sent{"DELETE", base + "/79/repos/hello/lock", "", ""})

				require.NoError(t, orgs.DeleteArchive(ctx, "octo-org", 79))
				assert.True(t, server.Migration(79).ArchiveDeleted)
				requireSent(sent{"DELETE", base + "/79/archive", "", ""})
				require.ErrorIs(t, orgs.DeleteArchive(ctx, "octo-org", 79), ghmigrate.ErrNotFound, "it is deleted already")
				requireSent(sent{"DELETE", base + "/79/archive", "", ""})
			}, github.opts...)
		})
	}
}

// A migration of nothing but the organization's own metadata.
func TestOrgMigrationsExportMetadataOnly(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		server.AddRepository("octo-org/hello")
		client := testclient.New(t, server)
		m, err := client.OrgMigrations.Start(t.Context(), "octo-org", ghmigrate.StartMigrationRequest{OrgMetadataOnly: true})
		require.NoError(t, err)
		assert.True(t, m.OrgMetadataOnly)
		assert.Empty(t, m.Repositories)
		m, err = client.OrgMigrations.Wait(t.Context(), "octo-org", m.ID)
		require.NoError(t, err)
		assert.Equal(t, ghmigrate.StateExported, m.State)
	})
}

// One client serves many at once, in trouble too, and leaves nothing running.
func TestAClientServesManyAtOnce(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		server.AddRepository("octo-org/hello")
		server.Inject(ghmigratetest.Fault{Method: http.MethodGet, Origin: ghmigratetest.API, Status: http.StatusBadGateway, Times: 10})
		dir := t.TempDir()
		job := func(i int) error {
			m, err := client.OrgMigrations.Start(t.Context(), "octo-org", ghmigrate.StartMigrationRequest{
				Repositories: []string{"octo-org/hello"}, OmitRepositories: true,
			})
			if err != nil {
				return err
			}
			if _, err := client.OrgMigrations.Wait(t.Context(), "octo-org", m.ID); err != nil {
				return err
			}
			path := filepath.Join(dir, strconv.Itoa(i))
			if _, err = client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", m.ID, path, nil); err != nil {
				return err
			}
			assert.Equal(t, 5000, client.RateLimit().Limit)
			assert.NotEmpty(t, fmt.Sprint(client))
			return drain(client.OrgMigrations.List(t.Context(), "octo-org", &ghmigrate.ListOrgMigrationsOptions{OmitRepositories: true}))
		}
		errs := make([]error, 8)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { errs[i] = job(i) })
		}
		wg.Wait()
		require.NoError(t, errors.Join(errs...))
		files, err := os.ReadDir(dir)
		require.NoError(t, err)
		assert.Len(t, files, 8)
	})
}
