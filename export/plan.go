package export

// This file is part of the core: it does no I/O and reads no clock.

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ghmigrate/ghmigrate"
)

// maxIsolated is how many jobs isolate repositories that failed before.
const maxIsolated = 20

// Plan divides the repositories into batches, in their order. It returns a new
// tally, and a job for each batch. Repositories that failed in Options.Previous come
// last, in at most twenty jobs of their own. Plan sends no requests. [Run] calls
// Plan; another driver begins with it.
//
// Plan fails if the name of a repository is malformed or repeated, or if options
// contradict each other.
func Plan(opts Options) (*Tally, []*Job, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, nil, err
	}
	var jobs []*Job
	add := func(names []string) *Job {
		j := &Job{
			ID: strconv.Itoa(len(jobs) + 1), Run: opts.Run, Repositories: slices.Clone(names), Start: opts.Start, Dir: opts.Dir,
			DeleteArchive: opts.DeleteArchives, KeepLocked: opts.KeepLocked, Stream: opts.Stream,
			Store: opts.Store, disk: opts.disk, lineage: lineage{Try: 1},
		}
		jobs = append(jobs, j)
		return j
	}
	failed := opts.Previous.failed()
	var good, bad []string
	var at []int // the indexes of bad in Options.Repositories
	for i, name := range opts.Repositories {
		if failed[strings.ToLower(name)] {
			bad, at = append(bad, name), append(at, i)
		} else {
			good = append(good, name)
		}
	}
	for batch := range slices.Chunk(good, opts.BatchSize) {
		add(batch)
	}
	size := min((len(bad)+maxIsolated-1)/maxIsolated, opts.BatchSize)
	for i := 0; i < len(bad); i += size {
		end := min(i+size, len(bad))
		j := add(bad[i:end])
		j.lineage = lineage{Try: maxTries, Alone: true, At: slices.Clone(at[i:end])}
	}
	return new(Tally), jobs, nil
}

// failed returns the repositories without a complete export, in lower case. It leaves
// out repositories whose export was not started.
func (m *Manifest) failed() map[string]bool {
	failed := map[string]bool{}
	if m == nil {
		return failed
	}
	for _, row := range m.Repositories {
		if row.Error != reasonNotStarted && (!row.OK() || len(row.Dropped) > 0) {
			failed[strings.ToLower(row.Repository)] = true
		}
	}
	return failed
}

// Debts returns jobs that release the locks of an earlier run, one job for each
// migration. Before are all jobs of that run, and run is the name of the new run. A
// driver performs these jobs before the jobs of [Plan].
func Debts(before []*Job, run string) []*Job {
	at := map[int64]*Job{}
	var jobs []*Job
	for _, j := range slices.Concat(before, allTwinUnlocks(before, true)) {
		id := j.State.Migration
		locked := j.possiblyLocked()
		if id == 0 || len(locked) == 0 || j.State.Forgotten {
			continue
		}
		d := at[id]
		if d == nil {
			d = &Job{ID: "d" + strconv.FormatInt(id, 10), Run: run, Start: j.Start, UnlockOnly: true, lineage: lineage{Try: 1}}
			d.State.Migration = id
			if j.State.Outcome == OutcomeStuck { // do not wait for another day
				d.State.Begun = j.State.Begun
			}
			at[id] = d
			jobs = append(jobs, d)
		}
		d.Repositories = append(d.Repositories, without(locked, d.Repositories)...)
		d.lineage.Family = append(d.lineage.Family, without(slices.Concat(j.Repositories, j.lineage.Family), d.Repositories)...)
	}
	return jobs
}

// isPlanned reports whether [Plan] made the job.
func (j *Job) isPlanned() bool { return !j.UnlockOnly && !strings.Contains(j.ID, ".") }

// optionNames lists the options of a start that are set, by GitHub's names.
func optionNames(req ghmigrate.StartMigrationRequest) []string {
	var names []string
	for _, option := range []struct {
		set  bool
		name string
	}{
		{req.LockRepositories, "lock_repositories"},
		{req.ExcludeMetadata, "exclude_metadata"},
		{req.ExcludeGitData, "exclude_git_data"},
		{req.ExcludeAttachments, "exclude_attachments"},
		{req.ExcludeReleases, "exclude_releases"},
		{req.ExcludeOwnerProjects, "exclude_owner_projects"},
	} {
		if option.set {
			names = append(names, option.name)
		}
	}
	return names
}

// lineage is what a job has from the jobs that it replaces.
type lineage struct {
	Try    int      `json:"try,omitzero"`     // number of this export of the same set of repositories, from 1
	Gone   int      `json:"gone,omitzero"`    // exports of the same set whose archive was gone
	Again  bool     `json:"again,omitzero"`   // exports repositories that an archive lacked
	Waited bool     `json:"waited,omitzero"`  // GitHub had ten minutes to accept a larger set
	Alone  bool     `json:"alone,omitzero"`   // isolated, because its repositories failed in the previous run
	Probe  bool     `json:"probe,omitzero"`   // one repository that shows whether GitHub exports anything
	Twice  bool     `json:"twice,omitzero"`   // retried as a whole, because it failed during an incident
	At     []int    `json:"at,omitempty"`     // of an isolated job: the indexes of its repositories in the request
	Known  []int64  `json:"known,omitempty"`  // migrations of the replaced jobs: a search ignores them
	Family []string `json:"family,omitempty"` // of an UnlockOnly job: repositories of its migration that other jobs unlock
}

// Successors returns the jobs that replace a job that is over. It returns no jobs
// after a success, or if no other export of the repositories can succeed. The
// result, with its IDs, depends on the job alone. See [Tally.Rest] for the jobs that
// leave out releases or attachments.
func (j *Job) Successors() []*Job {
	if !j.Over() || j.UnlockOnly {
		return nil
	}
	s := &j.State
	switch s.Outcome { //nolint:exhaustive // after all other outcomes the job is halved
	case OutcomeSplit:
		probe, rest := j.child(1, s.Named), j.child(2, without(j.Repositories, s.Named))
		probe.lineage.Probe = true
		return []*Job{probe, rest}
	case OutcomeFailed:
		if j.lineage.Try < maxTries && len(j.Dropped) == 0 {
			next := j.again(j.Repositories)
			next.lineage.Try++
			return []*Job{next}
		}
	case OutcomeGone:
		if j.lineage.Gone+1 < maxGone {
			next := j.again(j.Repositories)
			next.lineage.Gone++
			return []*Job{next}
		}
	case OutcomeRefused:
		if len(s.Named) == 0 {
			break
		}
		if rest := without(j.Repositories, s.Named); len(rest) > 0 {
			return []*Job{j.again(rest)}
		}
		return nil
	case OutcomeAbandoned:
		return nil
	case OutcomeExported:
		lacking := j.uncovered()
		switch {
		case len(lacking) == 0:
			return nil
		case !j.lineage.Again:
			next := j.again(lacking)
			next.lineage.Again = true
			return []*Job{next}
		case len(lacking) > 1:
			return j.halves(lacking)
		}
		return nil
	}
	if len(j.Repositories) == 1 {
		return nil
	}
	halves := j.halves(j.Repositories)
	for _, half := range halves {
		half.lineage.Waited = j.lineage.Waited || s.Outcome == OutcomeRefused
	}
	return halves
}

// child returns a successor with the k-th ID.
func (j *Job) child(k int, names []string) *Job {
	c := *j
	c.ID, c.State, c.elsewhere = j.ID+"."+strconv.Itoa(k), State{}, nil
	c.Repositories, c.Dropped = slices.Clone(names), slices.Clone(j.Dropped)
	c.lineage = lineage{Try: 1, Again: j.lineage.Again, Waited: j.lineage.Waited, Alone: j.lineage.Alone}
	if c.lineage.Alone {
		c.lineage.Try = maxTries
	}
	c.lineage.Known = slices.Concat(j.lineage.Known, j.State.Twins)
	if id := j.State.Migration; id != 0 {
		c.lineage.Known = append(c.lineage.Known, id)
	}
	return &c
}

// again returns a successor that keeps the counts of the job.
func (j *Job) again(names []string) *Job {
	c := j.child(1, names)
	c.lineage.Try, c.lineage.Gone, c.lineage.Probe = j.lineage.Try, j.lineage.Gone, j.lineage.Probe
	return c
}

// halves returns two successors that divide the repositories between them.
func (j *Job) halves(names []string) []*Job {
	middle := (len(names) + 1) / 2
	return []*Job{j.child(1, names[:middle]), j.child(2, names[middle:])}
}

// reduced returns a job that exports the same single repository without its
// releases or, as the next step, without its attachments. It returns nil if the job
// needs no such export, or has failed without both.
func (j *Job) reduced() *Job {
	o := j.State.Outcome
	if !j.Over() || j.UnlockOnly || len(j.Repositories) > 1 || j.Start.ExcludeMetadata ||
		o != OutcomeFailed && o != OutcomeUnfetched || len(j.Successors()) > 0 {
		return nil
	}
	c := j.child(1, j.Repositories)
	switch {
	case !j.Start.ExcludeReleases:
		c.Start.ExcludeReleases = true
		c.Dropped = append(c.Dropped, "exclude_releases")
	case !j.Start.ExcludeAttachments:
		c.Start.ExcludeAttachments = true
		c.Dropped = append(c.Dropped, "exclude_attachments")
	default:
		return nil
	}
	return c
}

func byID(jobs []*Job) map[string]*Job {
	known := make(map[string]*Job, len(jobs))
	for _, j := range jobs {
		known[j.ID] = j
	}
	return known
}

// twinUnlocks returns the jobs that unlock the repositories of twins, without the
// jobs in known. This includes the twins of the jobs that this job replaces. A
// repository of a twin is unlocked when no job still exports it: when its job is
// over and has no successor for it. If early is set, twinUnlocks does not wait for
// this: the manifest lists these repositories as locked.
func (j *Job) twinUnlocks(known map[string]*Job, early bool) (jobs []*Job) {
	if !j.Start.LockRepositories || j.UnlockOnly || !early && !j.Over() {
		return nil
	}
	names := j.Repositories
	reduced := j.reduced()
	if reduced != nil && (!early || known[reduced.ID] != nil) {
		return nil
	}
	for _, next := range j.Successors() {
		names = without(names, next.Repositories)
	}
	if len(names) == 0 {
		return nil
	}
	owed := names
	if j.KeepLocked {
		owed = slices.DeleteFunc(slices.Clone(names), j.covers)
	}
	for origin := j; origin != nil; origin = known[parentID(origin.ID)] {
		for _, id := range origin.State.Twins {
			t := j.child(0, owed)
			t.ID = j.ID + ".t" + strconv.FormatInt(id, 10)
			t.UnlockOnly, t.State.Migration = true, id
			t.lineage = lineage{Try: 1, Family: without(origin.Repositories, owed)}
			if known[t.ID] == nil {
				jobs = append(jobs, t)
			}
		}
	}
	return jobs
}

// parentID returns the ID of the job that a job replaces; it is empty for a planned
// job.
func parentID(id string) string { return id[:max(strings.LastIndexByte(id, '.'), 0)] }

// allTwinUnlocks returns the twinUnlocks of all jobs.
func allTwinUnlocks(jobs []*Job, early bool) (next []*Job) {
	known := byID(jobs)
	for _, j := range jobs {
		next = append(next, j.twinUnlocks(known, early)...)
	}
	return next
}
