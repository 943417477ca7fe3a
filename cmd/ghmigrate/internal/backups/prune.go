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
	Last                   int // how many of the newest runs
	Daily, Weekly, Monthly int // for how many days, weeks and months the newest run of each
	// Forget has patterns of repositories whose last copies Plan may remove.
	Forget []string
}

// abandonedAfter is the time since the last change after which an unfinished run
// counts as abandoned.
const abandonedAfter = 7 * 24 * time.Hour

// A Decision says whether to remove a run, and why.
type Decision struct {
	Run    *Run
	Remove bool
	Reason string
}

// Plan decides which runs of one account to remove. Runs are sorted by the time at
// which they began.
//
// Plan keeps a finished run if the policy keeps it. It also keeps a run with a copy of
// a repository, unless a newer run that it keeps has a copy that is at least as
// complete. A run that covers less than half of its repositories does not count for
// the policy. Plan removes an unfinished run if a newer run is finished, and the
// unfinished run has not changed for a week.
func Plan(runs []*Run, policy Policy, now time.Time) []Decision {
	decisions := make([]Decision, 0, len(runs))
	kept := copies{}
	rules := newRules(policy)
	newerFinished := false
	for _, run := range slices.Backward(runs) {
		d := Decision{Run: run}
		switch {
		case run.Manifest == nil && !newerFinished:
			d.Reason = "not finished, and no newer run is finished"
		case run.Manifest == nil && now.Sub(run.modified()) < abandonedAfter:
			d.Reason = "not finished, and changed within a week"
		case run.Manifest == nil:
			d.Remove, d.Reason = true, "not finished, and abandoned"
		default:
			d.Reason = cmp.Or(rules.keep(run), kept.missing(run, policy.Forget))
			if !newerFinished {
				d.Reason = cmp.Or(d.Reason, "the newest finished run")
			}
			newerFinished = true
			if d.Reason == "" {
				d.Remove, d.Reason = true, "newer runs have copies that are as complete"
				break
			}
			kept.add(run)
		}
		decisions = append(decisions, d)
	}
	slices.Reverse(decisions)
	return decisions
}

// A rule keeps the newest run of each period, for a number of periods.
type rule struct {
	name   string // of its flag
	left   int    // the number of periods that the rule may still keep
	period func(time.Time) string
	last   string // period of the run that the rule kept last
}

// rules are the rules of a policy.
type rules []*rule

func newRules(p Policy) rules {
	return rules{
		{"--keep-last", p.Last, func(t time.Time) string { return t.Format(time.RFC3339Nano) }, ""},
		{"--keep-daily", p.Daily, func(t time.Time) string { return t.Format(time.DateOnly) }, ""},
		{"--keep-weekly", p.Weekly, func(t time.Time) string {
			year, week := t.ISOWeek()
			return fmt.Sprintf("%d-W%d", year, week)
		}, ""},
		{"--keep-monthly", p.Monthly, func(t time.Time) string { return t.Format("2006-01") }, ""},
	}
}

// keep applies the rules to a run, and returns the name of the first rule that keeps
// the run, or "". Runs come newest first.
func (all rules) keep(run *Run) (name string) {
	if run.Manifest.Covered == 0 || run.Manifest.Covered*2 < run.Manifest.Requested {
		return ""
	}
	for _, r := range all {
		period := r.period(run.Begun())
		if r.left == 0 || period == r.last {
			continue
		}
		r.left--
		r.last = period
		name = cmp.Or(name, r.name)
	}
	return name
}

// copies has, for each repository, the good copies in the runs that Plan keeps. A copy
// is the list of its exclude_ options.
type copies map[string][][]string

// add adds the good copies in a run.
func (c copies) add(run *Run) {
	for _, row := range run.Manifest.Repositories {
		if row.OK() && run.hasArchive(&row) {
			key := strings.ToLower(row.Repository)
			c[key] = append(c[key], exclusions(&row))
		}
	}
}

// missing returns the reason to keep a run: a repository without a newer copy that is
// as complete. It returns "" if there is no such repository.
func (c copies) missing(run *Run, forget []string) string {
	for _, row := range run.Manifest.Repositories {
		if !row.OK() || !run.hasArchive(&row) || MatchAny(forget, row.Repository) {
			continue
		}
		excluded := exclusions(&row)
		replaced := slices.ContainsFunc(c[strings.ToLower(row.Repository)], func(newer []string) bool {
			return !slices.ContainsFunc(newer, func(option string) bool { return !slices.Contains(excluded, option) })
		})
		if !replaced {
			return "the newest complete copy of " + row.Repository
		}
	}
	return ""
}

// exclusions returns the exclude_ options of a copy.
func exclusions(row *export.Row) []string {
	return slices.DeleteFunc(slices.Concat(row.Options, row.Dropped), func(option string) bool {
		return !strings.HasPrefix(option, "exclude_")
	})
}

// MatchAny reports whether one of the patterns matches the full name of a repository,
// or its bare name if the pattern has no slash. It ignores case.
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
