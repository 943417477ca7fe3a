package export

import (
	"bytes"
	"context"
	"path"
	"path/filepath"
	"time"
)

// unlockGrace is how long Run goes on unlocking after its context has ended.
const unlockGrace = 2 * time.Minute

// end writes the manifest if the run is finished, and else releases what it
// can. The error tells what is missing.
func (r *run) end(ctx context.Context, err error) (*Manifest, error) {
	if err != nil && r.broken == nil {
		patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockGrace)
		r.release(patient)
		cancel()
	}
	if err == nil {
		err = r.finish(ctx)
	}
	m := newManifest(r.journal, r.dir)
	err = m.shortfall(err)
	r.emit(Event{Kind: EventEnded, Repositories: r.all, Err: err})
	return m, err
}

// release unlocks what a run that ends early would leave locked, and what is
// done.
func (r *run) release(ctx context.Context) {
	for _, job := range r.journal.jobs {
		if job.State.Migration == 0 || !job.Start.LockRepositories || job.State.Unlocked {
			continue
		}
		if job.State.Outcome == OutcomeUnknown {
			if err := job.look(ctx, r.acct); err != nil && stopsUnlocking(ctx, err) {
				return // what is not known to be done stays in PartialError.Locked
			}
		}
		if job.State.Outcome != OutcomeUnknown && job.mayUnlock() {
			if err := job.unlock(ctx, r.acct); err != nil && stopsUnlocking(ctx, err) {
				return
			}
		}
	}
}

// finish puts the manifest in place and ends the journal.
func (r *run) finish(ctx context.Context) error {
	now := time.Now().UTC()
	m := newManifest(r.journal, r.dir)
	m.Ended = now
	data, err := m.encode()
	if err != nil {
		return err
	}
	if err := writeFile(r.opts.disk, m.path(), data); err != nil {
		return err
	}
	if r.opts.Store != nil {
		name := path.Join(filepath.Base(r.dir), manifestName)
		err := r.persist(ctx, func() error {
			if err := r.opts.Store.Put(ctx, name, bytes.NewReader(data), int64(len(data))); err != nil {
				return &storeError{name, err}
			}
			return nil
		}, nil)
		if err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.journal.write(line{End: &end{At: now}}); err != nil {
		return r.breaks(err)
	}
	r.journal.end = &end{At: now}
	return nil
}
