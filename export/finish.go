package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/durable"
)

// more finds something to do when nothing is under way and nothing is due. If
// it finds nothing, the run is finished, or the error is why it is not.
func (r *run) more(ctx context.Context) (bool, error) {
	now := time.Now()
	switch {
	case len(r.pending) > 0: // nothing of it may be started
		abandon := r.tally.Stopped()
		if err := r.saveTally(); err != nil || !abandon {
			return false, errors.Join(err, fmt.Errorf("%w: %w", ErrSystemic, r.doubt))
		}
		reason := fmt.Sprintf("not started: in two runs in a row %v: %v", ErrSystemic, r.doubt)
		for _, job := range slices.Clone(r.pending) {
			before := job.State
			job.Abandon(reason, now)
			if err := r.note(job, EffectStart, Result{}, &before); err != nil {
				return false, err
			}
		}
		return true, nil
	case len(r.live) > 0: // parked
		return false, errors.Join(r.parked...)
	}
	if rest := r.tally.Rest(r.journal.jobs); len(rest) > 0 {
		if err := r.plan(rest); err != nil {
			return false, err
		}
		for _, job := range rest {
			job.emit(job.event(EventReduced))
		}
		r.enlist(false, rest...)
		return true, nil
	}
	return r.lastTwins(ctx)
}

// saveTally writes what the next call has to know of the tally when it has
// changed.
func (r *run) saveTally() error {
	t := &r.tally.t
	if saved := r.journal.tally.t; t.Stops == saved.Stops && len(t.Doubt) == len(saved.Doubt) {
		return nil
	}
	r.journal.tally = Tally{tally{Stops: t.Stops, Doubt: t.Doubt}}
	return r.journal.write(line{Tally: &r.journal.tally})
}

// end writes the manifest if the run is finished. The error says what is
// missing.
func (r *run) end(ctx context.Context, err error) (*Manifest, error) {
	if err == nil {
		err = r.finish(ctx)
	}
	m := r.manifest()
	if r.journal.end != nil {
		m.Ended = r.journal.end.At
	}
	err = m.shortfall(err)
	if !m.Ended.IsZero() { // nothing more is tried, also for what could have been tried in part
		r.done = r.all
	}
	r.emit(Event{Kind: EventEnded, Repositories: r.all, Err: err})
	return m, err
}

func (r *run) manifest() *Manifest {
	h := r.journal.header
	m := NewManifest(r.account, h.Start, r.journal.jobs)
	m.Run, m.Begun, m.Dir = h.Name, h.Begun, r.dir
	return m
}

// finish puts the manifest in place and ends the journal.
func (r *run) finish(ctx context.Context) error {
	for _, job := range r.journal.jobs { // what could not be removed before
		_ = job.clear()
	}
	now := time.Now().UTC()
	m := r.manifest()
	m.Ended = now
	data, err := m.encode()
	if err != nil {
		return err
	}
	if err := durable.WriteFile(r.opts.disk, m.path(), data); err != nil {
		return err
	}
	if r.opts.Store != nil {
		name := path.Join(r.journal.header.Name, manifestName)
		err := r.persist(ctx, func() error {
			if err := r.opts.Store.Put(ctx, name, bytes.NewReader(data), int64(len(data))); err != nil {
				return &storeError{name, err}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if err := r.journal.write(line{End: &end{At: now}}); err != nil {
		return err
	}
	r.journal.end = &end{At: now}
	return nil
}
