package export_test

import (
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

func TestALostAnswerIsLookedForAndAdopted(t *testing.T) {
	for name, fault := range map[string]ghmigratetest.Fault{
		"502 at once":        {Status: 502, Applied: true},
		"502, a minute late": {Status: 502, Applied: true, Hidden: time.Minute},
		"reset":              {Reset: true, Applied: true},
		"no answer":          {Stall: true, Applied: true},
		"an empty 201":       {Status: 201, Applied: true, Body: "{}"},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				names := addRepositories(server, 3)
				fault.Method = http.MethodPost
				server.Inject(fault)
				m, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: 2})
				require.NoError(t, err)
				assert.Equal(t, 2, posts(server), "nothing was started twice")
				assert.Len(t, server.Migrations(), 2)
				assert.Equal(t, 1, m.Adopted)
				assert.Zero(t, m.Inferred, "there was only one to choose from")
				assert.Empty(t, m.Twins)
			})
		})
	}
}

func TestAStartThatNeverHappenedIsSentAgainAfterNinetySeconds(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Status: 502})
		m, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: names, Dir: t.TempDir()})
		require.NoError(t, err)
		starts := requests(server, http.MethodPost, "")
		require.Len(t, starts, 2)
		assert.GreaterOrEqual(t, starts[1].Time.Sub(starts[0].Time), 90*time.Second)
		assert.Less(t, starts[1].Time.Sub(starts[0].Time), 2*time.Minute)
		assert.Len(t, server.Migrations(), 1)
		assert.Zero(t, m.Adopted)
	})
}

func TestAStartThatGitHubAnsweredIsNotLookedFor(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Status: 403, Body: `{"message":"Forbidden"}`, Times: -1})
		_, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: names, Dir: t.TempDir(), Progress: func(e export.Event) {
			assert.NotEqual(t, export.EventLost, e.Kind)
		}})
		require.ErrorIs(t, err, ghmigrate.ErrForbidden)
	})
}

// What is not the same is not adopted: another's export of other repositories,
// or with other options, and what was there before.
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
				acct := interfering{Account: export.OrgAccount(client, "octo"), before: func(acct export.Account) {
					_, err := acct.Start(t.Context(), other)
					assert.NoError(t, err)
				}}
				server.Inject(ghmigratetest.Fault{Method: http.MethodPost, After: 1, Status: 502})
				m, err := run(t, t.Context(), server, acct, export.Options{Repositories: names[:3], Dir: t.TempDir()})
				require.NoError(t, err)
				assert.Zero(t, m.Adopted)
				assert.Equal(t, 2, m.Starts)
				assert.EqualValues(t, 81, m.Repositories[0].Migration, "neither the one before nor another's")
			})
		})
	}
}

// An interfering account has something else happen just before its first
// start, when the run has looked at the list.
type interfering struct {
	export.Account
	before func(export.Account)
}

func (a interfering) Start(ctx context.Context, req ghmigrate.StartMigrationRequest) (*ghmigrate.Migration, error) {
	if migrations, _ := ghmigrate.Collect(a.List(ctx, nil)); len(migrations) < 2 {
		a.before(a.Account)
	}
	return a.Account.Start(ctx, req)
}

func TestSeveralCandidatesTheLowestIsInferredAndNeverDeleted(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		client := testclient.New(t, server)
		calls := 0
		acct := starting{export.OrgAccount(client, "octo"), func(ctx context.Context, acct export.Account, req ghmigrate.StartMigrationRequest) (*ghmigrate.Migration, error) {
			if calls++; calls == 1 { // somebody else has the same idea, and our answer is lost
				_, err := acct.Start(ctx, req)
				require.NoError(t, err)
				server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Status: 502, Applied: true})
			}
			return acct.Start(ctx, req)
		}}
		m, err := run(t, t.Context(), server, acct, export.Options{
			Repositories: names, Dir: t.TempDir(), DeleteArchives: true,
			Start: ghmigrate.StartMigrationRequest{LockRepositories: true},
		})
		require.NoError(t, err)
		assert.Equal(t, []any{1, 1, []export.Twin{{Batch: "1", Migration: 80}}}, []any{m.Adopted, m.Inferred, m.Twins})
		assert.True(t, m.Repositories[0].Inferred)
		assert.EqualValues(t, 79, m.Repositories[0].Migration)
		for _, migration := range server.Migrations() {
			assert.False(t, migration.ArchiveDeleted)
			assert.Empty(t, migration.Locked, "a twin's locks are released too")
		}
	})
}

// A starting account starts as a test wants.
type starting struct {
	export.Account
	start func(context.Context, export.Account, ghmigrate.StartMigrationRequest) (*ghmigrate.Migration, error)
}

func (a starting) Start(ctx context.Context, req ghmigrate.StartMigrationRequest) (*ghmigrate.Migration, error) {
	return a.start(ctx, a.Account, req)
}

func TestALateTwinIsRecordedAndUnlockedButNotDeleted(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Status: 502, Applied: true, Hidden: 100 * time.Second})
		m, err := run(t, t.Context(), server, octo(t, server), export.Options{
			Repositories: names, Dir: t.TempDir(), DeleteArchives: true,
			Start: ghmigrate.StartMigrationRequest{LockRepositories: true},
		})
		require.NoError(t, err)
		assert.Equal(t, []export.Twin{{Batch: "1", Migration: 79}}, m.Twins)
		migrations := server.Migrations()
		require.Len(t, migrations, 2)
		assert.False(t, migrations[0].ArchiveDeleted, "the twin's")
		assert.True(t, migrations[1].ArchiveDeleted)
		assert.False(t, server.Locked(names[0]))
	})
}

// A process that dies while it waits for the answer leaves an intent behind.
func TestAStartThatWasInterruptedIsFoundByTheNextCall(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		opts := export.Options{Repositories: names, Dir: t.TempDir()}
		server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Stall: true, Applied: true})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := run(t, ctx, server, octo(t, server), opts)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		m, err := run(t, t.Context(), server, octo(t, server), opts)
		require.NoError(t, err)
		assert.Equal(t, 1, posts(server))
		assert.Equal(t, 1, m.Adopted)
	})
}

func TestStepDrivesAJobThatIsKeptAsJSON(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 2)
		acct := octo(t, server)
		_, jobs, err := export.Plan(export.Options{
			Repositories: names, Dir: t.TempDir(), DeleteArchives: true,
			Start: ghmigrate.StartMigrationRequest{LockRepositories: true},
		})
		require.NoError(t, err)
		require.Len(t, jobs, 1)
		job := jobs[0]
		var effects []export.Effect
		var saved []export.Effect
		for !job.Over() {
			pause(job)
			if next := next(job); len(effects) == 0 || effects[len(effects)-1] != next {
				effects = append(effects, next)
			}
			data, err := json.Marshal(job)
			require.NoError(t, err)
			job = new(export.Job)
			require.NoError(t, json.Unmarshal(data, job))
			job.Save = func(j *export.Job) error { saved = append(saved, j.State.Intent); return nil }
			require.NoError(t, export.Step(t.Context(), acct, job))
		}
		assert.Equal(t, []export.Effect{
			export.EffectStart, export.EffectWait, export.EffectList, export.EffectUnlock, export.EffectDownload,
			export.EffectVerify, export.EffectStore, export.EffectDelete,
		}, effects)
		assert.Equal(t, []export.Effect{
			"start", "", "wait", "", "wait", "", "list", "", "unlock", "", "download", "", "verify", "", "store", "", "delete", "",
		}, saved, "an intent before each effect, its result after")
		assert.FileExists(t, filepath.Join(job.Dir, job.State.Archive.Name))
		assert.Empty(t, job.Successors())
		assert.Equal(t, 1, posts(server))
	})
}

// Without a run around it, a job finds its lost start all the same.
func TestStepFindsALostStart(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		acct := octo(t, server)
		_, jobs, err := export.Plan(export.Options{Repositories: names, Dir: t.TempDir()})
		require.NoError(t, err)
		server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Status: 502, Applied: true, Hidden: time.Minute})
		for jobs[0].State.Migration == 0 {
			pause(jobs[0])
			_ = export.Step(t.Context(), acct, jobs[0])
		}
		assert.True(t, jobs[0].State.Adopted)
		assert.Equal(t, 1, posts(server))
	})
}

func TestWhatSomebodyStartedHoursBeforeIsNotAdopted(t *testing.T) {
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
		time.AfterFunc(time.Hour, func() { // somebody needs this export, and its locks
			_, err := acct.Start(t.Context(), ghmigrate.StartMigrationRequest{Repositories: names, LockRepositories: true})
			assert.NoError(t, err)
		})
		server.Inject(ghmigratetest.Fault{Method: http.MethodPost, After: 2, Status: http.StatusBadGateway})
		opts := locked(names, t.TempDir())
		opts.DeleteArchives = true
		m, err := run(t, t.Context(), server, acct, opts)
		require.NoError(t, err)
		assert.Zero(t, m.Adopted)
		assert.EqualValues(t, 81, m.Repositories[0].Migration)
		assert.False(t, server.Migrations()[1].ArchiveDeleted, "somebody else's archive")
	})
}
