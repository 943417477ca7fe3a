package export

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate"
)

// Step performs the next effect of a job, [Job.Next], and changes the job's
// state accordingly. Where an earlier process may have had the effect already,
// it finds out first. After a Step that finds its migration still under way, or a
// start still unaccounted for, Next is what it was, and [Job.NotBefore] tells when
// to look again.
//
// After an error Step can be called again: if it was one that passes (a network
// error, a rate limit, a full disk) it goes on where it was. Run does that; a
// caller of Step decides for himself. He also keeps the pauses that GitHub asks
// for: a second between effects that change something. Those within one, a second
// between two unlocks, Step keeps itself.
//
// Save, if set, is called from the goroutine of Step.
func Step(ctx context.Context, acct Account, job *Job) error {
	if err := check(ctx, acct); err != nil {
		return err
	}
	if job == nil {
		return errors.New("export: the Job is nil")
	}
	effect := job.Next()
	var err error
	switch effect {
	case EffectNone:
	case EffectStart:
		err = job.start(ctx, acct)
	case EffectWait:
		err = job.look(ctx, acct)
	case EffectList:
		err = job.list(ctx, acct)
	case EffectDownload:
		err = job.download(ctx, acct)
	case EffectVerify:
		err = job.verify(ctx)
	case EffectStore:
		err = job.store(ctx)
	case EffectUnlock:
		err = job.unlock(ctx, acct)
	case EffectDelete:
		err = job.delete(ctx, acct)
	}
	if err != nil {
		return fmt.Errorf("batch %d: %s: %w", job.Number, effect, err)
	}
	return nil
}

// lookAgain is when a job that was driven by Step alone looks at its migration
// again.
const lookAgain = 30 * time.Second

// look asks once whether the migration is done.
func (j *Job) look(ctx context.Context, acct Account) error {
	m, err := acct.Get(ctx, j.State.Migration, &ghmigrate.GetOptions{OmitRepositories: true})
	if isAbsent(err) {
		return j.absent(ctx, acct, err)
	}
	if err != nil {
		return err
	}
	if m.State.Done() {
		return j.observe(m)
	}
	j.NotBefore = time.Now().Add(lookAgain)
	if j.State.Absences == 0 {
		return nil
	}
	return j.settle(func(s *State) { s.Absences = 0 })
}

// observe takes note of what a migration is now.
func (j *Job) observe(m *ghmigrate.Migration) error {
	switch {
	case j.State.Outcome != OutcomeUnknown:
		return nil
	case m.State == ghmigrate.StateExported:
		j.emit(EventExported)
		return j.ends(OutcomeExported, "")
	case m.State == ghmigrate.StateFailed:
		j.emit(EventFailed)
		return j.ends(OutcomeFailed, ghmigrate.ErrMigrationFailed.Error())
	}
	return nil
}

const (
	// maxAbsences is how often running a migration, or its archive, may not be
	// found before it is held to be gone: not every server of GitHub knows of it
	// at once, and to start another for nothing exports twice.
	maxAbsences  = 5
	absenceAgain = 30 * time.Second
)

// absent takes note that the migration, or its archive, was not found.
func (j *Job) absent(ctx context.Context, acct Account, reason error) error {
	if time.Now().Before(j.NotBefore) { // a Step too soon says nothing new
		return nil
	}
	if j.State.Absences+1 >= maxAbsences {
		return j.vanish(ctx, acct, reason)
	}
	j.NotBefore = time.Now().Add(absenceAgain)
	return j.settle(func(s *State) { s.Absences++ })
}

// vanish takes note that there is no such migration, or no such archive. To a
// token that has lost its rights GitHub says the same, but then it shows no
// migrations at all.
func (j *Job) vanish(ctx context.Context, acct Account, reason error) error {
	if _, err := newest(ctx, acct); err != nil {
		return err // it tells whether to wait, and reason does not
	}
	j.emit(EventGone, withError(reason))
	return j.ends(OutcomeGone, reason.Error())
}

// maxWords is how much of what others say is kept, in bytes: a state is one
// line of the journal.
const maxWords = 300

func brief(words string) string {
	if len(words) <= maxWords {
		return words
	}
	return strings.ToValidUTF8(words[:maxWords], "") + "…"
}

func (j *Job) ends(outcome Outcome, reason string) error {
	return j.settle(func(s *State) {
		s.Outcome, s.Reason, s.Ended = outcome, brief(reason), time.Now()
		s.Absences = 0
	})
}
