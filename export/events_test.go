package export_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

func TestEventsOfARun(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		var kinds []export.EventKind
		last := export.Event{}
		opts := locked(addRepositories(server, 2), t.TempDir())
		opts.DeleteArchives = true
		opts.Progress = func(e export.Event) {
			if e.Kind != export.EventProgress {
				kinds = append(kinds, e.Kind)
			}
			assert.False(t, e.Time.IsZero())
			assert.Equal(t, 2, e.All)
			last = e
		}
		_, err := run(t, server, opts)
		require.NoError(t, err)
		assert.Equal(t, []export.EventKind{
			"begun", "starting", "started", "exported", "downloaded", "verified", "unlocked", "deleted", "over", "ended",
		}, kinds)
		assert.Equal(t, 2, last.Done)
	})
}

func TestEventsOfEffectsThatAreGivenUp(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		server.Inject(ghmigratetest.Fault{Method: http.MethodDelete, Status: 503, Times: -1})
		waits := 0
		opts := export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir(), DeleteArchives: true, Progress: func(e export.Event) {
			if e.Kind == export.EventWaiting {
				waits++
				assert.Positive(t, e.Wait)
			}
		}}
		_, err := run(t, server, opts)
		require.NoError(t, err)
		assert.Greater(t, waits, 10)
	})
}

// A parked job still unlocks.
func TestAJobIsParkedOnce(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		server.Inject(ghmigratetest.Fault{Method: http.MethodDelete, Status: 503, Times: -1, Until: 55 * time.Minute})
		store := newMemoryStore()
		store.failAfterTrial()
		opts := locked(addRepositories(server, 2), t.TempDir())
		opts.Store = store
		var kinds []export.EventKind
		opts.Progress = func(e export.Event) {
			if e.Kind == export.EventParked || e.Kind == export.EventUnlocked {
				kinds = append(kinds, e.Kind)
			}
		}
		_, err := run(t, server, opts)
		require.Error(t, err)
		assert.Equal(t, []export.EventKind{export.EventParked, export.EventUnlocked}, kinds)
	})
}

func TestLogToWritesStableKeys(t *testing.T) {
	var log bytes.Buffer
	handler := slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	progress := export.LogTo(slog.New(handler))
	progress(export.Event{Kind: export.EventProgress})
	progress(export.Event{Kind: export.EventDownloaded, Job: "3", Migration: 79, Repositories: 100, Bytes: 5, Size: 5, Done: 200, All: 300})
	progress(export.Event{Kind: export.EventWaiting, Wait: time.Minute, Err: errors.New("rate limited")})
	slog.New(handler).Info("x", "event", export.Event{Kind: export.EventOver, Job: "1"})
	assert.Equal(t, `level=INFO msg=export kind=downloaded batch=3 migration=79 repositories=100 bytes=5 size=5 done=200 all=300
level=WARN msg=export kind=waiting repositories=0 wait=1m0s error="rate limited" done=0 all=0
level=INFO msg=x event.kind=over event.batch=1 event.repositories=0 event.done=0 event.all=0
`, log.String())
}
