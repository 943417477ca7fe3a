package cli

import (
	"github.com/spf13/cobra"

	"github.com/ghmigrate/ghmigrate/internal/demo"
)

func (a *app) demo() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Show the whole job against a fake GitHub, without a token",
		Long: `Demo exports two repositories of a fake GitHub in this process, shows what is in
the archive, and restores one of them with git. One of them is a clone of the Git
checkout around the working directory, if there is one. Demo works in a temporary
folder that it removes again.`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return demo.Run(cmd.Context(), a.out, a.errw, a.show.Event)
		},
	}
}
