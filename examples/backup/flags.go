package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ghmigrate/ghmigrate"
)

const usage = `Backup exports repositories from GitHub into an archive on this machine.

  backup
        without arguments: a demonstration against a fake GitHub in this
        process, with the git checkout around the working directory
  backup -org NAME -repos NAME/a,NAME/b [flags]
        repositories of an organization of which you are an owner
  backup -user -repos YOU/a,YOU/b [flags]
        repositories of your own

The token comes from the environment variable GITHUB_TOKEN: a personal access
token (classic) with the scopes repo and, for organizations, admin:org.

What to export:
  -org NAME                  the organization that owns the repositories
  -user                      the owner of the token owns the repositories
  -repos OWNER/NAME,...      the repositories, at most 100
  -exclude-metadata          no issues, pull requests and the like, only git
  -exclude-git-data          no git repositories
  -exclude-attachments       no files attached to issues and pull requests
  -exclude-releases          no releases
  -exclude-owner-projects    no projects of the organization or user

How:
  -out DIR                   where the archive goes; a fresh temporary folder
                             otherwise
  -lock                      lock the repositories at GitHub until the archive
                             is here, then unlock them
  -keep                      leave the archive at GitHub, which deletes it after
                             seven days; otherwise it is deleted once it is here
  -v                         log every request

Where:
  -host HOST                 another GitHub: octocorp.ghe.com for GHE.com,
                             ghes.example.com for GitHub Enterprise Server
  -base-url URL              the root of its API, spelled out

Stop it with Ctrl-C: what it locked is unlocked, if the export has ended, which
is when GitHub can. Run it again with the same flags, -out among them, and it
goes on where it was, and unlocks what is still locked; also after a crash.

Exit status: 0 if all was done, 2 if the flags make no sense, 1 otherwise.
`

// options are what the command line says.
type options struct {
	org           string
	user          bool
	request       ghmigrate.StartMigrationRequest
	out           string
	keep, verbose bool
	host, baseURL string
	demo          bool               // talk to the fake GitHub
	client        []ghmigrate.Option // what that takes
}

// account returns whose repositories are exported.
func (o options) account(c *ghmigrate.Client) account {
	if o.user {
		return c.UserMigrations
	}
	return organization{c.OrgMigrations, o.org}
}

func parse(args []string) (options, error) {
	o := options{request: ghmigrate.StartMigrationRequest{OmitRepositories: true}}
	var repos string
	fs := flags(&o, &repos)
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	o.demo = o.org == "" && !o.user
	var err error
	fs.Visit(func(f *flag.Flag) {
		switch {
		case f.Value.String() == "": // an unset variable of a script must not start the demonstration
			err = cmp.Or(err, fmt.Errorf("-%s is empty", f.Name))
		case o.demo && slices.Contains([]string{"repos", "host", "base-url"}, f.Name):
			err = cmp.Or(err, fmt.Errorf("-%s is given, but neither -org nor -user: whose repositories?", f.Name))
		}
	})
	if err = cmp.Or(err, o.check()); err == nil && !o.demo {
		o.request.Repositories, err = o.repositories(repos)
	}
	return o, err
}

func flags(o *options, repos *string) *flag.FlagSet {
	fs := flag.NewFlagSet("backup", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&o.org, "org", "", "")
	fs.BoolVar(&o.user, "user", false, "")
	fs.StringVar(repos, "repos", "", "")
	fs.BoolVar(&o.request.ExcludeMetadata, "exclude-metadata", false, "")
	fs.BoolVar(&o.request.ExcludeGitData, "exclude-git-data", false, "")
	fs.BoolVar(&o.request.ExcludeAttachments, "exclude-attachments", false, "")
	fs.BoolVar(&o.request.ExcludeReleases, "exclude-releases", false, "")
	fs.BoolVar(&o.request.ExcludeOwnerProjects, "exclude-owner-projects", false, "")
	fs.StringVar(&o.out, "out", "", "")
	fs.BoolVar(&o.request.LockRepositories, "lock", false, "")
	fs.BoolVar(&o.keep, "keep", false, "")
	fs.BoolVar(&o.verbose, "v", false, "")
	fs.StringVar(&o.host, "host", "", "")
	fs.StringVar(&o.baseURL, "base-url", "", "")
	return fs
}

func (o options) check() error {
	server := o.host != "" && o.host != "github.com" && !strings.HasSuffix(o.host, ".ghe.com")
	switch {
	case strings.ContainsAny(o.org, "/ \t"):
		return fmt.Errorf("-org is %q: want a name", o.org)
	case o.org != "" && o.user:
		return errors.New("-org and -user exclude each other")
	case o.host != "" && o.baseURL != "":
		return errors.New("-host and -base-url exclude each other")
	case o.request.ExcludeMetadata && o.request.ExcludeGitData:
		return errors.New("-exclude-metadata and -exclude-git-data leave nothing to export")
	case o.user && server && o.request.LockRepositories:
		return errors.New("-lock is refused: GitHub Enterprise Server cannot unlock repositories of users")
	case o.user && server && !o.keep:
		return errors.New("-keep is missing: GitHub Enterprise Server cannot delete archives of users")
	}
	return nil
}

// repositories takes the value of -repos apart. The order is not the user's:
// a later run with another order asks for the same.
func (o options) repositories(list string) ([]string, error) {
	if list == "" {
		return nil, errors.New("-repos is missing: which repositories?")
	}
	names := strings.Split(list, ",")
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
		owner, repo, _ := strings.Cut(names[i], "/")
		switch {
		case owner == "" || repo == "" || strings.ContainsAny(repo, "/ \t"):
			return nil, fmt.Errorf("-repos has %q: want OWNER/NAME", name)
		case o.org != "" && !strings.EqualFold(owner, o.org):
			return nil, fmt.Errorf("-repos has %q, which does not belong to %s", names[i], o.org)
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(strings.ToLower(a), strings.ToLower(b)) })
	names = slices.CompactFunc(names, strings.EqualFold)
	if len(names) > 100 {
		return nil, fmt.Errorf("-repos has %d repositories: GitHub takes 100 at once", len(names))
	}
	return names, nil
}
