package main

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/cwriter"
	"github.com/vbauerster/mpb/v8/decor"
)

// A display tells how the job goes: in one live line on a terminal, in lines
// that stay otherwise.
type display struct {
	w    io.Writer
	live bool
}

func newDisplay(w io.Writer, plain bool) *display {
	f, ok := w.(*os.File)
	terminal := ok && cwriter.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
	return &display{w: w, live: terminal && !plain}
}

// say writes a line that stays.
func (d *display) say(format string, args ...any) { fmt.Fprintf(d.w, format+"\n", args...) }

// doing shows what is going on, and for how long, until it is ended; set
// changes that.
func (d *display) doing(text string) (set func(string), end func()) {
	if !d.live {
		d.say("%s", text)
		return func(text string) { d.say("%s", text) }, func() {}
	}
	var now atomic.Value
	now.Store(text)
	begun := time.Now()
	_, end = d.draw(mpb.SpinnerStyle().Build(), mpb.BarWidth(1),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string {
			return fmt.Sprintf("%s (%s)", now.Load(), time.Since(begun).Truncate(time.Second))
		})))
	return func(text string) { now.Store(text) }, end
}

// download shows how far a download is until it is ended.
func (d *display) download() (progress func(written, total int64), end func()) {
	latest := time.Now()
	if !d.live {
		d.say("Downloading")
		return func(written, total int64) {
			if time.Since(latest) >= 5*time.Second && total > 0 {
				latest = time.Now()
				d.say("Downloading: %s of %s, %d %%", size(written), size(total), 100*written/total)
			}
		}, func() {}
	}
	bar, end := d.draw(mpb.BarStyle().Build(), mpb.BarWidth(40),
		mpb.PrependDecorators(decor.NewPercentage("Downloading % d")),
		mpb.AppendDecorators(
			decor.CountersKibiByte("% .1f of % .1f, "),
			decor.EwmaSpeed(decor.SizeB1024(0), "% .1f, ", 0),
			decor.EwmaETA(decor.ET_STYLE_GO, 0),
			decor.Name(" left"),
		))
	begun := false
	return func(written, total int64) {
		bar.SetTotal(max(total, 0), false)
		if begun {
			bar.EwmaSetCurrent(written, time.Since(latest))
		} else { // an earlier run fetched this: it is not this one's speed
			bar.SetCurrent(written)
			bar.SetRefill(written)
		}
		begun, latest = true, time.Now()
	}, end
}

// draw keeps a line up to date until it is ended, which takes it away.
func (d *display) draw(filler mpb.BarFiller, opts ...mpb.BarOption) (bar *mpb.Bar, end func()) {
	screen := mpb.New(mpb.WithOutput(d.w), mpb.WithAutoRefresh(), mpb.WithRefreshRate(100*time.Millisecond))
	bar = screen.MustAdd(0, filler, opts...)
	return bar, func() {
		bar.Abort(true)
		screen.Wait()
	}
}
