// Package page writes the content of an archive, or the result of a run, as an HTML
// page that needs no other file, no network and no scripts.
package page

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate/archive"
	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/backups"
	"github.com/ghmigrate/ghmigrate/internal/report"
	"github.com/ghmigrate/ghmigrate/internal/table"
)

//go:embed page.html
var text string

// A sheet is the data of page.html.
type sheet struct {
	Title    string
	Verdict  string // in one sentence
	Good     bool
	Sections []section
}

// A section is a heading with facts, bars or a table.
type section struct {
	Title string
	Facts [][2]string
	Bars  []bar
	Head  []cell
	Rows  [][]cell
	Note  string
}

// A bar shows a size, relative to the largest bar of its section.
type bar struct {
	Label, Value string
	Size         int64
	Percent      int // of the largest bar
	Bad          bool
}

type cell struct {
	Text   string
	Number bool // aligned to the right
	Bad    bool
}

func write(w io.Writer, s sheet) error {
	t, err := template.New("page").Parse(text)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, s); err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}

// Archive writes the page of an archive.
func Archive(w io.Writer, r *report.Report) error {
	s := sheet{Title: path.Base(strings.ReplaceAll(r.File, "\\", "/")), Good: r.FaultCount() == 0, Verdict: "The archive has no faults."}
	if !s.Good {
		s.Verdict = fmt.Sprintf("The archive has %s.", table.Plural(r.FaultCount(), "fault"))
	}
	s.Sections = []section{
		{Title: "Archive", Facts: [][2]string{
			{"File", r.File},
			{"Size", fmt.Sprintf("%s (%s bytes)", table.Size(r.Summary.Size), table.Count(r.Summary.Size))},
			{"Unpacked", fmt.Sprintf("%s (%s bytes)", table.Size(r.Summary.Unpacked), table.Count(r.Summary.Unpacked))},
			{"SHA-256", r.Summary.SHA256},
			{"Schema", r.Summary.Schema.Version},
			{"Entries", table.Count(r.Summary.Entries)},
		}},
		faults(r), repositories(r), sizes(r), records(r), people(r), attachments(r), dangling(r),
	}
	return write(w, s)
}

func faults(r *report.Report) section {
	s := section{Title: "Faults", Head: heads("Entry", "Fault")}
	for _, f := range r.Faults {
		s.Rows = append(s.Rows, []cell{{Text: f.Entry}, {Text: f.Error, Bad: true}})
	}
	if r.MoreFaults > 0 {
		s.Note = fmt.Sprintf("and %d more", r.MoreFaults)
	}
	return s
}

func repositories(r *report.Report) section {
	s := section{Title: "Repositories", Head: heads("Repository", "Record", "Git", "Wiki", "#Git size", "#Objects", "#Refs")}
	for _, x := range r.Summary.Repositories {
		s.Rows = append(s.Rows, []cell{{Text: x.Name}, yesOrNo(x.Record), yesOrNo(x.Git), {Text: map[bool]string{true: "yes"}[x.Wiki]},
			number(table.Size(x.GitBytes)), number(table.Count(x.Objects)), number(table.Count(x.Refs))})
		s.Note = strings.TrimSpace(s.Note + " " + report.Incompleteness(x))
	}
	for _, x := range largest(r) {
		s.Bars = append(s.Bars, bar{Label: x.Name, Value: table.Size(x.GitBytes), Size: x.GitBytes})
	}
	s.Bars = scaled(s.Bars)
	return s
}

func sizes(r *report.Report) section {
	s := section{Title: "Where the bytes are"}
	for _, owner := range report.ByCount(r.Bytes) {
		if n := r.Bytes[owner]; n > 0 {
			s.Bars = append(s.Bars, bar{Label: spaced(owner), Value: table.Size(n), Size: n})
		}
	}
	s.Bars = scaled(s.Bars)
	return s
}

func records(r *report.Report) section {
	s := section{Title: "Records", Head: heads("Type", "#Count", "")}
	for _, kind := range report.ByCount(r.Summary.Records) {
		s.Rows = append(s.Rows, []cell{{Text: spaced(kind)}, number(table.Count(r.Summary.Records[kind])), {Text: r.UnknownRecords(kind)}})
	}
	return s
}

func people(r *report.Report) section {
	const shown = 50
	s := section{Title: "People", Head: heads("Account", "#Issues", "#Pull requests", "#Comments", "#Reviews", "#Others", "#Text")}
	for _, p := range r.People[:min(shown, len(r.People))] {
		s.Rows = append(s.Rows, []cell{{Text: p.Label()}, number(table.Count(p.Issues)), number(table.Count(p.PullRequests)),
			number(table.Count(p.Comments)), number(table.Count(p.Reviews)), number(table.Count(p.Others)), number(table.Size(p.Text))})
	}
	if n := len(r.People) - shown; n > 0 {
		s.Note = fmt.Sprintf("and %s more", table.Count(int64(n)))
	}
	return s
}

func attachments(r *report.Report) section {
	s := section{Title: "Largest attachments", Head: heads("File", "#Size", "Type", "Attached to")}
	for _, a := range r.Attachments {
		s.Rows = append(s.Rows, []cell{{Text: a.Name}, number(table.Size(a.Size)), {Text: a.ContentType}, {Text: string(a.Parent)}})
	}
	return s
}

func dangling(r *report.Report) section {
	s := section{Title: "References to records that are not in the archive", Head: heads("Type", "#Count")}
	for _, kind := range report.ByCount(r.Summary.Dangling) {
		s.Rows = append(s.Rows, []cell{{Text: spaced(kind)}, number(table.Count(r.Summary.Dangling[kind]))})
	}
	if len(s.Rows) > 0 {
		s.Note = "These are not faults: the archive has only some of the repositories."
	}
	return s
}

// heads returns the cells of a table's head. A title that begins with # is the title
// of a column of numbers.
func heads(titles ...string) []cell {
	var all []cell
	for _, title := range titles {
		name, isNumber := strings.CutPrefix(title, "#")
		all = append(all, cell{Text: name, Number: isNumber})
	}
	return all
}

func number(text string) cell { return cell{Text: text, Number: true} }

// yesOrNo returns a cell in which "no" is bad.
func yesOrNo(b bool) cell {
	if b {
		return cell{Text: "yes"}
	}
	return cell{Text: "no", Bad: true}
}

func spaced(name string) string { return strings.ReplaceAll(name, "_", " ") }

// scaled returns the bars with their percentages.
func scaled(bars []bar) []bar {
	largest := int64(1)
	for _, b := range bars {
		largest = max(largest, b.Size)
	}
	for i := range bars {
		bars[i].Percent = int(100 * float64(bars[i].Size) / float64(largest))
	}
	return bars
}

// formatTime returns a time in UTC, or "" for the zero time.
func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

// Run writes the page of the last runs of accounts. Each element has the runs of an
// account, oldest first. The page shows the result of the last run in full, and the
// sizes of the others.
func Run(w io.Writer, accounts [][]*backups.Run) error {
	s := sheet{Title: "Backups", Good: true}
	var verdicts []string
	for _, runs := range accounts {
		run := runs[len(runs)-1]
		m := run.Manifest
		if m == nil {
			verdicts = append(verdicts, run.Account+" has no finished run.")
			s.Good = false
			continue
		}
		if len(accounts) == 1 {
			s.Title = "Backup of " + m.Account
		}
		verdict := fmt.Sprintf("%s: %d of %s exported on %s.", m.Account, m.Covered, table.Plural(m.Requested, "repository"), formatTime(m.Ended))
		if m.Covered < m.Requested || m.Reduced > 0 || len(m.Locked) > 0 {
			s.Good = false
		}
		verdicts = append(verdicts, verdict)
		s.Sections = append(s.Sections, runSections(runs)...)
	}
	s.Verdict = strings.Join(verdicts, " ")
	return write(w, s)
}

func runSections(runs []*backups.Run) []section {
	run := runs[len(runs)-1]
	m := run.Manifest
	facts := section{Title: m.Account, Facts: [][2]string{
		{"Run", run.Name},
		{"Begun", formatTime(m.Begun)},
		{"Ended", formatTime(m.Ended)},
		{"Repositories", fmt.Sprintf("%d of %d", m.Covered, m.Requested)},
		{"Size", table.Size(run.Size())},
		{"Options", strings.Join(m.Options, ", ")},
	}}
	missing := section{Title: "Not exported", Head: heads("Repository", "Why")}
	reduced := section{Title: "Exported in part", Head: heads("Repository", "Without")}
	exported := section{Title: "Exported", Head: heads("Repository", "Archive", "#Size of archive", "Migration", "SHA-256")}
	for _, row := range m.Repositories {
		switch {
		case !row.OK():
			missing.Rows = append(missing.Rows, []cell{{Text: row.Repository}, {Text: strings.Join(append([]string{row.Error}, row.Faults...), "; "), Bad: true}})
			continue
		case len(row.Dropped) > 0:
			reduced.Rows = append(reduced.Rows, []cell{{Text: row.Repository}, {Text: spaced(strings.ReplaceAll(strings.Join(row.Dropped, ", "), "exclude_", "")), Bad: true}})
		}
		exported.Rows = append(exported.Rows, []cell{{Text: row.Repository}, {Text: row.Archive}, number(table.Size(row.Size)),
			{Text: fmt.Sprint(row.Migration)}, {Text: row.SHA256[:min(12, len(row.SHA256))]}})
	}
	locked := section{Title: "Perhaps still locked", Head: heads("Repository")}
	for _, name := range m.Locked {
		locked.Rows = append(locked.Rows, []cell{{Text: name, Bad: true}})
	}
	return []section{facts, missing, reduced, locked, history(runs), exported}
}

// history returns a section with the sizes of the last runs.
func history(runs []*backups.Run) section {
	const shown = 14
	s := section{Title: "The last runs"}
	for _, run := range slices.Backward(runs[max(0, len(runs)-shown):]) {
		b := bar{Label: run.Begun().Format("2006-01-02 15:04"), Size: run.Size(), Value: table.Size(run.Size())}
		if m := run.Manifest; m == nil {
			b.Value += ", not finished"
			b.Bad = true
		} else {
			b.Value += fmt.Sprintf(", %d of %d", m.Covered, m.Requested)
			b.Bad = m.Covered < m.Requested
		}
		s.Bars = append(s.Bars, b)
	}
	s.Bars = scaled(s.Bars)
	return s
}

// largest returns the repositories with the most Git data, if the archive has several.
func largest(r *report.Report) []archive.RepositorySummary {
	const shown = 10
	all := slices.SortedStableFunc(slices.Values(r.Summary.Repositories), func(a, b archive.RepositorySummary) int {
		return cmp.Compare(b.GitBytes, a.GitBytes)
	})
	if len(all) < 2 {
		return nil
	}
	return all[:min(shown, len(all))]
}
