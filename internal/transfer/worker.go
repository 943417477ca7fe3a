package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

const (
	blockSize = 256 << 10 // bytes of one read; a block stays in the processor's cache
	maxFaults = 4         // faulty responses in a row to a worker before a fallback

	// After a connection that brought progressMinimum, the worker retries at once.
	// After one that brought goodBytes, it waits for shortWait.
	goodBytes = 64 << 10
	shortWait = 10 * time.Millisecond
)

// A worker fetches jobs, one request at a time.
type worker struct {
	*attempt
	block  []byte // allocated for the first job
	record record
	faults int // faulty responses in a row
}

// A record holds the results of the latest requests of a worker.
type record struct {
	succeeded bool      // whether the latest request succeeded
	keepsSlot bool      // whether the worker keeps its slot although the request failed
	failures  int       // requests in a row that failed without a byte
	failed    time.Time // when the latest of these requests failed
	err       error     // the error of that request
}

// run fetches until there is no job. The missing bytes of a failed job are free
// again, and are probably the worker's next job.
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
		keepsSlot := w.schedule.end(j, err != nil)
		switch {
		case err == nil, j.got > 0:
			w.record = record{succeeded: err == nil, keepsSlot: keepsSlot}
		default:
			w.record = record{keepsSlot: keepsSlot, failures: w.record.failures + 1, failed: time.Now(), err: err}
		}
		if err == nil {
			continue
		}
		if err := w.handleFailure(ctx, j, err); err != nil {
			return err
		}
	}
}

// handleFailure handles the failure of a request: it waits, marks the URL as refused,
// or falls back. It returns an error if a retry cannot help.
func (w *worker) handleFailure(ctx context.Context, j *job, err error) error {
	if ctx.Err() != nil {
		return netx.ContextError(ctx)
	}
	why, ok := errors.AsType[*retryableError](err)
	if !ok {
		return w.fallBack(ctx, j, err)
	}
	wait := netx.Backoff(max(0, w.record.failures-1))
	if j.got > 0 {
		wait = netx.Backoff(1)
	}
	m, known := w.state()
	switch why.kind {
	case refused: // signedURLs delays the next request for a URL if necessary
		if w.urls.refused(why) {
			return w.fallBack(ctx, j, why.err)
		}
		wait = 0
	case page, faulty:
		if why.kind == page && (known != nil || m == plainGet) {
			break // the page of a proxy says nothing about storage
		}
		if w.faults++; w.faults > w.schedule.allowedFaults() {
			w.faults = 0
			return w.fallBack(ctx, j, why.err)
		}
		wait = netx.Backoff(w.faults - 1)
	case busy, noResponse:
		w.schedule.refused(j, why.kind == busy)
	case replaced, tooEarly:
		wait = 0
	case broken:
		switch {
		case j.got >= progressMinimum:
			wait = 0
		case j.got >= goodBytes:
			wait = shortWait
		}
	}
	if known != nil && !known.Resumable() {
		return fmt.Errorf("%w: %w", errNoResume, why.err)
	}
	if why.kind != tooEarly {
		w.logger.WarnContext(ctx, "transfer interrupted", "error", why.err, "offset", j.at, "wait", max(wait, why.wait))
	}
	return w.schedule.pause(max(wait, why.wait), why.wait > wait && why.kind != tooEarly, why.err)
}

// fallBack changes the method of requests when storage refuses the method of a job.
// It returns the error that ends the attempt, or nil if the attempt continues with
// the new method.
func (w *worker) fallBack(ctx context.Context, j *job, err error) error {
	if !mayFallBack(err) {
		return err
	}
	w.session.mu.Lock()
	defer w.session.mu.Unlock()
	switch {
	case j.method < w.method: // another worker has changed the method
		return nil
	case w.method == plainGet:
		return err
	case w.known && w.method == sideBySide && w.schedule.adaptToOneRange():
		w.method = oneRange
	default:
		w.urls.allowAgain()
		if w.known {
			return &fallBackError{err}
		}
		w.method = plainGet
	}
	w.cause = err
	w.logger.WarnContext(ctx, "transfer falls back", "to", w.method, "error", err)
	return nil
}
