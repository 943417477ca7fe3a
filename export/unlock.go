package export

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ghmigrate/ghmigrate"
)

const (
	// unlockAgain is the time between two tries to release what was not.
	unlockAgain = time.Minute
	// lateLock is how long after the end of an export a lock may still land:
	// that is not documented. Until then "not locked" may mean "not yet".
	lateLock = 2 * time.Minute
	// surely is less than any pause before a request is sent again. An unlock
	// that took no longer has found a lock; one that took longer may have been
	// sent twice, and then the client takes a 404 for the success of the first.
	surely = 200 * time.Millisecond
)

// unlock releases every repository that the migration lists now that it is
// done. What is released before an error is not asked for again.
func (j *Job) unlock(ctx context.Context, acct Account) error {
	if err := j.intend(EffectUnlock); err != nil {
		return err
	}
	if j.names == nil {
		for repo, err := range acct.ListRepositories(ctx, j.State.Migration, nil) {
			if errors.Is(err, ghmigrate.ErrNotFound) {
				return j.unlockFailed(j.Repositories)
			}
			if err != nil {
				return err
			}
			j.names = append(j.names, repo.Name)
		}
	}
	if j.released == nil {
		j.released = map[string]bool{}
	}
	u := &unlocking{acct: acct, migration: j.State.Migration, change: j.change}
	late := time.Since(j.State.Ended) < lateLock
	var locked []string
	doubts := 0
	for _, name := range j.names {
		if j.released[name] {
			continue
		}
		found, err := u.release(ctx, name)
		switch {
		case err != nil:
			return err
		case found == maybeLocked:
			locked = append(locked, j.fullName(name))
		case found == wasLocked || !late:
			j.released[name] = true
		default:
			doubts++
		}
	}
	switch {
	case len(locked) > 0:
		return j.unlockFailed(locked)
	case doubts > 0:
		j.NotBefore = j.State.Ended.Add(lateLock)
		return nil
	}
	j.names, j.released = nil, nil
	err := j.settle(func(s *State) { s.Unlocked, s.Locked = true, nil })
	j.emit(EventUnlocked)
	return err
}

func (j *Job) unlockFailed(locked []string) error {
	j.NotBefore = time.Now().Add(unlockAgain)
	j.names = nil
	return j.settle(func(s *State) {
		s.Locked = locked
		s.Unlocks++
	})
}

// stillLocked lists the repositories that the job may have left locked.
func (j *Job) stillLocked() []string {
	switch {
	case !j.owesUnlock():
		return nil
	case len(j.State.Locked) > 0:
		return j.State.Locked
	}
	var locked []string
	for _, name := range j.Repositories {
		if !j.released[baseName(name)] {
			locked = append(locked, name)
		}
	}
	return locked
}

func (j *Job) fullName(name string) string {
	for _, full := range j.Repositories {
		if baseName(full) == name {
			return full
		}
	}
	return name
}

// An unlocking releases locks of one migration.
type unlocking struct {
	acct      Account
	migration int64
	change    func(context.Context, func() error) error
	done      bool // the migration is known to be readable and done
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
	var took time.Duration
	err := u.change(ctx, func() error {
		begun := time.Now()
		err := u.acct.UnlockRepository(ctx, u.migration, name)
		took = time.Since(begun)
		return err
	})
	switch {
	case err == nil && took < surely:
		return wasLocked, nil
	case err == nil:
		return wasNotLocked, nil
	case errors.Is(err, ghmigrate.ErrMissingScope), errors.Is(err, ghmigrate.ErrForbidden):
		return maybeLocked, nil
	case !errors.Is(err, ghmigrate.ErrNotFound):
		return maybeLocked, fmt.Errorf("unlock %s: %w", name, err)
	}
	if done, err := u.isDone(ctx); err != nil || !done {
		return maybeLocked, err
	}
	return wasNotLocked, nil
}

func (u *unlocking) isDone(ctx context.Context) (bool, error) {
	if u.done {
		return true, nil
	}
	m, err := u.acct.Get(ctx, u.migration, &ghmigrate.GetOptions{OmitRepositories: true})
	switch {
	case errors.Is(err, ghmigrate.ErrNotFound), errors.Is(err, ghmigrate.ErrForbidden):
		return false, nil
	case err != nil:
		return false, err
	}
	u.done = m.State.Done()
	return u.done, nil
}
