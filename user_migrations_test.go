package ghmigrate_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

// The seven operations for users, in the order of a migration's life: what
// each sends, and what comes back. A GHES has four of them.
func TestUserMigrations(t *testing.T) {
	for _, github := range githubs() {
		t.Run(github.name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				const base = "/user/migrations"
				server.AddRepository("octocat/hello")
				server.AddRepository("octocat/world")
				client := testclient.New(t, server, ghmigrate.WithAPIVersion(github.version))
				users, ctx := client.UserMigrations, t.Context()
				asked := 0
				requireSent := func(want ...sent) {
					t.Helper()
					require.Equal(t, want, sentSince(server, asked))
					asked = len(server.Requests())
				}
				began := time.Now().UTC().Round(0)
				both := []string{"octocat/hello", "octocat/world"}

				started, err := users.Start(ctx, ghmigrate.StartMigrationRequest{Repositories: both, LockRepositories: true, ExcludeMetadata: true})
				require.NoError(t, err)
				want := &ghmigrate.Migration{
					ID:               79,
					NodeID:           "MDk6TWlncmF0aW9uNzk=",
					GUID:             server.Migration(79).GUID,
					State:            ghmigrate.StatePending,
					Owner:            accountOf(server, "octocat", "User", 583231),
					LockRepositories: true,
					ExcludeMetadata:  true,
					URL:              server.URL() + base + "/79",
					CreatedAt:        began,
					UpdatedAt:        began,
				}
				got, names := plain(started)
				assert.Equal(t, want, got)
				assert.Equal(t, both, names)
				requireSent(sent{"POST", base, "", `{"repositories":["octocat/hello","octocat/world"],"lock_repositories":true,"exclude_metadata":true}`})

				time.Sleep(2 * time.Second)
				want.State, want.UpdatedAt, want.ArchiveURL = ghmigrate.StateExported, began.Add(2*time.Second), server.URL()+base+"/79/archive"
				listed, err := ghmigrate.Collect(users.List(ctx, nil))
				require.NoError(t, err)
				require.Len(t, listed, 1)
				got, names = plain(listed[0])
				assert.Equal(t, want, got)
				assert.Equal(t, both, names)
				requireSent(sent{"GET", base, "", ""})

				repositories, err := ghmigrate.Collect(users.ListRepositories(ctx, 79, &ghmigrate.ListOptions{PerPage: 1}))
				require.NoError(t, err)
				require.Len(t, repositories, 2)
				for i, r := range repositories {
					assert.Equal(t, both[i], r.FullName)
					assert.Equal(t, want.Owner, r.Owner)
				}
				requireSent(sent{"GET", base + "/79/repositories", "per_page=1", ""}, sent{"GET", base + "/79/repositories", "page=2&per_page=1", ""})

				signed, err := users.ArchiveURL(ctx, 79)
				require.NoError(t, err)
				assert.True(t, strings.HasPrefix(signed.Reveal(), server.StorageURL()+"/"), signed)
				requireSent(sent{"GET", base + "/79/archive", "", ""})

				path := filepath.Join(t.TempDir(), "archive.tar.gz")
				result, err := users.DownloadArchive(ctx, 79, path, nil)
				require.NoError(t, err)
				data, err := os.ReadFile(path)
				require.NoError(t, err)
				assert.Equal(t, &ghmigrate.DownloadResult{Path: path, Size: int64(len(data)), SHA256: sha256Of(data)}, result)
				requireSent(sent{"GET", base + "/79/archive", "", ""})

				if github.isGHES() {
					_, err := users.Get(ctx, 79, nil)
					require.ErrorIs(t, err, ghmigrate.ErrNotFound)
					require.ErrorIs(t, users.UnlockRepository(ctx, 79, "hello"), ghmigrate.ErrNotFound)
					require.ErrorIs(t, users.DeleteArchive(ctx, 79), ghmigrate.ErrNotFound)
					return
				}

				found, err := users.Get(ctx, 79, nil)
				require.NoError(t, err)
				got, names = plain(found)
				assert.Equal(t, want, got)
				assert.Equal(t, both, names)
				requireSent(sent{"GET", base + "/79", "", ""})

				found, err = users.Get(ctx, 79, &ghmigrate.GetOptions{OmitRepositories: true})
				require.NoError(t, err)
				assert.Empty(t, found.Repositories)
				requireSent(sent{"GET", base + "/79", "exclude=repositories", ""})

				waited, err := users.Wait(ctx, 79)
				require.NoError(t, err)
				got, _ = plain(waited)
				assert.Equal(t, want, got)
				assert.Nil(t, waited.Repositories)
				requireSent(sent{"GET", base + "/79", "exclude=repositories", ""})

				require.NoError(t, users.UnlockRepository(ctx, 79, "world"))
				assert.Equal(t, []string{"octocat/hello"}, server.Migration(79).Locked)
				requireSent(sent{"DELETE", base + "/79/repos/world/lock", "", ""})

				require.NoError(t, users.DeleteArchive(ctx, 79))
				assert.True(t, server.Migration(79).ArchiveDeleted)
				requireSent(sent{"DELETE", base + "/79/archive", "", ""})
			}, github.opts...)
		})
	}
}
