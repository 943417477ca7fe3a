package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
)

// How many lines people want to see of what may be long. JSON has all of it.
const (
	peopleShown = 10
	faultsShown = 50
)

// write prints the report for people.
func (r *report) write(w io.Writer) error {
	var b bytes.Buffer
	r.overview(&b)
	r.repositories(&b)
	r.records(&b)
	r.sizes(&b)
	r.people(&b)
	r.attachments(&b)
	r.dangling(&b)
	r.faults(&b)
	_, err := w.Write(b.Bytes())
	return err
}

func (r *report) overview(w io.Writer) {
	s := r.Summary
	var t table
	t.row("archive", r.File)
	t.row("size", fmt.Sprintf("%s (%s bytes)", size(s.Size), count(s.Size)))
	t.row("unpacked", fmt.Sprintf("%s (%s bytes)", size(s.Unpacked), count(s.Unpacked)))
	t.row("SHA-256", s.SHA256)
	t.row("schema", cmp.Or(s.Schema.Version, "none"))
	t.row("entries", count(s.Entries))
	if r.Extracted != "" {
		t.row("extracted", r.Extracted)
	}
	t.write(w)
}

func (r *report) repositories(w io.Writer) {
	if len(r.Summary.Repositories) == 0 {
		return
	}
	t := table{align: "<<<<>>>"}
	t.row("REPOSITORY", "RECORD", "GIT", "WIKI", "SIZE", "OBJECTS", "REFS")
	for _, x := range r.Summary.Repositories {
		t.row(x.Name, yes(x.Record), yes(x.Git), yes(x.Wiki), size(x.GitBytes), count(x.Objects), count(x.Refs))
		switch {
		case x.Emptied:
			t.note("%s has merged pull requests and no Git object.", x.Name)
		case x.Partial:
			t.note("%s is a partial clone: objects are in another repository.", x.Name)
		case x.Shallow:
			t.note("%s is shallow: a part of its history is not here.", x.Name)
		}
	}
	t.write(w)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func (r *report) records(w io.Writer) {
	if len(r.Summary.Records) == 0 {
		return
	}
	t := table{align: "<><"}
	t.row("RECORDS", "COUNT")
	for _, kind := range byCount(r.Summary.Records) {
		note := ""
		if n := r.Summary.Unknown[kind]; n == r.Summary.Records[kind] {
			note = "of an unknown type"
		} else if n > 0 {
			note = count(n) + " of them in an unknown shape"
		}
		t.row(strings.ReplaceAll(kind, "_", " "), count(r.Summary.Records[kind]), note)
	}
	if n := r.Summary.Duplicates; n > 0 {
		t.note("%s of them have the URL of an earlier one.", count(n))
	}
	t.write(w)
}

// byCount returns the names of what is counted, the most numerous first.
func byCount(counts map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
}

func (r *report) sizes(w io.Writer) {
	t := table{align: "<>>"}
	t.row("UNPACKED", "SIZE", "SHARE")
	var all int64
	for _, n := range r.Bytes {
		all += n
	}
	for _, owner := range byCount(r.Bytes) {
		if n := r.Bytes[owner]; n > 0 {
			t.row(strings.ReplaceAll(owner, "_", " "), size(n), share(n, all))
		}
	}
	if all > 0 {
		t.write(w)
	}
}

// share writes a part as people read it.
func share(n, all int64) string {
	percent := 100 * float64(n) / float64(all)
	if percent < 1 {
		return "<1 %"
	}
	return fmt.Sprintf("%.0f %%", percent)
}

func (r *report) people(w io.Writer) {
	if len(r.People) == 0 {
		return
	}
	t := table{align: "<>>>>>>"}
	t.row("PEOPLE", "ISSUES", "PULLS", "COMMENTS", "REVIEWS", "OTHERS", "TEXT")
	for _, p := range r.People[:min(peopleShown, len(r.People))] {
		t.row(short(p.label()), count(p.Issues), count(p.PullRequests), count(p.Comments), count(p.Reviews), count(p.Others), size(p.Text))
	}
	if rest := r.People[min(peopleShown, len(r.People)):]; len(rest) > 0 {
		silent := 0
		for _, p := range rest {
			if p.wrote() == 0 {
				silent++
			}
		}
		t.note("and %d more, %d of whom wrote nothing", len(rest), silent)
	}
	t.write(w)
}

func (p *person) label() string {
	switch {
	case p.Known && p.Name != "" && p.Name != p.Login:
		return fmt.Sprintf("%s (%s)", p.Login, p.Name)
	case p.Known:
		return p.Login
	case p.URL == "":
		return "(accounts that are gone)"
	}
	return string(p.URL) + " (no record)"
}

func (r *report) attachments(w io.Writer) {
	if len(r.Attachments) == 0 {
		return
	}
	t := table{align: "<><<"}
	t.row("LARGEST ATTACHMENTS", "SIZE", "TYPE", "OF")
	for _, a := range r.Attachments {
		t.row(short(a.Name), size(a.Size), short(a.ContentType), string(a.Parent))
	}
	t.write(w)
}

func (r *report) dangling(w io.Writer) {
	if len(r.Summary.Dangling) == 0 {
		return
	}
	t := table{align: "<>"}
	t.row("REFERENCES TO WHAT IS NOT HERE", "COUNT")
	for _, kind := range byCount(r.Summary.Dangling) {
		t.row(strings.ReplaceAll(kind, "_", " "), count(r.Summary.Dangling[kind]))
	}
	t.note("These are no faults: an export of a part has them.")
	t.write(w)
}

func (r *report) faults(w io.Writer) {
	n := len(r.Faults) + r.MoreFaults
	if n == 0 {
		fmt.Fprintln(w, "No faults.")
		return
	}
	var t table
	t.row(fmt.Sprintf("FAULTS (%d)", n))
	for _, f := range r.Faults[:min(faultsShown, len(r.Faults))] {
		t.row(f.text)
	}
	if n > faultsShown {
		t.note("and %d more", n-faultsShown)
	}
	t.write(w)
}

// A table is some lines with columns that are as wide as they must be.
type table struct {
	align string // of each column: < or >
	rows  [][]string
	last  string
}

func (t *table) row(cells ...string) {
	for i, c := range cells {
		cells[i] = printable(c)
	}
	t.rows = append(t.rows, cells)
}

// note adds a line without columns below the others.
func (t *table) note(format string, args ...any) { t.last += fmt.Sprintf(format, args...) + "\n" }

// write prints the table and an empty line.
func (t *table) write(w io.Writer) {
	var widths []int
	for _, row := range t.rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	for _, row := range t.rows {
		var line strings.Builder
		for i, c := range row {
			if i > 0 {
				line.WriteString("  ")
			}
			space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c))
			if i < len(t.align) && t.align[i] == '>' {
				line.WriteString(space + c)
			} else {
				line.WriteString(c + space)
			}
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
	fmt.Fprintln(w, t.last)
}

// printable keeps what an archive holds from giving orders to the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// short cuts what people chose freely, so that it leaves room for the rest.
func short(s string) string {
	const longest = 60
	if runes := []rune(s); len(runes) > longest {
		return string(runes[:longest-1]) + "…"
	}
	return s
}

// count writes a number with its thousands apart.
func count(n int64) string { return humanize.Comma(n) }

// size writes a number of bytes as people read it.
func size(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }
