package export

import (
	"context"
	"log/slog"
	"time"
)

// An Event is something that has happened to a run.
type Event struct {
	Time time.Time
	Kind EventKind

	Job          int   // the batch's number; 0 if it is about the run
	Migration    int64 // 0 if there is none yet
	Repositories int   // how many the batch has, or the run

	Bytes, Size int64         // of the archive: fetched so far, and in all, -1 if not known
	Wait        time.Duration // for EventWaiting
	Err         error         // nil unless something went wrong

	// How far the run is: repositories in verified archives, or given up, and
	// all of them.
	Done, All int
}

// An EventKind is what has happened. The set is open.
type EventKind string

// The kinds of events.
const (
	EventBegun       EventKind = "begun"       // a new run
	EventResumed     EventKind = "resumed"     // an unfinished one
	EventStarting    EventKind = "starting"    // a migration is asked for
	EventStarted     EventKind = "started"     // there it is
	EventRefused     EventKind = "refused"     // GitHub does not take the batch
	EventLost        EventKind = "lost"        // the answer was lost; the migration is looked for
	EventAdopted     EventKind = "adopted"     // and found
	EventExported    EventKind = "exported"    // the archive is ready
	EventFailed      EventKind = "failed"      // GitHub has given the migration up
	EventGone        EventKind = "gone"        // the migration or its archive is not there any more
	EventDownloading EventKind = "downloading" // begins
	EventProgress    EventKind = "progress"    // at most ten times a second
	EventDownloaded  EventKind = "downloaded"  // all of it
	EventDamaged     EventKind = "damaged"     // it does not read back, and is fetched again
	EventVerified    EventKind = "verified"    // with Err, if something is wrong with it
	EventStored      EventKind = "stored"      // the Store has it
	EventUnlocked    EventKind = "unlocked"    // all repositories of the migration
	EventDeleted     EventKind = "deleted"     // the archive at GitHub
	EventReplaced    EventKind = "replaced"    // others take the place of the batch
	EventReduced     EventKind = "reduced"     // and go without releases, or attachments
	EventWaiting     EventKind = "waiting"     // after an error, or for a rate limit, but not of a poll
	EventOver        EventKind = "over"        // nothing is left to be done for the batch
	EventEnded       EventKind = "ended"       // the run, with Err if not all is well
)

// Attrs returns the event for a log, with keys that stay: kind, batch,
// migration, repositories, bytes, size, wait, error, done, all. Those that
// have nothing to say are left out.
func (e Event) Attrs() []slog.Attr {
	attrs := []slog.Attr{slog.String("kind", string(e.Kind))}
	if e.Job != 0 {
		attrs = append(attrs, slog.Int("batch", e.Job))
	}
	if e.Migration != 0 {
		attrs = append(attrs, slog.Int64("migration", e.Migration))
	}
	attrs = append(attrs, slog.Int("repositories", e.Repositories))
	if e.Size != 0 {
		attrs = append(attrs, slog.Int64("bytes", e.Bytes), slog.Int64("size", e.Size))
	}
	if e.Wait != 0 {
		attrs = append(attrs, slog.Duration("wait", e.Wait))
	}
	if e.Err != nil {
		attrs = append(attrs, slog.String("error", e.Err.Error()))
	}
	return append(attrs, slog.Int("done", e.Done), slog.Int("all", e.All))
}

// LogValue logs what Attrs returns.
func (e Event) LogValue() slog.Value { return slog.GroupValue(e.Attrs()...) }

// LogTo returns a function for [Options].Progress that logs every event but
// EventProgress as "export", at level info, or warn where there is an error.
func LogTo(l *slog.Logger) func(Event) {
	return func(e Event) {
		if e.Kind == EventProgress {
			return
		}
		level := slog.LevelInfo
		if e.Err != nil {
			level = slog.LevelWarn
		}
		l.LogAttrs(context.Background(), level, "export", e.Attrs()...)
	}
}

func withError(err error) func(*Event) { return func(e *Event) { e.Err = err } }
