package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/ghmigrate/ghmigrate/archive"
	"github.com/ghmigrate/ghmigrate/internal/table"
)

// These constants limit the lines of lists that may be long. JSON has all lines.
const (
	peopleShown = 10
	faultsShown = 50
)

// Write prints the report for people.
func (r *Report) Write(w io.Writer) error {
	var b bytes.Buffer
	r.overview(&b)
	r.repositories(&b)
	r.records(&b)
	r.sizes(&b)
	r.people(&b)
	r.attachments(&b)
	r.dangling(&b)
	WriteFaults(&b, r.Faults, r.MoreFaults)
	_, err := w.Write(b.Bytes())
	return err
}

func (r *Report) overview(w io.Writer) {
	s := r.Summary
	t := table.New("")
	t.Row("archive", r.File)
	t.Row("size", fmt.Sprintf("%s (%s bytes)", table.Size(s.Size), table.Count(s.Size)))
	t.Row("unpacked", fmt.Sprintf("%s (%s bytes)", table.Size(s.Unpacked), table.Count(s.Unpacked)))
	t.Row("SHA-256", s.SHA256)
	t.Row("schema", cmp.Or(s.Schema.Version, "none"))
	t.Row("entries", table.Count(s.Entries))
	t.Write(w)
}

func (r *Report) repositories(w io.Writer) {
	if len(r.Summary.Repositories) == 0 {
		return
	}
	t := table.New("<<<<>>>")
	t.Row("REPOSITORY", "RECORD", "GIT", "WIKI", "SIZE", "OBJECTS", "REFS")
	for _, x := range r.Summary.Repositories {
		t.Row(x.Name, yes(x.Record), yes(x.Git), yes(x.Wiki), table.Size(x.GitBytes), table.Count(x.Objects), table.Count(x.Refs))
		if text := Incompleteness(x); text != "" {
			t.Note("%s", text)
		}
	}
	t.Write(w)
}

// Incompleteness returns the reason why a repository lacks a part of its history, or ""
// if there is no sign of that.
func Incompleteness(x archive.RepositorySummary) string {
	switch {
	case x.Emptied:
		return x.Name + " has merged pull requests but no Git objects."
	case x.Partial:
		return x.Name + " is a partial clone: some of its objects are only in another repository."
	case x.Shallow:
		return x.Name + " is a shallow clone: a part of its history is missing."
	}
	return ""
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func (r *Report) records(w io.Writer) {
	if len(r.Summary.Records) == 0 {
		return
	}
	t := table.New("<><")
	t.Row("RECORDS", "COUNT")
	for _, kind := range ByCount(r.Summary.Records) {
		t.Row(strings.ReplaceAll(kind, "_", " "), table.Count(r.Summary.Records[kind]), r.UnknownRecords(kind))
	}
	if n := r.Summary.Duplicates; n > 0 {
		t.Note("%s records have the URL of an earlier record.", table.Count(n))
	}
	t.Write(w)
}

// UnknownRecords describes the records of a type that this version does not
// understand. It returns "" if there are no such records.
func (r *Report) UnknownRecords(kind string) string {
	switch n := r.Summary.Unknown[kind]; n {
	case 0:
		return ""
	case r.Summary.Records[kind]:
		return "unknown type"
	default:
		return table.Count(n) + " in an unknown form"
	}
}

// ByCount returns the keys of counts in the order of falling counts.
func ByCount(counts map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
}

func (r *Report) sizes(w io.Writer) {
	t := table.New("<>>")
	t.Row("UNPACKED", "SIZE", "SHARE")
	var all int64
	for _, n := range r.Bytes {
		all += n
	}
	for _, part := range ByCount(r.Bytes) {
		if n := r.Bytes[part]; n > 0 {
			t.Row(strings.ReplaceAll(part, "_", " "), table.Size(n), share(n, all))
		}
	}
	if all > 0 {
		t.Write(w)
	}
}

// share formats a part as a percentage.
func share(n, all int64) string {
	percent := 100 * float64(n) / float64(all)
	if percent < 1 {
		return "<1 %"
	}
	return fmt.Sprintf("%.0f %%", percent)
}

func (r *Report) people(w io.Writer) {
	if len(r.People) == 0 {
		return
	}
	t := table.New("<>>>>>>")
	t.Row("PEOPLE", "ISSUES", "PULLS", "COMMENTS", "REVIEWS", "OTHERS", "TEXT")
	for _, p := range r.People[:min(peopleShown, len(r.People))] {
		t.Row(table.Short(p.Label()), table.Count(p.Issues), table.Count(p.PullRequests), table.Count(p.Comments),
			table.Count(p.Reviews), table.Count(p.Others), table.Size(p.Text))
	}
	if rest := r.People[min(peopleShown, len(r.People)):]; len(rest) > 0 {
		silent := 0
		for _, p := range rest {
			if p.Wrote() == 0 {
				silent++
			}
		}
		t.Note("and %d more, %d of whom wrote nothing", len(rest), silent)
	}
	t.Write(w)
}

// Label names the person.
func (p *Person) Label() string {
	switch {
	case p.Known && p.Name != "" && p.Name != p.Login:
		return fmt.Sprintf("%s (%s)", p.Login, p.Name)
	case p.Known:
		return p.Login
	case p.URL == "":
		return "(deleted accounts)"
	}
	return string(p.URL) + " (no record)"
}

func (r *Report) attachments(w io.Writer) {
	if len(r.Attachments) == 0 {
		return
	}
	t := table.New("<><<")
	t.Row("LARGEST ATTACHMENTS", "SIZE", "TYPE", "OF")
	for _, a := range r.Attachments {
		t.Row(table.Short(a.Name), table.Size(a.Size), table.Short(a.ContentType), string(a.Parent))
	}
	t.Write(w)
}

func (r *Report) dangling(w io.Writer) {
	if len(r.Summary.Dangling) == 0 {
		return
	}
	t := table.New("<>")
	t.Row("REFERENCES OUTSIDE THE ARCHIVE", "COUNT")
	for _, kind := range ByCount(r.Summary.Dangling) {
		t.Row(strings.ReplaceAll(kind, "_", " "), table.Count(r.Summary.Dangling[kind]))
	}
	t.Note("These are not faults: the archive has only some of the repositories.")
	t.Write(w)
}

// WriteFaults prints the faults, or the first of them if there are many. More is
// the number of faults that are not in faults.
func WriteFaults(w io.Writer, faults []Fault, more int) {
	n := len(faults) + more
	if n == 0 {
		fmt.Fprintln(w, "No faults.")
		return
	}
	t := table.New("")
	t.Row(fmt.Sprintf("FAULTS (%d)", n))
	for _, f := range faults[:min(faultsShown, len(faults))] {
		t.Row(f.Text)
	}
	if n > faultsShown {
		t.Note("and %d more", n-faultsShown)
	}
	t.Write(w)
}
