package cli

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/spf13/cobra"

	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/backups"
	"github.com/ghmigrate/ghmigrate/internal/table"
)

const pruneHelp = `Prune removes whole runs from a folder or a bucket, and prints the path or URL of
each removed run. With --json, it prints all runs: remove is true for a run that the
rules remove, also in a dry run, and removed is true when the run is removed.

It keeps the newest runs by --keep-last, and the newest run of each day, week or
month by --keep-daily, --keep-weekly and --keep-monthly; days begin at 00:00 UTC.
Prune always keeps:

  - the newest complete copy of each repository, even if the repository no longer
    exists at GitHub, unless --forget matches its name. A copy without releases does
    not replace a copy with releases. A copy whose archive is missing replaces no copy;
  - the newest finished run, whose manifest says why repositories are missing;
  - an unfinished run, unless a newer run is finished and the unfinished run has not
    changed for a week.

A run with less than half of its repositories does not count for --keep-last and the
other flags. Prune counts the runs of each account separately.`

func (a *app) prune() *cobra.Command {
	var out, state string
	var policy backups.Policy
	var dryRun bool
	cmd := &cobra.Command{
		Use:     "prune --out DIR|URL [flags]",
		Short:   "Remove old runs, never the newest complete copy of a repository",
		Long:    pruneHelp,
		Example: "  ghmigrate prune --out backups --keep-last 7 --keep-monthly 12 --dry-run",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			switch {
			case out == "":
				return misused("--out is missing: name the folder or the bucket of the runs")
			case policy.Last+policy.Daily+policy.Weekly+policy.Monthly == 0:
				return misused("no rule says which runs to keep: use --keep-last, --keep-daily, --keep-weekly or --keep-monthly")
			}
			for _, pattern := range policy.Forget {
				if _, err := path.Match(pattern, ""); err != nil {
					return misused("--forget: %q is not a pattern: %w", pattern, err)
				}
			}
			place, err := backups.Open(cmd.Context(), out)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, place.Close()) }()
			if place.IsBucket() && state == "" {
				state, _ = stateDir(a.getenv) // without the folder there are no journals to remove
			}
			return a.pruneIn(cmd.Context(), place, state, policy, dryRun)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&out, "out", "", "remove runs from this `DIR`, or from the bucket with this URL")
	flags.IntVar(&policy.Last, "keep-last", 0, "keep the newest `N` runs")
	flags.IntVar(&policy.Daily, "keep-daily", 0, "keep the newest run of each of the newest `N` days that have runs")
	flags.IntVar(&policy.Weekly, "keep-weekly", 0, "keep the newest run of each of the newest `N` weeks")
	flags.IntVar(&policy.Monthly, "keep-monthly", 0, "keep the newest run of each of the newest `N` months")
	flags.StringArrayVar(&policy.Forget, "forget", nil, "do not keep the last copies of repositories that match `PATTERN`; repeatable")
	flags.BoolVar(&dryRun, "dry-run", false, "print which runs prune would remove, and why it keeps the others; remove nothing")
	flags.StringVar(&a.org, "org", "", "prune only the runs of the organization `NAME`")
	flags.StringVar(&state, "state", "", "with a bucket: remove journals from `DIR` (default "+defaultState+")")
	return a.jsonFlag(cmd, "the runs")
}

// A pruned run, as JSON.
type pruned struct {
	Run     string `json:"run"` // its path or URL
	Size    int64  `json:"size"`
	Remove  bool   `json:"remove"`  // the flags do not keep it, also in a dry run
	Removed bool   `json:"removed"` // it is removed
	Reason  string `json:"reason"`
}

func (a *app) pruneIn(ctx context.Context, place *backups.Place, state string, policy backups.Policy, dryRun bool) error {
	runs, err := a.runs(ctx, place)
	if err != nil {
		return err
	}
	if len(runs) == 0 {
		return fmt.Errorf("no runs in %s", place.Location(""))
	}
	removed, freed := 0, int64(0)
	for _, accountRuns := range byAccount(runs) {
		for _, d := range backups.Plan(accountRuns, policy, time.Now()) {
			location := place.Location(d.Run.Path(""))
			if d.Remove && !dryRun {
				if err := place.Remove(ctx, state, d.Run); err != nil {
					return err
				}
			}
			if d.Remove {
				removed++
				freed += d.Run.Size()
			} else {
				a.show.Say("keeping %s: %s", location, d.Reason)
			}
			if d.Remove || a.json {
				if err := a.print(location, pruned{location, d.Run.Size(), d.Remove, d.Remove && !dryRun, d.Reason}); err != nil {
					return err
				}
			}
		}
	}
	verb := "removed"
	if dryRun {
		verb = "would remove"
	}
	a.show.Say("%s %s of %d, %s", verb, table.Plural(removed, "run"), len(runs), table.Size(freed))
	return nil
}
