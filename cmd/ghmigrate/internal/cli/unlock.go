package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/locks"
	"github.com/ghmigrate/ghmigrate/export"
)

func (a *app) unlock() *cobra.Command {
	var all bool
	var migration int64
	cmd := &cobra.Command{
		Use:   "unlock REPOSITORY... [flags]",
		Short: "Unlock repositories that migrations have locked",
		Long: `Unlock unlocks repositories, whichever migration has locked them, and prints
their names. GitHub unlocks a repository only after the migration has ended.

Where the API has no GraphQL, --all unlocks every repository that a migration may
have locked, and prints no names.`,
		Example: "  ghmigrate unlock --org octo-org hello-world\n  ghmigrate unlock --org octo-org --all",
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case cmd.Flags().Changed("migration") && migration == 0:
				return misused("--migration is 0: want the ID of a migration")
			case all && len(args) > 0:
				return misused("--all unlocks everything: leave out the names")
			case all && migration != 0:
				return misused("--all and --migration exclude each other")
			case !all && len(args) == 0:
				return misused("missing argument: the name of a repository, or --all")
			}
			names := args
			if migration != 0 || a.org != "" { // otherwise export.Unlock adds the owner
				var err error
				if names, err = a.repositoryNames(args); err != nil {
					return err
				}
			}
			acct, err := a.account(cmd.Context())
			if err != nil {
				return err
			}
			if migration != 0 {
				return a.unlockIn(cmd.Context(), acct, migration, names)
			}
			return a.unlockAnywhere(cmd.Context(), locks.New(acct), names)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "unlock all repositories that migrations have locked")
	cmd.Flags().Int64Var(&migration, "migration", 0, "unlock only repositories that the migration with this `ID` has locked")
	return a.accountFlags(a.jsonFlag(cmd, "the repositories"))
}

// unlockIn unlocks repositories that one migration has locked.
func (a *app) unlockIn(ctx context.Context, acct *account, id int64, names []string) error {
	for _, name := range names {
		if err := acct.unlockRepository(ctx, id, bareName(name)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := a.printUnlocked(name); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) printUnlocked(name string) error {
	return a.print(name, map[string]any{"repository": name, "unlocked": true})
}

// unlockAnywhere unlocks the named repositories, or all locked ones if there are no
// names.
func (a *app) unlockAnywhere(ctx context.Context, acct locks.Account, names []string) error {
	if len(names) == 0 {
		locked, err := acct.Locked(ctx)
		if errors.Is(err, locks.ErrUnknown) {
			return export.UnlockAll(ctx, acct)
		}
		if err != nil {
			return err
		}
		if names = slices.Sorted(maps.Keys(locked)); len(names) == 0 {
			a.show.Say("no repository is locked by a migration")
			return nil
		}
	}
	recorder := unlockRecorder{acct, map[string]bool{}}
	err := export.Unlock(ctx, recorder, names...)
	if err != nil {
		names = slices.DeleteFunc(names, func(name string) bool { return !recorder.unlocked[strings.ToLower(bareName(name))] })
	}
	for _, name := range names {
		if err := a.printUnlocked(name); err != nil {
			return err
		}
	}
	return err
}

// An unlockRecorder is an account that records which repositories are unlocked, by name
// in lower case and without the owner.
type unlockRecorder struct {
	export.Account
	unlocked map[string]bool // false after a failure
}

func (r unlockRecorder) UnlockRepository(ctx context.Context, id int64, repo string) error {
	err := r.Account.UnlockRepository(ctx, id, repo)
	if !errors.Is(err, ghmigrate.ErrNotFound) { // otherwise another migration may hold the lock
		before, known := r.unlocked[strings.ToLower(repo)]
		r.unlocked[strings.ToLower(repo)] = err == nil && (before || !known)
	}
	return err
}

func (a *app) locks() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "locks [flags]",
		Short: "List repositories that migrations have locked",
		Long: `Locks prints the names of the repositories that migrations have locked and that
are still locked. It asks GraphQL, because the REST API does not list locks. Where the API
has no GraphQL, locks prints every repository that a migration may have locked, and
says so.`,
		Example: "  ghmigrate locks --org octo-org | xargs -r ghmigrate unlock --org octo-org",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			acct, err := a.account(cmd.Context())
			if err != nil {
				return err
			}
			err = a.listLocks(cmd.Context(), locks.New(acct))
			if errors.Is(err, locks.ErrUnknown) {
				a.complain(locks.ErrUnknown.Error(), "These repositories may be locked:") // also with --quiet, because the results mean less
				return a.listLocks(cmd.Context(), acct)
			}
			return err
		},
	}
	return a.accountFlags(a.jsonFlag(cmd, "the locks"))
}

// listLocks prints each repository once, with the latest migration that may have
// locked it.
func (a *app) listLocks(ctx context.Context, acct export.Account) error {
	seen := map[string]bool{}
	for c, err := range export.LockCandidates(ctx, acct) {
		if err != nil {
			return err
		}
		if seen[c.Repository] || c.State == export.NotLocked {
			continue
		}
		seen[c.Repository] = true
		err := a.print(c.Repository, map[string]any{"repository": c.Repository, "migration": c.Migration, "migration_ended": c.Done, "state": c.State})
		if err != nil {
			return err
		}
	}
	return nil
}
