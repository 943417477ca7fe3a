package export

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// An Event reports the progress of a run.
type Event struct {
	Time time.Time
	Kind EventKind

	Job          string   // the ID of the batch; empty if the event is about the run
	Migration    int64    // 0 before the migration is started
	Repositories int      // the number of repositories of the batch, or of the run
	Next         []string // of EventReplaced: the IDs of the batches that replace the batch

	Bytes, Size int64         // of the archive: the bytes downloaded so far, and its size, -1 if unknown
	Wait        time.Duration // of EventWaiting: the time until the retry
	Err         error         // nil after a success

	// Done counts the repositories that are done, and All counts all repositories. A
	// repository is done when its verified archive is stored, or when Run has given
	// it up.
	Done, All int
}

// An EventKind is a kind of event. Later versions may have more kinds.
type EventKind string

// The kinds of events.
const (
	EventBegun      EventKind = "begun"      // Run begins a new run
	EventResumed    EventKind = "resumed"    // Run continues an unfinished run
	EventStarting   EventKind = "starting"   // Run is about to send the start of a migration
	EventStarted    EventKind = "started"    // GitHub has accepted the start
	EventLost       EventKind = "lost"       // the response to the start was lost; Run searches for the migration
	EventAdopted    EventKind = "adopted"    // the search has found the migration
	EventExported   EventKind = "exported"   // GitHub has exported the batch; its archive is ready
	EventFailed     EventKind = "failed"     // the export has failed, or its archive cannot be downloaded: Err says why
	EventProgress   EventKind = "progress"   // the download continues; at most ten events a second
	EventDownloaded EventKind = "downloaded" // the whole archive is downloaded
	EventDamaged    EventKind = "damaged"    // the archive on disk is damaged, and Run downloads it again
	EventVerified   EventKind = "verified"   // the archive is verified; Err reports faults
	EventStored     EventKind = "stored"     // the Store has the archive
	EventUnlocked   EventKind = "unlocked"   // all repositories that the migration had locked are unlocked
	EventLocked     EventKind = "locked"     // GitHub has not unlocked some repositories
	EventDeleted    EventKind = "deleted"    // the archive is deleted at GitHub
	EventReplaced   EventKind = "replaced"   // the batches in Next replace the batch
	EventReduced    EventKind = "reduced"    // a batch leaves out the releases or attachments of a repository that failed
	EventWaiting    EventKind = "waiting"    // Run retries a request or an effect after Wait; Err says why
	EventParked     EventKind = "parked"     // Run leaves the batch to the next call, because its pauses have reached an hour
	EventOver       EventKind = "over"       // the batch has no effects left
	EventEnded      EventKind = "ended"      // the run has ended; Err is its error
)

// String returns a description of the event in one line, without the time.
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
		return "giving up for now, the next call continues"
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

// Attrs returns the attributes of the event for a log. The keys are stable: kind,
// batch, migration, repositories, next, bytes, size, wait, error, done, all. Attrs
// omits a key without a value.
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

// LogValue implements [slog.LogValuer]: it returns a group of Attrs.
func (e Event) LogValue() slog.Value { return slog.GroupValue(e.Attrs()...) }

// LogTo returns a function for [Options].Progress. The function logs every event
// except EventProgress with the message "export", at level info, or at level warn if
// the event has an error.
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

// event returns an event about the job.
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

// Report calls Progress with the event for a result. A driver calls Report after
// [Job.Apply], with the state before Apply; [Step] does so itself.
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
	case before.Outcome != after.Outcome && after.Outcome != OutcomeSplit: // a split has only EventReplaced
		return EventFailed
	case after.Parked != "" && before.Parked == "":
		return EventParked
	case len(after.Locked) > len(before.Locked):
		return EventLocked
	case after.book.Lost > before.book.Lost:
		return EventLost
	case r.Class != ClassNone && j.tries(effect).Over:
		return "" // the job has given up the effect: the manifest says so
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

// unsoundness returns an error that describes the faults of the archive, or nil.
func (s *State) unsoundness() error {
	switch {
	case len(s.Faults) > 0:
		return fmt.Errorf("%d faults in the archive, the first is %s", len(s.Faults), s.Faults[0].Message) //nolint:err113 // for people
	case len(s.Missing) > 0:
		return fmt.Errorf("not in the archive: %s", strings.Join(s.Missing, ", ")) //nolint:err113 // for people
	}
	return nil
}
