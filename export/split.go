package export

import (
	"slices"

	"github.com/ghmigrate/ghmigrate"
)

// maxGone is how often an archive may die before it is fetched.
const maxGone = 3

// maxWhole is how often a single repository may fail, over calls of Run, before
// something is left out.
const maxWhole = 3

// Successors returns the jobs that take the place of one that is over, in
// order and without a Number: none after a success, and none where nothing is
// left to be tried. It is a pure function of the job.
//
// A batch that failed is tried once more, then halved, and so on, down to
// single repositories; these are tried without releases, then without
// attachments, since size is the usual reason. Run leaves these two for the end,
// when it is known whether others fail too. What GitHub refused is halved at
// once. What was exported and died before it was fetched, and what the archive
// lacks, is exported again. A twin that may hold locks is unlocked.
func (j *Job) Successors() []*Job {
	if !j.Over() {
		return nil
	}
	return append(j.replacements(), j.twins()...)
}

func (j *Job) replacements() []*Job {
	s := &j.State
	switch {
	case j.UnlockOnly:
		return nil
	case s.Outcome == OutcomeGone && j.Gone+1 < maxGone:
		next := j.again(j.Repositories)
		next.Try, next.Gone = j.Try, j.Gone+1
		return []*Job{next}
	case s.Outcome == OutcomeExported && !j.Again && !j.complete():
		lacking := j.uncovered()
		if len(s.Faults) > 0 {
			lacking = j.Repositories
		}
		next := j.again(lacking)
		next.Try, next.Again = j.Try, true
		return []*Job{next}
	case s.Outcome == OutcomeFailed && j.Try < 2:
		return []*Job{j.again(j.Repositories)}
	case s.Outcome != OutcomeFailed && s.Outcome != OutcomeRefused:
		return nil
	case len(j.Repositories) > 1:
		return j.halves()
	case s.Outcome == OutcomeRefused: // for another reason than its size
		return nil
	case !j.Start.ExcludeReleases && !j.Start.ExcludeMetadata:
		return []*Job{j.without(func(s *ghmigrate.StartMigrationRequest) { s.ExcludeReleases = true })}
	case !j.Start.ExcludeAttachments && !j.Start.ExcludeMetadata:
		return []*Job{j.without(func(s *ghmigrate.StartMigrationRequest) { s.ExcludeAttachments = true })}
	}
	return nil
}

// again is a job for the same repositories, or for some of them.
func (j *Job) again(repositories []string) *Job {
	return &Job{
		Replaces:      j.Number,
		Repositories:  slices.Clone(repositories),
		Start:         j.Start,
		Dir:           j.Dir,
		DeleteArchive: j.DeleteArchive,
		KeepLocked:    j.KeepLocked,
		Try:           j.Try + 1,
		Gone:          j.Gone,
		Again:         j.Again,
		Level:         j.Level,
		Half:          j.Half,
		Store:         j.Store,
		Save:          j.Save,
		run:           j.run,
	}
}

func (j *Job) halves() []*Job {
	middle := (len(j.Repositories) + 1) / 2
	first, second := j.again(j.Repositories[:middle]), j.again(j.Repositories[middle:])
	for _, half := range []*Job{first, second} {
		half.Try, half.Gone, half.Again, half.Level, half.Half = 1, 0, false, j.Level+1, j.Number
	}
	return []*Job{first, second}
}

// without is a job that leaves something out.
func (j *Job) without(leaveOut func(*ghmigrate.StartMigrationRequest)) *Job {
	reduced := j.again(j.Repositories)
	reduced.Try = 2 // one that fails is not repeated, but its archive may die
	leaveOut(&reduced.Start)
	return reduced
}

// reduces tells whether a job leaves out what the one in whose place it comes
// did not.
func (j *Job) reduces(before *Job) bool {
	return !j.UnlockOnly && !slices.Equal(optionNames(j.Start), optionNames(before.Start))
}

// uncovered lists what the archive lacks of what was asked for.
func (j *Job) uncovered() []string {
	return slices.DeleteFunc(slices.Clone(j.Repositories), j.covers)
}

// twins are jobs for the migrations that were started for this one and are not
// wanted. They hold locks as any other.
func (j *Job) twins() []*Job {
	owed := j.owed()
	if !j.Start.LockRepositories || len(owed) == 0 {
		return nil
	}
	var jobs []*Job
	for _, id := range j.State.Twins {
		twin := j.again(owed)
		twin.UnlockOnly, twin.Try, twin.State.Migration = true, 1, id
		jobs = append(jobs, twin)
	}
	return jobs
}
