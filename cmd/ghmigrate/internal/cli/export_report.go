package cli

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/backups"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/internal/table"
)

// exported is what an export has left.
type exported struct {
	place    *backups.Place
	manifest *export.Manifest
	left     []skipped
	took     time.Duration
}

// location names a file of the run, by its path or URL.
func (r *exported) location(m *export.Manifest, name string) string {
	if r.place.IsBucket() {
		return r.place.Location(path.Join(m.Run, name))
	}
	return filepath.Join(m.Dir, name)
}

// An exportResult is what --json prints.
type exportResult struct {
	Location string           `json:"location"` // of the run
	Finished bool             `json:"finished"`
	Seconds  float64          `json:"seconds"`
	Skipped  []skipped        `json:"skipped,omitempty"`
	Manifest *export.Manifest `json:"manifest"`
	Earlier  *export.Manifest `json:"earlier,omitempty"` // of a run that was finished first
}

// reportExport prints the archives as sha256sum does, and a table of what became of
// the repositories.
func (a *app) reportExport(r *exported, runErr error) error {
	m := r.manifest
	if m.Earlier != nil {
		a.show.Say("An unfinished run was finished first: %d of %s, in %s",
			m.Earlier.Covered, table.Plural(m.Earlier.Requested, "repository"), r.location(m.Earlier, ""))
	}
	if a.json {
		if err := a.print("", exportResult{
			Location: r.location(m, ""), Finished: !m.Ended.IsZero(), Seconds: r.took.Round(time.Millisecond).Seconds(),
			Skipped: r.left, Manifest: m, Earlier: m.Earlier,
		}); err != nil {
			return err
		}
	}
	seen, bytes := map[string]bool{}, int64(0)
	for _, row := range m.Repositories {
		if !row.OK() || seen[row.Archive] {
			continue
		}
		seen[row.Archive] = true
		bytes += row.Size
		if !a.json {
			if _, err := fmt.Fprintf(a.out, "%s  %s\n", row.SHA256, r.location(m, row.Archive)); err != nil {
				return err
			}
		}
	}
	if rows := exportTable(m); rows.Len() > 1 && a.log == nil {
		a.show.Say("%s", strings.TrimRight(rows.String(), "\n"))
	}
	a.show.Say("%d of %s in %s, %s, after %s", m.Covered, table.Plural(m.Requested, "repository"),
		table.Plural(len(seen), "archive"), table.Size(bytes), r.took.Round(100*time.Millisecond))
	if !m.Ended.IsZero() {
		a.show.Say("Manifest: %s", r.location(m, "manifest.json"))
	} else if runErr == nil {
		return errors.New("the run has no end") // not possible
	}
	return nil
}

// most is how many lines of a list people want to see. The manifest has all.
const most = 20

// exportTable has a row for each repository, or, if they are many, for each one
// that needs attention.
func exportTable(m *export.Manifest) *table.Table {
	t := table.New("<<<>")
	t.Row("REPOSITORY", "RESULT", "ARCHIVE", "SIZE OF ARCHIVE")
	left := 0
	for _, row := range m.Repositories {
		result := result(&row)
		switch {
		case len(m.Repositories) > most && result == "exported":
		case t.Len() > most:
			left++
		case row.Archive == "":
			t.Row(row.Repository, result)
		default:
			t.Row(row.Repository, result, row.Archive, table.Size(row.Size))
		}
	}
	if left > 0 {
		t.Note("and %d more: see the manifest", left)
	}
	return t
}

// result says in a few words what became of a repository.
func result(row *export.Row) string {
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

// withoutWords turns exclude_releases into "without releases".
func withoutWords(options []string) string {
	var words []string
	for _, option := range options {
		words = append(words, strings.ReplaceAll(strings.TrimPrefix(option, "exclude_"), "_", " "))
	}
	return "without " + strings.Join(words, " and ")
}

// explainExport prints what is missing and what to do, and returns the exit
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
			how = append(how, row.Repository+": only "+withoutWords(row.Dropped))
		}
		a.complain(table.Plural(n, "repository")+" exported, but not all of it", indented(how)...)
	}
	if n := len(partial.Locked); n > 0 {
		a.complain(table.Plural(n, "repository")+" perhaps still locked", append(indented(partial.Locked),
			"The next run unlocks what GitHub lets it, and so does: "+a.again("unlock", "--all"))...)
	}
	if partial.Err != nil {
		a.complain("not finished: "+partial.Err.Error(), append([]string{"Run it again with the same flags: it goes on where it was."}, a.advice(partial.Err)...)...)
		return exitError(statusUnfinished)
	}
	return exitError(statusFailed)
}

// indented returns the first of many lines.
func indented(lines []string) []string {
	var all []string
	for _, line := range lines[:min(most, len(lines))] {
		all = append(all, "  "+line)
	}
	if len(lines) > most {
		all = append(all, fmt.Sprintf("  and %d more: see the manifest", len(lines)-most))
	}
	return all
}
