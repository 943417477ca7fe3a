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

// again is the job as the next process has it.
func again(t *testing.T, job *export.Job) *export.Job {
	t.Helper()
	data, err := json.Marshal(job)
	require.NoError(t, err)
	next := &export.Job{}
	require.NoError(t, json.Unmarshal(data, next))
	return next
}

func TestStepsOfManyProcessesEnd(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		_, jobs, err := export.Plan(export.Options{Repositories: names, Dir: t.TempDir()})
		require.NoError(t, err)
		job, acct := jobs[0], octo(t, server)
		server.Inject(ghmigratetest.Fault{Path: "/orgs/octo/migrations/79/archive", Status: 404, Body: `{"message":"Not Found"}`, Times: -1})
		for range 100 {
			if job.Over() {
				return
			}
			pause(job)
			_ = export.Step(t.Context(), acct, job)
			job = again(t, job)
		}
		t.Fatal("100 steps, and still at ", next(job))
	})
}

// What was kept by another version may lack fields, or have more.
func TestAJobOfAnotherVersionIsDrivenToItsEnd(t *testing.T) {
	for name, state := range map[string]string{
		"planned":  `{}`,
		"started":  `{"migration":79,"begun":"2000-01-01T00:00:00Z","book":{"floor":78,"starts":1}}`,
		"exported": `{"migration":79,"outcome":"exported","renamed":{"since":"then"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				names, acct := addRepositories(server, 1), octo(t, server)
				if name != "planned" {
					_, err := acct.Start(t.Context(), ghmigrate.StartMigrationRequest{Repositories: names, LockRepositories: true})
					require.NoError(t, err)
				}
				time.Sleep(time.Hour)
				var job export.Job
				require.NoError(t, json.Unmarshal([]byte(`{"id":"1","repositories":["octo/r000"],"start":{"LockRepositories":true},"delete_archive":true,"more":[1],"state":`+state+`}`), &job))
				job.Dir = t.TempDir()
				for !job.Over() {
					pause(&job)
					require.NoError(t, export.Step(t.Context(), acct, &job))
				}
				assert.Empty(t, job.Successors())
				assert.False(t, server.Locked(names[0]))
				require.Len(t, server.Migrations(), 1)
				assert.True(t, server.Migrations()[0].ArchiveDeleted)
			})
		})
	}
}

// To call Step too soon is a waste of requests, and no more.
func TestAMigrationThatIsNotShownYetIsNotStartedTwiceByHastySteps(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		_, jobs, err := export.Plan(export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir()})
		require.NoError(t, err)
		job, acct := jobs[0], octo(t, server)
		server.Inject(ghmigratetest.Fault{Path: "/orgs/octo/migrations/79", Method: http.MethodGet, Status: 404, Body: `{"message":"Not Found"}`, Times: 4})
		for steps := 0; !job.Over(); steps++ {
			require.Less(t, steps, 300)
			_ = export.Step(t.Context(), acct, job)
			time.Sleep(time.Second)
		}
		assert.Equal(t, export.OutcomeExported, job.State.Outcome)
	})
}

// The caller of Step keeps the pauses between steps. Step keeps the pauses
// within a step, and the folder.
func TestStepMakesItsFolderAndKeepsThePausesWithin(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 5)
		_, jobs, err := export.Plan(locked(names, filepath.Join(t.TempDir(), "new", "folder")))
		require.NoError(t, err)
		job, acct := jobs[0], octo(t, server)
		for !job.Over() {
			time.Sleep(time.Second)
			pause(job)
			require.NoError(t, export.Step(t.Context(), acct, job))
			job = again(t, job)
		}
		assert.True(t, job.State.Stored)
		unlocks := requests(server, http.MethodDelete, "/lock")
		require.Len(t, unlocks, 5)
		for i := 1; i < len(unlocks); i++ {
			assert.GreaterOrEqual(t, unlocks[i].Time.Sub(unlocks[i-1].Time), time.Second)
		}
	})
}

func TestAStartThatCouldNotBeSavedIsNotSentAndNotLookedFor(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		_, jobs, err := export.Plan(export.Options{Repositories: names, Dir: t.TempDir()})
		require.NoError(t, err)
		job, acct := jobs[0], octo(t, server)
		job.Save = func(*export.Job) error { return assert.AnError }
		require.ErrorIs(t, export.Step(t.Context(), acct, job), assert.AnError)
		assert.Zero(t, job.State)
		assert.Zero(t, posts(server))

		job.Save = nil
		begun := time.Now()
		require.NoError(t, export.Step(t.Context(), acct, job))
		assert.Equal(t, export.EffectWait, next(job))
		assert.Equal(t, 1, export.Starts(job))
		assert.Zero(t, time.Since(begun))
	})
}

func TestUnlockHeedsTheOwner(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		opts := locked(names, t.TempDir())
		opts.KeepLocked = true
		_, err := run(t, t.Context(), server, octo(t, server), opts)
		require.NoError(t, err)
		require.True(t, server.Locked(names[0]))
		err = export.Unlock(t.Context(), octo(t, server), "other/r000")
		require.Error(t, err)
		assert.True(t, server.Locked(names[0]), "octo/r000 was unlocked for other/r000")
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
		_, err := run(t, ctx, server, octo(t, server), opts)
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, 1, posts(server))
	}, ghmigratetest.WithExportDuration(time.Hour))
}
