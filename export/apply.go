package export

// This file is part of the core: it does no I/O and reads no clock.

import (
	"maps"
	"slices"
	"time"

	"github.com/ghmigrate/ghmigrate"
)

// Begin records the intent to perform an effect. The caller must save the job
// before the effect: after a crash, only the saved intent keeps a start from being
// sent twice. For a start, newest is the result of [Newest]; other effects ignore
// newest.
func (j *Job) Begin(e Effect, newest int64) {
	b := &j.State.book
	j.State.Intent = e
	if e != EffectStart {
		return
	}
	if b.Lost == 0 { // the migration of a lost start may still appear above the old floor
		b.Floor = newest
	}
	b.Starts++
}

// Interrupted records that an effect was begun and its result is not known. Then
// Next returns the effect again. After a start, Next returns [EffectSearch].
func (j *Job) Interrupted(now time.Time) {
	if j.State.Intent == EffectStart {
		j.lost(now)
	}
	j.State.Intent = EffectNone
}

// Resume prepares the job for a new call of the driver. A driver calls Resume for
// every job when it begins. Resume forgets the failures of earlier calls, and
// unparks the job.
func (j *Job) Resume(now time.Time) {
	j.Interrupted(now)
	for _, at := range []*time.Time{&j.State.Begun, &j.State.Ended, &j.State.book.LostAt, &j.State.book.Searched} {
		if at.After(now) { // the clock was set back
			*at = now
		}
	}
	j.State.Parked, j.State.book.Tries = "", nil
	if j.State.Migration != 0 {
		j.State.Locked = nil
	}
}

// Observe applies the state of the job's migration that a poll for many jobs, or a
// webhook, has returned. If m is nil, Observe only checks the time: after a day the
// outcome of an export is [OutcomeStuck].
func (j *Job) Observe(m *ghmigrate.Migration, now time.Time) {
	s := &j.State
	if s.Migration == 0 || s.Outcome != OutcomeUnknown || m != nil && m.ID != s.Migration {
		return
	}
	if s.Begun.IsZero() { // the migration is a twin, or of an earlier run
		s.Begun = now
	}
	if m != nil {
		j.try(EffectWait, func(a *attempts) { *a = attempts{} })
		s.book.Parks = 0
	}
	switch {
	case m != nil && m.State == ghmigrate.StateExported:
		j.end(OutcomeExported, "", now)
	case m != nil && m.State == ghmigrate.StateFailed:
		j.end(OutcomeFailed, reasonFailed, now)
	case now.Sub(s.Begun) >= maxExportTime:
		j.end(OutcomeStuck, reasonStuck, now)
	}
}

// Abandon ends a job that the driver no longer starts.
func (j *Job) Abandon(reason string, now time.Time) {
	if j.State.Outcome == OutcomeUnknown && j.State.Migration == 0 {
		j.end(OutcomeAbandoned, reason, now)
	}
}

// Apply applies the result of an effect to the state. Stop reports whether the run
// must end, because GitHub refuses the token and the pauses have reached five minutes.
func (j *Job) Apply(e Effect, r Result, now time.Time) (stop bool) {
	s := &j.State
	if s.Intent == e {
		s.Intent = EffectNone
	}
	if e == EffectWait && s.Outcome != OutcomeUnknown { // Observe has seen the end meanwhile
		return false
	}
	if r.Class != ClassNone && r.Outcome != OutcomeUnknown { // the error says how the export ended
		j.end(r.Outcome, r.Reason, now)
		return false
	}
	if e == EffectUnlock { // repositories may be released before an error
		s.Released = append(slices.Clip(s.Released), r.Repositories...)
	}
	if e == EffectStart && r.Class != ClassNone {
		if r.Class == ClassRetry && !r.Unsent {
			s.Reason = r.Reason
			j.lost(now)
			return false
		}
		s.book.Starts-- // GitHub has started nothing
	}
	switch r.Class {
	case ClassNone:
		j.succeeded(e, r, now)
	case ClassWait, ClassRetry, ClassRun:
		return j.retry(e, r, now)
	case ClassDenied, ClassAbsent, ClassJob:
		return j.refused(e, r, now)
	}
	return false
}

// end sets the outcome of the export.
func (j *Job) end(o Outcome, reason string, now time.Time) {
	s := &j.State
	s.Outcome, s.Reason, s.Parked = o, shorten(reason), ""
	if s.Ended.IsZero() {
		s.Ended = now
	}
}

// lost records a start without a response, and schedules the search for its
// migration.
func (j *Job) lost(now time.Time) {
	b := &j.State.book
	b.Lost++
	b.LostAt = now
	j.try(EffectSearch, func(a *attempts) { *a = attempts{Due: now.Add(searchPause / 2)} })
}

// try changes the attempts of an effect. Copies of the job keep their map.
func (j *Job) try(e Effect, change func(*attempts)) {
	b := &j.State.book
	a := b.Tries[e]
	change(&a)
	if b.Tries = maps.Clone(b.Tries); b.Tries == nil {
		b.Tries = map[Effect]attempts{}
	}
	if b.Tries[e] = a; a == (attempts{}) {
		delete(b.Tries, e)
	}
}

// refuse counts a refusal of an effect, and returns the number of refusals since the
// latest success.
func (j *Job) refuse(e Effect, pause time.Duration, now time.Time) int {
	j.try(e, func(a *attempts) {
		a.fail(pause, now)
		a.Refusals++
	})
	return j.tries(e).Refusals
}

// fail counts a failure and the pause after it.
func (a *attempts) fail(pause time.Duration, now time.Time) {
	if a.Count == 0 {
		a.Since = now
	}
	a.Count++
	a.Paused += pause
	a.Due = now.Add(pause)
}

// retry counts an error that may be temporary, and sets Due. Over reports whether
// the pauses since the latest success exceed their limit. The limit for denials holds
// only while every error is a denial. Rate limits do not count.
func (a *attempts) retry(r Result, now time.Time) (over bool) {
	if r.Class == ClassWait {
		a.Due = now.Add(r.After)
		return false
	}
	a.fail(backoff(a.Count), now)
	a.Temporary = a.Temporary || r.Class == ClassRetry
	if a.Temporary {
		return a.Paused > maxRetryTime
	}
	return a.Paused > maxDeniedTime
}

// backoff returns the pause after a number of failures.
func backoff(failures int) time.Duration {
	return min(firstPause<<min(failures, 10), longestPause)
}

// retry applies an error that may be temporary. The limit for starts is not here:
// all starts of an account share one, see [Tally.Started].
func (j *Job) retry(e Effect, r Result, now time.Time) (stop bool) {
	over := false
	j.try(e, func(a *attempts) { over = a.retry(r, now) })
	switch {
	case e == EffectStart || !over:
		return false
	case r.Class == ClassRun:
		return true
	}
	j.park(e, r.Reason, now)
	return false
}

// refused applies an error of class denied, absent or job.
func (j *Job) refused(e Effect, r Result, now time.Time) (stop bool) {
	s := &j.State
	switch e {
	case EffectStart:
		for _, i := range r.Named {
			if i >= 0 && i < len(j.Repositories) && !containsFold(s.Named, j.Repositories[i]) {
				s.Named = append(s.Named, j.Repositories[i])
			}
		}
		j.addFates(r.Fates)
		j.refuse(e, namelessPause, now)
		if len(s.Named) > 0 || r.Class == ClassJob && (!r.Invalid || j.lineage.Waited) {
			j.end(OutcomeRefused, r.Reason, now)
		}
	case EffectUnlock, EffectDelete:
		if j.refuse(e, refusalPause, now) >= maxRefusals {
			s.Forgotten = r.Forgotten
			j.giveUp(e, r.Reason, now)
		}
	case EffectSearch:
		return j.retry(e, r, now)
	default:
		switch r.Class {
		case ClassAbsent:
			switch {
			case j.refuse(e, absentPause, now) < maxAbsences:
			case e == EffectDownload || e == EffectTransfer:
				j.end(OutcomeGone, r.Reason, now)
			default:
				j.giveUp(e, r.Reason, now)
			}
		case ClassJob:
			if j.refuse(e, refusalPause, now) >= maxRefusals {
				j.giveUp(e, r.Reason, now)
			}
		default:
			return j.retry(e, r, now)
		}
	}
	return false
}

// park leaves the job to the driver's next call. The second call in a row that
// would park the job gives up the effect.
func (j *Job) park(e Effect, reason string, now time.Time) {
	j.try(e, func(a *attempts) { *a = attempts{} })
	if e == EffectUnlock || e == EffectDelete { // a run finishes without them
		j.giveUp(e, reason, now)
		return
	}
	if j.State.book.Parks++; j.State.book.Parks >= maxParks {
		j.giveUp(e, reason, now)
		return
	}
	j.State.Parked = shorten(reason)
}

// giveUp ends the attempts of an effect.
func (j *Job) giveUp(e Effect, reason string, now time.Time) {
	s := &j.State
	over := func(a *attempts) { a.Over = true }
	switch e {
	case EffectSearch:
		j.end(OutcomeLost, reason, now)
	case EffectWait:
		j.end(OutcomeGone, reason, now)
	case EffectList:
		j.try(e, over)
		if s.Outcome == OutcomeExported {
			j.end(OutcomeGone, reason, now)
		}
	case EffectUnlock:
		s.Locked = j.Owed()
		j.try(e, over)
	case EffectDelete:
		j.try(e, over)
	default:
		j.end(OutcomeUnfetched, reason, now)
	}
}

// succeeded applies the result of an effect that succeeded.
func (j *Job) succeeded(e Effect, r Result, now time.Time) {
	s := &j.State
	s.book.Parks = 0
	if r.Damaged {
		j.damaged(r, now)
		return
	}
	if e != EffectVerify { // counts all damage, whichever effect finds it: see damaged
		j.try(e, func(a *attempts) { *a = attempts{} })
	}
	switch e {
	case EffectStart:
		s.Migration, s.Begun, s.Reason = r.Migration, now, ""
	case EffectSearch:
		j.searched(r, now)
	case EffectWait: // the outcomes have the names of GitHub's states
		j.Observe(&ghmigrate.Migration{ID: s.Migration, State: ghmigrate.MigrationState(r.Outcome)}, now)
		j.try(e, func(a *attempts) { a.Due = now.Add(pollPause) })
	case EffectList:
		s.Listed = true
		s.Absent = without(j.Repositories, r.Repositories)
		s.Others = without(r.Repositories, slices.Concat(j.Repositories, j.lineage.Family))
		j.addFates(r.Fates)
	case EffectUnlock:
		if r.Doubt {
			late := s.Ended.Add(lateLockTime)
			if !late.After(now) {
				late = now.Add(time.Second)
			}
			j.try(e, func(a *attempts) { a.Due = late })
		}
	case EffectDownload:
		s.Archive = r.Archive
	case EffectVerify:
		j.verified(r)
	case EffectTransfer:
		s.Archive, s.Stored, s.InStore = r.Archive, true, true
		j.verified(r)
	case EffectStore:
		s.Stored, s.InStore = true, r.InStore
	case EffectDelete:
		s.Deleted = true
	case EffectNone:
	}
}

// verified applies the findings of a verification.
func (j *Job) verified(r Result) {
	s := &j.State
	s.Verified, s.Missing, s.Condemned, s.Unsound, s.Faults = true, r.Missing, r.Condemned, r.Unsound, r.Faults
}

func (j *Job) addFates(fates map[string]string) {
	if len(fates) == 0 {
		return
	}
	if j.State.Fates = maps.Clone(j.State.Fates); j.State.Fates == nil {
		j.State.Fates = map[string]string{}
	}
	maps.Copy(j.State.Fates, fates)
}

// damaged schedules another download of an archive that has changed since its
// download. The third damage gives up the archive.
func (j *Job) damaged(r Result, now time.Time) {
	s := &j.State
	s.Archive, s.Verified, s.Stored, s.InStore = nil, false, false, false
	s.Missing, s.Condemned, s.Unsound, s.Faults = nil, nil, false, nil
	count := 0
	j.try(EffectVerify, func(a *attempts) { a.Refusals++; count = a.Refusals })
	if count > maxDamages {
		j.end(OutcomeUnfetched, r.Reason, now)
	}
}
