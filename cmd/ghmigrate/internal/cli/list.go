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
		Long: `List prints the IDs of the migrations of an organization or of the token's owner,
newest first. On a terminal, list prints a table.`,
		Example: "  ghmigrate list --org octo-org --state exported --limit 1",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch ghmigrate.MigrationState(state) {
			case "", ghmigrate.StatePending, ghmigrate.StateExporting, ghmigrate.StateExported, ghmigrate.StateFailed:
			default:
				return misused("--state is %q: want pending, exporting, exported or failed", state)
			}
			acct, err := a.account(cmd.Context())
			if err != nil {
				return err
			}
			return a.listMigrations(cmd.Context(), acct, limit, ghmigrate.MigrationState(state))
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 0, "print at most `N` migrations (default no limit)")
	cmd.Flags().StringVar(&state, "state", "", "print only migrations in this `STATE`: pending, exporting, exported or failed")
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
		if a.printsTables() {
			locks := ""
			if m.LockRepositories {
				locks = "yes"
			}
			rows.Row(idText(m.ID), string(m.State), m.CreatedAt.Local().Format(time.DateTime), locks)
		} else if err := a.print(idText(m.ID), m); err != nil {
			return err
		}
		if n++; n == limit {
			break
		}
	}
	if a.printsTables() {
		fmt.Fprint(a.out, rows)
	}
	return nil
}

// printsTables reports whether results go to a terminal, and --json is not set.
func (a *app) printsTables() bool {
	f, ok := a.out.(*os.File)
	return ok && !a.json && term.IsTerminal(int(f.Fd()))
}

func (a *app) status() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status ID... [flags]",
		Short: "Print the state of migrations",
		Long: `Status prints the state of each migration: pending, exporting, exported or
failed. It does not wait for the end of a migration: see wait.`,
		Example: "  ghmigrate status --org octo-org 79",
		Args:    atLeastOne("the ID of a migration"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.eachMigration(cmd.Context(), args, func(acct *account, id int64) error {
				m, err := acct.Get(cmd.Context(), id, nil)
				if err != nil {
					return err
				}
				return a.print(string(m.State), m)
			})
		},
	}
	return a.accountFlags(a.jsonFlag(cmd, "the migrations"))
}

func (a *app) repositories() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "repositories [ID] [flags]",
		Short: "List the repositories of a migration, or of the account",
		Long: `Repositories prints the full names of the repositories of a migration. Without an
ID, it prints the repositories that the organization or the token's owner owns.`,
		Example: "  ghmigrate repositories --org octo-org\n  ghmigrate repositories --org octo-org 79",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			acct, ids, err := a.migrations(cmd.Context(), args)
			if err != nil {
				return err
			}
			all := export.Repositories(cmd.Context(), acct)
			if len(ids) == 1 {
				all = acct.ListRepositories(cmd.Context(), ids[0], nil)
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
