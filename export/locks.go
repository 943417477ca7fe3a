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
// pause, or continue on another machine, between two effects.
const maxUnlocks = 25

// unlock releases locks of the job's migration. After an error for one repository,
// it still unlocks the others. The result lists the released repositories even if it
// has an error.
func (p *performer) unlock(ctx context.Context) Result {
	owed := p.job.Owed()
	late := time.Since(p.job.State.Ended) < lateLockTime
	u := &unlocker{Account: p, id: p.job.State.Migration, listed: p.job.State.Listed}
	var r Result
	var worst error
	for _, name := range owed[:min(len(owed), maxUnlocks)] {
		wasLocked, err := u.release(ctx, lastName(name))
		switch {
		case err != nil:
			worst = errors.Join(worst, fmt.Errorf("unlock %s: %w", name, err))
		case wasLocked || !late:
			r.Repositories = append(r.Repositories, name)
		default: // GitHub may still lock the repository
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
	if len(r.Repositories) > 0 && failed.Class != ClassWait { // a partial success: the next effect unlocks the others
		r.err = worst
		return r
	}
	failed.Repositories, failed.Forgotten = r.Repositories, u.forgotten
	return failed
}

// stopsUnlocking reports whether err would fail the unlock of the next repository
// too.
func stopsUnlocking(ctx context.Context, err error) bool {
	response, responded := errors.AsType[*ghmigrate.APIError](err)
	return ctx.Err() != nil || errors.Is(err, errNotDone) || !responded || response.RetryAfter > 0 || response.StatusCode == http.StatusUnauthorized
}

// An unlocker releases locks of one migration.
type unlocker struct {
	Account
	id        int64
	listed    bool // the list of the migration's repositories was read
	trusted   bool // a 404 means that the repository is not locked
	forgotten bool // the migration no longer exists at GitHub
}

var errNotDone = errors.New("the migration has not ended, or cannot be read")

// release unlocks one repository, and reports whether it was locked. GitHub's 404
// has three meanings: not locked, not locked yet, or no permission. So release takes
// it for "not locked" only if the migration can be read, has ended, and was listed.
func (u *unlocker) release(ctx context.Context, name string) (wasLocked bool, err error) {
	err = u.UnlockRepository(ctx, u.id, name)
	switch {
	case !isAbsent(err):
		return err == nil, err
	case u.trusted:
		return false, nil
	}
	confirmed, confirmErr := u.confirmsAbsence(ctx)
	if confirmErr != nil {
		return false, confirmErr
	}
	if u.trusted = confirmed && u.listed; !u.trusted {
		return false, errors.Join(err, errNotDone)
	}
	return false, nil
}

// confirmsAbsence reports whether a 404 for a lock or an archive means that there is
// no lock or archive. It requires that the migration can be read and has ended, and
// that the host has the call: a GHES does not have these calls for users.
func (u *unlocker) confirmsAbsence(ctx context.Context) (bool, error) {
	m, err := u.Get(ctx, u.id, &ghmigrate.GetOptions{OmitRepositories: true})
	switch {
	case isAbsent(err):
		_, listErr := Newest(ctx, u) // fails for a token that has lost its rights
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

// A Candidate is a repository that a migration may have locked.
type Candidate struct {
	Repository string // "owner/name"
	Migration  int64  // a migration with lock_repositories
	Done       bool   // the migration has ended; before, GitHub unlocks no repository
	State      LockState
}

// A LockState is the known state of a lock.
type LockState string

// The states of a lock.
const (
	LockUnknown LockState = "unknown" // the Account is not a LockChecker
	Locked      LockState = "locked"
	NotLocked   LockState = "not locked"
)

// A LockChecker is an [Account] that can check whether a migration has locked a
// repository. GitHub's REST API does not report locks. In GraphQL, isLocked of the
// repository is true and its lockReason is MIGRATING. [LockCandidates] uses a
// LockChecker.
type LockChecker interface {
	// IsLocked reports whether "owner/name" is locked by a migration.
	IsLocked(ctx context.Context, repository string) (bool, error)
}

// LockCandidates yields the repositories of all migrations of the account that were
// started with lock_repositories, the newest migration first. A repository comes once
// for each such migration. Most of these repositories were unlocked long ago, but
// GitHub's REST API does not report locks: see [LockChecker]. An error ends the
// sequence.
func LockCandidates(ctx context.Context, acct Account) iter.Seq2[Candidate, error] {
	return func(yield func(Candidate, error) bool) {
		if err := check(ctx, acct); err != nil {
			yield(Candidate{}, err)
			return
		}
		checker, _ := acct.(LockChecker)
		for m, err := range lockingMigrations(ctx, acct) {
			if err != nil {
				yield(Candidate{}, err)
				return
			}
			for repo, err := range acct.ListRepositories(ctx, m.ID, nil) {
				if isAbsent(err) {
					break // the migration was removed after it was listed
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

// lockingMigrations lists the migrations that were started with lock_repositories.
func lockingMigrations(ctx context.Context, acct Account) iter.Seq2[*ghmigrate.Migration, error] {
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

// checkLock asks the checker for the state of a lock; the checker may be nil.
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

// Unlock unlocks repositories, named "owner/name" or "name", whichever migration
// has locked them. It reads all migrations of the account that were started with
// lock_repositories. It sends at most one DELETE a second, one for each repository
// and migration.
//
// Unlock returns nil for a repository that is unlocked already. It returns an error
// for a repository that no migration has ever locked, and for a repository of a
// migration that has not ended: GitHub unlocks only after the end. It unlocks all
// other repositories before it returns the error. A missing or malformed name, or a
// name of another owner, is an error before any unlock. Unlock returns early if a
// rate limit is too long for the client, if GitHub refuses the token, or if the
// connection breaks.
//
// GitHub does not document when it locks. If a migration has just ended, call Unlock
// again two minutes later.
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

// wantedNames maps the name of each repository, in lower case and without the owner,
// to the name that the caller gave.
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
// lock_repositories. It returns the same errors as [Unlock].
func UnlockAll(ctx context.Context, acct Account) error {
	if err := check(ctx, acct); err != nil {
		return err
	}
	if _, err := unlockWhere(ctx, acct, func(string) bool { return true }); err != nil {
		return fmt.Errorf("export: unlock all: %w", err)
	}
	return nil
}

// unlockWhere unlocks the wanted repositories. It returns the wanted repositories
// that migrations have, by name in lower case and without the owner. After an error
// for one repository, it still unlocks the others.
func unlockWhere(ctx context.Context, acct Account, wanted func(name string) bool) (found map[string]bool, err error) {
	found = map[string]bool{}
	acct = pace(acct)
	var failures []error
	for m, err := range lockingMigrations(ctx, acct) {
		if err != nil {
			return found, errors.Join(append(failures, err)...)
		}
		names, err := repositoryNames(ctx, acct, m.ID)
		if isAbsent(err) {
			if _, getErr := acct.Get(ctx, m.ID, &ghmigrate.GetOptions{OmitRepositories: true}); !isAbsent(getErr) { // the migration still exists
				failures = append(failures, fmt.Errorf("migration %d may hold locks, and its repositories cannot be listed: %w", m.ID, err))
			}
			continue
		}
		if err != nil {
			return found, errors.Join(append(failures, err)...)
		}
		u := &unlocker{Account: acct, id: m.ID, listed: true}
		for _, name := range names {
			if !wanted(lastName(name)) {
				continue
			}
			found[lockKey(name)] = true
			if !m.State.Done() {
				failures = append(failures, fmt.Errorf("%s: migration %d is %s, and GitHub unlocks only after its end", name, m.ID, m.State))
				continue
			}
			_, err := u.release(ctx, lastName(name))
			if err == nil {
				continue
			}
			failures = append(failures, fmt.Errorf("%s may still be locked by migration %d: %w", name, m.ID, err))
			if stopsUnlocking(ctx, err) && !errors.Is(err, errNotDone) {
				return found, errors.Join(failures...)
			}
		}
	}
	return found, errors.Join(failures...)
}
