package progress_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/progress"
	"github.com/ghmigrate/ghmigrate/export"
)

// at returns the event with a time of so many seconds after 13:45.
func at(seconds int, e export.Event) export.Event {
	e.Time = time.Date(2026, 11, 20, 13, 45, seconds, 0, time.UTC)
	return e
}

// showEvents shows the events of a run with one batch.
func showEvents(show *progress.Show) {
	for _, e := range []export.Event{
		at(0, export.Event{Kind: export.EventBegun, Repositories: 2, All: 2}),
		at(1, export.Event{Kind: export.EventStarted, Job: "1", Migration: 79, Repositories: 2, All: 2}),
		at(2, export.Event{Kind: export.EventProgress, Job: "1", Size: -1, All: 2}),
		at(2, export.Event{Kind: export.EventProgress, Job: "1", Bytes: 1 << 20, Size: 3 << 20, All: 2}),
		at(3, export.Event{Kind: export.EventProgress, Job: "1", Bytes: 2 << 20, Size: 3 << 20, All: 2}),
		at(13, export.Event{Kind: export.EventProgress, Job: "1", Bytes: 2 << 20, Size: 3 << 20, All: 2}),
		at(14, export.Event{Kind: export.EventOver, Job: "1", Repositories: 2, Done: 2, All: 2}),
		at(15, export.Event{Kind: export.EventEnded, Done: 2, All: 2}),
	} {
		show.Event(e)
	}
}

func TestLines(t *testing.T) {
	var b bytes.Buffer
	show := progress.New(&b, progress.Auto, nil)
	show.Say("hello %d", 1)
	showEvents(show)
	show.End()
	assert.Equal(t, "hello 1\n"+
		"13:45:00  exporting 2 repositories\n"+
		"13:45:01  batch 1: exporting 2 repositories, migration 79\n"+
		"13:45:02  batch 1: downloaded 1.0 MiB of 3.0 MiB\n"+
		"13:45:13  batch 1: downloaded 2.0 MiB of 3.0 MiB\n"+
		"13:45:14  batch 1: over, 2 of 2 repositories done\n", b.String())
}

func TestNone(t *testing.T) {
	var b bytes.Buffer
	show := progress.New(&b, progress.None, slog.New(slog.NewJSONHandler(&b, nil)))
	show.Say("hello")
	showEvents(show)
	show.Transfer("x")(1, 2)
	assert.Empty(t, b.String())
}

func TestLog(t *testing.T) {
	var b bytes.Buffer
	show := progress.New(&b, progress.Auto, slog.New(slog.NewJSONHandler(&b, nil)))
	show.Say("hello")
	showEvents(show)
	show.Transfer("x")(1, 2)
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	assert.Len(t, lines, 6, b.String())
	assert.Contains(t, lines[2], `"kind":"started","batch":"1","migration":79`)
	assert.Contains(t, lines[5], `"name":"x","bytes":1,"size":2`)
}

func TestWarnings(t *testing.T) {
	var b bytes.Buffer
	log := progress.New(&b, progress.Auto, nil).Warnings()
	log.Debug("request", "status", 200)
	log.Warn("request failed, retrying", "method", "GET", "error", errors.New("502 Bad Gateway"), "wait", 1234*time.Millisecond)
	assert.Equal(t, "request failed, retrying: 502 Bad Gateway (waiting 1.2s)\n", b.String())
}

// TestBars checks that bars show a speed only after it is measured.
func TestBars(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		show := progress.New(&b, progress.Bars, nil)
		update := show.Transfer("migration-79.tar.gz")
		update(0, 10<<20)
		time.Sleep(200 * time.Millisecond)
		update(1<<20, 10<<20)
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		show.Say("a line")
		time.Sleep(time.Second)
		update(2<<20, 10<<20)
		time.Sleep(200 * time.Millisecond)
		show.End()
		text := b.String()
		assert.Contains(t, text, "1.0 MiB of 10 MiB")
		assert.Contains(t, text, "a line\n")
		assert.Contains(t, text, "2.0 MiB of 10 MiB, 1.4 MiB/s, 6s left")
		assert.NotContains(t, text, " 0 B/s")
		assert.NotContains(t, text, "0s left")
		before, _, _ := strings.Cut(text, "2.0 MiB")
		assert.NotContains(t, before, "/s")
	})
}
