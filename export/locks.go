package export

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate"
)

// maxUnlocks limits the repositories that one effect unlocks, so that a driver can
// pause and hand over in between.
const maxUnlocks = 25

// unlock releases locks of the job's migration. An error of one repository does
// not keep the others locked. The result of an error lists released repositories too.
func (p *performance) unlock(ctx context.Context) Result {
	owed := p.job.Owed()
	late := time.Since(p.job.State.Ended) < lateLock
	u := &unlocking{Account: p, id: p.job.State.Migration, listed: p.job.State.Listed}
	var r Result
	var worst error
	for _, name := range owed[:min(len(owed), maxUnlocks)] {
		wasLocked, err := u.release(ctx, lastName(name))
		switch {
		case err != nil:
			worst = errors.Join(worst, fmt.Errorf("unlock %s: %w", name, err))
		case wasLocked || !late:
			r.Repositories = append(r.Repositories, name)
		default: // the lock may land yet
			r.Doubt = true
		}
		if worst != nil && stopsUnlocking(ctx, worst) {
			break
		}
	}
	if worst == nil {
		return r
	}
	failed := resultOf(worst)
	if len(r.Repositories) > 0 && failed.Class != ClassWait { // that is progress: the others are next
		r.err = worst
		return r
	}
	failed.Repositories, failed.Forgotten = r.Repositories, u.forgotten
	return failed
}

// stopsUnlocking reports whether the next repository would fail likewise.
func stopsUnlocking(ctx context.Context, err error) bool {
	response, responded := errors.AsType[*ghmigrate.APIError](err)
	return ctx.Err() != nil || errors.Is(err, errNotDone) || !responded || response.RetryAfter > 0 || response.StatusCode == http.StatusUnauthorized
}

// An unlocking releases locks of one migration.
type unlocking struct {
	Account
	id        int64
	listed    bool // the migration's list was read
	believed  bool // a 404 means that there is no lock
	forgotten bool // the migration is not at GitHub any more
}

var errNotDone = errors.New("the migration has not ended, or cannot be read")

// release releases one repository, and reports whether it was locked. GitHub's
// 404 means not locked, not yet, or no permission: it is believed only while the
// migration can be read and is done.
func (u *unlocking) release(ctx context.Context, name string) (wasLocked bool, err error) {
	err = u.UnlockRepository(ctx, u.id, name)
	switch {
	case !isAbsent(err):
		return err == nil, err
	case u.believed:
		return false, nil
	}
	done, doneErr := u.meansNone(ctx)
	if doneErr != nil {
		return false, doneErr
	}
	if u.believed = done && u.listed; !u.believed {
		return false, errors.Join(err, errNotDone)
	}
	return false, nil
}

// meansNone reports whether a 404 means that there is no such lock, or archive.
// It does only if the migration can be read and is done, and if the host has such a
// call: a GHES has no calls for users.
func (u *unlocking) meansNone(ctx context.Context) (bool, error) {
	m, err := u.Get(ctx, u.id, &ghmigrate.GetOptions{OmitRepositories: true})
	switch {
	case isAbsent(err):
		_, listErr := Newest(ctx, u) // to a token that has lost its rights GitHub shows no migrations
		u.forgotten = listErr == nil
		return false, nil
	case err != nil:
		return false, err
	case u.Owner() != "":
		return m.State.Done(), nil
	}
	_, ghes, err := tokenOwner(ctx, u)
	return m.State.Done() && ghes == "", err
}

// A Candidate is a repository that a migration may hold locked.
type Candidate struct {
	Repository string // "owner/name"
	Migration  int64  // started with lock_repositories
	Done       bool   // the migration has ended: only then GitHub unlocks
	State      LockState
}

// A LockState is the state of a lock, as far as it is known.
type LockState string

// The states of a lock.
const (
	LockUnknown LockState = "unknown" // GitHub's REST API does not tell
	Locked      LockState = "locked"
	NotLocked   LockState = "not locked"
)

// A LockChecker knows whether repositories are locked by a migration. GitHub
// tells only in GraphQL: isLocked, and MIGRATING as the lockReason, of a
// repository. [LockCandidates] asks an [Account] that is a LockChecker too.
type LockChecker interface {
	// IsLocked reports whether "owner/name" is locked by a migration.
	IsLocked(ctx context.Context, repository string) (bool, error)
}

// LockCandidates yields the repositories of all migrations of the account that
// were started with lock_repositories, newest first. A repository comes once for each
// such migration. Most repositories were unlocked long ago, but GitHub's REST API
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
					break // the migration went away since it was listed
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
		return LockUnknown, fmt.Errorf("check the lock of %s: %w", repository, err)
	case locked:
		return Locked, nil
	}
	return NotLocked, nil
}

// Unlock unlocks repositories, named "owner/name" or "name", whichever
// migration locked them. It goes through all migrations of the account that
// were started with lock_repositories. A repository that is unlocked already
// does not count as an error. Unlock returns an error if no migration has ever
// locked a repository, or if the migration has not ended: GitHub unlocks only
// after the end. It unlocks all other repositories first. A name of another
// owner, or no name at all, is an error before any request. A rate limit that
// is too long for the client, a refused token and a broken connection end
// Unlock early.
//
// GitHub does not document when it locks: if the migration has just ended, call
// Unlock again two minutes later. Unlock sends at most one DELETE a second, one for
// each repository and migration.
func Unlock(ctx context.Context, acct Account, repos ...string) error {
	if err := check(ctx, acct); err != nil {
		return err
	}
	if len(repos) == 0 {
		return errors.New("export: Unlock needs repositories: use UnlockAll to unlock all")
	}
	wanted, err := wantedNames(ctx, acct, repos)
	if err != nil {
		return fmt.Errorf("export: unlock %w", err)
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

// wantedNames returns the names without their owner, in lower case, each with
// the name that was given.
func wantedNames(ctx context.Context, acct Account, repos []string) (map[string]string, error) {
	owner := acct.Owner()
	wanted := map[string]string{}
	for _, name := range repos {
		of, _, full := strings.Cut(name, "/")
		if !validName(name) && !validName("owner/"+name) {
			return nil, fmt.Errorf("%q: want \"owner/name\" or \"name\"", name)
		}
		if full && owner == "" {
			login, _, err := tokenOwner(ctx, acct)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", name, err)
			}
			owner = login
		}
		if full && !strings.EqualFold(of, owner) {
			return nil, fmt.Errorf("%q: it does not belong to %s", name, owner)
		}
		wanted[lockKey(name)] = name
	}
	return wanted, nil
}

// UnlockAll unlocks every repository of every migration that was started with
// lock_repositories. It returns the errors that [Unlock] returns.
func UnlockAll(ctx context.Context, acct Account) error {
	if err := check(ctx, acct); err != nil {
		return err
	}
	if _, err := unlockWhere(ctx, acct, func(string) bool { return true }); err != nil {
		return fmt.Errorf("export: unlock all: %w", err)
	}
	return nil
}

// unlockWhere unlocks the wanted repositories, and returns the repositories that
// migrations have, by name in lower case. An error of one repository does not keep
// the others locked.
func unlockWhere(ctx context.Context, acct Account, wanted func(name string) bool) (found map[string]bool, err error) {
	found = map[string]bool{}
	acct = pace(acct)
	var troubles []error
	for m, err := range locking(ctx, acct) {
		if err != nil {
			return found, errors.Join(append(troubles, err)...)
		}
		names, err := repositoryNames(ctx, acct, m.ID)
		if isAbsent(err) {
			if _, gone := acct.Get(ctx, m.ID, &ghmigrate.GetOptions{OmitRepositories: true}); !isAbsent(gone) { // since it was listed
				troubles = append(troubles, fmt.Errorf("migration %d may hold locks, and its repositories cannot be listed: %w", m.ID, err))
			}
			continue
		}
		if err != nil {
			return found, errors.Join(append(troubles, err)...)
		}
		u := &unlocking{Account: acct, id: m.ID, listed: true}
		for _, name := range names {
			if !wanted(lastName(name)) {
				continue
			}
			found[lockKey(name)] = true
			if !m.State.Done() {
				troubles = append(troubles, fmt.Errorf("%s: migration %d is %s, and GitHub unlocks only after its end", name, m.ID, m.State))
				continue
			}
			_, err := u.release(ctx, lastName(name))
			if err == nil {
				continue
			}
			troubles = append(troubles, fmt.Errorf("%s may still be locked by migration %d: %w", name, m.ID, err))
			if stopsUnlocking(ctx, err) && !errors.Is(err, errNotDone) {
				return found, errors.Join(troubles...)
			}
		}
	}
	return found, errors.Join(troubles...)
}
