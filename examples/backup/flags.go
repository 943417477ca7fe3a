package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ghmigrate/ghmigrate/export"
)

const usage = `Backup exports repositories from GitHub into verified archives on this machine.

  backup [-out DIR]
        a demonstration against a fake GitHub in this process, with the git
        checkout around the working directory
  backup -org NAME -all -out DIR [flags]
        all repositories of an organization of which you are an owner
  backup -org NAME -repos NAME/a,NAME/b -out DIR [flags]
        some of them
  backup -user -repos YOU/a,YOU/b -out DIR [flags]
        repositories of your own

The token comes from the environment variable GITHUB_TOKEN: a personal access
token (classic) with the scopes repo and, for organizations, admin:org.

What to export:
  -org NAME                  the organization that owns the repositories
  -user                      the owner of the token owns the repositories
  -repos OWNER/NAME,...      these of its repositories
  -all                       all repositories of the organization
  -exclude-metadata          no issues, pull requests and the like, only git
  -exclude-git-data          no git repositories
  -exclude-attachments       no files attached to issues and pull requests
  -exclude-releases          no releases
  -exclude-owner-projects    no projects of the organization or user

Instead of exporting:
  -preflight                 say whether an export would succeed, and what is
                             locked
  -unlock                    unlock what migrations have locked, or -repos of it

How:
  -out DIR                   where the archives go, each run's into a folder of
                             its own, with a manifest.json that says what is
                             where; one DIR for each account
  -batch N                   at most N repositories in an archive, otherwise 100
  -lock                      lock the repositories at GitHub until their archive
                             is here, then unlock them
  -keep                      leave the archives at GitHub, which deletes them
                             after seven days; otherwise they are deleted once
                             they are here
  -q                         print nothing but what went wrong, for cron
  -v                         log every request and every event

Where:
  -host HOST                 another GitHub: octocorp.ghe.com for GHE.com,
                             ghes.example.com for GitHub Enterprise Server
  -base-url URL              the root of its API, spelled out

Stopped with Ctrl-C, or killed, it goes on where it was when it is run again
with the same flags; when it was done, the next run begins anew.

Standard output gets the SHA-256 and the path of each archive, as sha256sum
prints and checks them; all else goes to standard error.

Exit status: 0 if all was done; 1 if something was not, and running it again
would begin anew; 2 if the flags make no sense; 3 if it is not finished, and
running it again goes on.
`

// options are what the command line says.
type options struct {
	org               string
	user, all         bool
	opts              export.Options
	unlock, preflight bool
	quiet, verbose    bool
	host, baseURL     string
	demo              bool // talk to a fake GitHub
}

func parse(args []string) (options, error) {
	var o options
	var repos string
	var keep bool
	fs := flags(&o, &repos, &keep)
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	o.demo = o.org == "" && !o.user
	o.opts.DeleteArchives = !keep
	var err error
	fs.Visit(func(f *flag.Flag) {
		switch {
		case f.Value.String() == "": // an unset variable of a script must not start the demonstration
			err = cmp.Or(err, fmt.Errorf("-%s is empty", f.Name))
		case o.demo && slices.Contains([]string{"repos", "all", "unlock", "preflight", "host", "base-url"}, f.Name):
			err = cmp.Or(err, fmt.Errorf("-%s is given, but neither -org nor -user: whose repositories?", f.Name))
		}
	})
	if repos != "" {
		for name := range strings.SplitSeq(repos, ",") {
			o.opts.Repositories = append(o.opts.Repositories, strings.TrimSpace(name))
		}
	}
	return o, cmp.Or(err, o.check())
}

func flags(o *options, repos *string, keep *bool) *flag.FlagSet {
	fs := flag.NewFlagSet("backup", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	start := &o.opts.Start
	fs.StringVar(&o.org, "org", "", "")
	fs.BoolVar(&o.user, "user", false, "")
	fs.StringVar(repos, "repos", "", "")
	fs.BoolVar(&o.all, "all", false, "")
	fs.BoolVar(&start.ExcludeMetadata, "exclude-metadata", false, "")
	fs.BoolVar(&start.ExcludeGitData, "exclude-git-data", false, "")
	fs.BoolVar(&start.ExcludeAttachments, "exclude-attachments", false, "")
	fs.BoolVar(&start.ExcludeReleases, "exclude-releases", false, "")
	fs.BoolVar(&start.ExcludeOwnerProjects, "exclude-owner-projects", false, "")
	fs.StringVar(&o.opts.Dir, "out", "", "")
	fs.IntVar(&o.opts.BatchSize, "batch", 0, "")
	fs.BoolVar(&start.LockRepositories, "lock", false, "")
	fs.BoolVar(keep, "keep", false, "")
	fs.BoolVar(&o.unlock, "unlock", false, "")
	fs.BoolVar(&o.preflight, "preflight", false, "")
	fs.BoolVar(&o.quiet, "q", false, "")
	fs.BoolVar(&o.verbose, "v", false, "")
	fs.StringVar(&o.host, "host", "", "")
	fs.StringVar(&o.baseURL, "base-url", "", "")
	return fs
}

func (o options) check() error {
	for _, pair := range []struct {
		both bool
		name string
	}{
		{o.org != "" && o.user, "-org and -user"},
		{o.all && len(o.opts.Repositories) > 0, "-all and -repos"},
		{o.unlock && o.preflight, "-unlock and -preflight"},
		{o.quiet && o.verbose, "-q and -v"},
		{o.host != "" && o.baseURL != "", "-host and -base-url"},
	} {
		if pair.both {
			return errors.New(pair.name + " exclude each other")
		}
	}
	server := o.host != "" && o.host != "github.com" && !strings.HasSuffix(o.host, ".ghe.com")
	switch {
	case o.unlock || o.preflight:
		return nil
	case o.all && o.user:
		return errors.New("-all is for organizations: name your own repositories with -repos")
	case !o.demo && !o.all && len(o.opts.Repositories) == 0:
		return errors.New("neither -repos nor -all is given: which repositories?")
	case !o.demo && o.opts.Dir == "":
		return errors.New("-out is missing: where do the archives go?")
	case o.user && server && o.opts.DeleteArchives:
		return errors.New("-keep is missing: GitHub Enterprise Server cannot delete archives of users")
	}
	if len(o.opts.Repositories) == 0 { // it is not yet known which
		o.opts.Repositories = []string{cmp.Or(o.org, "octo-org") + "/any"}
	}
	_, err := export.Plan(o.opts)
	return err
}
