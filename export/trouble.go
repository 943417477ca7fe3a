package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/internal/durable"
)

const (
	// How long something is waited for that fails for reasons that may pass,
	// all pauses together.
	maxTrouble = time.Hour
	// The pauses between two tries: they double.
	firstPause   = 5 * time.Second
	longestPause = 5 * time.Minute
)

// persist does something until it succeeds, or fails for a reason that stays,
// or has failed for too long. Rate limits do not count.
func (r *run) persist(ctx context.Context, do func() error, job *Job) error {
	var trouble time.Duration
	pause := firstPause
	for {
		r.mu.Lock()
		gate := r.gate
		r.mu.Unlock()
		if err := sleepUntil(ctx, gate); err != nil {
			return err
		}
		err := do()
		answer, _ := errors.AsType[*ghmigrate.APIError](err)
		if isStoreError(err) {
			answer = nil // whatever a Store speaks to, it is not this GitHub
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return err
		case answer != nil && answer.RetryAfter > 0:
			r.mu.Lock()
			if until := time.Now().Add(answer.RetryAfter); until.After(r.gate) {
				r.gate = until
			}
			r.mu.Unlock()
			r.waits(job, answer.RetryAfter, err)
			continue
		case !mayPass(err):
			return err
		case trouble >= maxTrouble:
			return fmt.Errorf("after %v: %w", maxTrouble, err)
		}
		r.waits(job, pause, err)
		if err := sleepUntil(ctx, time.Now().Add(pause)); err != nil {
			return err
		}
		trouble += pause
		pause = min(2*pause, longestPause)
	}
}

func (r *run) waits(job *Job, wait time.Duration, err error) {
	e := Event{Kind: EventWaiting, Wait: wait, Err: err}
	if job != nil {
		e.Job, e.Migration, e.Repositories = job.Number, job.State.Migration, len(job.Repositories)
	}
	r.emit(e)
}

// mayPass tells whether an error may be gone at the next try.
func mayPass(err error) bool {
	if isStoreError(err) {
		return true
	}
	if answer, ok := errors.AsType[*ghmigrate.APIError](err); ok {
		return answer.StatusCode >= 500 || errors.Is(err, ghmigrate.ErrArchiveNotReady)
	}
	return !isFatal(err) && !errors.Is(err, errTooLong)
}

// isFatal tells whether an error is about everything, and not about one job.
func isFatal(err error) bool {
	switch {
	case isStoreError(err):
		return false
	case errors.Is(err, errNoStarts):
		return true
	}
	if answer, ok := errors.AsType[*ghmigrate.APIError](err); ok {
		return answer.StatusCode < 500 && !errors.Is(err, ghmigrate.ErrNotFound)
	}
	_, disk := errors.AsType[*fs.PathError](err)
	return disk || errors.Is(err, errBroken) || errors.Is(err, errNotFetched) || errors.Is(err, durable.ErrLocked) || errors.Is(err, durable.ErrNotRegular)
}

var (
	errBroken   = errors.New("the journal cannot be written")
	errNoStarts = errors.New("no migrations can be started")
)
