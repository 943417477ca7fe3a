package export

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// requested lists what was asked for.
func (r *run) requested() []string {
	var names []string
	for _, job := range r.journal.jobs {
		if job.isFirst() {
			names = append(names, job.Repositories...)
		}
	}
	return names
}

// adopt lends a job what it needs.
func (r *run) adopt(job *Job) {
	job.Dir, job.Store, job.Save, job.NotBefore = r.dir, r.opts.Store, r.save, time.Time{}
	job.run = &surroundings{disk: r.opts.disk, known: r.known, highest: r.newest, emit: r.emit, pacer: r.pacer, wire: &r.wire}
	r.note(job)
	if job.isFirst() {
		r.firsts++
		r.all += len(job.Repositories)
	}
}

// plan adds jobs to the run.
func (r *run) plan(jobs []*Job) error {
	if len(jobs) == 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.journal.plan(jobs); err != nil {
		return r.breaks(err)
	}
	for _, job := range jobs {
		r.adopt(job)
	}
	return nil
}

// save writes a job's state to the journal.
func (r *run) save(job *Job) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken != nil {
		return r.broken
	}
	r.note(job)
	if err := r.journal.write(line{Job: job.Number, State: &job.State}); err != nil {
		return r.breaks(err)
	}
	return nil
}

func (r *run) breaks(err error) error {
	if errors.Is(err, errTooLong) {
		return err
	}
	r.broken = fmt.Errorf("%w: %w", errBroken, err)
	return r.broken
}

// note remembers what the run has to know of all jobs together.
func (r *run) note(job *Job) {
	for _, id := range append(slices.Clone(job.State.Twins), job.State.Migration) {
		if id == 0 {
			continue
		}
		r.ids[id] = true
		r.highest = max(r.highest, id)
	}
	r.starts[job.Number] = job.State.Starts
	r.incident.taken = r.incident.taken || !job.UnlockOnly && job.State.Migration != 0
}

func (r *run) known(migration int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ids[migration]
}

// newest looks again if the last look was long ago: what others have started
// since is not to be taken for what is started now.
func (r *run) newest(ctx context.Context, acct Account) (int64, error) {
	r.mu.Lock()
	highest, looked := r.highest, r.looked
	r.mu.Unlock()
	if time.Since(looked) < lookedLately {
		return highest, nil
	}
	watched, _ := r.wire.watch(ctx)
	id, err := newest(watched, acct)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.highest, r.looked = max(r.highest, id), time.Now()
	}
	return r.highest, err
}

const lookedLately = 30 * time.Second
