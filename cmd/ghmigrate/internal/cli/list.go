package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/internal/table"
)

func (a *app) list() *cobra.Command {
	var limit int
	var state string
	cmd := &cobra.Command{
		Use:   "list [flags]",
		Short: "List migrations, newest first",
		Long: `List prints the IDs of the migrations of an organization, or of your own, newest
first. On a terminal it prints a table.`,
		Example: "  ghmigrate list --org octo-org --state exported --limit 1",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			acct, err := a.account(cmd.Context())
			if err != nil {
				return err
			}
			return a.listMigrations(cmd.Context(), acct, limit, ghmigrate.MigrationState(state))
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 0, "print `N` migrations at most")
	cmd.Flags().StringVar(&state, "state", "", "only those in this `STATE`: pending, exporting, exported or failed")
	return a.accountFlags(a.jsonFlag(cmd, "the migrations"))
}

func (a *app) listMigrations(ctx context.Context, acct *account, limit int, state ghmigrate.MigrationState) error {
	rows := table.New(">")
	rows.Row("ID", "STATE", "CREATED", "LOCKS")
	n := 0
	for m, err := range acct.List(ctx, &ghmigrate.ListOrgMigrationsOptions{OmitRepositories: true}) {
		if err != nil {
			return err
		}
		if state != "" && m.State != state {
			continue
		}
		if limit > 0 && n == limit {
			break
		}
		n++
		if a.forPeople() {
			locks := ""
			if m.LockRepositories {
				locks = "yes"
			}
			rows.Row(idText(m.ID), string(m.State), m.CreatedAt.Local().Format(time.DateTime), locks)
			continue
		}
		if err := a.print(idText(m.ID), m); err != nil {
			return err
		}
	}
	if a.forPeople() {
		fmt.Fprint(a.out, rows)
	}
	return nil
}

// forPeople reports whether results go to a terminal and not to a script.
func (a *app) forPeople() bool {
	f, ok := a.out.(*os.File)
	return ok && !a.json && term.IsTerminal(int(f.Fd()))
}

func (a *app) status() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status ID... [flags]",
		Short: "Print the state of migrations",
		Long: `Status prints the state of each migration: pending, exporting, exported or
failed. It asks once; to wait for the end, see wait.`,
		Example: "  ghmigrate status --org octo-org 79",
		Args:    some("the ID of a migration"),
		RunE: func(cmd *cobra.Command, args []string) error {
			acct, numbers, err := a.migrations(cmd.Context(), args)
			if err != nil {
				return err
			}
			for _, id := range numbers {
				m, err := acct.Get(cmd.Context(), id, nil)
				if err != nil {
					return err
				}
				if err := a.print(string(m.State), m); err != nil {
					return err
				}
			}
			return nil
		},
	}
	return a.accountFlags(a.jsonFlag(cmd, "the migrations"))
}

func (a *app) repositories() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "repositories [ID] [flags]",
		Short: "List the repositories of a migration, or of the account",
		Long: `Repositories prints the full names of the repositories that are in a migration.
Without an ID it prints those that the organization or you own.`,
		Example: "  ghmigrate repositories --org octo-org\n  ghmigrate repositories --org octo-org 79",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			acct, numbers, err := a.migrations(cmd.Context(), args)
			if err != nil {
				return err
			}
			all := export.Repositories(cmd.Context(), acct)
			if len(numbers) == 1 {
				all = acct.ListRepositories(cmd.Context(), numbers[0], nil)
			}
			for repo, err := range all {
				if err != nil {
					return err
				}
				if err := a.print(repo.FullName, repo); err != nil {
					return err
				}
			}
			return nil
		},
	}
	return a.accountFlags(a.jsonFlag(cmd, "the repositories"))
}
