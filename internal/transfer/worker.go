package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// blockSize is large enough to make the work around each block small, and small
// enough for a block of each worker to stay in the processor's cache.
const blockSize = 256 << 10

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
	failures int       // requests in a row that brought nothing
	failed   time.Time // when the latest of them failed
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
		resume := w.schedule.end(j, err != nil)
		if err == nil {
			w.record = record{good: true}
			continue
		}
		err = w.overcome(ctx, j, err)
		resume()
		if err != nil {
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
	if why.kind == early {
		w.record.good = false
		return w.schedule.pause(ctx, why.wait, false, why.err)
	}
	w.record = record{failures: w.record.failures + 1, failed: time.Now()}
	if j.got > 0 {
		w.record = record{}
	}
	wait := w.backoff(j)
	switch why.kind {
	case refused: // the request for a fresh URL waits
		if w.urls.refused(why.url) {
			return w.fallBack(ctx, j, why.err)
		}
		wait = 0
	case faulty:
		if w.faults++; w.faults > maxFaults {
			w.faults = 0
			return w.fallBack(ctx, j, why.err)
		}
		wait = netx.Backoff(w.faults - 1)
	case page:
		if _, known := w.state(); known == nil {
			if w.faults++; w.faults > maxFaults && j.method != plainGet {
				return w.fallBack(ctx, j, why.err)
			}
		}
	case busy:
		w.schedule.refuse(j)
	case unanswered:
		w.schedule.unanswered(j)
	case replaced:
		wait = 0
	case broken, early:
	}
	if _, o := w.state(); o != nil && !o.resumable() {
		return fmt.Errorf("%w: %w", errNoResume, why.err)
	}
	stated := why.wait > wait
	wait = max(wait, why.wait)
	w.schedule.failed(why.err)
	w.logger.WarnContext(ctx, "transfer interrupted", "error", why.err, "offset", j.at, "wait", wait)
	return w.schedule.pause(ctx, wait, stated, why.err)
}

// backoff returns how long to wait after a request. A connection that did its
// work is followed by the next one at once.
func (w *worker) backoff(j *job) time.Duration {
	switch {
	case j.got >= goodBytes:
		return 0
	case j.got > 0:
		return netx.Backoff(1)
	}
	return netx.Backoff(w.record.failures - 1)
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
	case w.known && w.method == sideBySide && w.schedule.hasMany():
		w.method = oneRange
		w.schedule.onlyOne()
	case w.known:
		w.urls.revive()
		return &fallBackError{to: plainGet, err: err}
	default:
		w.urls.revive()
		w.method = plainGet
	}
	w.cause = err
	w.logger.WarnContext(ctx, "transfer falls back", "to", w.method, "error", err)
	return nil
}
