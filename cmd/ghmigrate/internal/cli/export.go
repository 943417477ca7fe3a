package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/backups"
	"github.com/ghmigrate/ghmigrate/export"
)

// An exporting is the command export.
type exporting struct {
	selection
	out, state string
	keep       bool
	staged     bool
	timeout    time.Duration
	opts       export.Options
}

const exportHelp = `Export exports repositories into verified archives, in a folder or a bucket. Each
run has a folder of its own, OUT/HOST/orgs/ORG/RUN, and a manifest.json in it
that says what became of each repository. Any number of accounts may share OUT.

Export starts a migration for each batch of repositories, waits, downloads,
verifies, unlocks, and deletes the archive at GitHub when it is safe. A batch
that fails is divided, so that one repository keeps no others from being exported.

Export may be stopped or killed at any moment. Run it again: it finishes the
unfinished run, and then exports what was asked for. Two processes never work on
the same account and OUT.

The URL of a bucket is such as s3://bucket/prefix?region=eu-central-1, or
azblob://container/prefix. For another service with S3's API, add endpoint=https://…
and mostly use_path_style=true. Archives go through the verification into the bucket without
a copy on disk; with --stage they go to the disk first, so that an interrupted
download goes on where it was. The journal of a run is on disk, below --state.

Standard output gets the SHA-256 and the path or URL of each archive, as
sha256sum prints and checks them; with --json, one object with the manifest.`

func (a *app) export() *cobra.Command {
	e := &exporting{}
	cmd := &cobra.Command{
		Use:   "export (--all | --repos NAMES) --out DIR|URL [flags]",
		Short: "Export repositories into verified archives",
		Long:  exportHelp,
		Example: "  ghmigrate export --org octo-org --all --out backups\n" +
			"  ghmigrate export --org octo-org --all --skip 'tmp-*' --skip-archived --out \"s3://octo-backups?region=eu-central-1\"\n" +
			"  ghmigrate export --repos mona/hello-world --out backups",
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := e.check(); err != nil {
				return err
			}
			ctx, cancel := withTimeout(cmd.Context(), e.timeout)
			defer cancel()
			return e.run(ctx, a)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&e.out, "out", "", "the `DIR` or the URL of a bucket where archives go")
	e.selection.flags(cmd)
	startFlags(cmd, &e.opts.Start)
	flags.BoolVar(&e.keep, "keep", false, "leave the archives at GitHub, which deletes them after seven days")
	flags.BoolVar(&e.opts.KeepLocked, "keep-locked", false, "with --lock: leave exported repositories locked, as for a move to another host")
	flags.IntVar(&e.opts.BatchSize, "batch", 0, "at most `N` repositories in an archive (default 100)")
	flags.IntVar(&e.opts.Concurrency, "concurrency", 0, "at most `N` exports under way at GitHub (default 10)")
	flags.IntVar(&e.opts.Transfers, "transfers", 0, "at most `N` archives that move at the same time (default 3)")
	flags.BoolVar(&e.staged, "stage", false, "with a bucket: keep each archive on disk until the bucket has it")
	flags.DurationVar(&e.timeout, "timeout", 0, "stop after `TIME`, such as 5h, with exit status 3; otherwise without a limit")
	flags.StringVar(&e.state, "state", "", "with a bucket: the `DIR` of the journals (default "+defaultState+")")
	flags.StringSliceVar(&e.opts.FormerNames, "former-name", nil, "an earlier `NAME` of the organization, whose unfinished run is continued")
	a.pollFlag(cmd)
	return a.accountFlags(a.jsonFlag(cmd, "the result"))
}

// check finds what makes no sense, before anything is sent.
func (e *exporting) check() error {
	if e.out == "" {
		return misused("want --out: where do the archives go?")
	}
	if err := e.selection.check(time.Now()); err != nil {
		return err
	}
	if !backups.IsURL(e.out) && (e.staged || e.state != "") {
		return misused("--stage and --state are for buckets")
	}
	if e.opts.KeepLocked && !e.opts.Start.LockRepositories {
		return misused("--keep-locked needs --lock")
	}
	e.opts.DeleteArchives = !e.keep
	e.opts.FinishFirst = true // the repositories are seldom the same as in the night before
	plan := e.opts
	plan.Repositories = []string{"octo-org/any"} // it is not known yet which
	if _, _, err := export.Plan(plan); err != nil {
		return misuse{errors.New(strings.NewReplacer("export: ", "", "BatchSize", "--batch", "Concurrency", "--concurrency", "Transfers", "--transfers").Replace(err.Error()))}
	}
	return nil
}

func (e *exporting) run(ctx context.Context, a *app) (err error) {
	a.eventsTell = true
	acct, err := a.account(ctx)
	if err != nil {
		return err
	}
	place, err := backups.Open(ctx, e.out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, place.Close()) }()
	if err := place.Check(ctx); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() {
		a.show.Say("Stopping: unlocking what can be unlocked first. A second Ctrl-C stops at once.")
	})
	defer stop()
	name, err := accountPath(ctx, acct)
	if err != nil {
		return err
	}
	if e.opts.Dir, err = dirOf(place, e.state, name, a.getenv); err != nil {
		return err
	}
	e.opts.Store = place.Store()
	e.opts.Stream = e.opts.Store != nil && !e.staged
	e.opts.Progress = a.show.Event
	names, left, err := e.names(ctx, a, acct)
	if err != nil {
		return err
	}
	a.sayLeft(left)
	e.opts.Repositories = names
	begun := time.Now()
	manifest, runErr := export.Run(ctx, acct, e.opts)
	a.show.End()
	if manifest == nil {
		return runErr
	}
	r := &exported{place: place, manifest: manifest, left: left, took: time.Since(begun)}
	if err := a.reportExport(r, runErr); err != nil {
		return err
	}
	return a.explainExport(runErr)
}

// accountPath returns the path of an account's runs, such as
// "api.github.com/orgs/octo-org". Only GitHub knows the login of the token's owner.
func accountPath(ctx context.Context, acct *account) (string, error) {
	if acct.Owner() != "" {
		return acct.String(), nil
	}
	var user struct {
		Login string `json:"login"`
	}
	if _, err := acct.Do(ctx, http.MethodGet, "/user", nil, &user); err != nil {
		return "", fmt.Errorf("find out whose token it is: %w", err)
	}
	return strings.TrimSuffix(acct.String(), "/user") + "/users/" + strings.ToLower(user.Login), nil
}

// dirOf returns the folder of an account's runs.
func dirOf(place *backups.Place, state, account string, getenv func(string) string) (string, error) {
	if place.IsBucket() && state == "" {
		var err error
		if state, err = stateDir(getenv); err != nil {
			return "", err
		}
	}
	return filepath.Abs(place.Dir(state, account))
}

const defaultState = "~/.local/state/ghmigrate"

// stateDir returns the default folder of journals.
func stateDir(getenv func(string) string) (string, error) {
	if dir := getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "ghmigrate"), nil
	}
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		dir, err := os.UserConfigDir()
		if err != nil {
			return "", misused("--state is needed: %w", err)
		}
		return filepath.Join(dir, "ghmigrate", "state"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", misused("--state is needed: %w", err)
	}
	return filepath.Join(home, ".local", "state", "ghmigrate"), nil
}
