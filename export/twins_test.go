package export_test

import (
	"context"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/durable"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

// doubled lists everything twice, as when the pages shift while they are read.
type doubled struct{ export.Account }

func (a doubled) List(ctx context.Context, o *ghmigrate.ListOrgMigrationsOptions) iter.Seq2[*ghmigrate.Migration, error] {
	return func(yield func(*ghmigrate.Migration, error) bool) {
		for m, err := range a.Account.List(ctx, o) {
			if !yield(m, err) || err == nil && !yield(m, nil) {
				return
			}
		}
	}
}

// lateTwin makes a migration whose answer is lost and that shows itself late.
func lateTwin(server *ghmigratetest.Server, hidden time.Duration) {
	n := 0
	server.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
		if n++; n == 1 {
			return ghmigratetest.Fate{Duration: 3 * time.Hour, LocksAfter: 2 * time.Hour}
		}
		return ghmigratetest.Fate{Duration: 10 * time.Minute}
	})
	server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Status: 502, Applied: true, Hidden: hidden})
}

func TestATwinThatIsListedTwiceIsWaitedForOnce(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		lateTwin(server, 3*time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), 48*time.Hour)
		defer cancel()
		m, err := run(t, ctx, server, doubled{octo(t, server)}, locked(names, t.TempDir()))
		require.NoError(t, err)
		assert.Len(t, m.Twins, 1)
	})
}

func TestALateTwinIsNotForgottenBetweenTwoLinesOfTheJournal(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 2)
		// The first is created late (a twin), the second fails, and so its halves follow.
		n := 0
		server.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
			n++
			f := ghmigratetest.Fate{Duration: 10 * time.Second, Fails: n == 2}
			if n == 1 {
				f = ghmigratetest.Fate{Duration: 30 * time.Minute, LocksAfter: 20 * time.Minute}
			}
			return f
		})
		server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Status: 502, Applied: true, Hidden: 2 * time.Minute})
		opts := locked(names, t.TempDir())
		_, err := run(t, t.Context(), server, octo(t, server), opts)
		require.NoError(t, err)
		// The process ends after the line that has twins.
		matches, err := filepath.Glob(filepath.Join(opts.Dir, "*", "journal"))
		require.NoError(t, err)
		data, err := os.ReadFile(matches[0])
		require.NoError(t, err)
		lines := strings.SplitAfter(string(data), "\n")
		cut := -1
		for i, l := range lines {
			if strings.Contains(l, `"twins":[`) && strings.Contains(l, `{"job"`) {
				cut = i
				break
			}
		}
		require.Positive(t, cut)
		require.NoError(t, os.WriteFile(matches[0], []byte(strings.Join(lines[:cut+1], "")), 0o600))
		server.ClearRequests()
		m, err := run(t, t.Context(), server, octo(t, server), opts)
		require.NoError(t, err)
		require.NotEmpty(t, m.Twins)
		twin := m.Twins[0].Migration
		unlocked := false
		for _, r := range requests(server, http.MethodDelete, "/lock") {
			unlocked = unlocked || strings.Contains(r.Path, "/"+strconv.FormatInt(twin, 10)+"/")
		}
		assert.True(t, unlocked)
	}, ghmigratetest.WithExportDuration(10*time.Second))
}

// A floor is only as good as the list that it was read from. What the journal
// has is another batch's, wherever it is in the list.
func TestWhatTheJournalHasIsNotAdoptedAgain(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		acct := octo(t, server)
		failing := true
		server.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate { return ghmigratetest.Fate{Fails: failing} })
		_, err := acct.Start(t.Context(), ghmigrate.StartMigrationRequest{Repositories: names})
		require.NoError(t, err)
		failing = false
		dir := t.TempDir()
		writeJournal(t, filepath.Join(dir, "20000101T000000Z"),
			`{"run": {"version": 2, "account": "127.0.0.1:8000/orgs/octo", "repositories": 1, "batch_size": 100}}`,
			`{"plan": [{"id": "1", "repositories": ["octo/r000"], "lineage": {"try": 1}}]}`,
			`{"job": "1", "state": {"migration": 79, "outcome": "failed"}}`,
			`{"plan": [{"id": "1.1", "repositories": ["octo/r000"], "lineage": {"try": 2, "known": [79]}}]}`,
			`{"job": "1.1", "state": {"intent": "start", "book": {"floor": 78, "starts": 1}}}`,
		)
		m, err := run(t, t.Context(), server, acct, export.Options{Repositories: names, Dir: dir})
		require.NoError(t, err)
		assert.EqualValues(t, 80, m.Repositories[0].Migration)
		assert.Zero(t, m.Adopted)
		assert.Empty(t, m.Twins)
	})
}

// writeJournal is what a run left behind.
func writeJournal(t *testing.T, dir string, lines ...string) {
	t.Helper()
	require.NoError(t, os.Mkdir(dir, 0o700))
	f, err := durable.OS{}.OpenLocked(filepath.Join(dir, "journal"))
	require.NoError(t, err)
	log, err := durable.CreateLog(f)
	require.NoError(t, err)
	for _, line := range lines {
		require.NoError(t, log.Append([]byte(line)))
	}
	require.NoError(t, log.Sync())
	require.NoError(t, f.Close())
}

func TestAStartThatWasSearchedInVainIsNotForgotten(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Status: 502, Applied: true, Hidden: 2 * time.Minute})
		limit := ghmigratetest.PrimaryRateLimit(40 * time.Minute)
		limit.Method = http.MethodPost
		server.Inject(limit)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		opts := locked(names, t.TempDir())
		_, err := run(t, ctx, server, octo(t, server), opts)
		p := partial(t, err)
		assert.True(t, server.Locked(names[0]))
		assert.Equal(t, names, p.Locked)
		server.ClearFaults()
		time.Sleep(time.Hour)
		m, err := run(t, t.Context(), server, octo(t, server), opts)
		require.NoError(t, err)
		assert.Equal(t, 1, posts(server)-1, "the one that is there by now is found before another start")
		assert.Empty(t, m.Twins)
	})
}

func TestEachCallTriesToUnlockAnew(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		opts := locked(names, t.TempDir())
		server.Inject(ghmigratetest.Fault{Method: http.MethodDelete, Status: 403, Body: `{"message":"no"}`, Times: 3})
		for range 2 {
			ctx, cancel := context.WithCancel(t.Context())
			opts.Progress = func(e export.Event) {
				if e.Kind == export.EventExported || e.Kind == export.EventResumed {
					cancel()
				}
			}
			_, err := run(t, ctx, server, octo(t, server), opts)
			require.Error(t, err)
		}
		opts.Progress = nil
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := run(t, ctx, server, octo(t, server), opts)
		require.Error(t, err)
		time.Sleep(time.Hour)
		_, err = run(t, t.Context(), server, octo(t, server), opts)
		require.NoError(t, err, "GitHub would unlock by now")
	})
}

func TestALateTwinThatIsNotFoundOnceIsNotForgotten(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		lateTwin(server, 3*time.Minute)
		server.Inject(ghmigratetest.Fault{Path: "/orgs/octo/migrations/79/repositories", Status: http.StatusNotFound, Body: `{"message":"Not Found"}`})
		m, err := run(t, t.Context(), server, octo(t, server), locked(names, t.TempDir()))
		require.NoError(t, err)
		time.Sleep(24 * time.Hour)
		assert.Len(t, m.Twins, 1)
		assert.False(t, server.Locked(names[0]))
	})
}

// The last search for late twins bears an outage, as everything else does.
func TestAnOutageAtTheLastSearchIsWaitedOut(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		lateTwin(server, 3*time.Minute)
		begun := time.Now()
		server.InjectFunc(func(r ghmigratetest.Request, _ int) (ghmigratetest.Fault, bool) {
			since := time.Since(begun)
			return ghmigratetest.ServerError(503), r.Path == "/orgs/octo/migrations" && since > 4*time.Minute && since < 40*time.Minute
		})
		m, err := run(t, t.Context(), server, octo(t, server), locked(names, t.TempDir()))
		require.NoError(t, err)
		assert.Len(t, m.Twins, 1)
		assert.Greater(t, time.Since(begun), 40*time.Minute)
		time.Sleep(24 * time.Hour)
		assert.False(t, server.Locked(names[0]))
	})
}

// The search for late twins keeps no run from its end that waits for the next
// call.
func TestARunWithALostStartAndAStoreThatIsDownEnds(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		store := newMemoryStore()
		store.fail = func() bool { return len(store.objects) > 0 } // after the trial
		server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Status: 502, Applied: true})
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		_, err := run(t, ctx, server, octo(t, server), export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir(), Store: store})
		require.ErrorContains(t, partial(t, err).Err, "the bucket is on fire")
		assert.Less(t, time.Since(begun), 3*time.Hour)
	})
}
