package cli

import (
	"errors"
	"flag"

	"github.com/spf13/cobra"

	"github.com/ghmigrate/ghmigrate/internal/fakegithub"
)

func (a *app) fake() *cobra.Command {
	var opts fakegithub.Options
	flags := flag.NewFlagSet("fake", flag.ContinueOnError)
	opts.Flags(flags)
	cmd := &cobra.Command{
		Use:   "fake [flags] [COMMAND ARGUMENT...]",
		Short: "Run a fake GitHub that has the Migrations API",
		Long: `Fake runs a fake GitHub until it is stopped, or as long as a command runs. The
command has GITHUB_TOKEN and GITHUB_API_URL in its environment, and its exit status
is that of fake. Without a command, standard output is a shell script that sets
these variables. Standard error gets a line for each request.

Archives come from an address of their own, which only this machine reaches. A
client that reaches the API by another host name, or through a proxy that sets
X-Forwarded-Host and X-Forwarded-Proto, gets archives from there, below /storage.
The fake forgets everything when it stops.`,
		Example: "  ghmigrate fake ghmigrate export --org octo-org --all --out backups",
		RunE: func(cmd *cobra.Command, args []string) error {
			status, err := fakegithub.Run(cmd.Context(), &opts, args, a.out, a.errw)
			switch {
			case errors.Is(err, fakegithub.ErrUsage):
				return misuse{err}
			case err != nil:
				return err
			case status != 0:
				return exitError(status)
			}
			return nil
		},
	}
	cmd.Flags().AddGoFlagSet(flags)
	cmd.Flags().SetInterspersed(false) // the command has flags of its own
	return cmd
}
