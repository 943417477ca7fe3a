package export_test

import (
	"bytes"
	"errors"
	"log/slog"
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
