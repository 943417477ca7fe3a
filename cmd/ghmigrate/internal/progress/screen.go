package progress

import (
	"fmt"
	"io"
	"math"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/ghmigrate/ghmigrate/export"
)

// A screen draws a bar for each transfer or batch under way, and one for the run.
// Only one goroutine at a time may use it.
type screen struct {
	bars  *mpb.Progress
	items map[string]*item
	run   *mpb.Bar // nil without a run
}

// An item is the bar of a transfer or a batch. A goroutine of mpb loads the text.
type item struct {
	bar   *mpb.Bar
	meter meter
	text  atomic.Pointer[string]
}

func newScreen(w io.Writer) *screen {
	return &screen{bars: mpb.New(mpb.WithOutput(w), mpb.WithAutoRefresh()), items: map[string]*item{}}
}

// write writes lines above the bars, and reports whether it has succeeded.
func (s *screen) write(lines string) bool {
	_, err := io.WriteString(s.bars, lines)
	return err == nil
}

// event updates the bars after an event of a run.
func (s *screen) event(e export.Event) {
	if s.run == nil {
		s.run = s.add(math.MaxInt, "in all", decor.CountersNoUnit("repositories: %d of %d, "), decor.Elapsed(decor.ET_STYLE_GO))
	}
	if s.run != nil {
		s.run.SetTotal(int64(e.All), false)
		s.run.SetCurrent(int64(e.Done))
	}
	switch {
	case e.Job == "" || e.Kind == export.EventReplaced:
	case e.Kind == export.EventOver:
		s.remove("batch " + e.Job)
	case e.Kind == export.EventProgress:
		s.transfer("batch "+e.Job, e.Bytes, e.Size, e.Time)
	default:
		it := s.item("batch " + e.Job)
		text := activity(e)
		it.text.Store(&text)
		it.meter = meter{}
		if e.Size > 0 {
			it.fill(e.Bytes, e.Size)
		}
	}
}

// transfer updates the bar of a transfer.
func (s *screen) transfer(name string, bytes, size int64, now time.Time) {
	it := s.item(name)
	it.meter.add(bytes, now)
	text := amount(bytes, size) + it.meter.text(size)
	it.text.Store(&text)
	it.fill(bytes, size)
}

func (it *item) fill(bytes, size int64) {
	if it.bar != nil && size > 0 {
		it.bar.SetTotal(size, false)
		it.bar.SetCurrent(bytes)
	}
}

// item returns the bar of a transfer or a batch. It adds the bar at the first call.
func (s *screen) item(name string) *item {
	it := s.items[name]
	if it == nil {
		it = &item{}
		empty := ""
		it.text.Store(&empty)
		it.bar = s.add(len(s.items), name, decor.Any(func(decor.Statistics) string { return *it.text.Load() }))
		s.items[name] = it
	}
	return it
}

func (s *screen) remove(name string) {
	if it := s.items[name]; it != nil {
		if it.bar != nil {
			it.bar.Abort(true)
		}
		delete(s.items, name)
	}
}

// add adds a bar to the screen. It returns nil if mpb has stopped.
func (s *screen) add(priority int, name string, beside ...decor.Decorator) *mpb.Bar {
	bar, err := s.bars.Add(0, mpb.BarStyle().Build(), mpb.BarPriority(priority), mpb.BarWidth(20),
		mpb.PrependDecorators(decor.Name(fmt.Sprintf("%-11s", name))), mpb.AppendDecorators(beside...))
	if err != nil {
		return nil
	}
	return bar
}

// end removes all bars.
func (s *screen) end() {
	for name := range s.items {
		s.remove(name)
	}
	if s.run != nil {
		s.run.Abort(true)
	}
	s.bars.Wait()
}
