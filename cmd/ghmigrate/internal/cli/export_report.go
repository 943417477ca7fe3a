package cli

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/backups"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/internal/table"
)

// An exportResult is the result of an export.
type exportResult struct {
	place    *backups.Place
	manifest *export.Manifest
	skips    []skipped
	took     time.Duration
}

// location returns the path or URL of a file of the run.
func (r *exportResult) location(m *export.Manifest, name string) string {
	if r.place.IsBucket() {
		return r.place.Location(path.Join(m.Run, name))
	}
	return filepath.Join(m.Dir, name)
}

// An exportReport is the result of an export, as JSON.
type exportReport struct {
	Location string           `json:"location"` // of the run
	Finished bool             `json:"finished"`
	Seconds  float64          `json:"seconds"`
	Skipped  []skipped        `json:"skipped,omitempty"`
	Manifest *export.Manifest `json:"manifest"`
	Earlier  *export.Manifest `json:"earlier,omitempty"` // of the unfinished run that export finished first
}

// reportExport prints the archives in the format of sha256sum, and a table of the
// repositories.
func (a *app) reportExport(r *exportResult, runErr error) error {
	m := r.manifest
	if m.Earlier != nil {
		a.show.Say("An unfinished run was finished first: %d of %s, in %s",
			m.Earlier.Covered, table.Plural(m.Earlier.Requested, "repository"), r.location(m.Earlier, ""))
	}
	if a.json {
		if err := a.print("", exportReport{
			Location: r.location(m, ""), Finished: !m.Ended.IsZero(), Seconds: r.took.Round(time.Millisecond).Seconds(),
			Skipped: r.skips, Manifest: m, Earlier: m.Earlier,
		}); err != nil {
			return err
		}
	}
	if m.Earlier != nil {
		if _, _, err := a.printArchives(r, m.Earlier); err != nil {
			return err
		}
	}
	archives, bytes, err := a.printArchives(r, m)
	if err != nil {
		return err
	}
	if rows := exportTable(m); rows.Len() > 1 && a.log == nil {
		a.show.Say("%s", strings.TrimRight(rows.String(), "\n"))
	}
	a.show.Say("%d of %s in %s, %s, after %s", m.Covered, table.Plural(m.Requested, "repository"),
		table.Plural(archives, "archive"), table.Size(bytes), r.took.Round(100*time.Millisecond))
	if !m.Ended.IsZero() {
		a.show.Say("Manifest: %s", r.location(m, "manifest.json"))
	} else if runErr == nil {
		return errors.New("the manifest of a finished run has no end time")
	}
	return nil
}

// printArchives prints the archives of a run in the format of sha256sum, unless --json
// is set. It returns their number and their total size.
func (a *app) printArchives(r *exportResult, m *export.Manifest) (archives int, bytes int64, err error) {
	seen := map[string]bool{}
	for _, row := range m.Repositories {
		if !row.OK() || seen[row.Archive] {
			continue
		}
		seen[row.Archive] = true
		bytes += row.Size
		if !a.json {
			if _, err := fmt.Fprintf(a.out, "%s  %s\n", row.SHA256, r.location(m, row.Archive)); err != nil {
				return 0, 0, err
			}
		}
	}
	return len(seen), bytes, nil
}

// maxRows is the length of lists on standard error. The manifest has all rows.
const maxRows = 20

// exportTable returns a table of the repositories. If there are many, it leaves out
// the repositories that were exported without problems.
func exportTable(m *export.Manifest) *table.Table {
	t := table.New("<<<>")
	t.Row("REPOSITORY", "RESULT", "ARCHIVE", "SIZE OF ARCHIVE")
	more := 0
	for _, row := range m.Repositories {
		outcome := outcome(&row)
		switch {
		case len(m.Repositories) > maxRows && outcome == "exported":
		case t.Len() > maxRows:
			more++
		case row.Archive == "":
			t.Row(row.Repository, outcome)
		default:
			t.Row(row.Repository, outcome, row.Archive, table.Size(row.Size))
		}
	}
	if more > 0 {
		t.Note("and %d more: see the manifest", more)
	}
	return t
}

// outcome describes the result of a repository in a few words.
func outcome(row *export.Row) string {
	switch {
	case !row.OK():
		return "not exported"
	case len(row.Dropped) > 0:
		return "exported, " + withoutWords(row.Dropped)
	case row.Inferred:
		return fmt.Sprintf("exported, but migration %d may be another program's", row.Migration)
	}
	return "exported"
}

// withoutWords turns "exclude_releases" into "without releases".
func withoutWords(options []string) string {
	var words []string
	for _, option := range options {
		words = append(words, strings.ReplaceAll(strings.TrimPrefix(option, "exclude_"), "_", " "))
	}
	return "without " + strings.Join(words, " and ")
}

// withEarlier adds the missing and reduced repositories of the run that was finished
// first to the error of the new run. It leaves out the repositories of the new run,
// which reports them itself.
func withEarlier(m *export.Manifest, err error) error {
	if m.Earlier == nil {
		return err
	}
	earlier, _ := errors.AsType[*export.PartialError](m.Earlier.Err())
	all, _ := errors.AsType[*export.PartialError](err)
	if earlier == nil || all == nil && err != nil {
		return err
	}
	if all == nil {
		all = new(export.PartialError)
	}
	inNewRun := func(row export.Row) bool {
		return slices.ContainsFunc(m.Repositories, func(r export.Row) bool { return strings.EqualFold(r.Repository, row.Repository) })
	}
	all.Repositories = append(all.Repositories, slices.DeleteFunc(earlier.Repositories, inNewRun)...)
	all.Reduced = append(all.Reduced, slices.DeleteFunc(earlier.Reduced, inNewRun)...)
	if err == nil && len(all.Repositories)+len(all.Reduced) == 0 {
		return nil
	}
	return all
}

// explainExport prints the missing repositories and advice, and returns the exit
// status as an error.
func (a *app) explainExport(err error) error {
	partial, ok := errors.AsType[*export.PartialError](err)
	if !ok {
		return err
	}
	if n := len(partial.Repositories); n > 0 {
		var why []string
		for _, row := range partial.Repositories {
			why = append(why, fmt.Sprintf("%s: %s", row.Repository, strings.Join(append([]string{row.Error}, row.Faults...), ": ")))
		}
		a.complain(table.Plural(n, "repository")+" not exported", indented(why)...)
	}
	if n := len(partial.Reduced); n > 0 {
		var how []string
		for _, row := range partial.Reduced {
			how = append(how, row.Repository+": "+withoutWords(row.Dropped))
		}
		a.complain(table.Plural(n, "repository")+" exported, but not all of it", indented(how)...)
	}
	if n := len(partial.Locked); n > 0 {
		a.complain(table.Plural(n, "repository")+" perhaps still locked", append(indented(partial.Locked),
			"The next run tries again to unlock them. To unlock them now: "+a.commandLine("unlock", "--all"))...)
	}
	if partial.Err != nil {
		a.complain("not finished: "+partial.Err.Error(), append([]string{"Run it again with the same flags to continue."}, a.advice(partial.Err)...)...)
		return exitError(statusUnfinished)
	}
	return exitError(statusFailed)
}

// indented returns the first maxRows lines, indented.
func indented(lines []string) []string {
	var all []string
	for _, line := range lines[:min(maxRows, len(lines))] {
		all = append(all, "  "+line)
	}
	if n := len(lines) - maxRows; n > 0 {
		all = append(all, fmt.Sprintf("  and %d more: see the manifest", n))
	}
	return all
}
