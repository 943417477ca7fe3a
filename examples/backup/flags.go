package main

import (
	"cmp"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/ghmigrate/ghmigrate/export"
)

//go:embed help.txt
var help string

// options are what the command line says.
type options struct {
	org, repos        string
	user, all         bool
	export            export.Options
	keep              bool
	unlock, preflight bool
	quiet, verbose    bool
	host, baseURL     string
}

// demo tells that no account is named: the GitHub is a fake.
func (o *options) demo() bool { return o.org == "" && !o.user }

func (o *options) flags() *flag.FlagSet {
	fs := flag.NewFlagSet("backup", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // help.txt explains them
	start := &o.export.Start
	fs.StringVar(&o.org, "org", "", "")
	fs.BoolVar(&o.user, "user", false, "")
	fs.StringVar(&o.repos, "repos", "", "")
	fs.BoolVar(&o.all, "all", false, "")
	fs.BoolVar(&start.ExcludeMetadata, "exclude-metadata", false, "")
	fs.BoolVar(&start.ExcludeGitData, "exclude-git-data", false, "")
	fs.BoolVar(&start.ExcludeAttachments, "exclude-attachments", false, "")
	fs.BoolVar(&start.ExcludeReleases, "exclude-releases", false, "")
	fs.BoolVar(&start.ExcludeOwnerProjects, "exclude-owner-projects", false, "")
	fs.StringVar(&o.export.Dir, "out", "", "")
	fs.IntVar(&o.export.BatchSize, "batch", 0, "")
	fs.BoolVar(&start.LockRepositories, "lock", false, "")
	fs.BoolVar(&o.keep, "keep", false, "")
	fs.BoolVar(&o.unlock, "unlock", false, "")
	fs.BoolVar(&o.preflight, "preflight", false, "")
	fs.BoolVar(&o.quiet, "q", false, "")
	fs.BoolVar(&o.verbose, "v", false, "")
	fs.StringVar(&o.host, "host", "", "")
	fs.StringVar(&o.baseURL, "base-url", "", "")
	return fs
}

func parse(args []string, token string) (options, error) {
	var o options
	fs := o.flags()
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	given := map[string]bool{}
	var empty error // an unset variable of a script must not start the demonstration
	fs.Visit(func(f *flag.Flag) {
		given[f.Name] = f.Value.String() != "false"
		if f.Value.String() == "" {
			empty = fmt.Errorf("-%s is empty", f.Name)
		}
	})
	if empty != nil {
		return o, empty
	}
	if o.repos != "" {
		for name := range strings.SplitSeq(o.repos, ",") {
			o.export.Repositories = append(o.export.Repositories, strings.TrimSpace(name))
		}
	}
	o.export.DeleteArchives = !o.keep
	if err := o.check(given); err != nil {
		return o, err
	}
	if token == "" && !o.demo() {
		return o, errors.New("GITHUB_TOKEN is not set: want a personal access token (classic)")
	}
	return o, nil
}

// check finds what makes no sense, before anybody is asked.
func (o *options) check(given map[string]bool) error {
	for _, pair := range [][2]string{{"org", "user"}, {"all", "repos"}, {"unlock", "preflight"}, {"q", "v"}, {"host", "base-url"}} {
		if given[pair[0]] && given[pair[1]] {
			return fmt.Errorf("-%s and -%s exclude each other", pair[0], pair[1])
		}
	}
	if o.demo() {
		for _, name := range []string{"repos", "all", "unlock", "preflight", "host", "base-url"} {
			if given[name] {
				return fmt.Errorf("-%s is given, but neither -org nor -user: whose repositories?", name)
			}
		}
	}
	if strings.Contains(o.org, "/") {
		return fmt.Errorf("-org is %q: want a bare name such as octo-org", o.org)
	}
	if strings.Contains(o.host, "/") {
		return errors.New("-host is no bare name such as ghes.example.com: a whole URL goes to -base-url")
	}
	server := o.host != "" && o.host != "github.com" && !strings.HasSuffix(o.host, ".ghe.com")
	switch {
	case o.unlock || o.preflight:
		return nil
	case o.all && o.user:
		return errors.New("-all is for organizations: name your own repositories with -repos")
	case !o.demo() && !o.all && !given["repos"]:
		return errors.New("neither -repos nor -all is given: which repositories?")
	case !o.demo() && o.export.Dir == "":
		return errors.New("-out is missing: where do the archives go?")
	case o.user && server && !o.keep:
		return errors.New("-keep is missing: GitHub Enterprise Server cannot delete archives of users")
	}
	return o.plan()
}

// plan finds what export would refuse, and names flags where export names its
// options.
func (o *options) plan() error {
	opts := o.export
	if n := opts.BatchSize; n < 0 || n > 1000 {
		return fmt.Errorf("-batch is %d: want 1 to 1000", n)
	}
	for _, full := range opts.Repositories {
		switch owner, name, _ := strings.Cut(full, "/"); {
		case owner == "" || name == "" || strings.Contains(name, "/"):
			return fmt.Errorf("-repos has %q: want OWNER/NAME", full)
		case o.org != "" && !strings.EqualFold(owner, o.org):
			return fmt.Errorf("-repos has %q, which does not belong to %s", full, o.org)
		}
	}
	if len(opts.Repositories) == 0 {
		opts.Repositories = []string{cmp.Or(o.org, "octo-org") + "/any"} // it is not yet known which
	}
	_, _, err := export.Plan(opts)
	return err
}
