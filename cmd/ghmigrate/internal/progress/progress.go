// Package progress shows the progress of exports and transfers: as bars on a terminal,
// as lines elsewhere, or in a log.
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

// A Mode says how to show progress.
type Mode string

// The modes.
const (
	Auto  Mode = "auto" // Bars on a terminal, otherwise Lines
	Bars  Mode = "bars"
	Lines Mode = "lines"
	None  Mode = "none"
)

// A Show shows progress. Its methods may be called by several goroutines.
type Show struct {
	w    io.Writer
	mode Mode
	log  *slog.Logger // if not nil, gets all lines in place of w

	mu       sync.Mutex
	lastLine map[string]time.Time // of each transfer
	screen   *screen              // nil without bars
}

// New returns a Show that writes to w, or to the logger if it is not nil.
func New(w io.Writer, mode Mode, log *slog.Logger) *Show {
	if mode == Auto {
		mode = Lines
		if isTerminal(w) {
			mode = Bars
		}
	}
	return &Show{w: w, mode: mode, log: log, lastLine: map[string]time.Time{}}
}

// isTerminal reports whether w is a terminal that can show bars.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// Say writes a line. Bars do not overwrite it.
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

// Warnings returns a logger that writes warnings as lines. A client logs a warning for
// each retry and each rate-limit wait.
func (s *Show) Warnings() *slog.Logger { return slog.New(warnings{s}) }

// warnings is the handler of Warnings. It ignores the attributes and groups of loggers.
type warnings struct{ show *Show }

func (w warnings) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

func (w warnings) Handle(_ context.Context, r slog.Record) error {
	reason, wait := "", ""
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "error":
			reason = fmt.Sprintf(": %v", a.Value.Any())
		case "wait":
			wait = fmt.Sprintf(" (waiting %s)", a.Value.Duration().Round(100*time.Millisecond))
		}
		return true
	})
	w.show.Say("%s%s%s", r.Message, reason, wait)
	return nil
}

func (w warnings) WithAttrs([]slog.Attr) slog.Handler { return w }
func (w warnings) WithGroup(string) slog.Handler      { return w }

func (s *Show) write(lines string) {
	if s.screen == nil || !s.screen.write(lines) {
		_, _ = io.WriteString(s.w, lines)
	}
}

// Event shows an event of a run. It can be the Progress of [export.Options].
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
		s.bars().event(e)
	}
	switch {
	case e.Kind == export.EventEnded: // the command prints a report
	case s.mode == Bars && e.Job != "" && e.Err == nil && e.Kind != export.EventOver: // the bar shows it
	case e.Kind == export.EventProgress && (e.Bytes == 0 || !s.due(e.Job, e.Time)):
	default:
		s.write(e.Time.Format(time.TimeOnly) + "  " + describe(e) + "\n")
	}
}

// due reports whether a transfer may write a line. It may do so every ten seconds.
func (s *Show) due(name string, now time.Time) bool {
	if now.Sub(s.lastLine[name]) < 10*time.Second {
		return false
	}
	s.lastLine[name] = now
	return true
}

// Transfer returns a function that shows the progress of a transfer. Call it with the
// bytes transferred so far, and the size or -1.
func (s *Show) Transfer(name string) (update func(bytes, size int64)) {
	return func(bytes, size int64) {
		s.mu.Lock()
		defer s.mu.Unlock()
		now := time.Now()
		switch {
		case s.mode == None:
		case s.mode == Bars && s.log == nil:
			s.bars().transfer(name, bytes, size, now)
		case bytes == 0 || !s.due(name, now):
		case s.log != nil:
			s.log.Info("transfer", "name", name, "bytes", bytes, "size", size)
		default:
			s.write(now.Format(time.TimeOnly) + "  " + name + ": " + amount(bytes, size) + "\n")
		}
	}
}

// bars returns the screen. The first call begins to draw.
func (s *Show) bars() *screen {
	if s.screen == nil {
		s.screen = newScreen(s.w)
	}
	return s.screen
}

// End removes the bars.
func (s *Show) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.screen != nil {
		s.screen.end()
		s.screen = nil
	}
}

// describe returns the line for an event.
func describe(e export.Event) string {
	if e.Kind == export.EventProgress {
		return fmt.Sprintf("batch %s: downloaded %s", e.Job, amount(e.Bytes, e.Size))
	}
	if e.Kind == export.EventDownloaded {
		return fmt.Sprintf("batch %s: downloaded %s, verifying", e.Job, table.Size(e.Size))
	}
	return e.String()
}

// activity returns the text beside the bar of a batch.
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

// amount formats the transferred bytes, and the size unless it is -1.
func amount(bytes, size int64) string {
	if size < 0 {
		return table.Size(bytes)
	}
	return table.Size(bytes) + " of " + table.Size(size)
}
