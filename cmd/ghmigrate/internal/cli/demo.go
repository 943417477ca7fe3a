package cli

import (
	"github.com/spf13/cobra"

	"github.com/ghmigrate/ghmigrate/internal/demo"
)

func (a *app) demo() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Export, inspect and restore repositories of a fake GitHub, without a token",
		Long: `Demo runs a fake GitHub in this process, exports two repositories, prints the
content of the archive, and restores a repository with git. If the working directory
is in a Git checkout, one of the repositories is a clone of the checkout. Demo works
in a temporary folder, and removes it at the end.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return demo.Run(cmd.Context(), a.out, a.errw, a.show.Event)
		},
	}
}
