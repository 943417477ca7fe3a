package backups

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate/export"
)

// A Policy says which runs of an account to keep.
type Policy struct {
	Last                   int // the newest runs
	Daily, Weekly, Monthly int // the newest run of each of so many days, weeks, months
	// Forget are patterns of repositories whose last copy need not be kept.
	Forget []string
}

// stale is how long nothing must have been written to an unfinished run before
// it counts as abandoned.
const stale = 7 * 24 * time.Hour

// A Decision says what becomes of a run, and why.
type Decision struct {
	Run    *Run
	Remove bool
	Reason string
}

// Plan decides which runs of one account to remove. Runs are in the order in
// which they began.
//
// A run is removed only if the policy does not keep it and its good copies are
// replaced. A good copy is replaced if a newer run that is kept has a copy that
// is as complete. A run that covers less than half of what it was asked for
// takes no place in the policy. An unfinished run is removed when a newer
// finished one exists and nothing was written to it for a week.
func Plan(runs []*Run, policy Policy, now time.Time) []Decision {
	decisions := make([]Decision, 0, len(runs))
	kept := copies{}
	slots := newSlots(policy)
	finishedSince := false
	for _, run := range slices.Backward(runs) {
		d := Decision{Run: run}
		switch {
		case run.Manifest == nil && !finishedSince:
			d.Reason = "not finished, and the newest"
		case run.Manifest == nil && now.Sub(run.modified()) < stale:
			d.Reason = "not finished, and written to within a week"
		case run.Manifest == nil:
			d.Remove, d.Reason = true, "not finished, and abandoned"
		default:
			d.Reason = cmp.Or(slots.take(run), kept.needs(run, policy.Forget))
			if !finishedSince {
				d.Reason = cmp.Or(d.Reason, "the newest run")
			}
			finishedSince = true
			if d.Reason == "" {
				d.Remove, d.Reason = true, "newer runs have all of it"
				break
			}
			kept.add(run)
		}
		decisions = append(decisions, d)
	}
	slices.Reverse(decisions)
	return decisions
}

// slots are what the policy keeps.
type slots struct {
	rules []*rule
}

// A rule keeps the newest run of each of so many periods.
type rule struct {
	name   string
	left   int
	period func(time.Time) string
	seen   string
}

func newSlots(p Policy) *slots {
	return &slots{[]*rule{
		{"--keep-last", p.Last, func(t time.Time) string { return t.Format(time.RFC3339Nano) }, ""},
		{"--keep-daily", p.Daily, func(t time.Time) string { return t.Format(time.DateOnly) }, ""},
		{"--keep-weekly", p.Weekly, func(t time.Time) string {
			year, week := t.ISOWeek()
			return fmt.Sprintf("%d-W%d", year, week)
		}, ""},
		{"--keep-monthly", p.Monthly, func(t time.Time) string { return t.Format("2006-01") }, ""},
	}}
}

// take lets a run take its places in the policy, and says by which rule it is
// kept; empty if by none.
func (s *slots) take(run *Run) (reason string) {
	if run.Manifest.Covered == 0 || run.Manifest.Covered*2 < run.Manifest.Requested {
		return ""
	}
	for _, r := range s.rules {
		period := r.period(run.Begun())
		if r.left == 0 || period == r.seen {
			continue
		}
		r.left--
		r.seen = period
		reason = cmp.Or(reason, r.name)
	}
	return reason
}

// copies are the good copies of repositories in kept runs: what each lacks.
type copies map[string][][]string

// add notes the good copies in a run.
func (c copies) add(run *Run) {
	for _, row := range run.Manifest.Repositories {
		if row.OK() && run.has(&row) {
			key := strings.ToLower(row.Repository)
			c[key] = append(c[key], lacks(&row))
		}
	}
}

// needs says which repository has no newer copy that is as complete; empty if
// each has.
func (c copies) needs(run *Run, forget []string) string {
	for _, row := range run.Manifest.Repositories {
		if !row.OK() || !run.has(&row) || MatchAny(forget, row.Repository) {
			continue
		}
		mine := lacks(&row)
		newer := slices.ContainsFunc(c[strings.ToLower(row.Repository)], func(theirs []string) bool {
			return !slices.ContainsFunc(theirs, func(option string) bool { return !slices.Contains(mine, option) })
		})
		if !newer {
			return "the newest complete copy of " + row.Repository
		}
	}
	return ""
}

// lacks returns what a copy leaves out.
func lacks(row *export.Row) []string {
	return slices.DeleteFunc(slices.Concat(row.Options, row.Dropped), func(option string) bool {
		return !strings.HasPrefix(option, "exclude_")
	})
}

// MatchAny reports whether one of the patterns matches a repository's full name,
// or its bare name if the pattern has no slash, without regard to case.
func MatchAny(patterns []string, fullName string) bool {
	fullName = strings.ToLower(fullName)
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		name := fullName
		if !strings.Contains(pattern, "/") {
			name = path.Base(fullName)
		}
		ok, err := path.Match(strings.ToLower(pattern), name)
		return err == nil && ok
	})
}
