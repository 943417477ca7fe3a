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
		Long: `Start starts a migration, which exports repositories into one archive, and prints
its ID. Start does not wait for the archive: run wait, then download. GitHub accepts
about 100 repositories in a migration. To export a whole account, use export.

If the response to the request is lost, GitHub may have started the migration. Start
says so and fails; list shows the migration.`,
		Example: "  id=$(ghmigrate start --org octo-org hello-world)\n  ghmigrate wait --org octo-org \"$id\"",
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if req.Repositories, err = a.repositoryNames(args); err != nil {
				return err
			}
			switch {
			case len(args) == 0 && !req.OrgMetadataOnly:
				return misused("missing argument: the name of a repository")
			case len(args) > 0 && req.OrgMetadataOnly:
				return misused("--org-metadata-only exports no repositories: leave out their names")
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
	cmd.Flags().BoolVar(&req.OrgMetadataOnly, "org-metadata-only", false, "export only the organization itself: members, teams, settings")
	return a.accountFlags(a.jsonFlag(cmd, "the migration"))
}

// startFailed adds advice to the error of a start that GitHub may have carried out.
func (a *app) startFailed(err error) error {
	refusal, refused := errors.AsType[*ghmigrate.APIError](err)
	if errors.Is(err, ghmigrate.ErrNotSent) || refused && refusal.StatusCode < 500 {
		return err
	}
	return statusError{err, statusFailed, "GitHub may have started the migration. Look for it before you start it again: " + a.commandLine("list", "--limit", "1")}
}
