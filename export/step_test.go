package export_test

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

func TestStepDrivesAJobThatIsKeptAsJSON(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := locked(addRepositories(server, 2), t.TempDir())
		opts.DeleteArchives = true
		job, acct := planJob(t, opts), octo(t, server)
		var effects, saved []export.Effect
		for !job.Over() {
			pause(job)
			if next := next(job); len(effects) == 0 || effects[len(effects)-1] != next {
				effects = append(effects, next)
			}
			job = nextProcess(t, job)
			job.Save = func(j *export.Job) error { saved = append(saved, j.State.Intent); return nil }
			require.NoError(t, export.Step(t.Context(), acct, job))
		}
		assert.Equal(t, []export.Effect{
			export.EffectStart, export.EffectWait, export.EffectList, export.EffectUnlock, export.EffectDownload,
			export.EffectVerify, export.EffectStore, export.EffectDelete,
		}, effects)
		assert.Equal(t, []export.Effect{
			"start", "", "wait", "", "wait", "", "list", "", "unlock", "", "download", "", "verify", "", "store", "", "delete", "",
		}, saved, "the intent before each effect, and no intent after it")
		assert.FileExists(t, filepath.Join(job.Dir, job.State.Archive.Name))
		assert.Empty(t, job.Successors())
		assert.Equal(t, 1, posts(server))
	})
}

func TestStepFindsALostStart(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		job, acct := planJob(t, export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir()}), octo(t, server)
		server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Status: 502, Applied: true, Hidden: time.Minute})
		for job.State.Migration == 0 {
			pause(job)
			_ = export.Step(t.Context(), acct, job)
		}
		assert.True(t, job.State.Adopted)
		assert.Equal(t, 1, posts(server))
	})
}

func TestStepsOfManyProcessesEnd(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		job, acct := planJob(t, export.Options{Repositories: names, Dir: t.TempDir()}), octo(t, server)
		server.Inject(ghmigratetest.Fault{Path: "/orgs/octo/migrations/79/archive", Status: 404, Body: `{"message":"Not Found"}`, Times: -1})
		for range 100 {
			if job.Over() {
				return
			}
			pause(job)
			_ = export.Step(t.Context(), acct, job)
			job = nextProcess(t, job)
		}
		t.Fatal("the job is not over after 100 steps; its next effect is ", next(job))
	})
}

// The JSON of another version may lack fields, or have more fields.
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
					startLocked(t, acct, names...)
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

// A driver that calls Step too soon only wastes requests.
func TestStepsWithoutPausesDoNotStartAHiddenMigrationTwice(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		job, acct := planJob(t, export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir()}), octo(t, server)
		server.Inject(ghmigratetest.Fault{Path: "/orgs/octo/migrations/79", Method: http.MethodGet, Status: 404, Body: `{"message":"Not Found"}`, Times: 4})
		for steps := 0; !job.Over(); steps++ {
			require.Less(t, steps, 300)
			_ = export.Step(t.Context(), acct, job)
			time.Sleep(time.Second)
		}
		assert.Equal(t, export.OutcomeExported, job.State.Outcome)
	})
}

// The driver pauses between steps, and Step pauses within a step.
func TestStepCreatesTheFolderAndPausesBetweenUnlocks(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 5)
		job, acct := planJob(t, locked(names, filepath.Join(t.TempDir(), "new", "folder"))), octo(t, server)
		for !job.Over() {
			time.Sleep(time.Second)
			pause(job)
			require.NoError(t, export.Step(t.Context(), acct, job))
			job = nextProcess(t, job)
		}
		assert.True(t, job.State.Stored)
		unlocks := requests(server, http.MethodDelete, "/lock")
		require.Len(t, unlocks, 5)
		assertSecondsApart(t, unlocks)
	})
}

func TestAStartThatCannotBeSavedIsNotSentAndNotSearchedFor(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		job, acct := planJob(t, export.Options{Repositories: names, Dir: t.TempDir()}), octo(t, server)
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
