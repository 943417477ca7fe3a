// Package progress shows how long operations go: in bars on a terminal, in lines
// elsewhere, or in a log.
package progress

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/internal/table"
)

// A Mode is how progress is shown.
type Mode string

// The modes.
const (
	Auto  Mode = "auto" // Bars on a terminal, else Lines
	Bars  Mode = "bars"
	Lines Mode = "lines"
	None  Mode = "none"
)

// A Show shows progress. Its methods may be called by several goroutines.
type Show struct {
	w    io.Writer
	mode Mode
	log  *slog.Logger // not nil: everything goes there

	mu     sync.Mutex
	told   map[string]time.Time // when the latest line of a transfer was written
	screen *screen              // nil: no bars
}

// New returns a Show that writes to w, or to the logger if it is not nil.
func New(w io.Writer, mode Mode, log *slog.Logger) *Show {
	if mode == Auto {
		mode = Lines
		if isTerminal(w) {
			mode = Bars
		}
	}
	return &Show{w: w, mode: mode, log: log, told: map[string]time.Time{}}
}

// isTerminal reports whether bars can be drawn on w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// Say writes a line that stays.
func (s *Show) Say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.mode == None:
	case s.log != nil:
		s.log.Info(text)
	default:
		s.write(text + "\n")
	}
}

// Warnings returns a logger whose warnings are lines for people: a client tells by
// them what it tries again, and why.
func (s *Show) Warnings() *slog.Logger { return slog.New(warnings{s}) }

// warnings is a handler without attributes of its own.
type warnings struct{ show *Show }

func (w warnings) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

func (w warnings) Handle(_ context.Context, r slog.Record) error {
	why, wait := "", ""
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "error":
			why = fmt.Sprintf(": %v", a.Value.Any())
		case "wait":
			wait = fmt.Sprintf(" (waiting %s)", a.Value.Duration().Round(100*time.Millisecond))
		}
		return true
	})
	w.show.Say("%s%s%s", r.Message, why, wait)
	return nil
}

func (w warnings) WithAttrs([]slog.Attr) slog.Handler { return w }
func (w warnings) WithGroup(string) slog.Handler      { return w }

func (s *Show) write(lines string) {
	if s.screen == nil || !s.screen.write(lines) {
		_, _ = io.WriteString(s.w, lines)
	}
}

// Event shows what happens in a run: it is for [export.Options].
func (s *Show) Event(e export.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.mode == None:
		return
	case s.log != nil:
		export.LogTo(s.log)(e)
		return
	case s.mode == Bars:
		s.draw().event(e)
	}
	switch {
	case e.Kind == export.EventEnded: // a report follows
	case s.mode == Bars && e.Job != "" && e.Err == nil && e.Kind != export.EventOver: // its bar says so
	case e.Kind == export.EventProgress && (e.Bytes == 0 || !s.due(e.Job, e.Time)): // nothing new
	default:
		s.write(e.Time.Format(time.TimeOnly) + "  " + describe(e) + "\n")
	}
}

// due reports whether a transfer gets another line: every ten seconds.
func (s *Show) due(name string, now time.Time) bool {
	if now.Sub(s.told[name]) < 10*time.Second {
		return false
	}
	s.told[name] = now
	return true
}

// Transfer shows a single transfer. Call update with the bytes so far and the
// size, which is -1 if it is not known.
func (s *Show) Transfer(name string) (update func(bytes, size int64)) {
	return func(bytes, size int64) {
		s.mu.Lock()
		defer s.mu.Unlock()
		now := time.Now()
		switch {
		case s.mode == None:
		case s.mode == Bars && s.log == nil:
			s.draw().transfer(name, bytes, size, now)
		case bytes == 0 || !s.due(name, now): // nothing has come yet
		case s.log != nil:
			s.log.Info("transfer", "name", name, "bytes", bytes, "size", size)
		default:
			s.write(now.Format(time.TimeOnly) + "  " + name + ": " + amount(bytes, size) + "\n")
		}
	}
}

// draw begins to draw bars, unless they are there.
func (s *Show) draw() *screen {
	if s.screen == nil {
		s.screen = newScreen(s.w)
	}
	return s.screen
}

// End takes the bars away.
func (s *Show) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.screen != nil {
		s.screen.end()
		s.screen = nil
	}
}

// describe is the line for an event.
func describe(e export.Event) string {
	if e.Kind == export.EventProgress {
		return fmt.Sprintf("batch %s: downloaded %s", e.Job, amount(e.Bytes, e.Size))
	}
	if e.Kind == export.EventDownloaded {
		return fmt.Sprintf("batch %s: downloaded %s, verifying", e.Job, table.Size(e.Size))
	}
	return e.String()
}

// activity is what a batch does, for its bar.
func activity(e export.Event) string {
	switch e.Kind {
	case export.EventProgress:
		return amount(e.Bytes, e.Size)
	case export.EventDownloaded:
		return table.Size(e.Size) + " downloaded, verifying"
	default:
		e.Job, e.Err = "", nil
		return e.String()
	}
}

// amount writes how far a transfer is.
func amount(bytes, size int64) string {
	if size < 0 {
		return table.Size(bytes)
	}
	return table.Size(bytes) + " of " + table.Size(size)
}
