package export

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate"
)

const (
	// unlockAgain is the time between two tries to release what was not.
	unlockAgain = time.Minute
	// lateLock is how long after the end of an export a lock may still land:
	// that is not documented. Until then "not locked" may mean "not yet".
	lateLock = 2 * time.Minute
)

// unlock releases every repository that was asked for, and every other one that
// the migration lists now that it is done: a list that is empty is no proof.
// What is released before an error is not asked for again, and trouble with one
// does not keep the others locked.
func (j *Job) unlock(ctx context.Context, acct Account) error {
	if err := j.intend(EffectUnlock, func(s *State) {
		if now := time.Now(); s.Ended.After(now) { // the clock was set back
			s.Ended = now
		}
	}); err != nil {
		return err
	}
	if j.names == nil {
		var names []string
		for repo, err := range acct.ListRepositories(ctx, j.State.Migration, nil) {
			if errors.Is(err, ghmigrate.ErrNotFound) {
				return j.unlockFailed(ctx, acct, j.owed())
			}
			if err != nil {
				return err
			}
			names = append(names, repo.FullName)
		}
		j.names = names
	}
	if j.released == nil {
		j.released = map[string]bool{}
	}
	u := &unlocking{acct: acct, migration: j.State.Migration, change: j.change, wire: j.around().wire}
	late := time.Since(j.State.Ended) < lateLock
	var refused, doubts []string
	var troubles []error
	for _, name := range j.toUnlock() {
		found, err := u.release(ctx, lastName(name))
		switch {
		case err != nil && stopsUnlocking(ctx, err):
			return err
		case err != nil:
			troubles = append(troubles, err)
		case found == maybeLocked:
			refused = append(refused, name)
		case found == wasLocked || !late:
			j.released[lockKey(name)] = true
		default:
			doubts = append(doubts, name)
		}
	}
	switch {
	case len(troubles) > 0:
		return errors.Join(troubles...)
	case len(refused) > 0:
		return j.unlockFailed(ctx, acct, append(refused, doubts...))
	case len(doubts) > 0:
		j.NotBefore = j.State.Ended.Add(lateLock)
		return nil
	}
	j.names, j.released = nil, nil
	err := j.settle(func(s *State) { s.Unlocked, s.Locked = true, nil })
	j.emit(EventUnlocked)
	return err
}

// stopsUnlocking tells whether the next repository would fare no better.
func stopsUnlocking(ctx context.Context, err error) bool {
	answer, answered := errors.AsType[*ghmigrate.APIError](err)
	return ctx.Err() != nil || !answered || answer.RetryAfter > 0 || answer.StatusCode < 500
}

// toUnlock lists what is not released yet.
func (j *Job) toUnlock() []string {
	var names []string
	seen := maps.Clone(j.released)
	for _, name := range append(j.owed(), j.names...) {
		if seen[lockKey(name)] || j.KeepLocked && j.keeps(name) {
			continue
		}
		if seen == nil {
			seen = map[string]bool{}
		}
		seen[lockKey(name)] = true
		names = append(names, name)
	}
	return names
}

// owed lists what was asked for and is not to stay locked.
func (j *Job) owed() []string {
	return slices.DeleteFunc(slices.Clone(j.Repositories), func(name string) bool { return j.KeepLocked && j.keeps(name) })
}

// keeps tells whether KeepLocked is meant for a repository: it was exported. Of
// a migration that is only unlocked it is meant for all that is not named.
func (j *Job) keeps(name string) bool {
	if j.UnlockOnly {
		return !containsFold(j.Repositories, name)
	}
	return j.State.Outcome == OutcomeExported && j.covers(name) && len(j.State.Faults) == 0
}

// lockKey tells the repositories of a migration apart as GitHub does where it
// unlocks them: without the owner.
func lockKey(name string) string { return strings.ToLower(lastName(name)) }

// unlockFailed takes note of what is still locked. The last try finds out
// whether there is any sense in another one some day.
func (j *Job) unlockFailed(ctx context.Context, acct Account, locked []string) error {
	forgotten := j.State.Unlocks+1 >= maxUnlocks && isForgotten(ctx, acct, j.State.Migration)
	j.NotBefore = time.Now().Add(unlockAgain)
	j.names = nil
	return j.settle(func(s *State) {
		s.Locked, s.Forgotten = locked, forgotten
		s.Unlocks++
	})
}

// isForgotten tells whether GitHub surely has no such migration any more. To a
// token that has lost its rights it says the same, but then it shows no
// migrations at all.
func isForgotten(ctx context.Context, acct Account, id int64) bool {
	if _, err := acct.Get(ctx, id, &ghmigrate.GetOptions{OmitRepositories: true}); !isAbsent(err) {
		return false
	}
	_, err := newest(ctx, acct)
	return err == nil
}

// stillLocked lists the repositories that the job may have left locked.
func (j *Job) stillLocked() []string {
	switch {
	case !j.owesUnlock():
		return nil
	case len(j.State.Locked) > 0:
		return j.State.Locked
	}
	return slices.DeleteFunc(j.owed(), func(name string) bool { return j.released[lockKey(name)] })
}

// An unlocking releases locks of one migration.
type unlocking struct {
	acct      Account
	migration int64
	change    func(context.Context, func() error) error
	wire      *wire
	believed  bool // a 404 means that there is no lock
}

// A finding is what an unlock has found.
type finding int

const (
	wasLocked    finding = iota // and is not any more
	wasNotLocked                // by this migration, or not yet
	maybeLocked                 // GitHub does not tell
)

// release releases one repository. GitHub's 404 means not locked, not yet, or
// no permission: it counts only while the migration can be read and is done.
func (u *unlocking) release(ctx context.Context, name string) (finding, error) {
	watched, passage := u.wire.watch(ctx)
	err := u.change(ctx, func() error { return u.acct.UnlockRepository(watched, u.migration, name) })
	switch {
	case err == nil && passage.once():
		return wasLocked, nil
	case err == nil, isAbsent(err): // the client takes a 404 for the success of what it sent before
	case refuses(err):
		return maybeLocked, nil
	default:
		return maybeLocked, fmt.Errorf("unlock %s: %w", name, err)
	}
	if !u.believed {
		if u.believed, err = meansNone(ctx, u.acct, u.migration); err != nil || !u.believed {
			return maybeLocked, err
		}
	}
	return wasNotLocked, nil
}

// refuses tells whether GitHub has said no, to this request and not to all.
func refuses(err error) bool {
	answer, answered := errors.AsType[*ghmigrate.APIError](err)
	return answered && answer.StatusCode < 500 && answer.RetryAfter == 0 && !errors.Is(err, ghmigrate.ErrUnauthorized)
}

// meansNone tells whether a 404 means that there is no such lock, or archive:
// only if the migration can be read and is done, and if there is such a call. A
// GHES has none of them for users.
func meansNone(ctx context.Context, acct Account, id int64) (bool, error) {
	m, err := acct.Get(ctx, id, &ghmigrate.GetOptions{OmitRepositories: true})
	switch {
	case errors.Is(err, ghmigrate.ErrNotFound), errors.Is(err, ghmigrate.ErrForbidden):
		return false, nil
	case err != nil:
		return false, err
	case acct.Owner() != "":
		return m.State.Done(), nil
	}
	_, ghes, err := whoami(ctx, acct)
	return m.State.Done() && ghes == "", err
}
