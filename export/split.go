package export

import (
	"slices"
	"strings"

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
// attachments, since size is the usual reason; whoever wants to rule out an
// incident of GitHub's leaves these for the end, as Run does. What GitHub
// refused is halved at once. What was exported and died before it was fetched, and what the
// archive lacks, is exported again. A twin that may hold locks is unlocked.
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
	case s.Outcome == OutcomeGone && j.Try < maxGone:
		return []*Job{j.again(j.Repositories)}
	case s.Outcome == OutcomeExported && j.Try < 2 && len(s.Faults) > 0:
		return []*Job{j.again(j.Repositories)}
	case s.Outcome == OutcomeExported && j.Try < 2 && !j.complete():
		return []*Job{j.again(j.uncovered())}
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
		half.Try, half.Level, half.Half = 1, j.Level+1, j.Number
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

// An incident finds out whether it is GitHub, rather than a repository, that
// makes exports fail. It sees jobs as they end.
type incident struct {
	jobs    map[int]*Job            // that are over
	failed  map[int]map[string]bool // by the number of a halved job: which halves failed for good
	batches map[int]bool            // that failed since the last success
	refused int                     // how many batches GitHub did not take
	taken   bool                    // whether it has taken any
}

// maxFailing is how many batches may fail running.
const maxFailing = 3

// maxRefused is how many may be refused while none is taken.
const maxRefused = 50

func newIncident() *incident {
	return &incident{jobs: map[int]*Job{}, failed: map[int]map[string]bool{}, batches: map[int]bool{}}
}

// sees takes note of a job that is over, and reports whether there is no sense
// in going on: two halves failed twice in a row, or three batches running.
func (i *incident) sees(j *Job) bool {
	i.jobs[j.Number] = j
	s := &j.State
	switch {
	case j.UnlockOnly, j.ended:
		return false
	case s.Outcome == OutcomeExported:
		clear(i.batches)
		return false
	case s.Outcome == OutcomeRefused: // a repository that is not there is no incident
		i.refused++
		return i.refused >= maxRefused && !i.taken
	case s.Outcome == OutcomeFailed && j.Try < 2, s.Outcome != OutcomeFailed:
		return false
	case j.reduces(i.batchOf(j)): // in the end, one after the other, and they have failed before
		return false
	case j.Half == 0:
		i.batches[i.batchOf(j).Number] = true
		return len(i.batches) >= maxFailing
	}
	if i.failed[j.Half] == nil {
		i.failed[j.Half] = map[string]bool{}
	}
	i.failed[j.Half][strings.ToLower(j.Repositories[0])] = true
	return i.bothFailed(j.Half) && i.bothFailed(i.halfOf(j.Half))
}

// batchOf is the job that a job began as.
func (i *incident) batchOf(j *Job) *Job {
	for j.Replaces != 0 && i.jobs[j.Replaces] != nil {
		j = i.jobs[j.Replaces]
	}
	return j
}

func (i *incident) bothFailed(halved int) bool { return len(i.failed[halved]) > 1 }

// halfOf is the number of the job of which a job is a half.
func (i *incident) halfOf(number int) int {
	if j := i.jobs[number]; j != nil {
		return j.Half
	}
	return 0
}

// isolated is how many failures are not explained by another one further down:
// behind each is at least one repository that makes exports fail.
func (i *incident) isolated() int {
	explained := map[int]bool{}
	count := 0
	for _, j := range i.jobs {
		if !j.failed() {
			continue
		}
		count++
		if before := i.jobs[j.Replaces]; before != nil && before.failed() && !explained[before.Number] {
			explained[before.Number] = true
			count--
		}
	}
	return count
}

func (j *Job) failed() bool {
	return !j.UnlockOnly && (j.State.Outcome == OutcomeFailed || j.State.Outcome == OutcomeRefused)
}
