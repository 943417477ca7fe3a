package export

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// An Event tells the progress of a run.
type Event struct {
	Time time.Time
	Kind EventKind

	Job          string   // the ID of the batch; empty if the event is about the run
	Migration    int64    // 0 if there is none yet
	Repositories int      // how many the batch has, or the run
	Next         []string // of EventReplaced: the IDs of the batches that take its place

	Bytes, Size int64         // of the archive: fetched so far, and in all, -1 if not known
	Wait        time.Duration // of EventWaiting
	Err         error         // nil unless something went wrong

	// Done and All count the repositories that are done, and all repositories. A
	// repository is done when its verified archive is in place, or when Run tries
	// nothing more for it.
	Done, All int
}

// An EventKind is a kind of event. More kinds may come.
type EventKind string

// The kinds of events.
const (
	EventBegun      EventKind = "begun"      // a new run
	EventResumed    EventKind = "resumed"    // an unfinished run goes on
	EventStarting   EventKind = "starting"   // a start is about to be sent
	EventStarted    EventKind = "started"    // GitHub has accepted it
	EventLost       EventKind = "lost"       // the response was lost; the migration is searched for
	EventAdopted    EventKind = "adopted"    // and found
	EventExported   EventKind = "exported"   // the archive is ready
	EventFailed     EventKind = "failed"     // the batch is not exported, or its archive cannot be had: Err says why
	EventProgress   EventKind = "progress"   // of the download, at most ten times a second
	EventDownloaded EventKind = "downloaded" // all of the archive
	EventDamaged    EventKind = "damaged"    // the archive on disk is damaged, and is downloaded again
	EventVerified   EventKind = "verified"   // with Err, if something is wrong with the archive
	EventStored     EventKind = "stored"     // the Store has the archive
	EventUnlocked   EventKind = "unlocked"   // all repositories that the migration has locked
	EventLocked     EventKind = "locked"     // GitHub does not unlock some of them
	EventDeleted    EventKind = "deleted"    // the archive at GitHub
	EventReplaced   EventKind = "replaced"   // batches in Next take the place of the batch
	EventReduced    EventKind = "reduced"    // the batch goes without releases, or attachments
	EventWaiting    EventKind = "waiting"    // before an effect is tried again, after an error or for a rate limit
	EventParked     EventKind = "parked"     // the batch is left to the next call, after an hour of trouble
	EventOver       EventKind = "over"       // nothing is left to be done for the batch
	EventEnded      EventKind = "ended"      // the run, with Err if not all is well
)

// String describes the event in one line, without the time.
func (e Event) String() string {
	text := e.words()
	if e.Job != "" {
		text = fmt.Sprintf("batch %s: %s", e.Job, text)
	}
	if e.Err != nil {
		text += ": " + strings.ReplaceAll(e.Err.Error(), "\n", "; ")
	}
	return text
}

func (e Event) words() string {
	n := count(e.Repositories)
	switch e.Kind {
	case EventBegun:
		return "exporting " + n
	case EventResumed:
		return fmt.Sprintf("continuing an unfinished run, %d of %s done", e.Done, n)
	case EventStarting:
		return "starting the export of " + n
	case EventStarted:
		return fmt.Sprintf("exporting %s, migration %d", n, e.Migration)
	case EventLost:
		return "the response to the start was lost, searching for its migration"
	case EventAdopted:
		return fmt.Sprintf("found its migration %d, exporting %s", e.Migration, n)
	case EventFailed:
		return n + " not exported"
	case EventProgress, EventDownloaded:
		return fmt.Sprintf("downloaded %d of %d bytes", e.Bytes, e.Size)
	case EventDamaged:
		return "the archive on disk is damaged, downloading it again"
	case EventLocked:
		return fmt.Sprintf("some repositories of migration %d are perhaps still locked", e.Migration)
	case EventReplaced:
		return fmt.Sprintf("retrying its %s as %s", n, batches(e.Next))
	case EventReduced:
		return "trying without releases or attachments"
	case EventWaiting:
		return fmt.Sprintf("trying again in %s", e.Wait.Round(time.Second))
	case EventParked:
		return "giving up for now, the next call goes on"
	case EventOver, EventEnded:
		return fmt.Sprintf("%s, %d of %s done", e.Kind, e.Done, count(e.All))
	default:
		return string(e.Kind)
	}
}

func batches(ids []string) string {
	if len(ids) == 1 {
		return "batch " + ids[0]
	}
	return fmt.Sprintf("batches %s and %s", strings.Join(ids[:len(ids)-1], ", "), ids[len(ids)-1])
}

// Attrs returns the event for a log. Its keys are stable: kind, batch, migration,
// repositories, next, bytes, size, wait, error, done, all. It omits keys without a
// value.
func (e Event) Attrs() []slog.Attr {
	attrs := []slog.Attr{slog.String("kind", string(e.Kind))}
	if e.Job != "" {
		attrs = append(attrs, slog.String("batch", e.Job))
	}
	if e.Migration != 0 {
		attrs = append(attrs, slog.Int64("migration", e.Migration))
	}
	attrs = append(attrs, slog.Int("repositories", e.Repositories))
	if len(e.Next) > 0 {
		attrs = append(attrs, slog.String("next", strings.Join(e.Next, " ")))
	}
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

// LogValue returns Attrs as a group.
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

// event is an event of the job.
func (j *Job) event(kind EventKind) Event {
	return Event{Kind: kind, Job: j.ID, Migration: j.State.Migration, Repositories: len(j.Repositories)}
}

// emit calls Progress.
func (j *Job) emit(e Event) {
	if j.Progress != nil {
		e.Time = time.Now()
		j.Progress(e)
	}
}

// Report calls Progress with the event of a result, after [Job.Apply]. Before is the
// state before Apply. [Step] calls it.
func (j *Job) Report(effect Effect, r Result, before *State) {
	s := &j.State
	e := j.event(j.kindOf(effect, r, before))
	e.Err = r.error()
	switch e.Kind {
	case "":
		return
	case EventDownloaded, EventStored:
		e.Bytes, e.Size = s.Archive.Size, s.Archive.Size
	case EventWaiting:
		e.Wait = time.Until(j.tries(effect).Due)
	case EventVerified:
		e.Err = s.unsoundness()
	case EventFailed:
		e.Err = errors.New(j.failure())
	default:
	}
	j.emit(e)
}

func (j *Job) kindOf(effect Effect, r Result, before *State) EventKind {
	after := &j.State
	switch {
	case before.Outcome != after.Outcome && after.Outcome == OutcomeExported:
		return EventExported
	case before.Outcome != after.Outcome && after.Outcome != OutcomeSplit: // of which its successors tell
		return EventFailed
	case after.Parked != "":
		return EventParked
	case len(after.Locked) > len(before.Locked):
		return EventLocked
	case after.book.Lost > before.book.Lost:
		return EventLost
	case r.Class != ClassNone:
		return EventWaiting
	case r.Damaged:
		return EventDamaged
	case effect == EffectSearch && after.Migration == 0, effect == EffectStore && !after.InStore, effect == EffectUnlock && len(j.Owed()) > 0:
		return ""
	}
	return map[Effect]EventKind{
		EffectStart: EventStarted, EffectSearch: EventAdopted, EffectDownload: EventDownloaded, EffectVerify: EventVerified,
		EffectStore: EventStored, EffectTransfer: EventStored, EffectUnlock: EventUnlocked, EffectDelete: EventDeleted,
	}[effect]
}

// unsoundness describes the faults of an archive; it returns nil if it has none.
func (s *State) unsoundness() error {
	switch {
	case len(s.Faults) > 0:
		return fmt.Errorf("%d faults in the archive, the first is %s", len(s.Faults), s.Faults[0].Message) //nolint:err113 // for people
	case len(s.Missing) > 0:
		return fmt.Errorf("not in the archive: %s", strings.Join(s.Missing, ", ")) //nolint:err113 // for people
	}
	return nil
}
