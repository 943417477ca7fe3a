package export

// This file is part of the core: it does no I/O and reads no clock.

import (
	"slices"
	"strconv"
)

// lineage is what a job inherits from the jobs that it replaces.
type lineage struct {
	Try    int      `json:"try,omitzero"`     // exports of this set in a row, from 1
	Gone   int      `json:"gone,omitzero"`    // exports of this set whose archive died
	Again  bool     `json:"again,omitzero"`   // for repositories that an archive lacked
	Waited bool     `json:"waited,omitzero"`  // GitHub had ten minutes to accept a larger set
	Alone  bool     `json:"alone,omitzero"`   // isolated, since it failed in the run before
	Probe  bool     `json:"probe,omitzero"`   // one repository that tells whether GitHub exports anything
	Twice  bool     `json:"twice,omitzero"`   // exported whole once more, since it failed when nothing was exported
	At     []int    `json:"at,omitempty"`     // of an isolated job: where its repositories were in the request
	Known  []int64  `json:"known,omitempty"`  // migrations of the jobs before: a search ignores them
	Twins  []int64  `json:"twins,omitempty"`  // migrations of the jobs before that may lock these repositories
	Family []string `json:"family,omitempty"` // of an UnlockOnly job: repositories of its migration that other jobs unlock
}

// Successors returns the jobs that take the place of a job that is over: none
// after a success, and none where nothing is left to be tried. It is a pure
// function, IDs included. [Tally.Rest] has the jobs that leave something out.
func (j *Job) Successors() []*Job {
	if !j.Over() {
		return nil
	}
	next := j.replacements()
	return append(next, j.unlocking(next)...)
}

// replacements are the successors that export.
func (j *Job) replacements() []*Job {
	if j.UnlockOnly {
		return nil
	}
	s := &j.State
	switch s.Outcome { //nolint:exhaustive // all others are halved
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
		lacking := j.lacking()
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

// child is a successor with the k-th ID.
func (j *Job) child(k int, names []string) *Job {
	c := &Job{
		ID: j.ID + "." + strconv.Itoa(k), Run: j.Run, Repositories: slices.Clone(names), Start: j.Start, Dir: j.Dir,
		DeleteArchive: j.DeleteArchive, KeepLocked: j.KeepLocked, Stream: j.Stream, Dropped: slices.Clone(j.Dropped),
		Store: j.Store, Save: j.Save, Progress: j.Progress, disk: j.disk,
	}
	c.lineage = lineage{Try: 1, Again: j.lineage.Again, Waited: j.lineage.Waited, Alone: j.lineage.Alone}
	if c.lineage.Alone {
		c.lineage.Try = maxTries
	}
	c.inherit(j)
	c.lineage.Known = slices.Concat(j.lineage.Known, j.State.Twins)
	if id := j.State.Migration; id != 0 {
		c.lineage.Known = append(c.lineage.Known, id)
	}
	return c
}

// inherit takes over the unwanted migrations of the job that this one replaces.
func (j *Job) inherit(before *Job) {
	l := &j.lineage
	for _, id := range before.twins() {
		if !slices.Contains(l.Twins, id) {
			l.Twins = append(slices.Clip(l.Twins), id)
		}
	}
	if len(l.Twins) > 0 {
		l.Family = before.family()
	}
}

// family is the largest set of repositories that the job's twins may have.
func (j *Job) family() []string {
	if len(j.lineage.Family) > 0 {
		return j.lineage.Family
	}
	return j.Repositories
}

// again is a successor that counts on where the job was.
func (j *Job) again(names []string) *Job {
	c := j.child(1, names)
	c.lineage.Try, c.lineage.Gone, c.lineage.Probe = j.lineage.Try, j.lineage.Gone, j.lineage.Probe
	return c
}

func (j *Job) halves(names []string) []*Job {
	middle := (len(names) + 1) / 2
	return []*Job{j.child(1, names[:middle]), j.child(2, names[middle:])}
}

// reduced returns the job that exports the same single repository without its
// releases or, after that, without its attachments; nil if there is none.
func (j *Job) reduced() *Job {
	o := j.State.Outcome
	if !j.Over() || j.UnlockOnly || len(j.Repositories) > 1 || j.Start.ExcludeMetadata ||
		o != OutcomeFailed && o != OutcomeUnfetched || len(j.replacements()) > 0 {
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

// twins lists the unwanted migrations that may lock the job's repositories.
func (j *Job) twins() []int64 { return slices.Concat(j.lineage.Twins, j.State.Twins) }

// unlocking returns the jobs that release what unwanted migrations have locked:
// only of repositories that no other job is going to export.
func (j *Job) unlocking(next []*Job) []*Job {
	if !j.Start.LockRepositories || j.UnlockOnly || j.reduced() != nil {
		return nil
	}
	var elsewhere []string
	for _, n := range next {
		elsewhere = append(elsewhere, n.Repositories...)
	}
	settled := without(j.Repositories, elsewhere)
	owed := settled
	if j.KeepLocked {
		owed = slices.DeleteFunc(slices.Clone(settled), j.covers)
	}
	if len(settled) == 0 {
		return nil
	}
	var jobs []*Job
	for _, id := range j.twins() {
		jobs = append(jobs, j.twin(id, owed))
	}
	return jobs
}

// twin is the job that releases the locks of an unwanted migration.
func (j *Job) twin(id int64, names []string) *Job {
	t := j.child(0, names)
	t.ID = j.ID + ".t" + strconv.FormatInt(id, 10)
	t.UnlockOnly, t.State.Migration = true, id
	t.lineage = lineage{Try: 1, Family: without(j.family(), names)}
	return t
}

func byID(jobs []*Job) map[string]*Job {
	known := make(map[string]*Job, len(jobs))
	for _, j := range jobs {
		known[j.ID] = j
	}
	return known
}

// inheritTwins passes the twins of jobs on to the jobs that replaced them, and
// returns the unlocking jobs that are missing. Jobs are in the order in which
// they were made. Calling it again changes nothing: a crash in between does no
// harm.
func inheritTwins(jobs []*Job) (next []*Job) {
	known := byID(jobs)
	for _, j := range jobs {
		if len(j.twins()) == 0 || !j.Over() || j.UnlockOnly {
			continue
		}
		for _, c := range append(j.replacements(), j.reduced()) {
			if c != nil && known[c.ID] != nil {
				known[c.ID].inherit(j)
			}
		}
		for _, t := range j.Successors() {
			if t.UnlockOnly && known[t.ID] == nil {
				next = append(next, t)
			}
		}
	}
	return next
}
