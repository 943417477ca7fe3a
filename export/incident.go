package export

import "strings"

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
