package main

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/ghmigrate/ghmigrate/export"
)

// shown plays a run of two batches and returns what is shown of it. Sizes are
// such that a second is a MiB.
func shown(t *testing.T, width func() int) (text string) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		var screen output
		d := &display{w: &screen, width: width}
		at := func(e export.Event, after time.Duration) {
			e.Time, e.All = time.Now(), 150
			d.event(e)
			time.Sleep(after)
		}
		d.say("Before.")
		at(export.Event{Kind: export.EventBegun, Repositories: 150}, 0)
		at(export.Event{Kind: export.EventStarted, Job: 1, Migration: 79, Repositories: 100}, 1500*time.Millisecond)
		at(export.Event{Kind: export.EventWaiting, Job: 2, Wait: 5 * time.Second, Err: errors.New("502")}, 0)
		for second := range int64(21) {
			at(export.Event{Kind: export.EventProgress, Job: 1, Bytes: (10 + second) << 20, Size: 40 << 20}, time.Second)
		}
		at(export.Event{Kind: export.EventOver, Job: 1, Done: 100}, 0)
		at(export.Event{Kind: export.EventEnded, Done: 100}, 0)
		d.end()
		d.say("After.")
		text = screen.String()
	})
	return text
}

func TestLines(t *testing.T) {
	assert.Equal(t, `Before.
00:00:00  exporting 150 repositories
00:00:00  batch 1: exporting 100 repositories, migration 79
00:00:01  batch 2: waiting for 5s: 502
00:00:10  batch 1: 19.0 MiB of 40.0 MiB
00:00:20  batch 1: 29.0 MiB of 40.0 MiB
00:00:22  batch 1: over, 100 of 150 repositories done
After.
`, shown(t, nil))
}

func TestBars(t *testing.T) {
	// As a terminal has it before each time that the bars are drawn anew.
	screens := strings.Split(shown(t, func() int { return 90 }), "\x1b[J")
	assert.Equal(t, "Before.\n"+
		"00:00:00  exporting 150 repositories\n"+
		"in all     [                              ]  0 of 150 repositories, 0s\n\x1b[1A", screens[0])
	assert.Equal(t, ""+
		"batch 1    exporting 100 repositories, migration 79, 1s\n"+
		"in all     [                              ]  0 of 150 repositories, 1s\n\x1b[2A", screens[2])
	assert.Contains(t, screens, ""+
		"batch 1    [===============               ]  20.0 MiB of 40.0 MiB, 1.0 MiB/s, 20s left\n"+
		"batch 2    waiting for 5s, 10s\n"+
		"in all     [                              ]  0 of 150 repositories, 11s\n\x1b[3A")
	assert.Equal(t, []string{"" +
		"00:00:22  batch 1: over, 100 of 150 repositories done\n" +
		"batch 2    waiting for 5s, 21s\n" +
		"in all     [====================          ]  100 of 150 repositories, 22s\n\x1b[2A",
		"" +
			"batch 2    waiting for 5s, 21s\n" +
			"in all     [====================          ]  100 of 150 repositories, 22s\n\x1b[2A",
		"After.\n"}, screens[len(screens)-3:])
}

func TestBarsDoNotWrap(t *testing.T) {
	for screen := range strings.SplitSeq(shown(t, func() int { return 40 }), "\x1b[J") {
		for line := range strings.Lines(screen) {
			if strings.HasPrefix(line, "batch") || strings.HasPrefix(line, "in all") {
				assert.Less(t, len(strings.TrimSuffix(line, "\n")), 40)
			}
		}
	}
}

func TestSizesAsPeopleReadThem(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 bytes", 1: "1 byte", 1023: "1023 bytes", 1024: "1.0 KiB", 5 << 30: "5.0 GiB", 1 << 62: "4096.0 PiB",
	} {
		assert.Equal(t, want, size(n))
	}
}
