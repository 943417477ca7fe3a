package export_test

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

// failExportsOf makes all exports with one of the repositories fail quickly.
func failExportsOf(server *ghmigratetest.Server, names ...string) {
	server.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
		if slices.ContainsFunc(m.Repositories, func(n string) bool { return slices.Contains(names, n) }) {
			return ghmigratetest.Fate{Fails: true, Duration: 10 * time.Second}
		}
		return ghmigratetest.Fate{Duration: 20 * time.Minute}
	})
}

func TestBadRepositoriesAreNoIncident(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		repositories, batch int
		bad                 []int
	}{
		"three of forty":             {40, 1, []int{0, 1, 2}},
		"three of forty, in batches": {40, 4, []int{0, 4, 8}},
		"four in one batch":          {100, 100, []int{10, 35, 60, 85}},
		"one in each batch":          {60, 20, []int{3, 30, 55}},
		"the first ten of forty":     {40, 1, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
		"the whole last batch":       {24, 8, []int{16, 17, 18, 19, 20, 21, 22, 23}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				names := addRepositories(server, test.repositories)
				var poison []string
				for _, i := range test.bad {
					poison = append(poison, names[i])
				}
				failExportsOf(server, poison...)
				m, err := run(t, server, export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: test.batch})
				p := partial(t, err)
				require.NoError(t, p.Err)
				assert.Equal(t, poison, namesOf(p.Repositories))
				assert.Equal(t, len(names)-len(poison), m.Covered)
				batches := (test.repositories + test.batch - 1) / test.batch
				assert.LessOrEqual(t, m.Starts, batches+31*len(poison))
			})
		})
	}
}

// One batch that fails repeatedly, or batches that fail with successes between them, do
// not count as an incident.
func TestAFewBadBatchesAreNoIncident(t *testing.T) {
	for name, poisoned := range map[string][]int{"one": {0}, "two in a row": {0, 1}, "many apart": {0, 2, 4, 6, 8}} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				names := addRepositories(server, 10)
				server.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
					return ghmigratetest.Fate{Fails: slices.ContainsFunc(poisoned, func(i int) bool { return names[i] == m.Repositories[0] })}
				})
				m, err := run(t, server, export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: 1, Concurrency: 1})
				require.NoError(t, partial(t, err).Err, "the run is finished")
				assert.Equal(t, 10-len(poisoned), m.Covered)
			})
		})
	}
}

func TestMissingRepositoriesAreNoIncident(t *testing.T) {
	for name, at := range map[string][]int{"one in each of three batches": {0, 8, 16}, "three in one batch": {0, 2, 4}} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				names := addRepositories(server, 24)
				for _, i := range at {
					names[i] = "octo/gone" + strconv.Itoa(i)
				}
				m, err := run(t, server, export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: 8})
				require.NotErrorIs(t, err, export.ErrSystemic)
				assert.Equal(t, 21, m.Covered)
			})
		})
	}
}

// A job that failed in an earlier call, and that this call only unlocks, does not count
// as a failure of this call.
func TestFailuresOfAnEarlierCallAreNoIncident(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		ctx, cancel := context.WithCancel(t.Context())
		failures := 0
		server.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
			return ghmigratetest.Fate{Fails: ctx.Err() == nil, LocksAfter: 90 * time.Second}
		})
		opts := locked(addRepositories(server, 4), t.TempDir())
		opts.BatchSize = 1
		opts.Progress = func(e export.Event) {
			if e.Kind == export.EventFailed {
				failures++
			}
			if failures == 8 { // each batch has failed twice
				cancel()
			}
		}
		_, err := runAs(t, ctx, server, octo(t, server), opts)
		require.ErrorIs(t, err, context.Canceled)
		_, err = run(t, server, opts)
		require.NoError(t, err)
	})
}

func TestAnIncidentIsNotTakenForBadRepositories(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		batch      int
		locksAfter time.Duration
	}{
		"three batches in a row":         {batch: 1},
		"three batches that lock late":   {batch: 1, locksAfter: 90 * time.Second},
		"one batch, and then its halves": {batch: 32},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				names := addRepositories(server, 32)
				failing := true
				server.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
					if failing {
						return ghmigratetest.Fate{Fails: true, LocksAfter: test.locksAfter}
					}
					return ghmigratetest.Fate{}
				})
				opts := export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: test.batch, Concurrency: 4}
				opts.Start.LockRepositories = test.locksAfter > 0
				_, err := run(t, server, opts)
				p := partial(t, err)
				require.ErrorIs(t, err, export.ErrSystemic)
				assert.Len(t, p.Repositories, 32)
				assert.LessOrEqual(t, posts(server), 14+opts.Concurrency+12)

				failing = false
				m, err := run(t, server, opts)
				require.NoError(t, err, "the next call exports all repositories, with their releases")
				assert.Equal(t, 32, m.Covered)
				assert.NotZero(t, m.Ended)
			})
		})
	}
}

func TestRefusalsAloneAreAnIncident(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 500)
		server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Status: 422, Body: `{"message":"no"}`, Times: -1})
		_, err := run(t, server, export.Options{Repositories: names, Dir: t.TempDir()})
		require.ErrorIs(t, err, export.ErrSystemic)
		require.ErrorContains(t, err, "422 no")
		assert.Less(t, posts(server), 100)
	})
}

func TestARefusalOfAllStartsForAWhileDividesNoBatch(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 16)
		begun := time.Now()
		server.InjectFunc(func(r ghmigratetest.Request, _ int) (ghmigratetest.Fault, bool) {
			return ghmigratetest.Fault{Status: 422, Body: `{"message":"The endpoint has been spammed"}`}, r.Method == http.MethodPost && time.Since(begun) < 8*time.Minute
		})
		m, err := run(t, server, export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: 4})
		require.NoError(t, err)
		assert.Equal(t, 4, m.Starts)
		assert.Less(t, posts(server), 40, "about one start a minute")
	})
}

// Failures that look like an incident and persist do not count as an incident in a
// later call.
func TestRepositoriesThatAllFailAreExportedInPartByALaterCall(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 4)
		server.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
			return ghmigratetest.Fate{Fails: !slices.Contains(m.Options, "exclude_attachments")}
		})
		opts := export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: 1}
		_, err := run(t, server, opts)
		require.ErrorIs(t, err, export.ErrSystemic)
		for calls := 0; ; calls++ { // of this run, and of the next run, which isolates the repositories
			require.Less(t, calls, 3)
			m, err := run(t, server, opts)
			if m.Covered == 4 {
				assert.Equal(t, &export.PartialError{Reduced: m.Repositories}, partial(t, err))
				break
			}
		}
	})
}
