package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ghmigrate/ghmigrate/archive"
	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/backups"
	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/page"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/internal/report"
	"github.com/ghmigrate/ghmigrate/internal/table"
)

const inspectHelp = `Inspect shows what is in an archive, and checks it: repositories, records, sizes,
people, the largest attachments, faults. The archive is a path, the URL of an object
in a bucket, or - for standard input.

For a folder or a bucket of runs, or for the manifest.json of one run, inspect shows
what the newest run has exported, what it has not exported and why, and the sizes of
the last runs. It does not read the archives then: verify does.

With --html, inspect writes a page with all of that to a file. The page needs no
other file, no network and no scripts. Exit status 1 means that the archive has faults.`

func (a *app) inspect() *cobra.Command {
	var html, run string
	cmd := &cobra.Command{
		Use:   "inspect ARCHIVE|DIR|URL|MANIFEST [flags]",
		Short: "Show what is in an archive, or the result of a run",
		Long:  inspectHelp,
		Example: "  ghmigrate inspect migration-79.tar.gz\n" +
			"  ghmigrate inspect --html page.html \"s3://octo-backups?region=eu-central-1\"",
		Args: exactly(1, "the name of an archive, or a folder or bucket of runs"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if html != "" && a.json {
				return misused("--html and --json exclude each other")
			}
			if isArchive(args[0]) {
				if run != "" {
					return misused("--run is for a folder or a bucket of runs")
				}
				return a.inspectArchive(cmd.Context(), args[0], html)
			}
			return a.inspectRuns(cmd.Context(), args[0], run, html)
		},
	}
	cmd.Flags().StringVar(&html, "html", "", "write a page to `FILE`, and print its name")
	cmd.Flags().StringVar(&run, "run", "", "the `NAME` of a run that is not the newest")
	cmd.Flags().StringVar(&a.org, "org", "", "only the runs of the organization `NAME`")
	return a.jsonFlag(cmd, "all of it")
}

// isArchive reports whether a name is the name of an archive, and not of runs.
func isArchive(name string) bool {
	if isManifest(name) {
		return false
	}
	if backups.IsURL(name) {
		base := baseName(name)
		return strings.HasSuffix(base, ".tar.gz") || strings.HasSuffix(base, ".tgz")
	}
	info, err := os.Stat(name)
	return err != nil || !info.IsDir()
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

// A runReport is what inspect --json prints of the runs of an account.
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

func (a *app) inspectRuns(ctx context.Context, name, wanted, html string) (err error) {
	root, run := runsOf(name)
	if run != "" && wanted != "" {
		return misused("--run is for a folder or a bucket of runs, not for one run")
	}
	if run == "" {
		run = wanted
	}
	place, err := backups.Open(ctx, root)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, place.Close()) }()
	account := ""
	if a.org != "" {
		account = "orgs/" + a.org
	}
	runs, err := place.Runs(ctx, account)
	if err != nil {
		return err
	}
	accounts := shown(byAccount(runs), run)
	if len(accounts) == 0 {
		return fmt.Errorf("no runs in %s", name)
	}
	if html != "" {
		return a.writePage(html, func(b *bytes.Buffer) error { return page.Run(b, accounts) })
	}
	for i, of := range accounts {
		if a.json {
			if err := a.print("", reportOf(place, of)); err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			fmt.Fprintln(a.out)
		}
		if _, err := fmt.Fprint(a.out, textOf(place, of)); err != nil {
			return err
		}
	}
	return nil
}

// runsOf returns the place of a manifest or of the folder of a run, and the
// run's name; otherwise the name is the name of the place.
func runsOf(name string) (root, run string) {
	dir := strings.TrimRight(name, "/")
	if isManifest(name) {
		dir = beside(name, "")
	}
	if !backups.IsURL(dir) {
		dir, _ = filepath.Abs(dir)
		if run = filepath.Base(dir); backups.IsRunName(run) || isManifest(name) {
			return filepath.Dir(dir), run
		}
		return name, ""
	}
	location, query, hasQuery := strings.Cut(dir, "?")
	location = strings.TrimRight(location, "/")
	if run = path.Base(location); !backups.IsRunName(run) {
		return name, ""
	}
	root = strings.TrimSuffix(location, "/"+run)
	if hasQuery {
		root += "?" + query
	}
	return root, run
}

// shown returns the runs up to the one that is shown: the wanted one, or else the
// newest finished one, or else the newest.
func shown(accounts [][]*backups.Run, wanted string) [][]*backups.Run {
	var all [][]*backups.Run
	for _, runs := range accounts {
		last := -1
		for i, run := range runs {
			if wanted == "" && run.Manifest != nil || run.Name == wanted {
				last = i
			}
		}
		if last < 0 && wanted == "" {
			last = len(runs) - 1
		}
		if last >= 0 {
			all = append(all, runs[:last+1])
		}
	}
	return all
}

func reportOf(place *backups.Place, runs []*backups.Run) runReport {
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

// textOf tells of the runs of an account for people.
func textOf(place *backups.Place, runs []*backups.Run) string {
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

// writeRows writes what is not exported and why, and then what is.
func writeRows(b *strings.Builder, place *backups.Place, run *backups.Run) {
	missing, whole := table.New(""), table.New("<<>")
	missing.Row("NOT EXPORTED", "WHY")
	whole.Row("EXPORTED", "ARCHIVE", "SIZE OF ARCHIVE")
	for _, row := range run.Manifest.Repositories {
		if !row.OK() {
			missing.Row(row.Repository, strings.Join(append([]string{row.Error}, row.Faults...), "; "))
			continue
		}
		label := row.Repository
		if len(row.Dropped) > 0 {
			label += " (" + withoutWords(row.Dropped) + ")"
		}
		whole.Row(label, place.Location(run.Path(row.Archive)), table.Size(row.Size))
	}
	for _, t := range []*table.Table{missing, whole} {
		if t.Len() > 1 {
			t.Write(b)
		}
	}
}
