package export_test

import (
	"net/http"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

var (
	temporary = export.Result{Class: export.ClassRetry, Reason: "502"}
	absent    = export.Result{Class: export.ClassAbsent, Reason: "404"}
	denied    = export.Result{Class: export.ClassDenied, Reason: "403"}
	rejected  = export.Result{Class: export.ClassRun, Reason: "401"}
)

// applied applies results of an effect, each as soon as the effect is due. An unlock has
// a download beside it.
func applied(t *testing.T, job *export.Job, e export.Effect, results ...export.Result) (stop bool) {
	t.Helper()
	for _, r := range results {
		due, at := job.Next(time.Now(), beside[e]...)
		if due == export.EffectNone {
			time.Sleep(time.Until(at))
			due, _ = job.Next(time.Now(), beside[e]...)
		}
		require.Equal(t, e, due)
		stop = job.Apply(e, r, time.Now())
	}
	return stop
}

var beside = map[export.Effect][]export.Effect{export.EffectUnlock: {export.EffectDownload}}

// begun returns a job whose migration is under way.
func begun(t *testing.T, opts export.Options) *export.Job {
	t.Helper()
	opts.Repositories, opts.Dir = []string{"octo/a", "octo/b"}, "/data"
	job := planJob(t, opts)
	job.Begin(export.EffectStart, 0)
	job.Apply(export.EffectStart, export.Result{Migration: 79}, time.Now())
	return job
}

func TestAnOutageDoesNotCountAsRefusals(t *testing.T) {
	lock := export.Options{Start: ghmigrate.StartMigrationRequest{LockRepositories: true}}
	exported := export.Result{Outcome: export.OutcomeExported}
	listed := export.Result{Repositories: []string{"octo/a", "octo/b"}}
	t.Run("404 of a migration", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			job := begun(t, lock)
			applied(t, job, export.EffectWait, temporary, temporary, temporary, temporary, absent, absent, temporary, absent, absent)
			assert.Equal(t, export.OutcomeUnknown, job.State.Outcome)
			applied(t, job, export.EffectWait, absent)
			assert.Equal(t, export.OutcomeGone, job.State.Outcome, "five 404s")
		})
	})
	t.Run("401", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			job := begun(t, lock)
			assert.False(t, applied(t, job, export.EffectWait, temporary, temporary, temporary, temporary, temporary, temporary, rejected))
		})
	})
	t.Run("403 of an unlock", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			job := begun(t, lock)
			applied(t, job, export.EffectWait, exported)
			applied(t, job, export.EffectList, listed)
			applied(t, job, export.EffectUnlock, temporary, temporary, denied, denied)
			assert.Empty(t, job.State.Locked)
			applied(t, job, export.EffectUnlock, denied)
			assert.Equal(t, job.Repositories, job.State.Locked, "three refusals")
		})
	})
	t.Run("damage", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			job := begun(t, export.Options{})
			applied(t, job, export.EffectWait, exported)
			applied(t, job, export.EffectList, listed)
			applied(t, job, export.EffectDownload, export.Result{Archive: &export.Archive{}})
			applied(t, job, export.EffectVerify, temporary, temporary, export.Result{Damaged: true})
			assert.Equal(t, export.OutcomeExported, job.State.Outcome)
		})
	})
}

// The clock was a day ahead when the start was lost.
func TestAClockThatIsSetBackDoesNotDelayTheNextStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		job := planJob(t, export.Options{Repositories: []string{"octo/a"}, Dir: "/data"})
		job.Begin(export.EffectStart, 0)
		job.Apply(export.EffectStart, temporary, time.Now().Add(24*time.Hour))
		job.Resume(time.Now())
		begun := time.Now()
		for {
			effect, due := job.Next(time.Now())
			if effect == export.EffectStart {
				break
			}
			if effect == export.EffectSearch {
				job.Apply(effect, export.Result{Asked: time.Now()}, time.Now())
			}
			time.Sleep(time.Until(due))
			require.Less(t, time.Since(begun), 5*time.Minute)
		}
	})
}

func TestAnArchiveThatIsNotFoundIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		job := begun(t, export.Options{})
		applied(t, job, export.EffectWait, export.Result{Outcome: export.OutcomeExported})
		applied(t, job, export.EffectList, export.Result{Repositories: job.Repositories})
		applied(t, job, export.EffectDownload, absent, absent, absent, absent, absent)
		assert.Equal(t, export.OutcomeGone, job.State.Outcome)
	})
}

// Starts of one set are refused, and other starts succeed. Hours later, one refusal of
// another set must not end the run.
func TestRefusalsOfOneSetAreForgotten(t *testing.T) {
	tally, jobs, err := export.Plan(export.Options{Repositories: []string{"octo/a", "octo/b", "octo/c"}, Dir: "/data", BatchSize: 1})
	require.NoError(t, err)
	now := time.Now()
	start := func(job *export.Job, r export.Result) (stop bool) {
		job.Begin(export.EffectStart, 0)
		stop = job.Apply(export.EffectStart, r, now)
		return tally.Started(job, export.EffectStart, r, now) || stop
	}
	nameless := export.Result{Class: export.ClassJob, Invalid: true, Reason: "422"}
	require.False(t, start(jobs[0], nameless))
	now = now.Add(time.Minute)
	require.False(t, start(jobs[1], export.Result{Migration: 79}))
	now = now.Add(time.Minute)
	require.False(t, start(jobs[0], nameless))
	assert.Equal(t, export.OutcomeRefused, jobs[0].State.Outcome, "GitHub accepts other sets")
	now = now.Add(3 * time.Hour)
	assert.False(t, start(jobs[2], denied))
	assert.Equal(t, export.OutcomeUnknown, jobs[2].State.Outcome)

	now = now.Add(time.Minute)
	require.False(t, start(jobs[1], export.Result{Migration: 80}))
	assert.False(t, tally.Started(jobs[2], export.EffectSearch, denied, now))
	assert.Equal(t, export.OutcomeUnknown, jobs[2].State.Outcome, "a failed search is not a refused start")
}

// After an outage of the API, one refusal must not end the run.
func TestAnOutageDoesNotCountAsRefusalsOfStarts(t *testing.T) {
	tally, jobs, err := export.Plan(export.Options{Repositories: []string{"octo/a"}, Dir: "/data"})
	require.NoError(t, err)
	now := time.Now()
	for _, r := range []export.Result{{Class: export.ClassRetry, Unsent: true}, {Class: export.ClassRetry, Unsent: true}, denied} {
		jobs[0].Begin(export.EffectStart, 0)
		jobs[0].Apply(export.EffectStart, r, now)
		assert.False(t, tally.Started(jobs[0], export.EffectStart, r, now))
		now = now.Add(10 * time.Minute)
	}
}

// A streamed archive has at most ten events a second.
func TestProgressOfAStreamIsRare(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir(), Store: newMemoryStore(), Stream: true}
		server.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate { return ghmigratetest.Fate{} })
		var times []time.Time
		var bytes, size int64
		opts.Progress = func(e export.Event) {
			if e.Kind == export.EventProgress {
				times, bytes, size = append(times, time.Now()), e.Bytes, e.Size
			}
		}
		_, err := run(t, server, opts)
		require.NoError(t, err)
		assert.Equal(t, size, bytes, "the last event has all bytes")
		for i := 1; i < len(times)-1; i++ {
			assert.GreaterOrEqual(t, times[i].Sub(times[i-1]), 100*time.Millisecond)
		}
		assert.Greater(t, len(times), 2)
	}, ghmigratetest.WithStorageRate(4<<10))
}

// An abandoned download leaves no files in a finished run.
func TestPartsOfAnAbandonedDownloadAreRemoved(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir()}
		cut := false
		server.InjectFunc(func(r ghmigratetest.Request, _ int) (ghmigratetest.Fault, bool) {
			switch {
			case r.Origin == ghmigratetest.Storage && !cut:
				cut = true
				return ghmigratetest.Fault{CutAfter: 500}, true
			case cut && r.Method == http.MethodGet && r.Path == "/orgs/octo/migrations/79/archive":
				return ghmigratetest.Fault{Status: 404, Body: `{"message": "Not Found"}`}, true
			case r.Origin == ghmigratetest.Storage:
				return ghmigratetest.Fault{Status: 403}, true
			}
			return ghmigratetest.Fault{}, false
		})
		_, err := run(t, server, opts)
		require.Error(t, err)
		parts, err := filepath.Glob(filepath.Join(opts.Dir, "*", "*.part*"))
		require.NoError(t, err)
		assert.Empty(t, parts)
	})
}
