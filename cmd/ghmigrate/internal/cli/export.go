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

// An exportCommand has the flags of the command export.
type exportCommand struct {
	selection
	out, state string
	keep       bool
	staged     bool
	timeout    time.Duration
	opts       export.Options
}

const exportHelp = `Export exports repositories into verified archives, in a folder or a bucket. Each
run has its own folder, OUT/HOST/orgs/ORG/RUN. The manifest.json in it has a row for
each repository, with the reason if the repository is missing. Several accounts may
share OUT.

For each batch of repositories, export starts a migration, waits for it, unlocks the
repositories, downloads and verifies the archive, and deletes the archive at GitHub.
It divides a failed batch until the failing repository is alone, and exports the
others.

After an interruption or a kill, run export again: it finishes the unfinished run.
If the flags select other repositories or options, it then exports them in a second
run. A second process for the same account and OUT fails at once.

The URL of a bucket has the form s3://bucket/prefix?region=eu-central-1 or
azblob://container/prefix. For other services with the API of S3, add
endpoint=https://… and, for most of them, use_path_style=true. Export verifies
archives while it uploads them, without a copy on disk. With --stage, it stores each
archive on disk first, so that an interrupted download can resume. The journal of a
run is on disk, below --state.

Standard output gets the SHA-256 and the path or URL of each archive, in the format
of sha256sum; with --json, one object with the manifest.`

func (a *app) export() *cobra.Command {
	e := &exportCommand{}
	cmd := &cobra.Command{
		Use:   "export (--all | --repos NAMES) --out DIR|URL [flags]",
		Short: "Export repositories into verified archives",
		Long:  exportHelp,
		Example: "  ghmigrate export --org octo-org --all --out backups\n" +
			"  ghmigrate export --org octo-org --all --skip 'tmp-*' --skip-archived --out \"s3://octo-backups?region=eu-central-1\"\n" +
			"  ghmigrate export --repos mona/hello-world --out backups",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := e.check(a); err != nil {
				return err
			}
			ctx, cancel := withTimeout(cmd.Context(), e.timeout)
			defer cancel()
			err := e.run(ctx, a)
			if ctx.Err() != nil && errors.Is(err, context.DeadlineExceeded) { // before the export has a manifest
				return statusError{err, statusUnfinished, "Run it again with the same flags to continue."}
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&e.out, "out", "", "write archives into this `DIR`, or into the bucket with this URL")
	e.selection.flags(cmd)
	startFlags(cmd, &e.opts.Start)
	flags.BoolVar(&e.keep, "keep", false, "do not delete the archives at GitHub, which deletes them after seven days")
	flags.BoolVar(&e.opts.KeepLocked, "keep-locked", false, "with --lock: leave exported repositories locked, as for a move to another host")
	flags.IntVar(&e.opts.BatchSize, "batch", 0, "export at most `N` repositories in a migration (default 100)")
	flags.IntVar(&e.opts.Concurrency, "concurrency", 0, "at most `N` migrations at GitHub at the same time (default 10)")
	flags.IntVar(&e.opts.Transfers, "transfers", 0, "transfer at most `N` archives at the same time (default 3)")
	flags.BoolVar(&e.staged, "stage", false, "with a bucket: store each archive on disk until it is uploaded")
	flags.DurationVar(&e.timeout, "timeout", 0, "stop after `TIME`, such as 5h, with exit status 3 (default no limit)")
	flags.StringVar(&e.state, "state", "", "with a bucket: keep the journals in `DIR` (default "+defaultState+")")
	flags.Var((*nameList)(&e.opts.FormerNames), "former-name", "an earlier `NAME` of the organization, to continue an unfinished run of that name")
	a.pollFlag(cmd)
	return a.accountFlags(a.jsonFlag(cmd, "the result"))
}

// check rejects flags that do not fit each other, before any request.
func (e *exportCommand) check(a *app) (err error) {
	if e.out == "" {
		return misused("--out is missing: name a folder or a bucket for the archives")
	}
	if e.out, err = backups.LocalPath(e.out); err != nil {
		return err
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
	e.opts.FinishFirst = true // the unfinished run may have other repositories
	plan := e.opts
	if plan.Repositories, err = a.repositoryNames(e.repos); err != nil {
		return err
	}
	if e.all {
		plan.Repositories = []string{"octo-org/any"} // the repositories are not listed yet
	}
	if _, _, err := export.Plan(plan); err != nil {
		return misuse{errors.New(strings.NewReplacer("export: ", "", "Repositories", "--repos", "BatchSize", "--batch", "Concurrency", "--concurrency", "Transfers", "--transfers").Replace(err.Error()))}
	}
	return nil
}

func (e *exportCommand) run(ctx context.Context, a *app) (err error) {
	a.hideWarnings = true
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
	if e.opts.Dir, err = runsDir(place, e.state, name, a.getenv); err != nil {
		return err
	}
	e.opts.Store = place.Store()
	e.opts.Stream = e.opts.Store != nil && !e.staged
	e.opts.Progress = a.show.Event
	names, skips, err := e.names(ctx, a, acct)
	if err != nil {
		return err
	}
	a.saySkips(skips)
	e.opts.Repositories = names
	begun := time.Now()
	manifest, runErr := export.Run(ctx, acct, e.opts)
	a.show.End()
	if manifest == nil {
		return runErr
	}
	r := &exportResult{place: place, manifest: manifest, skips: skips, took: time.Since(begun)}
	if err := a.reportExport(r, runErr); err != nil {
		return err
	}
	return a.explainExport(withEarlier(manifest, runErr))
}

// accountPath returns the path of an account's runs, such as
// "api.github.com/orgs/octo-org". It asks GitHub for the login of the token's owner.
func accountPath(ctx context.Context, acct *account) (string, error) {
	if acct.Owner() != "" {
		return acct.String(), nil
	}
	var user struct {
		Login string `json:"login"`
	}
	if _, err := acct.Do(ctx, http.MethodGet, "/user", nil, &user); err != nil {
		return "", fmt.Errorf("look up the owner of the token: %w", err)
	}
	return strings.TrimSuffix(acct.String(), "/user") + "/users/" + strings.ToLower(user.Login), nil
}

// runsDir returns the folder of an account's runs, or with a bucket of its journals.
func runsDir(place *backups.Place, state, account string, getenv func(string) string) (string, error) {
	if place.IsBucket() && state == "" {
		var err error
		if state, err = stateDir(getenv); err != nil {
			return "", err
		}
	}
	return filepath.Abs(place.Dir(state, account))
}

const defaultState = "the folder ghmigrate in $XDG_STATE_HOME, or else in ~/.local/state, or on macOS and Windows in the folder for settings"

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
