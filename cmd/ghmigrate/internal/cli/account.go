package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/host"
	"github.com/ghmigrate/ghmigrate/export"
)

// An account is the organization or user of a command. Unlike the methods of
// [export.Account], deleteArchive and unlockRepository succeed if the retry of a lost
// request gets 404.
type account struct {
	export.Account
	archiveURL       func(ctx context.Context, id int64) (ghmigrate.SignedURL, error)
	deleteArchive    func(ctx context.Context, id int64) error
	unlockRepository func(ctx context.Context, id int64, repo string) error
}

// accountFlags adds the flags that name the account and the host.
func (a *app) accountFlags(cmd *cobra.Command) *cobra.Command {
	flags := cmd.Flags()
	flags.StringVar(&a.org, "org", "", "the organization `NAME`; without it, the account of the token's owner")
	a.hostFlags(cmd)
	return cmd
}

func (a *app) hostFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&a.choice.Host, "host", "", "the `HOST` of another GitHub, such as octocorp.ghe.com or ghes.example.com")
	flags.StringVar(&a.choice.BaseURL, "base-url", "", "the root `URL` of the API, in place of --host")
	flags.BoolVar(&a.ghAuth, "gh-auth", false, "use the token that gh has stored for the host")
}

func (a *app) pollFlag(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&a.pollInterval, "poll-interval", 5*time.Second, "poll the state of a migration every `TIME` at first; the interval grows to a minute")
}

// client returns a client for the host and the token that the flags and the
// environment name.
func (a *app) client(ctx context.Context) (*ghmigrate.Client, error) {
	target, err := host.Find(a.choice, a.getenv)
	if err != nil {
		return nil, misuse{err}
	}
	a.target = target
	if a.ghAuth {
		a.token, err = host.GHToken(ctx, target)
	} else {
		a.token, err = host.FindToken(target, a.getenv)
	}
	if err != nil {
		return nil, misuse{err}
	}
	opts := []ghmigrate.Option{ghmigrate.WithToken(a.token.Value), ghmigrate.WithUserAgent("ghmigrate/" + buildVersion())}
	if target.BaseURL != "" {
		opts = append(opts, ghmigrate.WithBaseURL(target.BaseURL))
	} else {
		opts = append(opts, ghmigrate.WithHost(target.Name))
	}
	if a.log != nil {
		opts = append(opts, ghmigrate.WithLogger(a.log))
	} else if !a.hideWarnings {
		opts = append(opts, ghmigrate.WithLogger(a.show.Warnings()))
	}
	if a.pollInterval > 0 {
		opts = append(opts, ghmigrate.WithPollInterval(a.pollInterval, max(time.Minute, a.pollInterval)))
	}
	client, err := ghmigrate.NewClient(opts...)
	if err != nil {
		return nil, misuse{err}
	}
	if a.log != nil {
		a.log.Debug("using token", "host", target.Name, "token_from", a.token.Source)
	}
	return client, nil
}

// account returns the organization that --org names, or else the token's owner.
func (a *app) account(ctx context.Context) (*account, error) {
	if strings.Contains(a.org, "/") {
		return nil, misused("--org is %q: want a bare name such as octo-org", a.org)
	}
	client, err := a.client(ctx)
	if err != nil {
		return nil, err
	}
	if a.org == "" {
		users := client.UserMigrations
		return &account{export.UserAccount(client), users.ArchiveURL, users.DeleteArchive, users.UnlockRepository}, nil
	}
	orgs, org := client.OrgMigrations, a.org
	return &account{
		Account: export.OrgAccount(client, org),
		archiveURL: func(ctx context.Context, id int64) (ghmigrate.SignedURL, error) {
			return orgs.ArchiveURL(ctx, org, id)
		},
		deleteArchive: func(ctx context.Context, id int64) error { return orgs.DeleteArchive(ctx, org, id) },
		unlockRepository: func(ctx context.Context, id int64, repo string) error {
			return orgs.UnlockRepository(ctx, org, id, repo)
		},
	}, nil
}

// migrations returns the account, and the IDs of migrations in the arguments.
func (a *app) migrations(ctx context.Context, args []string) (*account, []int64, error) {
	ids, err := parseIDs(args)
	if err != nil {
		return nil, nil, err
	}
	acct, err := a.account(ctx)
	return acct, ids, err
}

// eachMigration calls do for each migration in the arguments, until do fails.
func (a *app) eachMigration(ctx context.Context, args []string, do func(acct *account, id int64) error) error {
	acct, ids, err := a.migrations(ctx, args)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := do(acct, id); err != nil {
			return err
		}
	}
	return nil
}

// repositoryNames returns the full names of repositories.
func (a *app) repositoryNames(args []string) ([]string, error) {
	names := make([]string, 0, len(args))
	for _, arg := range args {
		name, err := a.repositoryName(strings.TrimSpace(arg))
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// repositoryName returns the full name of a repository. It adds the organization of
// --org to a bare name.
func (a *app) repositoryName(name string) (string, error) {
	if !strings.Contains(name, "/") && a.org != "" {
		name = a.org + "/" + name
	}
	owner, repo, _ := strings.Cut(name, "/")
	switch {
	case owner == "" || repo == "" || strings.Contains(repo, "/"):
		return "", misused("%q is not the name of a repository: want OWNER/NAME", name)
	case a.org != "" && !strings.EqualFold(owner, a.org):
		return "", misused("%s does not belong to %s", name, a.org)
	}
	return name, nil
}

// commandLine returns the command line of a command for the same account and host.
func (a *app) commandLine(command string, args ...string) string {
	words := []string{"ghmigrate", command}
	if a.org != "" {
		words = append(words, "--org", a.org)
	}
	switch { // without the flag, the token could go to another host
	case a.choice.Host != "":
		words = append(words, "--host", a.choice.Host)
	case a.choice.BaseURL != "":
		words = append(words, "--base-url", a.choice.BaseURL)
	}
	if a.ghAuth {
		words = append(words, "--gh-auth")
	}
	return strings.Join(append(words, args...), " ")
}

// startFlags adds the flags for the options of a migration.
func startFlags(cmd *cobra.Command, req *ghmigrate.StartMigrationRequest) {
	flags := cmd.Flags()
	flags.BoolVar(&req.LockRepositories, "lock", false, "lock the repositories while GitHub exports them")
	flags.BoolVar(&req.ExcludeMetadata, "exclude-metadata", false, "leave out issues, pull requests and other metadata: only Git data")
	flags.BoolVar(&req.ExcludeGitData, "exclude-git-data", false, "leave out Git repositories")
	flags.BoolVar(&req.ExcludeAttachments, "exclude-attachments", false, "leave out files attached to issues and pull requests")
	flags.BoolVar(&req.ExcludeReleases, "exclude-releases", false, "leave out releases")
	flags.BoolVar(&req.ExcludeOwnerProjects, "exclude-owner-projects", false, "leave out projects of the organization or user")
}

func idText(id int64) string { return fmt.Sprint(id) }

// bareName returns the name of a repository without its owner.
func bareName(fullName string) string { return fullName[strings.LastIndexByte(fullName, '/')+1:] }
