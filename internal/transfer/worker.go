package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

const (
	blockSize = 256 << 10 // is read at once, and stays in the processor's cache
	maxFaults = 4         // in a row are forgiven

	// A connection that brought this many bytes is followed by the next one after
	// a breath, and one that brought progressMinimum at once.
	goodBytes = 64 << 10
	breath    = 10 * time.Millisecond
)

// A worker fetches one job after the other.
type worker struct {
	*attempt
	block  []byte // allocated for the first job
	record record
	faults int // faulty responses in a row
}

// A record is what came of the latest requests of a worker.
type record struct {
	good     bool      // whether the latest one did its work
	placed   bool      // whether the worker keeps its place although that failed
	failures int       // requests in a row that brought nothing
	failed   time.Time // when the latest of them failed
	why      error     // why
}

// run fetches until there is no job. What is left of a failed job is free again,
// and probably the worker's next job.
func (w *worker) run(ctx context.Context) error {
	for {
		j := w.schedule.next(w.record)
		if j == nil {
			return nil
		}
		if w.block == nil {
			w.block = make([]byte, blockSize)
		}
		err := w.fetch(ctx, j)
		placed := w.schedule.end(j, err != nil)
		switch {
		case err == nil, j.got > 0:
			w.record = record{good: err == nil, placed: placed}
		default:
			w.record = record{placed: placed, failures: w.record.failures + 1, failed: time.Now(), why: err}
		}
		if err == nil {
			continue
		}
		if err := w.overcome(ctx, j, err); err != nil {
			return err
		}
	}
}

// overcome waits for as long as the failure of a request suggests. It returns an
// error if another request cannot help.
func (w *worker) overcome(ctx context.Context, j *job, err error) error {
	if ctx.Err() != nil {
		return netx.ContextError(ctx)
	}
	why, ok := errors.AsType[*trouble](err)
	if !ok {
		return w.fallBack(ctx, j, err)
	}
	wait := netx.Backoff(max(0, w.record.failures-1))
	if j.got > 0 { // even if it was little
		wait = netx.Backoff(1)
	}
	m, known := w.state()
	switch why.kind {
	case refused: // a request for a fresh URL waits, if need be
		if w.urls.refused(why) {
			return w.fallBack(ctx, j, why.err)
		}
		wait = 0
	case page, faulty:
		if why.kind == page && (known != nil || m == plainGet) {
			break // a proxy's page tells nothing about storage
		}
		if w.faults++; w.faults > maxFaults {
			w.faults = 0
			return w.fallBack(ctx, j, why.err)
		}
		wait = netx.Backoff(w.faults - 1)
	case busy, unanswered:
		w.schedule.refused(j, why.kind == busy)
	case replaced, early:
		wait = 0
	case broken:
		switch {
		case j.got >= progressMinimum:
			wait = 0
		case j.got >= goodBytes:
			wait = breath
		}
	}
	if known != nil && !known.Resumable() {
		return fmt.Errorf("%w: %w", errNoResume, why.err)
	}
	if why.kind != early {
		w.logger.WarnContext(ctx, "transfer interrupted", "error", why.err, "offset", j.at, "wait", max(wait, why.wait))
	}
	return w.schedule.pause(max(wait, why.wait), why.wait > wait && why.kind != early, why.err)
}

// fallBack asks for the object in another way, before the transfer fails because
// storage refuses requests of this kind. It returns the error that ends the
// attempt, nil if the attempt goes on.
func (w *worker) fallBack(ctx context.Context, j *job, err error) error {
	if !mayFallBack(err) {
		return err
	}
	w.session.mu.Lock()
	defer w.session.mu.Unlock()
	switch {
	case j.method < w.method: // another worker has done it since
		return nil
	case w.method == plainGet:
		return err
	case w.known && w.method == sideBySide && w.schedule.onlyOne():
		w.method = oneRange
	default:
		w.urls.revive()
		if w.known {
			return &fallBackError{err}
		}
		w.method = plainGet
	}
	w.cause = err
	w.logger.WarnContext(ctx, "transfer falls back", "to", w.method, "error", err)
	return nil
}
