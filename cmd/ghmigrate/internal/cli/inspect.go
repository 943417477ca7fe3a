package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ghmigrate/ghmigrate/archive"
	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/backups"
	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/page"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/internal/report"
	"github.com/ghmigrate/ghmigrate/internal/table"
)

const inspectHelp = `Inspect verifies an archive and prints its content: repositories, records, sizes,
people, the largest attachments, faults. The archive is a path, the URL of an object
in a bucket, or - for standard input.

For a folder or a bucket of runs, inspect prints the result of the newest finished
run: the exported repositories, the missing ones with the reason, and the sizes of the
last runs. For the folder or the manifest.json of a run, it prints that run. Inspect
does not read the archives of a run; verify does.

With --html, inspect writes the same as a page to a file. The page needs no other
file, no network and no scripts. Exit status 1 means that the archive has faults.`

func (a *app) inspect() *cobra.Command {
	var html, run string
	cmd := &cobra.Command{
		Use:   "inspect ARCHIVE|DIR|URL|MANIFEST [flags]",
		Short: "Show the content of an archive, or the result of a run",
		Long:  inspectHelp,
		Example: "  ghmigrate inspect migration-79.tar.gz\n" +
			"  ghmigrate inspect --html page.html \"s3://octo-backups?region=eu-central-1\"",
		Args: exactly(1, "the name of an archive, or a folder or bucket of runs"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if html != "" && a.json {
				return misused("--html and --json exclude each other")
			}
			name, err := backups.LocalPath(args[0])
			if err != nil {
				return err
			}
			if isArchive(name) {
				if run != "" {
					return misused("--run is for a folder or a bucket of runs")
				}
				return a.inspectArchive(cmd.Context(), name, html)
			}
			return a.inspectRuns(cmd.Context(), name, run, html)
		},
	}
	cmd.Flags().StringVar(&html, "html", "", "write a page to `FILE`, and print its name")
	cmd.Flags().StringVar(&run, "run", "", "show the run with this `NAME`, not the newest")
	cmd.Flags().StringVar(&a.org, "org", "", "show only the runs of the organization `NAME`")
	return a.jsonFlag(cmd, "the content or the result")
}

func (a *app) inspectArchive(ctx context.Context, name, html string) error {
	r, err := a.openArchive(ctx, name)
	if err != nil {
		return err
	}
	found, err := report.Of(ctx, name, r, &archive.VerifyOptions{})
	if err = errors.Join(err, r.Close()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	switch {
	case html != "":
		err = a.writePage(html, func(b *bytes.Buffer) error { return page.Archive(b, found) })
	case a.json:
		err = a.print("", found)
	default:
		err = found.Write(a.out)
	}
	if err == nil && found.FaultCount() > 0 {
		if html != "" {
			a.complainFaults(name, found.Faults, found.MoreFaults)
		}
		return exitError(statusFailed)
	}
	return err
}

// writePage writes a page to a file, and prints its name.
func (a *app) writePage(name string, write func(*bytes.Buffer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		return err
	}
	return a.print(name, nil)
}

// A runReport is the result of the last runs of an account, as JSON.
type runReport struct {
	Account  string           `json:"account"`
	Run      string           `json:"run"`      // its name
	Location string           `json:"location"` // its path or URL
	Size     int64            `json:"size"`
	Manifest *export.Manifest `json:"manifest"` // null if the run is not finished
	Last     []runSummary     `json:"last"`     // oldest first
}

type runSummary struct {
	Run       string `json:"run"`
	Size      int64  `json:"size"`
	Finished  bool   `json:"finished"`
	Covered   int    `json:"covered"`
	Requested int    `json:"requested"`
}

// inspectRuns prints the result of the runs of each account.
func (a *app) inspectRuns(ctx context.Context, name, wanted, html string) (err error) {
	place, accounts, err := a.openRuns(ctx, name, wanted)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, place.Close()) }()
	if len(accounts) == 0 {
		return fmt.Errorf("no runs in %s", name)
	}
	if html != "" {
		return a.writePage(html, func(b *bytes.Buffer) error { return page.Run(b, accounts) })
	}
	for i, runs := range accounts {
		if a.json {
			if err := a.print("", newRunReport(place, runs)); err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			fmt.Fprintln(a.out)
		}
		if _, err := fmt.Fprint(a.out, runText(place, runs)); err != nil {
			return err
		}
	}
	return nil
}

func newRunReport(place *backups.Place, runs []*backups.Run) runReport {
	run := runs[len(runs)-1]
	r := runReport{
		Account: run.Account, Run: run.Name, Location: place.Location(run.Path("")), Size: run.Size(), Manifest: run.Manifest,
	}
	for _, x := range runs {
		s := runSummary{Run: x.Name, Size: x.Size(), Finished: x.Manifest != nil}
		if x.Manifest != nil {
			s.Covered, s.Requested = x.Manifest.Covered, x.Manifest.Requested
		}
		r.Last = append(r.Last, s)
	}
	return r
}

// runText formats the result of the last runs of an account.
func runText(place *backups.Place, runs []*backups.Run) string {
	run := runs[len(runs)-1]
	var b strings.Builder
	facts := table.New("")
	facts.Row("run", place.Location(run.Path("")))
	if m := run.Manifest; m != nil {
		facts.Row("ended", m.Ended.Local().Format("2006-01-02 15:04"))
		facts.Row("repositories", fmt.Sprintf("%d of %d", m.Covered, m.Requested))
	} else {
		facts.Row("state", "not finished")
	}
	facts.Row("size", table.Size(run.Size()))
	facts.Write(&b)
	if run.Manifest != nil {
		writeRows(&b, place, run)
	}
	last := table.New("<>>")
	last.Row("LAST RUNS", "SIZE", "REPOSITORIES")
	for _, x := range runs[max(0, len(runs)-14):] {
		covered := "not finished"
		if x.Manifest != nil {
			covered = fmt.Sprintf("%d of %d", x.Manifest.Covered, x.Manifest.Requested)
		}
		last.Row(x.Name, table.Size(x.Size()), covered)
	}
	b.WriteString(last.String())
	return b.String()
}

// writeRows writes the missing repositories with the reasons, then the exported ones.
func writeRows(b *strings.Builder, place *backups.Place, run *backups.Run) {
	missing, exported := table.New(""), table.New("<<>")
	missing.Row("NOT EXPORTED", "WHY")
	exported.Row("EXPORTED", "ARCHIVE", "SIZE OF ARCHIVE")
	for _, row := range run.Manifest.Repositories {
		if !row.OK() {
			missing.Row(row.Repository, strings.Join(append([]string{row.Error}, row.Faults...), "; "))
			continue
		}
		label := row.Repository
		if len(row.Dropped) > 0 {
			label += " (" + withoutWords(row.Dropped) + ")"
		}
		exported.Row(label, place.Location(run.Path(row.Archive)), table.Size(row.Size))
	}
	for _, t := range []*table.Table{missing, exported} {
		if t.Len() > 1 {
			t.Write(b)
		}
	}
}
