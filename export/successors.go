package export

// This file is part of the core: it does no I/O and reads no clock.

import (
	"slices"
	"strconv"
	"strings"
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
	Family []string `json:"family,omitempty"` // of an UnlockOnly job: repositories of its migration that other jobs unlock
}

// Successors returns the jobs that take the place of a job that is over: none
// after a success, and none where nothing is left to be tried. It is a pure
// function, IDs included. [Tally.Rest] has the jobs that leave something out.
func (j *Job) Successors() []*Job {
	if !j.Over() || j.UnlockOnly {
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

// unlocking returns the jobs that release what twins have locked and that are not
// known yet. A twin is an unwanted migration of this job, or of a job that this
// one replaces. Only repositories that no job is going to export any more are
// unlocked: those of a job that is over, without those of its successors. With
// early, the others are there too: a manifest names them.
func (j *Job) unlocking(known map[string]*Job, early bool) (jobs []*Job) {
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

// parentID is the ID of the job that a job replaces; empty if it replaces none.
func parentID(id string) string { return id[:max(strings.LastIndexByte(id, '.'), 0)] }

// unlockingOf returns the jobs that release what twins of all these jobs have
// locked.
func unlockingOf(jobs []*Job, early bool) (next []*Job) {
	known := byID(jobs)
	for _, j := range jobs {
		next = append(next, j.unlocking(known, early)...)
	}
	return next
}
