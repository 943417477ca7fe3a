package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

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
their names. GitHub unlocks a repository only when the migration has ended.`,
		Example: "  ghmigrate unlock --org octo-org hello-world\n  ghmigrate unlock --org octo-org --all",
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case all && len(args) > 0:
				return misused("--all unlocks everything: name no repositories")
			case all && migration != 0:
				return misused("--all and --migration exclude each other")
			case !all && len(args) == 0:
				return misused("want the name of a repository, or --all")
			}
			names := make([]string, 0, len(args))
			for _, arg := range args {
				if migration == 0 && a.org == "" { // export.Unlock knows the owner
					names = append(names, arg)
					continue
				}
				name, err := a.repositoryName(arg)
				if err != nil {
					return err
				}
				names = append(names, name)
			}
			acct, err := a.account(cmd.Context())
			if err != nil {
				return err
			}
			if migration != 0 {
				return a.unlockIn(cmd.Context(), acct, migration, names)
			}
			return a.unlockAnywhere(cmd.Context(), locks.Ask(acct), names)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "unlock everything that migrations have locked")
	cmd.Flags().Int64Var(&migration, "migration", 0, "unlock only what the migration with this `ID` has locked")
	return a.accountFlags(a.jsonFlag(cmd, "the repositories"))
}

// unlockIn unlocks repositories that one migration has locked.
func (a *app) unlockIn(ctx context.Context, acct *account, id int64, names []string) error {
	for _, name := range names {
		if err := acct.unlock(ctx, id, bareName(name)); err != nil {
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

// unlockAnywhere unlocks repositories, or else everything that is locked.
func (a *app) unlockAnywhere(ctx context.Context, acct locks.Account, names []string) error {
	if len(names) == 0 {
		locked, err := acct.Locked(ctx)
		if errors.Is(err, ghmigrate.ErrNotFound) { // no GraphQL there, to tell what is locked
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
	if err := export.Unlock(ctx, acct, names...); err != nil {
		return err
	}
	for _, name := range names {
		if err := a.printUnlocked(name); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) locks() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "locks [flags]",
		Short: "List repositories that migrations have locked",
		Long: `Locks prints the names of the repositories that migrations have locked and that
are still locked. Only GraphQL tells that. Where there is no GraphQL, locks prints every
repository that a migration may have locked, and says so.`,
		Example: "  ghmigrate locks --org octo-org | xargs -r ghmigrate unlock --org octo-org",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			acct, err := a.account(cmd.Context())
			if err != nil {
				return err
			}
			err = a.listLocks(cmd.Context(), locks.Ask(acct))
			if errors.Is(err, ghmigrate.ErrNotFound) {
				a.show.Say("There is no GraphQL at this address, and nothing else tells what is locked. These repositories may be locked:")
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
