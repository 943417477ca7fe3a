package export_test

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

func TestTheMigrationOfALostStartIsAdopted(t *testing.T) {
	for name, fault := range map[string]ghmigratetest.Fault{
		"502 at once":        {Status: 502, Applied: true},
		"502, a minute late": {Status: 502, Applied: true, Hidden: time.Minute},
		"reset":              {Reset: true, Applied: true},
		"no response":        {Stall: true, Applied: true},
		"an empty 201":       {Status: 201, Applied: true, Body: "{}"},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				names := addRepositories(server, 3)
				fault.Method = http.MethodPost
				server.Inject(fault)
				m, err := run(t, server, export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: 2})
				require.NoError(t, err)
				assert.Equal(t, 2, posts(server), "no batch was started twice")
				assert.Len(t, server.Migrations(), 2)
				assert.Equal(t, 1, m.Adopted)
				assert.Zero(t, m.Inferred, "there was only one match")
				assert.Empty(t, m.Twins)
			})
		})
	}
}

func TestALostStartWithoutAMigrationIsSentAgainAfterNinetySeconds(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Status: 502})
		m, err := run(t, server, export.Options{Repositories: names, Dir: t.TempDir()})
		require.NoError(t, err)
		starts := requests(server, http.MethodPost, "")
		require.Len(t, starts, 2)
		assert.GreaterOrEqual(t, starts[1].Time.Sub(starts[0].Time), 90*time.Second)
		assert.Less(t, starts[1].Time.Sub(starts[0].Time), 2*time.Minute)
		assert.Len(t, server.Migrations(), 1)
		assert.Zero(t, m.Adopted)
	})
}

func TestARefusedStartIsNotSearchedFor(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Status: 403, Body: `{"message":"Forbidden"}`, Times: -1})
		_, err := run(t, server, export.Options{Repositories: names, Dir: t.TempDir(), Progress: func(e export.Event) {
			assert.NotEqual(t, export.EventLost, e.Kind)
		}})
		require.ErrorIs(t, err, ghmigrate.ErrForbidden)
	})
}

// Run adopts no migration of other repositories, with other options, or from before
// the start.
func TestOnlyTheSameMigrationIsAdopted(t *testing.T) {
	for name, other := range map[string]ghmigrate.StartMigrationRequest{
		"less than half":    {Repositories: []string{"octo/r000"}},
		"more repositories": {Repositories: []string{"octo/r000", "octo/r001", "octo/r002", "octo/r003"}},
		"others":            {Repositories: []string{"octo/r002", "octo/r003"}},
		"other options":     {Repositories: []string{"octo/r000", "octo/r001", "octo/r002"}, ExcludeReleases: true},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				names := addRepositories(server, 4)
				client := testclient.New(t, server)
				_, err := client.OrgMigrations.Start(t.Context(), "octo", ghmigrate.StartMigrationRequest{Repositories: names[:3]}) // before
				require.NoError(t, err)
				octo := export.OrgAccount(client, "octo")
				acct := &startingAccount{Account: octo, beforeFirst: func(ghmigrate.StartMigrationRequest) {
					_, err := octo.Start(t.Context(), other)
					assert.NoError(t, err)
				}}
				server.Inject(ghmigratetest.Fault{Method: http.MethodPost, After: 1, Status: 502})
				m, err := runAs(t, t.Context(), server, acct, export.Options{Repositories: names[:3], Dir: t.TempDir()})
				require.NoError(t, err)
				assert.Zero(t, m.Adopted)
				assert.Equal(t, 2, m.Starts)
				assert.EqualValues(t, 81, m.Repositories[0].Migration, "not the earlier migration, and not the other program's")
			})
		})
	}
}

func TestTheLowestOfSeveralMatchesIsInferredAndNeverDeleted(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		octo := octo(t, server)
		// Another program starts the same export, and then the response to the run's own
		// start is lost.
		acct := &startingAccount{Account: octo, beforeFirst: func(req ghmigrate.StartMigrationRequest) {
			_, err := octo.Start(t.Context(), req)
			assert.NoError(t, err) //nolint:testifylint // not the test's goroutine
			server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Status: 502, Applied: true})
		}}
		opts := locked(addRepositories(server, 1), t.TempDir())
		opts.DeleteArchives = true
		m, err := runAs(t, t.Context(), server, acct, opts)
		require.NoError(t, err)
		assert.Equal(t, []any{1, 1, []export.Twin{{Batch: "1", Migration: 80}}}, []any{m.Adopted, m.Inferred, m.Twins})
		assert.True(t, m.Repositories[0].Inferred)
		assert.EqualValues(t, 79, m.Repositories[0].Migration)
		for _, migration := range server.Migrations() {
			assert.False(t, migration.ArchiveDeleted)
			assert.Empty(t, migration.Locked, "Run unlocks the twin too")
		}
	})
}

// A process that ends while it waits for the response leaves an intent in the journal.
func TestTheNextCallFindsAnInterruptedStart(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		opts := export.Options{Repositories: names, Dir: t.TempDir()}
		server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Stall: true, Applied: true})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := runAs(t, ctx, server, octo(t, server), opts)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		m, err := run(t, server, opts)
		require.NoError(t, err)
		assert.Equal(t, 1, posts(server))
		assert.Equal(t, 1, m.Adopted)
	})
}

func TestAMigrationThatAnotherProgramStartedHoursBeforeIsNotAdopted(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		started := 0
		server.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
			if started++; started == 1 {
				return ghmigratetest.Fate{Duration: 3 * time.Hour, Fails: true}
			}
			return ghmigratetest.Fate{Duration: time.Minute}
		})
		acct := octo(t, server)
		time.AfterFunc(time.Hour, func() { // another program
			_, err := acct.Start(t.Context(), ghmigrate.StartMigrationRequest{Repositories: names, LockRepositories: true})
			assert.NoError(t, err)
		})
		server.Inject(ghmigratetest.Fault{Method: http.MethodPost, After: 2, Status: http.StatusBadGateway})
		opts := locked(names, t.TempDir())
		opts.DeleteArchives = true
		m, err := runAs(t, t.Context(), server, acct, opts)
		require.NoError(t, err)
		assert.Zero(t, m.Adopted)
		assert.EqualValues(t, 81, m.Repositories[0].Migration)
		assert.False(t, server.Migrations()[1].ArchiveDeleted, "the other program's archive")
	})
}

func TestALostStartIsFoundThoughARepositoryIsNotInIt(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 4)
		server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Status: 502, Applied: true})
		acct := omittingAccount{octo(t, server), names[1], func(id int64) bool { return id == 79 }}
		m, err := runAs(t, t.Context(), server, acct, export.Options{Repositories: names, Dir: t.TempDir()})
		require.NoError(t, err)
		assert.Equal(t, 1, m.Adopted)
		assert.Equal(t, 2, m.Starts, "the repository is exported once more, alone")
		assert.Equal(t, names[1:2], server.Migrations()[1].Repositories)
	})
}

// If the list of migrations was out of date, the floor of a start is too low. Even then
// the search skips migrations that the journal records for other jobs.
func TestAMigrationInTheJournalIsNotAdoptedAgain(t *testing.T) {
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
		m, err := runAs(t, t.Context(), server, acct, export.Options{Repositories: names, Dir: dir})
		require.NoError(t, err)
		assert.EqualValues(t, 80, m.Repositories[0].Migration)
		assert.Zero(t, m.Adopted)
		assert.Empty(t, m.Twins)
	})
}

func TestTheNextCallSearchesAgainForALostStart(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Status: 502, Applied: true, Hidden: 2 * time.Minute})
		limit := ghmigratetest.PrimaryRateLimit(40 * time.Minute)
		limit.Method = http.MethodPost
		server.Inject(limit)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		opts := locked(names, t.TempDir())
		_, err := runAs(t, ctx, server, octo(t, server), opts)
		p := partial(t, err)
		assert.True(t, server.Locked(names[0]))
		assert.Equal(t, names, p.Locked)
		server.ClearFaults()
		time.Sleep(time.Hour)
		m, err := run(t, server, opts)
		require.NoError(t, err)
		assert.Equal(t, 2, posts(server), "the lost start, and the start that the rate limit refused")
		assert.Empty(t, m.Twins)
	})
}

// GitHub has not created the migration of a lost start. The next start waits for a rate
// limit, and then the list that is searched before it fails for an hour.
func TestAJobIsParkedBeforeItsStart(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Status: 502})
		limit := ghmigratetest.PrimaryRateLimit(10 * time.Minute)
		limit.Method = http.MethodPost
		server.Inject(limit)
		server.Inject(ghmigratetest.Fault{Method: http.MethodGet, Path: "/orgs/octo/migrations", Status: 503, From: 5 * time.Minute, Times: -1})
		opts := export.Options{Repositories: names, Dir: t.TempDir()}
		_, err := run(t, server, opts)
		p := partial(t, err)
		require.ErrorContains(t, p.Err, "batch 1: search: after 1h0m0s: ")
		require.NotErrorIs(t, err, export.ErrSystemic)
		assert.Contains(t, p.Repositories[0].Error, "not finished, the next run continues it: ")

		server.ClearFaults()
		m, err := run(t, server, opts)
		require.NoError(t, err)
		assert.Len(t, server.Migrations(), 1)
		assert.Equal(t, 2, m.Starts, "the lost start, and the start of the second call")
	})
}

func TestStartsThatAreAllLostAreBounded(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 4)
		server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Status: 502, Times: -1})
		_, err := run(t, server, export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: 2})
		p := partial(t, err)
		assert.Equal(t, names, namesOf(p.Repositories))
		assert.Contains(t, p.Repositories[0].Error, "the responses to 5 starts were lost")
		assert.Contains(t, p.Repositories[0].Error, "502")
		assert.Equal(t, 30, posts(server), "five for each batch, and for each half")
	})
}

func TestAHiddenMigrationIsNotStartedTwice(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Hidden: 8 * time.Second})
		m, err := run(t, server, locked(names, t.TempDir()))
		require.NoError(t, err)
		assert.Equal(t, 1, posts(server))
		assert.Equal(t, 1, m.Starts)
	})
}

func TestAMigrationThatIsHiddenForAMinuteEachHourIsNotStartedTwice(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		server.AddRepository("octocat/a")
		begun, faults := time.Now(), 0
		server.InjectFunc(func(r ghmigratetest.Request, _ int) (ghmigratetest.Fault, bool) {
			if time.Since(begun).Truncate(time.Minute)%time.Hour != 30*time.Minute {
				return ghmigratetest.Fault{}, false
			}
			faults++
			if r.Path == "/user/migrations" {
				return ghmigratetest.Fault{Status: 200, Body: `[]`}, true
			}
			return ghmigratetest.Fault{Status: 404, Body: `{"message":"Not Found"}`}, true
		})
		acct := export.UserAccount(testclient.New(t, server))
		m, err := runAs(t, t.Context(), server, acct, export.Options{Repositories: []string{"octocat/a"}, Dir: t.TempDir()})
		require.NoError(t, err)
		assert.Positive(t, faults)
		assert.Equal(t, 1, m.Starts)
	}, ghmigratetest.WithExportDuration(8*time.Hour))
}

// A flakyTokenSource fails a number of times, and then returns the token.
type flakyTokenSource struct {
	token string
	fails atomic.Int64
}

func (s *flakyTokenSource) Token() (*oauth2.Token, error) {
	if s.fails.Add(-1) >= 0 {
		return nil, errTokenSource
	}
	return &oauth2.Token{AccessToken: s.token}, nil
}

var errTokenSource = errors.New("the vault is sealed")

// A request that was not sent has started no migration. Run does not search for it,
// and does not count it as a start.
func TestAStartThatWasNotSentIsNotLost(t *testing.T) {
	for name, fails := range map[string]int64{"for a while": 5, "for ever": 1 << 30} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				names := addRepositories(server, 3)
				source := &flakyTokenSource{token: server.Token()}
				client, err := ghmigrate.NewClient(
					ghmigrate.WithBaseURL(server.URL()),
					ghmigrate.WithTokenSource(source),
					ghmigrate.WithHTTPClient(testclient.HTTPClient(t, server)),
					ghmigrate.WithLogger(testclient.Logger(t, server.Token())),
				)
				require.NoError(t, err)
				opts := locked(names, t.TempDir())
				opts.BatchSize = 1
				once, begun := false, time.Now()
				opts.Progress = func(e export.Event) {
					if e.Kind == export.EventStarting && !once {
						once = true
						source.fails.Store(fails)
					}
					assert.NotEqual(t, export.EventLost, e.Kind)
				}
				m, err := runAs(t, t.Context(), server, export.OrgAccount(client, "octo"), opts)
				if fails < 10 {
					require.NoError(t, err)
					assert.Equal(t, 3, m.Starts)
					return
				}
				require.ErrorIs(t, err, errTokenSource)
				require.NotErrorIs(t, err, export.ErrSystemic)
				assert.Less(t, time.Since(begun), 2*time.Hour, "for all batches together")
				assert.Empty(t, partial(t, err).Locked)
				assert.Zero(t, m.Starts)
				assert.Zero(t, posts(server))
			})
		})
	}
}

func TestStartsAreSerialAndASecondApart(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 5)
		_, err := run(t, server, export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: 1})
		require.NoError(t, err)
		starts := requests(server, http.MethodPost, "")
		require.Len(t, starts, 5)
		assertSecondsApart(t, starts)
	})
}

func TestNothingIsStartedAfterTheContextHasEnded(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 2)
		ctx, cancel := context.WithCancel(t.Context())
		opts := locked(names, t.TempDir())
		opts.BatchSize = 1
		opts.Progress = func(e export.Event) {
			if e.Kind == export.EventStarting && e.Job == "2" {
				cancel()
			}
		}
		_, err := runAs(t, ctx, server, octo(t, server), opts)
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, 1, posts(server))
	}, ghmigratetest.WithExportDuration(time.Hour))
}
