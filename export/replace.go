package export

import (
	"fmt"
	"slices"
	"strings"
)

// over takes note that a job has ended, and returns those that take its place.
func (r *run) over(job *Job) ([]*Job, error) {
	r.count(job)
	job.emit(EventOver)
	next := r.unplanned(job.Successors())
	r.mu.Lock()
	systemic := r.incident.sees(job)
	r.isolated = r.incident.isolated()
	r.systemic = r.systemic || systemic
	systemic = r.systemic
	r.mu.Unlock()
	if len(next) == 0 {
		return nil, nil
	}
	var err error
	if systemic && !next[0].UnlockOnly {
		err = ErrSystemic // the next call has the others
		next = slices.DeleteFunc(next, func(j *Job) bool { return !j.UnlockOnly })
	}
	next = r.hold(job, next)
	if planErr := r.plan(next); planErr != nil {
		return nil, planErr
	}
	if err == nil && len(next) > 0 {
		job.emit(EventReplaced)
	}
	return next, err
}

// hold keeps a job for the end whose successor leaves something out: by then it
// is known whether others fail too, and if they do nothing is left out. One that
// an earlier call saw fail, which may have ended for that reason, is tried once
// more as it was.
func (r *run) hold(job *Job, next []*Job) []*Job {
	switch {
	case len(next) == 0 || !next[0].reduces(job):
		return next
	case job.ended && job.Try < maxWhole && !job.reduces(&Job{Start: r.journal.header.Start}):
		next[0] = job.again(job.Repositories)
		return next
	}
	r.held = append(r.held, job)
	return next[1:]
}

// reduce plans the jobs that leave something out, and returns them.
func (r *run) reduce() ([]*Job, error) {
	var next []*Job
	for _, job := range r.held {
		reduced := r.unplanned(job.replacements())
		if err := r.plan(reduced); err != nil {
			return nil, err
		}
		job.emit(EventReplaced)
		for _, j := range reduced {
			j.emit(EventReduced)
		}
		next = append(next, reduced...)
	}
	r.held = nil
	return next, nil
}

// unplanned leaves out of a job's successors those that the journal has.
func (r *run) unplanned(next []*Job) []*Job {
	if len(next) == 0 {
		return nil
	}
	planned := map[string]bool{}
	for _, job := range r.journal.jobs {
		planned[job.place()] = true
	}
	return slices.DeleteFunc(next, func(j *Job) bool { return planned[j.place()] })
}

// place is the same for two successors of a job that are one.
func (j *Job) place() string {
	if j.UnlockOnly {
		return fmt.Sprintf("migration %d", j.State.Migration)
	}
	return fmt.Sprintf("%d %s", j.Replaces, strings.ToLower(j.Repositories[0]))
}

// count adds to what is done.
func (r *run) count(job *Job) {
	if job.UnlockOnly {
		return
	}
	r.telling.Lock()
	defer r.telling.Unlock()
	if len(job.replacements()) == 0 {
		r.done += len(job.Repositories)
		return
	}
	for _, name := range job.Repositories {
		if job.covers(name) && len(job.State.Faults) == 0 {
			r.done++
		}
	}
}
