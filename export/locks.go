package export

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/ghmigrate/ghmigrate"
)

// A Candidate is a repository that a migration may hold locked.
type Candidate struct {
	Repository string // "owner/name"
	Migration  int64  // started with lock_repositories
	Done       bool   // that has ended: only then it can be unlocked
	State      LockState
}

// A LockState is what is known of a lock.
type LockState string

// The states of a lock.
const (
	LockUnknown LockState = "unknown" // GitHub's REST API does not tell
	Locked      LockState = "locked"
	NotLocked   LockState = "not locked"
)

// A LockChecker knows whether repositories are locked by a migration. GitHub
// tells only in GraphQL: isLocked, and MIGRATING as the lockReason, of a
// repository. An [Account] that is a LockChecker too is asked by
// [LockCandidates]; the example backup has one.
type LockChecker interface {
	// IsLocked tells whether "owner/name" is locked by a migration.
	IsLocked(ctx context.Context, repository string) (bool, error)
}

// LockCandidates yields the repositories of all migrations of the account that
// were started with lock_repositories, newest first, as often as there are such
// migrations. They need not be locked: most were unlocked long ago, and GitHub
// does not tell. An error is yielded once and ends the sequence.
func LockCandidates(ctx context.Context, acct Account) iter.Seq2[Candidate, error] {
	return func(yield func(Candidate, error) bool) {
		if err := check(ctx, acct); err != nil {
			yield(Candidate{}, err)
			return
		}
		checker, _ := acct.(LockChecker)
		for m, err := range locking(ctx, acct) {
			if err != nil {
				yield(Candidate{}, err)
				return
			}
			for repo, err := range acct.ListRepositories(ctx, m.ID, nil) {
				if isAbsent(err) {
					break // gone since it was listed
				}
				c := Candidate{Migration: m.ID, Done: m.State.Done(), State: LockUnknown}
				if err == nil {
					c.Repository = repo.FullName
					c.State, err = checkLock(ctx, checker, repo.FullName)
				}
				if !yield(c, err) || err != nil {
					return
				}
			}
		}
	}
}

// locking lists the migrations that may hold locks.
func locking(ctx context.Context, acct Account) iter.Seq2[*ghmigrate.Migration, error] {
	return func(yield func(*ghmigrate.Migration, error) bool) {
		for m, err := range acct.List(ctx, &ghmigrate.ListOrgMigrationsOptions{OmitRepositories: true}) {
			if err != nil {
				yield(nil, fmt.Errorf("list the migrations: %w", err))
				return
			}
			if m.LockRepositories && !yield(m, nil) {
				return
			}
		}
	}
}

func checkLock(ctx context.Context, checker LockChecker, repository string) (LockState, error) {
	if checker == nil {
		return LockUnknown, nil
	}
	locked, err := checker.IsLocked(ctx, repository)
	switch {
	case err != nil:
		return LockUnknown, fmt.Errorf("is %s locked: %w", repository, err)
	case locked:
		return Locked, nil
	}
	return NotLocked, nil
}

// Unlock unlocks repositories, named "owner/name" or "name", whichever
// migration locked them: it goes through all of the account that were started
// with lock_repositories. A repository that none of them holds any more is
// fine; one that none of them has, and one in a migration that has not ended,
// which GitHub does not unlock, are errors, after all others are unlocked. A rate
// limit that is too long for the client, a token that is refused and a broken
// connection end it early. Without names it is an error. When a lock lands is not
// documented: where the migration has only just ended, call it again two minutes
// later.
//
// It takes a request a second, and as many requests as there are migrations
// with locks.
func Unlock(ctx context.Context, acct Account, repos ...string) error {
	if err := check(ctx, acct); err != nil {
		return err
	}
	if len(repos) == 0 {
		return errors.New("export: Unlock without repositories: UnlockAll unlocks all")
	}
	owner := acct.Owner()
	wanted := map[string]string{}
	for _, name := range repos {
		if !validName(name) && !validName("owner/"+name) {
			return fmt.Errorf("export: unlock %q: want \"owner/name\" or \"name\"", name)
		}
		if of, _, full := strings.Cut(name, "/"); full && owner != "" && !strings.EqualFold(of, owner) {
			return fmt.Errorf("export: unlock %q: it does not belong to %s", name, owner)
		}
		wanted[strings.ToLower(lastName(name))] = name
	}
	found, err := unlockWhere(ctx, acct, func(name string) bool { return wanted[strings.ToLower(name)] != "" })
	var unknown []string
	for lower, name := range wanted {
		if !found[lower] {
			unknown = append(unknown, name)
		}
	}
	if err == nil && len(unknown) > 0 {
		slices.Sort(unknown)
		err = fmt.Errorf("no migration of %s has locked %s", acct, strings.Join(unknown, ", "))
	}
	if err != nil {
		return fmt.Errorf("export: unlock: %w", err)
	}
	return nil
}

// UnlockAll unlocks every repository of every migration that was started with
// lock_repositories. Its errors are as those of [Unlock].
func UnlockAll(ctx context.Context, acct Account) error {
	if err := check(ctx, acct); err != nil {
		return err
	}
	if _, err := unlockWhere(ctx, acct, func(string) bool { return true }); err != nil {
		return fmt.Errorf("export: unlock all: %w", err)
	}
	return nil
}

func lastName(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// unlockWhere unlocks what is wanted, and returns which of it there was, by
// name in lower case. Trouble with one repository does not keep the others
// locked.
func unlockWhere(ctx context.Context, acct Account, wanted func(name string) bool) (found map[string]bool, err error) {
	found = map[string]bool{}
	var troubles []error
	pacer := newPacer()
	for m, err := range locking(ctx, acct) {
		if err != nil {
			return found, errors.Join(append(troubles, err)...)
		}
		u := &unlocking{acct: acct, migration: m.ID, change: pacer.do, wire: &wire{}}
		for repo, err := range acct.ListRepositories(ctx, m.ID, nil) {
			if isAbsent(err) {
				if _, gone := acct.Get(ctx, m.ID, &ghmigrate.GetOptions{OmitRepositories: true}); !isAbsent(gone) { // since it was listed
					troubles = append(troubles, fmt.Errorf("migration %d may hold locks, and what is in it cannot be read: %w", m.ID, err))
				}
				break
			}
			if err != nil {
				return found, errors.Join(append(troubles, err)...)
			}
			if !wanted(repo.Name) {
				continue
			}
			found[strings.ToLower(repo.Name)] = true
			if !m.State.Done() {
				troubles = append(troubles, fmt.Errorf("%s: migration %d is %s, and GitHub unlocks only what has ended", repo.FullName, m.ID, m.State))
				continue
			}
			state, err := u.release(ctx, repo.Name)
			switch {
			case ctx.Err() != nil:
				return found, errors.Join(append(troubles, contextError(ctx))...)
			case err != nil && stopsUnlocking(ctx, err):
				return found, errors.Join(append(troubles, err)...)
			case err != nil:
				troubles = append(troubles, err)
			case state == maybeLocked:
				troubles = append(troubles, fmt.Errorf("%s may still be locked by migration %d: GitHub refused to unlock it", repo.FullName, m.ID))
			}
		}
	}
	return found, errors.Join(troubles...)
}
