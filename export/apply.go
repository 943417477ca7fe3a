package export

// This file is part of the core: it does no I/O and reads no clock.

import (
	"maps"
	"slices"
	"time"

	"github.com/ghmigrate/ghmigrate"
)

// Begin notes that an effect is about to be tried. Save the job before the
// effect: without that a start may be sent twice. Newest is the ID of the
// account's newest migration before a start, see [Newest]; other effects ignore
// it.
func (j *Job) Begin(e Effect, newest int64) {
	b := &j.State.book
	j.State.Intent = e
	if e != EffectStart {
		return
	}
	if b.Lost == 0 { // a lost start may still appear above the old floor
		b.Floor = newest
	}
	b.Starts++
}

// Interrupted notes that the result of an effect is not known. Next returns the
// effect again, but for a start: then it returns the search for its migration.
func (j *Job) Interrupted(now time.Time) {
	if j.State.Intent == EffectStart {
		j.lost(now)
	}
	j.State.Intent = EffectNone
}

// Resume begins a new call of a driver, which calls it for every job. It clears
// the failures of earlier calls, and unparks the job.
func (j *Job) Resume(now time.Time) {
	j.Interrupted(now)
	if j.State.Ended.After(now) { // the clock was set back
		j.State.Ended = now
	}
	j.State.Parked, j.State.book.Tries = "", nil
	if j.State.Migration != 0 {
		j.State.Locked = nil
	}
}

// Observe notes the state of the migration, as a poll for many jobs or a webhook
// has seen it. A nil migration only notes the time: an export that runs for a
// day is stuck.
func (j *Job) Observe(m *ghmigrate.Migration, now time.Time) {
	s := &j.State
	if s.Migration == 0 || s.Outcome != OutcomeUnknown || m != nil && m.ID != s.Migration {
		return
	}
	if s.Begun.IsZero() { // of an earlier run, or a twin
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
	case now.Sub(s.Begun) >= maxWait:
		j.end(OutcomeStuck, reasonStuck, now)
	}
}

// Abandon ends a job that is not to be started any more.
func (j *Job) Abandon(reason string, now time.Time) {
	if j.State.Outcome == OutcomeUnknown && j.State.Migration == 0 {
		j.end(OutcomeAbandoned, reason, now)
	}
}

// Apply notes the result of an effect. It reports whether the run must end,
// because GitHub has refused the token for five minutes.
func (j *Job) Apply(e Effect, r Result, now time.Time) (stop bool) {
	s := &j.State
	if s.Intent == e {
		s.Intent = EffectNone
	}
	if e == EffectWait && s.Outcome != OutcomeUnknown { // somebody else has seen its end meanwhile
		return false
	}
	if r.Class != ClassNone && r.Outcome != OutcomeUnknown { // the error explains how the export ended
		j.end(r.Outcome, r.Reason, now)
		return false
	}
	if e == EffectUnlock { // also before an error
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

func (j *Job) end(o Outcome, reason string, now time.Time) {
	s := &j.State
	s.Outcome, s.Reason, s.Parked = o, brief(reason), ""
	if s.Ended.IsZero() {
		s.Ended = now
	}
}

func (j *Job) lost(now time.Time) {
	b := &j.State.book
	b.Lost++
	b.LostAt = now
	j.try(EffectSearch, func(a *attempts) { *a = attempts{Due: now.Add(searchAgain / 2)} })
}

// try changes the attempts of an effect.
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

// fail counts a failure of an effect, and returns how often it has failed.
func (j *Job) fail(e Effect, pause time.Duration, now time.Time) int {
	j.try(e, func(a *attempts) { a.fail(pause, now) })
	return j.tries(e).Count
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

// meet notes an error that may pass, and sets Due. It reports whether such errors
// have lasted too long. Rate limits do not count.
func (a *attempts) meet(r Result, now time.Time) (over bool) {
	limit := maxDenied
	switch r.Class { //nolint:exhaustive // all others have one limit
	case ClassWait:
		a.Due = now.Add(r.After)
		return false
	case ClassRetry:
		limit = maxTrouble
	}
	a.fail(backoff(a.Count), now)
	return a.Paused > limit
}

// backoff is the pause after so many failures.
func backoff(failures int) time.Duration {
	return min(firstPause<<min(failures, 10), longestPause)
}

// retry notes an error that may pass. All starts of an account share one limit:
// see [Tally.Started].
func (j *Job) retry(e Effect, r Result, now time.Time) (stop bool) {
	over := false
	j.try(e, func(a *attempts) { over = a.meet(r, now) })
	switch {
	case e == EffectStart || !over:
		return false
	case r.Class == ClassRun:
		return true
	}
	j.park(e, r.Reason, now)
	return false
}

// refused notes a refusal.
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
		j.fail(e, namelessAgain, now)
		if len(s.Named) > 0 || r.Class == ClassJob && (!r.Invalid || j.lineage.Waited) {
			j.end(OutcomeRefused, r.Reason, now)
		}
	case EffectUnlock, EffectDelete:
		if j.fail(e, refusalWait, now) >= maxRefusals {
			s.Forgotten = r.Forgotten
			j.giveUp(e, r.Reason, now)
		}
	case EffectSearch:
		return j.retry(e, r, now)
	default:
		switch r.Class {
		case ClassAbsent:
			if j.fail(e, absentAgain, now) >= maxAbsent {
				j.giveUp(e, r.Reason, now)
			}
		case ClassJob:
			j.giveUp(e, r.Reason, now)
		default:
			return j.retry(e, r, now)
		}
	}
	return false
}

// park leaves the job to the next call. The second such call in a row gives up.
func (j *Job) park(e Effect, reason string, now time.Time) {
	j.try(e, func(a *attempts) { *a = attempts{} })
	if e == EffectUnlock || e == EffectDelete { // these keep no run from its end
		j.giveUp(e, reason, now)
		return
	}
	if j.State.book.Parks++; j.State.book.Parks >= maxParks {
		j.giveUp(e, reason, now)
		return
	}
	j.State.Parked = brief(reason)
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

// succeeded notes the success of an effect.
func (j *Job) succeeded(e Effect, r Result, now time.Time) {
	s := &j.State
	s.book.Parks = 0
	if r.Damaged {
		j.damaged(r, now)
		return
	}
	if e != EffectVerify { // its count is that of all damage, also if another effect finds it
		j.try(e, func(a *attempts) { *a = attempts{} })
	}
	switch e {
	case EffectStart:
		s.Migration, s.Begun, s.Reason = r.Migration, now, ""
	case EffectSearch:
		j.searched(r, now)
	case EffectWait: // the outcomes are called as GitHub calls the states
		j.Observe(&ghmigrate.Migration{ID: s.Migration, State: ghmigrate.MigrationState(r.Outcome)}, now)
		j.try(e, func(a *attempts) { a.Due = now.Add(pollAgain) })
	case EffectList:
		s.Listed = true
		s.Absent = without(j.Repositories, r.Repositories)
		s.Others = without(r.Repositories, slices.Concat(j.Repositories, j.lineage.Family))
		j.addFates(r.Fates)
	case EffectUnlock:
		if r.Doubt {
			late := s.Ended.Add(lateLock)
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

// damaged has the archive fetched again: it was whole when it came.
func (j *Job) damaged(r Result, now time.Time) {
	s := &j.State
	s.Archive, s.Verified, s.Stored, s.InStore = nil, false, false, false
	s.Missing, s.Condemned, s.Unsound, s.Faults = nil, nil, false, nil
	count := 0
	j.try(EffectVerify, func(a *attempts) { a.Count++; count = a.Count })
	if count > maxDamage {
		j.end(OutcomeUnfetched, r.Reason, now)
	}
}
