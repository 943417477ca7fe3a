package export_test

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

// A doubledAccount lists every migration twice, as GitHub may if the pages shift while
// they are read.
type doubledAccount struct{ export.Account }

func (a doubledAccount) List(ctx context.Context, o *ghmigrate.ListOrgMigrationsOptions) iter.Seq2[*ghmigrate.Migration, error] {
	return func(yield func(*ghmigrate.Migration, error) bool) {
		for m, err := range a.Account.List(ctx, o) {
			if !yield(m, err) || err == nil && !yield(m, nil) {
				return
			}
		}
	}
}

// injectLateTwin makes the fake lose the response to the first start. The list shows
// the migration after the time hidden.
func injectLateTwin(server *ghmigratetest.Server, hidden time.Duration) {
	n := 0
	server.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
		if n++; n == 1 {
			return ghmigratetest.Fate{Duration: 3 * time.Hour, LocksAfter: 2 * time.Hour}
		}
		return ghmigratetest.Fate{Duration: 10 * time.Minute}
	})
	server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Status: 502, Applied: true, Hidden: hidden})
}

func TestALateTwinIsRecordedAndUnlockedButNotDeleted(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Status: 502, Applied: true, Hidden: 100 * time.Second})
		opts := locked(names, t.TempDir())
		opts.DeleteArchives = true
		m, err := run(t, server, opts)
		require.NoError(t, err)
		assert.Equal(t, []export.Twin{{Batch: "1", Migration: 79}}, m.Twins)
		migrations := server.Migrations()
		require.Len(t, migrations, 2)
		assert.False(t, migrations[0].ArchiveDeleted, "the archive of the twin")
		assert.True(t, migrations[1].ArchiveDeleted)
		assert.False(t, server.Locked(names[0]))
	})
}

func TestATwinThatIsListedTwiceIsRecordedOnce(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		injectLateTwin(server, 3*time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), 48*time.Hour)
		defer cancel()
		m, err := runAs(t, ctx, server, doubledAccount{octo(t, server)}, locked(names, t.TempDir()))
		require.NoError(t, err)
		assert.Len(t, m.Twins, 1)
	})
}

func TestALateTwinIsUnlockedAfterACrashBetweenTwoLinesOfTheJournal(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 2)
		// The first migration is hidden, and becomes a twin. The second migration fails.
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
		_, err := run(t, server, opts)
		require.NoError(t, err)
		// The process crashes after it has written the first line with twins.
		journal := fileOfRun(t, opts.Dir, "journal")
		data, err := os.ReadFile(journal)
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
		require.NoError(t, os.WriteFile(journal, []byte(strings.Join(lines[:cut+1], "")), 0o600))
		server.ClearRequests()
		m, err := run(t, server, opts)
		require.NoError(t, err)
		require.NotEmpty(t, m.Twins)
		assert.NotEmpty(t, requests(server, http.MethodDelete, fmt.Sprintf("/migrations/%d/repos/", m.Twins[0].Migration)))
	}, ghmigratetest.WithExportDuration(10*time.Second))
}

func TestALateTwinThatCannotBeReadOnceIsReadAgain(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		injectLateTwin(server, 3*time.Minute)
		server.Inject(ghmigratetest.Fault{Path: "/orgs/octo/migrations/79/repositories", Status: http.StatusNotFound, Body: `{"message":"Not Found"}`})
		m, err := run(t, server, locked(names, t.TempDir()))
		require.NoError(t, err)
		time.Sleep(24 * time.Hour)
		assert.Len(t, m.Twins, 1)
		assert.False(t, server.Locked(names[0]))
	})
}

// The last search for late twins is retried during an outage.
func TestAnOutageAtTheLastSearchIsWaitedOut(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		injectLateTwin(server, 3*time.Minute)
		begun := time.Now()
		server.InjectFunc(func(r ghmigratetest.Request, _ int) (ghmigratetest.Fault, bool) {
			since := time.Since(begun)
			return ghmigratetest.ServerError(503), r.Path == "/orgs/octo/migrations" && since > 4*time.Minute && since < 40*time.Minute
		})
		m, err := run(t, server, locked(names, t.TempDir()))
		require.NoError(t, err)
		assert.Len(t, m.Twins, 1)
		assert.Greater(t, time.Since(begun), 40*time.Minute)
		time.Sleep(24 * time.Hour)
		assert.False(t, server.Locked(names[0]))
	})
}

// Run does not search for late twins again and again while its only job is parked.
func TestARunWithALostStartEndsDuringAnOutageOfTheStore(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		store := newMemoryStore()
		store.failAfterTrial()
		server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Status: 502, Applied: true})
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		_, err := runAs(t, ctx, server, octo(t, server), export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir(), Store: store})
		require.ErrorContains(t, partial(t, err).Err, "the bucket is on fire")
		assert.Less(t, time.Since(begun), 3*time.Hour)
	})
}
