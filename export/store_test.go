package export_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

// Where archives go is decided once for a run: some of them are there already.
func TestARunIsContinuedWithAStoreOnlyIfItWasBegunWithOne(t *testing.T) {
	for name, stores := range map[string][2]export.Store{
		"begun without": {nil, newMemoryStore()},
		"begun with":    {newMemoryStore(), nil},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				names := addRepositories(server, 2)
				ctx, cancel := context.WithCancel(t.Context())
				opts := export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: 1, Concurrency: 1, Store: stores[0]}
				opts.Progress = func(e export.Event) {
					if e.Kind == export.EventStarting && e.Job == "2" {
						cancel()
					}
				}
				_, err := run(t, ctx, server, octo(t, server), opts)
				require.Error(t, err)

				opts.Progress, opts.Store = nil, stores[1]
				_, err = run(t, t.Context(), server, octo(t, server), opts)
				require.ErrorIs(t, err, export.ErrUnfinished)
				opts.Repositories = nil
				_, err = run(t, t.Context(), server, octo(t, server), opts)
				require.ErrorIs(t, err, export.ErrUnfinished)

				opts.Store = stores[0]
				m, err := run(t, t.Context(), server, octo(t, server), opts)
				require.NoError(t, err)
				assert.Equal(t, 2, m.Covered)
			})
		})
	}
}

func TestNothingIsCoveredBeforeTheStoreHasIt(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		store := newMemoryStore()
		store.fail = func() bool { return len(store.objects) > 0 } // after the trial
		m, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: names, Dir: t.TempDir(), Store: store})
		rows := partial(t, err).Repositories
		assert.Zero(t, m.Covered)
		require.Len(t, rows, 1)
		assert.Contains(t, rows[0].Error, "not finished, the next run continues it: put ")
	})
}

func TestAnArchiveThatHasLeftTheFolderIsFetchedAgain(t *testing.T) {
	for name, store := range map[string]export.Store{"no Store": nil, "Store": newMemoryStore()} {
		for _, at := range []export.EventKind{export.EventDownloaded, export.EventVerified} {
			t.Run(name+", "+string(at), func(t *testing.T) {
				testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
					names := addRepositories(server, 1)
					ctx, cancel := context.WithCancel(t.Context())
					opts := locked(names, t.TempDir())
					opts.DeleteArchives, opts.Store = true, store
					opts.Progress = func(e export.Event) {
						if e.Kind == at {
							cancel()
						}
					}
					_, err := run(t, ctx, server, octo(t, server), opts)
					require.Error(t, err)
					files, err := filepath.Glob(filepath.Join(opts.Dir, "*", "*.tar.gz"))
					require.NoError(t, err)
					require.Len(t, files, 1)
					require.NoError(t, os.Remove(files[0]))

					opts.Progress = nil
					m, err := run(t, t.Context(), server, octo(t, server), opts)
					require.NoError(t, err)
					assert.True(t, server.Migrations()[0].ArchiveDeleted)
					if store == nil {
						assert.FileExists(t, filepath.Join(m.Dir, m.Repositories[0].Archive))
					}
				})
			})
		}
	}
}
