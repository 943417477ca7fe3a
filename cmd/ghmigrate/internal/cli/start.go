package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/ghmigrate/ghmigrate"
)

func (a *app) start() *cobra.Command {
	var req ghmigrate.StartMigrationRequest
	cmd := &cobra.Command{
		Use:   "start REPOSITORY... [flags]",
		Short: "Start a migration, and print its ID",
		Long: `Start starts the export of repositories into one archive, and prints the ID of
the migration. It does not wait: see wait, and then download. GitHub accepts about
100 repositories at once. For all repositories of an account, see export.

If the response is lost, the migration may exist all the same: start says so, and
list shows it.`,
		Example: "  id=$(ghmigrate start --org octo-org hello-world)\n  ghmigrate wait --org octo-org \"$id\"",
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, arg := range args {
				name, err := a.repositoryName(arg)
				if err != nil {
					return err
				}
				req.Repositories = append(req.Repositories, name)
			}
			switch {
			case len(args) == 0 && !req.OrgMetadataOnly:
				return misused("want the name of a repository")
			case len(args) > 0 && req.OrgMetadataOnly:
				return misused("--org-metadata-only exports no repositories: name none")
			case req.OrgMetadataOnly && a.org == "":
				return misused("--org-metadata-only needs --org")
			}
			acct, err := a.account(cmd.Context())
			if err != nil {
				return err
			}
			m, err := acct.Start(cmd.Context(), req)
			if err != nil {
				return a.startFailed(err)
			}
			return a.print(idText(m.ID), m)
		},
	}
	startFlags(cmd, &req)
	cmd.Flags().BoolVar(&req.OrgMetadataOnly, "org-metadata-only", false, "only the organization itself: members, teams, settings")
	return a.accountFlags(a.jsonFlag(cmd, "the migration"))
}

// startFailed says whether the migration may exist.
func (a *app) startFailed(err error) error {
	refusal, refused := errors.AsType[*ghmigrate.APIError](err)
	if errors.Is(err, ghmigrate.ErrNotSent) || refused && refusal.StatusCode < 500 {
		return err
	}
	return statusError{err, statusFailed, "The migration may have been started all the same. Look before you start it again: " + a.again("list", "--limit", "1")}
}

func (a *app) deleteArchive() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete ID... [flags]",
		Short: "Delete the archives of migrations at GitHub",
		Long: `Delete deletes the archive of each migration at GitHub, and prints the ID. GitHub
does so by itself after seven days. Delete does not unlock repositories.`,
		Example: "  ghmigrate delete --org octo-org 79",
		Args:    some("the ID of a migration"),
		RunE: func(cmd *cobra.Command, args []string) error {
			acct, numbers, err := a.migrations(cmd.Context(), args)
			if err != nil {
				return err
			}
			for _, id := range numbers {
				if err := acct.remove(cmd.Context(), id); err != nil {
					return err
				}
				if err := a.print(idText(id), map[string]any{"id": id, "deleted": true}); err != nil {
					return err
				}
			}
			return nil
		},
	}
	return a.accountFlags(a.jsonFlag(cmd, "the migrations"))
}
