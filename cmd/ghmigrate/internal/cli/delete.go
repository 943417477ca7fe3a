package cli

import "github.com/spf13/cobra"

func (a *app) deleteArchive() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete ID... [flags]",
		Short: "Delete the archives of migrations at GitHub",
		Long: `Delete deletes the archive of each migration at GitHub, and prints the ID of the
migration. Without delete, GitHub deletes an archive after seven days. Delete does
not unlock repositories.`,
		Example: "  ghmigrate delete --org octo-org 79",
		Args:    atLeastOne("the ID of a migration"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.eachMigration(cmd.Context(), args, func(acct *account, id int64) error {
				if err := acct.deleteArchive(cmd.Context(), id); err != nil {
					return err
				}
				return a.print(idText(id), map[string]any{"id": id, "deleted": true})
			})
		},
	}
	return a.accountFlags(a.jsonFlag(cmd, "the migrations"))
}
