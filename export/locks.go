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
	// doubtAgain is when what was not locked is looked at a second time: it is
	// not documented when a lock lands.
	doubtAgain = 2 * time.Minute
)

// unlock releases every repository that the migration lists now that it is
// done. What is released before an error is not asked for again.
func (j *Job) unlock(ctx context.Context, acct Account) error {
	if err := j.intend(EffectUnlock); err != nil {
		return err
	}
	u := &unlocking{acct: acct, migration: j.State.Migration}
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
	var locked []string
	doubts := 0
	for _, name := range j.names {
		if j.released[name] {
			continue
		}
		found, err := u.release(ctx, name)
		if err != nil {
			return err
		}
		switch found {
		case wasLocked:
			j.released[name] = true
		case wasNotLocked:
			doubts++
		case maybeLocked:
			locked = append(locked, j.fullName(name))
		}
	}
	if len(locked) > 0 {
		return j.unlockFailed(locked)
	}
	if doubts > 0 && !j.State.Doubted {
		j.NotBefore = time.Now().Add(doubtAgain)
		return j.settle(func(s *State) { s.Doubted = true })
	}
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
	done      bool // the migration is known to be readable and done
}

// A lockState is what an unlock has found.
type lockState int

const (
	wasLocked    lockState = iota // and is not any more
	wasNotLocked                  // by this migration
	maybeLocked                   // GitHub does not tell
)

// release releases one repository. GitHub's 404 means not locked, not yet, or
// no permission: it counts only while the migration can be read and is done.
func (u *unlocking) release(ctx context.Context, name string) (lockState, error) {
	err := u.acct.UnlockRepository(ctx, u.migration, name)
	switch {
	case err == nil:
		return wasLocked, nil
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
