package export_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

func TestARateLimitIsWaitedOutAfterAMigrationIsDeleted(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		begun := time.Now()
		opts := export.Options{Repositories: names, Dir: t.TempDir()}
		opts.Progress = func(e export.Event) {
			if e.Kind == export.EventExported && e.Migration == 79 {
				server.Forget(79)
				f := ghmigratetest.PrimaryRateLimit(30 * time.Minute)
				f.Path = "/orgs/octo/migrations"
				f.Method = http.MethodGet
				server.Inject(f)
			}
		}
		_, err := run(t, server, opts)
		require.NoError(t, err, "Run waits out a rate limit of any length")
		assert.Greater(t, time.Since(begun), 30*time.Minute)
	})
}

func TestOnlyPausesCountAgainstTheHour(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		attempts := 0
		store := putFunc(func(ctx context.Context, name string, r io.Reader) error {
			switch attempts++; attempts {
			case 1:
				return errors.New("once")
			case 2:
				time.Sleep(61 * time.Minute) // a large archive that is nearly stored
				return errors.New("twice")
			}
			return discard(ctx, name, r)
		})
		_, err := run(t, server, export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir(), Store: store})
		require.NoError(t, err)
	})
}

func TestRateLimitsDoNotCountAsFailures(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		path := "/orgs/octo/migrations/79/repositories"
		failures := ghmigratetest.Fault{Path: path, Status: 503, Times: 4}
		limit := ghmigratetest.PrimaryRateLimit(61 * time.Minute)
		limit.Path = path
		server.Inject(failures)
		server.Inject(limit)
		server.Inject(failures)
		_, err := run(t, server, export.Options{Repositories: names, Dir: t.TempDir()})
		require.NoError(t, err)
	})
}

func TestOutagesWithASuccessBetweenThemDoNotAddUp(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 2)
		begun := time.Now()
		server.InjectFunc(func(ghmigratetest.Request, int) (ghmigratetest.Fault, bool) {
			hour := time.Since(begun) / time.Hour
			return ghmigratetest.ServerError(503), hour%4 == 3 && time.Since(begun)%time.Hour < 50*time.Minute
		})
		m, err := run(t, server, export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: 1, Concurrency: 1})
		require.NoError(t, err)
		assert.Equal(t, 2, m.Starts)
	}, ghmigratetest.WithExportDuration(13*time.Hour))
}

func TestTemporaryRefusalsAreRetried(t *testing.T) {
	for name, fault := range map[string]ghmigratetest.Fault{
		"401": {Status: 401, Body: `{"message":"Bad credentials"}`},
		"403": {Status: 403, Body: `{"message":"Forbidden"}`},
		"404": {Status: 404, Body: `{"message":"Not Found"}`},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				opts := locked(addRepositories(server, 3), t.TempDir())
				opts.BatchSize, opts.DeleteArchives = 1, true
				begun := time.Now()
				server.InjectFunc(func(r ghmigratetest.Request, _ int) (ghmigratetest.Fault, bool) {
					since := time.Since(begun)
					return fault, r.Origin == ghmigratetest.API && (since < 40*time.Second || since%(3*time.Minute) < 45*time.Second)
				})
				m, err := run(t, server, opts)
				require.NoError(t, err)
				assert.Equal(t, 3, m.Starts)
				assert.False(t, anyLocked(server, opts.Repositories))
			}, ghmigratetest.WithExportDuration(20*time.Minute))
		})
	}
}

func TestStuckExportsDoNotDelayOthers(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := locked(addRepositories(server, 30), t.TempDir())
		opts.BatchSize, opts.Patience = 1, time.Hour
		stuck := opts.Repositories[:10]
		server.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
			if slices.Contains(stuck, m.Repositories[0]) {
				return ghmigratetest.Fate{Duration: -1}
			}
			return ghmigratetest.Fate{Duration: 5 * time.Minute}
		})
		begun := time.Now()
		early := 0
		opts.Progress = func(e export.Event) {
			if e.Kind == export.EventOver && time.Since(begun) < 3*time.Hour {
				early++
			}
		}
		m, err := run(t, server, opts)
		p := partial(t, err)
		require.NoError(t, p.Err)
		assert.Equal(t, 20, early)
		assert.Equal(t, stuck, namesOf(p.Repositories))
		assert.Contains(t, p.Repositories[0].Error, "more than a day")
		assert.Equal(t, stuck, m.Locked, "GitHub does not unlock before the end of the export")
	})
}

func TestAStuckExportDoesNotDelayTheNextRuns(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := locked(addRepositories(server, 2), t.TempDir())
		names := opts.Repositories
		server.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
			if m.Repositories[0] == names[0] {
				return ghmigratetest.Fate{Duration: -1}
			}
			return ghmigratetest.Fate{Duration: 5 * time.Minute}
		})
		opts.Repositories = names[:1]
		_, err := run(t, server, opts)
		require.Equal(t, names[:1], partial(t, err).Locked)
		opts.Repositories = names[1:]
		for range 2 {
			begun := time.Now()
			_, err = run(t, server, opts)
			require.Equal(t, names[:1], partial(t, err).Locked)
			assert.Less(t, time.Since(begun), time.Hour)
		}
	})
}

func TestAnExportWhosePollsFailForADayIsStuck(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		server.AddRepository("octocat/a")
		var started atomic.Bool
		opts := export.Options{Repositories: []string{"octocat/a"}, Dir: t.TempDir(), Patience: time.Hour, Progress: func(e export.Event) {
			if e.Kind == export.EventStarted {
				started.Store(true)
			}
		}}
		server.InjectFunc(func(r ghmigratetest.Request, _ int) (ghmigratetest.Fault, bool) {
			return ghmigratetest.ServerError(502), started.Load()
		})
		acct := export.UserAccount(testclient.New(t, server, ghmigrate.WithMaxOutage(100*time.Hour)))
		m, err := runAs(t, t.Context(), server, acct, opts)
		require.Error(t, err)
		assert.Contains(t, m.Repositories[0].Error, "more than a day")
	})
}

// GitHub responds 404 to a token that has lost its rights: a 404 does not mean that
// the migration was deleted.
func TestATokenWithoutRightsDoesNotMakeMigrationsStartAgain(t *testing.T) {
	for _, when := range []export.EventKind{export.EventStarted, export.EventExported, "downloading"} {
		t.Run(string(when), func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				opts := export.Options{Repositories: addRepositories(server, 2), Dir: t.TempDir(), BatchSize: 1}
				opts.Progress = func(e export.Event) {
					if e.Kind == when {
						server.SetRole("octo", "member")
					}
				}
				acct := downloadingAccount{Account: octo(t, server), before: func(int64) error {
					if when == "downloading" {
						server.SetRole("octo", "member")
					}
					return nil
				}}
				_, err := runAs(t, t.Context(), server, acct, opts)
				require.ErrorIs(t, partial(t, err).Err, ghmigrate.ErrNotFound)
				server.SetRole("octo", "admin")
				opts.Progress = nil
				_, err = run(t, server, opts)
				require.NoError(t, err)
				assert.Len(t, server.Migrations(), 2, "no repository is exported twice")
			})
		})
	}
}
