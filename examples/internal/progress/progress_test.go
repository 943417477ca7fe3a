package progress_test

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"github.com/ghmigrate/ghmigrate/examples/internal/progress"
	"github.com/ghmigrate/ghmigrate/export"
)

// shown plays a run of two batches and returns what is shown of it. Sizes are
// such that a second is a MiB.
func shown(t *testing.T, terminal bool) (text string) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		var screen bytes.Buffer
		p := progress.New(&screen, terminal)
		at := func(e export.Event, after time.Duration) {
			e.Time, e.All = time.Now(), 150
			p.Event(e)
			time.Sleep(after)
		}
		p.Say("Before.")
		at(export.Event{Kind: export.EventBegun, Repositories: 150}, 0)
		at(export.Event{Kind: export.EventStarted, Job: "1", Migration: 79, Repositories: 100}, 1500*time.Millisecond)
		at(export.Event{Kind: export.EventWaiting, Job: "2", Wait: 5 * time.Second, Err: errors.New("502")}, 0)
		for second := range int64(21) {
			at(export.Event{Kind: export.EventProgress, Job: "1", Bytes: (10 + second) << 20, Size: 40 << 20}, time.Second)
		}
		at(export.Event{Kind: export.EventDownloaded, Job: "1", Bytes: 40 << 20, Size: 40 << 20}, time.Second)
		at(export.Event{Kind: export.EventOver, Job: "1", Done: 100}, time.Second)
		at(export.Event{Kind: export.EventReplaced, Job: "1", Repositories: 100, Next: []string{"1.1", "1.2"}, Done: 100}, time.Second)
		at(export.Event{Kind: export.EventEnded, Done: 100}, time.Second)
		p.End()
		p.Say("After.")
		text = screen.String()
	})
	return text
}

func TestLines(t *testing.T) {
	assert.Equal(t, `Before.
00:00:00  exporting 150 repositories
00:00:00  batch 1: exporting 100 repositories, migration 79
00:00:01  batch 2: trying again in 5s: 502
00:00:10  batch 1: 19 MiB of 40 MiB
00:00:20  batch 1: 29 MiB of 40 MiB
00:00:22  batch 1: 40 MiB downloaded, verifying
00:00:23  batch 1: over, 100 of 150 repositories done
00:00:24  batch 1: retrying its 100 repositories as batches 1.1 and 1.2
After.
`, shown(t, false))
}

func TestBars(t *testing.T) {
	const (
		begun = "in all      [------------------] repositories: 0 of 150, "
		later = "in all      [===========>------] repositories: 100 of 150, "
		other = "batch 2     [------------------] trying again in 5s\n"
	)
	// As a terminal has it, each time until the bars are drawn anew.
	screens := slices.Compact(regexp.MustCompile(`\x1b\[\dA\x1b\[J`).Split(shown(t, true), -1))
	assert.Equal(t, "Before.\n00:00:00  exporting 150 repositories\n"+
		"batch 1     [----------------] exporting 100 repositories, migration 79\n"+begun+"0s\n", screens[0])
	for _, screen := range []string{
		"batch 1     [========>---------] 20 MiB of 40 MiB, 1.0 MiB/s, 20s left\n" + other + begun + "11s\n",
		"batch 1     [=================>] 40 MiB downloaded, verifying\n" + other + begun + "22s\n",
		other + later + "24s\n",
	} {
		assert.Contains(t, screens, screen)
	}
	text := strings.Join(screens, "")
	for _, line := range []string{
		"00:00:01  batch 2: trying again in 5s: 502\nbatch 1 ",
		"00:00:23  batch 1: over, 100 of 150 repositories done\nbatch 1 ",
	} {
		assert.Contains(t, text, line, "it stays above the bars")
	}
	assert.Equal(t, "After.\n", screens[len(screens)-1], "the bars are gone")
	for line := range strings.Lines(text) {
		assert.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), 80, line)
	}
}

func TestATerminalThatGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := progress.New(gone{}, true)
		for job := range 3 {
			p.Event(export.Event{Time: time.Now(), Kind: export.EventStarted, Job: fmt.Sprint(job)})
			time.Sleep(time.Second)
		}
		p.Say("Nobody sees that.")
		p.End()
	})
}

// gone is a terminal that was closed.
type gone struct{}

func (gone) Write([]byte) (int, error) { return 0, syscall.EIO }
