package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const (
	groupAccounts   = "accounts"
	groupMigrations = "migrations"
	groupArchives   = "archives"
)

const about = `Ghmigrate exports the repositories of GitHub organizations and users into
verified archives, with issues, pull requests and other metadata. It uses GitHub's
Migrations API.

Results go to standard output, one per line: an ID, a path, a URL or a name. With
--json, each line is a JSON object. Everything else goes to standard error.

The token comes from GH_TOKEN or GITHUB_TOKEN; for GitHub Enterprise Server, from
GH_ENTERPRISE_TOKEN or GITHUB_ENTERPRISE_TOKEN. It has to be a personal access
token (classic) with the scope repo and, for organizations, admin:org. The host
comes from --host, GH_HOST or GITHUB_API_URL. See "ghmigrate help environment".

Exit status: 0 done; 1 failed; 2 wrong usage; 3 not finished: run the command
again to continue.`

const examples = `  ghmigrate demo
  ghmigrate preflight --org octo-org
  ghmigrate export --org octo-org --all --out backups
  ghmigrate export --org octo-org --all --out "s3://octo-backups/github?region=eu-central-1"
  ghmigrate inspect --html page.html backups
  ghmigrate prune --out backups --keep-last 7 --keep-monthly 12`

// root returns the command ghmigrate with its subcommands.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "ghmigrate",
		Short:         "Export GitHub organizations and users into verified archives",
		Long:          about,
		Example:       examples,
		Version:       buildVersion(), // for --version, as gh has it
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return a.prepare(cmd)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return misused("unknown command %q", args[0])
			}
			return cmd.Help()
		},
	}
	root.AddGroup(
		&cobra.Group{ID: groupAccounts, Title: "Whole accounts:"},
		&cobra.Group{ID: groupMigrations, Title: "Single migrations:"},
		&cobra.Group{ID: groupArchives, Title: "Archives:"},
	)
	flags := root.PersistentFlags()
	flags.SortFlags = false
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "print only results and errors, for cron")
	flags.BoolVarP(&a.verbose, "verbose", "v", false, "log every request and every event to standard error")
	flags.StringVar(&a.logFormat, "log-format", "text", "write standard error in this `FORMAT`: text or json")
	flags.StringVar(&a.progressMode, "progress", "auto", "show progress in this `MODE`: auto, bars (on a terminal), lines or none")

	add := func(group string, commands ...*cobra.Command) {
		for _, cmd := range commands {
			cmd.GroupID = group
			root.AddCommand(cmd)
		}
	}
	add(groupAccounts, a.demo(), a.export(), a.preflight(), a.locks(), a.unlock(), a.prune())
	add(groupMigrations, a.list(), a.start(), a.status(), a.wait(), a.download(), a.deleteArchive(), a.repositories())
	add(groupArchives, a.verify(), a.inspect(), a.browse(), a.extract())
	root.AddCommand(a.fake(), a.version(), a.man(root), environment())
	root.CompletionOptions.DisableDescriptions = false
	cobra.EnableCommandSorting = false
	for _, cmd := range root.Commands() {
		cmd.DisableFlagsInUseLine = true
		cmd.Flags().SortFlags = false
	}
	return root
}

// environment is a help topic: a command that does nothing.
func environment() *cobra.Command {
	return &cobra.Command{
		Use:   "environment",
		Short: "Which host and token ghmigrate uses",
		Long: `The host comes from the first of these that is set:

  --host HOST, --base-url URL
  GH_HOST
  GITHUB_API_URL               as GitHub Actions sets it
  github.com

The token comes from the first of these variables that is set:

  github.com, *.ghe.com        GH_TOKEN, GITHUB_TOKEN
  GitHub Enterprise Server     GH_ENTERPRISE_TOKEN, GITHUB_ENTERPRISE_TOKEN,
                               GITHUB_TOKEN

The variables of gh have the order of gh. GITHUB_API_URL, and GITHUB_TOKEN for a
GitHub Enterprise Server, are for GitHub Actions. Unlike gh, ghmigrate sends a token
only to the host that the token belongs to. GITHUB_TOKEN belongs to the host of GITHUB_API_URL
if this variable is set, otherwise to github.com and *.ghe.com. The other variables
belong to GH_HOST if GH_HOST names a host of their kind, otherwise to every host of
their kind. With --gh-auth, ghmigrate ignores these variables and uses the token
that gh has stored for the host.

Proxies come from HTTPS_PROXY, HTTP_PROXY and NO_PROXY. Buckets use the variables
of AWS (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_PROFILE, ...) and
of Azure (AZURE_STORAGE_ACCOUNT, AZURE_STORAGE_KEY, ...).`,
	}
}

// checkEmpty rejects empty flags and arguments. They come from unset variables of a
// script, which must not change what a command does. The arguments of fake belong to
// another command, which may need empty ones.
func checkEmpty(cmd *cobra.Command) error {
	var empty error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Value.String() == "" || f.Value.String() == "[]" {
			empty = misused("--%s is empty", f.Name)
		}
	})
	if empty != nil || cmd.Name() == "fake" {
		return empty
	}
	for _, arg := range cmd.Flags().Args() {
		if strings.TrimSpace(arg) == "" {
			return misused("an argument is empty")
		}
	}
	return nil
}

// checkNumbers rejects negative numbers, and times that are not positive. A script that
// computes --timeout from a deadline must not wait without a limit after the deadline.
// The command fake checks its own flags.
func checkNumbers(cmd *cobra.Command) (err error) {
	if cmd.Name() == "fake" {
		return nil
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		text := f.Value.String()
		switch f.Value.Type() {
		case "int", "int64":
			if strings.HasPrefix(text, "-") {
				err = misused("--%s is %s: want a number that is not negative", f.Name, text)
			}
		case "duration":
			if strings.HasPrefix(text, "-") || text == "0s" {
				err = misused("--%s is %s: want a positive time such as 30s or 5h", f.Name, text)
			}
		}
	})
	return err
}

// atLeastOne requires arguments, and names them in the error.
func atLeastOne(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return misused("missing argument: %s", what)
		}
		return nil
	}
}

// exactly requires n arguments, and names them in the error.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < n:
			return misused("missing argument: %s", what)
		case len(args) > n:
			return misused("unexpected argument %q", args[n])
		}
		return nil
	}
}

// noArgs rejects arguments.
func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return misused("unexpected argument %q", args[0])
	}
	return nil
}

// parseIDs parses the IDs of migrations.
func parseIDs(args []string) ([]int64, error) {
	all := make([]int64, 0, len(args))
	for _, arg := range args {
		var id int64
		if _, err := fmt.Sscanf(arg, "%d", &id); err != nil || id <= 0 || fmt.Sprint(id) != arg {
			return nil, misused("%q is not the ID of a migration: want a number such as 79", arg)
		}
		all = append(all, id)
	}
	return all, nil
}
