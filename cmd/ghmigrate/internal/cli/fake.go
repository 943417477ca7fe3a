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
		Short: "Run a fake GitHub with the Migrations API",
		Long: `Fake runs a fake GitHub until Ctrl-C, or while a command runs. The command gets
GITHUB_TOKEN and GITHUB_API_URL in its environment, without GH_HOST and the variables
of other tokens, and fake exits with the status of the command. Without a command,
fake prints a shell script that sets this environment.
Standard error gets a line for each request, unless --quiet is set.

The fake serves archives from a second address, which only this machine can reach. A
client that reaches the API by another host name, or through a proxy that sets
X-Forwarded-Host and X-Forwarded-Proto, gets archives from that host, below /storage.
The state is in memory: it is gone when the fake stops.`,
		Example: "  ghmigrate fake ghmigrate export --org octo-org --all --out backups",
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Quiet = a.quiet
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
