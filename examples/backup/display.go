package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/ghmigrate/ghmigrate/export"
)

// A display shows how a run goes: in lines that stay and, on a terminal, below
// them in a bar for each batch that is under way and one for the whole.
type display struct {
	w     io.Writer
	width func() int // of the terminal; nil if it is none

	mu      sync.Mutex
	begun   time.Time // zero: there is no run
	over    chan struct{}
	latest  export.Event
	batches map[int]*batch
	drawn   int // how many bars are on the screen
}

// A batch is what is known of one that is under way.
type batch struct {
	latest export.Event
	since  time.Time // when it came to be at what it is
	from   int64     // of a download: what an earlier run had fetched
	told   time.Time // when the latest line was written
}

func newDisplay(w io.Writer, plain bool) *display {
	d := &display{w: w}
	old := os.Getenv("TERM") == "dumb" || runtime.GOOS == "windows" && os.Getenv("WT_SESSION") == "" // cannot move the cursor
	if f, ok := w.(*os.File); ok && !plain && !old && term.IsTerminal(int(f.Fd())) {
		d.width = func() int {
			width, _, err := term.GetSize(int(f.Fd()))
			if err != nil {
				return 80
			}
			return width
		}
	}
	return d
}

// say writes lines that stay.
func (d *display) say(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.draw(fmt.Sprintf(format, args...))
}

// event shows what happens in a run.
func (d *display) event(e export.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.begun.IsZero() {
		d.begin(e)
	}
	d.latest = e
	lasting := d.width == nil || e.Err != nil || e.Job == 0 || e.Kind == export.EventOver
	if e.Job != 0 && e.Kind != export.EventReplaced {
		b := d.batches[e.Job]
		if b == nil {
			b = &batch{}
			d.batches[e.Job] = b
		}
		b.becomes(e)
		lasting = lasting && (e.Kind != export.EventProgress || e.Time.Sub(b.told) >= 10*time.Second)
		if lasting {
			b.told = e.Time
		}
	}
	if e.Kind == export.EventOver {
		delete(d.batches, e.Job)
	}
	line := ""
	if lasting && e.Kind != export.EventEnded {
		line = e.Time.Format(time.TimeOnly) + "  " + describe(e)
	}
	d.draw(line)
}

// begin keeps the times of bars going while nothing happens.
func (d *display) begin(e export.Event) {
	d.begun, d.over, d.batches = e.Time, make(chan struct{}), map[int]*batch{}
	if d.width == nil {
		return
	}
	go func(over chan struct{}) {
		for tick := time.NewTicker(time.Second); ; d.say("") {
			select {
			case <-tick.C:
			case <-over:
				tick.Stop()
				return
			}
		}
	}(d.over)
}

// end takes the bars away.
func (d *display) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.begun.IsZero() {
		close(d.over)
		d.begun, d.batches = time.Time{}, nil
		d.draw("")
	}
}

// draw writes lines that stay, and the bars below them.
func (d *display) draw(lines string) {
	if lines != "" && !strings.HasSuffix(lines, "\n") {
		lines += "\n"
	}
	if d.drawn > 0 {
		lines = fmt.Sprintf("\x1b[%dA\x1b[J%s", d.drawn, lines) // up, and away with all that is below
	}
	d.drawn = 0
	if d.width != nil && !d.begun.IsZero() {
		width := d.width() - 1
		for _, number := range slices.Sorted(maps.Keys(d.batches)) {
			lines += fmt.Sprintf("%.*s\n", width, fmt.Sprintf("batch %-4d %s", number, d.batches[number]))
		}
		lines += fmt.Sprintf("%.*s\n", width, fmt.Sprintf("in all     %s  %d of %s, %s", bar(int64(d.latest.Done), int64(d.latest.All)),
			d.latest.Done, plural(d.latest.All, "repository", "repositories"), time.Since(d.begun).Truncate(time.Second)))
		d.drawn = len(d.batches) + 1
	}
	_, _ = io.WriteString(d.w, lines)
}

func bar(done, all int64) string {
	const width = 30
	n := int(width * done / max(all, 1))
	return "[" + strings.Repeat("=", n) + strings.Repeat(" ", width-n) + "]"
}

func (b *batch) becomes(e export.Event) {
	if e.Kind != b.latest.Kind {
		b.since, b.from = e.Time, e.Bytes
	}
	b.latest = e
}

// String is what stands in the batch's bar.
func (b *batch) String() string {
	e, took := b.latest, time.Since(b.since)
	if e.Kind != export.EventProgress || e.Size <= 0 {
		return fmt.Sprintf("%s, %s", activity(e), took.Truncate(time.Second))
	}
	text := fmt.Sprintf("%s  %s", bar(e.Bytes, e.Size), activity(e))
	if fetched := float64(e.Bytes - b.from); fetched > 0 && took >= time.Second {
		left := time.Duration(float64(e.Size-e.Bytes) / fetched * float64(took))
		text += fmt.Sprintf(", %s/s, %s left", size(int64(fetched/took.Seconds())), left.Round(time.Second))
	}
	return text
}

// describe is the line for an event.
func describe(e export.Event) string {
	text := activity(e)
	if e.Job != 0 {
		text = fmt.Sprintf("batch %d: %s", e.Job, text)
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func activity(e export.Event) string {
	repositories := plural(e.Repositories, "repository", "repositories")
	switch e.Kind {
	case export.EventBegun:
		return "exporting " + repositories
	case export.EventResumed:
		return fmt.Sprintf("going on with an unfinished run, %d of %s done", e.Done, repositories)
	case export.EventStarting:
		return "starting"
	case export.EventStarted, export.EventAdopted:
		return fmt.Sprintf("exporting %s, migration %d", repositories, e.Migration)
	case export.EventLost:
		return "looking for its migration, as the answer was lost"
	case export.EventProgress:
		return fmt.Sprintf("%s of %s", size(e.Bytes), size(e.Size))
	case export.EventDownloaded:
		return size(e.Size) + " downloaded, verifying"
	case export.EventReplaced:
		return "others take its place"
	case export.EventWaiting:
		return fmt.Sprintf("waiting for %s", e.Wait.Round(time.Second))
	case export.EventOver:
		return fmt.Sprintf("over, %d of %s done", e.Done, plural(e.All, "repository", "repositories"))
	default:
		return string(e.Kind)
	}
}
