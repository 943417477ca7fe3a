// Package progress shows on a terminal, or in a log, how an export goes.
package progress

import (
	"fmt"
	"io"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/ghmigrate/ghmigrate/export"
)

// A Progress tells how a run goes: in lines that stay and, on a terminal, below
// them in a bar for each batch that is under way and one for the whole.
type Progress struct {
	w        io.Writer
	terminal bool

	mu      sync.Mutex
	told    map[string]time.Time // when the latest line of a batch was written
	bars    *mpb.Progress        // nil: there is no run, or no terminal
	batches map[string]*batch
	whole   *mpb.Bar
}

// A batch is one that has a bar. What a bar shows it asks for in a goroutine of
// its own.
type batch struct {
	bar    *mpb.Bar
	latest atomic.Pointer[export.Event]
}

func (b *batch) activity(decor.Statistics) string { return activity(*b.latest.Load()) }

// whileFetching blanks what makes sense only then.
func (b *batch) whileFetching(format string) func(string) string {
	return func(text string) string {
		if b.latest.Load().Kind != export.EventProgress {
			return ""
		}
		return fmt.Sprintf(format, text)
	}
}

// New returns one that writes to w, with bars or without.
func New(w io.Writer, bars bool) *Progress {
	return &Progress{w: w, terminal: bars, told: map[string]time.Time{}, batches: map[string]*batch{}}
}

// IsTerminal tells whether bars can be drawn on w.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// Say writes lines that stay.
func (p *Progress) Say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.write(fmt.Sprintf(format, args...) + "\n")
}

func (p *Progress) write(lines string) {
	if p.bars != nil {
		if _, err := io.WriteString(p.bars, lines); err == nil {
			return
		}
	}
	_, _ = io.WriteString(p.w, lines)
}

// Event shows what happens in a run: it is for [export.Options].
func (p *Progress) Event(e export.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.terminal && p.draw(e) != nil {
		p.terminal = false // it is gone; the run is not
	}
	switch {
	case e.Kind == export.EventEnded: // a report follows
	case p.terminal && e.Job != "" && e.Err == nil && e.Kind != export.EventOver: // its bar says so
	case e.Kind == export.EventProgress && e.Time.Sub(p.told[e.Job]) < 10*time.Second:
	default:
		p.told[e.Job] = e.Time
		p.write(e.Time.Format(time.TimeOnly) + "  " + describe(e) + "\n")
	}
}

// draw brings the bars up to date.
func (p *Progress) draw(e export.Event) (err error) {
	if p.bars == nil {
		p.bars = mpb.New(mpb.WithOutput(p.w), mpb.WithAutoRefresh())
		p.whole, err = p.bar(math.MaxInt, "in all", decor.CountersNoUnit("repositories: %d of %d, "), decor.Elapsed(decor.ET_STYLE_GO))
		if err != nil {
			return err
		}
	}
	p.whole.SetTotal(int64(e.All), false)
	p.whole.SetCurrent(int64(e.Done))
	if e.Job == "" || e.Kind == export.EventReplaced {
		return nil
	}
	b := p.batches[e.Job]
	if b == nil {
		b = &batch{}
		b.latest.Store(&e)
		b.bar, err = p.bar(len(p.batches), "batch "+e.Job, decor.Any(b.activity),
			decor.Meta(decor.EwmaSpeed(decor.SizeB1024(0), "% .1f", 0), b.whileFetching(", %s")),
			decor.Meta(decor.EwmaETA(decor.ET_STYLE_GO, 0), b.whileFetching(", %s left")))
		if err != nil {
			return err
		}
		p.batches[e.Job] = b
	}
	last := b.latest.Swap(&e)
	switch {
	case e.Kind == export.EventOver:
		b.bar.Abort(true)
		delete(p.batches, e.Job)
	case e.Kind == export.EventProgress && last.Kind == e.Kind:
		b.bar.EwmaSetCurrent(e.Bytes, e.Time.Sub(last.Time))
	case e.Size > 0: // what an earlier run had fetched is no speed
		b.bar.SetTotal(e.Size, false)
		b.bar.SetCurrent(e.Bytes)
	}
	return nil
}

// bar adds one to the screen.
func (p *Progress) bar(priority int, name string, beside ...decor.Decorator) (*mpb.Bar, error) {
	return p.bars.Add(0, mpb.BarStyle().Build(), mpb.BarPriority(priority), mpb.BarWidth(20),
		mpb.PrependDecorators(decor.Name(fmt.Sprintf("%-11s", name))), mpb.AppendDecorators(beside...))
}

// End takes the bars away, after a run.
func (p *Progress) End() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bars == nil {
		return
	}
	for _, b := range p.batches {
		b.bar.Abort(true)
	}
	p.whole.Abort(true)
	p.bars.Wait()
	p.bars = nil
	clear(p.batches)
}

// describe is the line for an event.
func describe(e export.Event) string {
	if text := fetching(e); text != "" {
		return fmt.Sprintf("batch %s: %s", e.Job, text)
	}
	return e.String()
}

// activity is what a batch does.
func activity(e export.Event) string {
	if text := fetching(e); text != "" {
		return text
	}
	e.Job, e.Err = "", nil
	return e.String()
}

// fetching says with people's units how far a download is; empty if the event
// is about something else.
func fetching(e export.Event) string {
	switch e.Kind {
	case export.EventProgress:
		return fmt.Sprintf("%s of %s", Size(e.Bytes), Size(e.Size))
	case export.EventDownloaded:
		return Size(e.Size) + " downloaded, verifying"
	default:
		return ""
	}
}

// Size writes a number of bytes as people read it.
func Size(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

// Repositories writes how many there are.
func Repositories(n int) string { return english.Plural(n, "repository", "") }
