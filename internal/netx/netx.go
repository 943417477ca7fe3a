// Package netx has functions that the clients of the API and of archive storage
// share: pauses between attempts, delays and dates of response headers, and errors
// of net/http without secrets. It depends neither on GitHub nor on downloads.
package netx

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// Sleep waits for d. If ctx ends first, Sleep returns its [ContextError].
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ContextError(ctx)
	case <-timer.C:
		return nil
	}
}

// ContextError returns an error about the end of ctx. It matches both ctx.Err and
// the cause.
func ContextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}

const (
	firstBackoff = 500 * time.Millisecond
	maxBackoff   = 30 * time.Second
)

// Backoff returns the pause before a retry after a number of earlier retries. The
// pause doubles from half a second up to half a minute, minus a random part of up
// to a half.
func Backoff(retries int) time.Duration {
	d := min(firstBackoff<<min(retries, 10), maxBackoff)
	return d/2 + rand.N(d/2) //nolint:gosec // jitter spreads load and keeps no secret
}

// maxDelay limits a delay that a server sends, so that sums of delays do not
// overflow.
const maxDelay = 10 * 365 * 24 * time.Hour

// RetryAfter returns the delay of the Retry-After header, which is a number of
// seconds, maybe with a fraction, or a date by the server's clock. It returns 0 if
// the header is missing, malformed or absurd.
func RetryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseFloat(value, 64); err == nil && seconds > 0 && seconds <= maxDelay.Seconds() {
		return time.Duration(seconds * float64(time.Second))
	}
	if at, err := http.ParseTime(value); err == nil {
		return Until(at, h)
	}
	return 0
}

// Until returns the time until t by the server's clock, which the header of
// a response has. It returns 0 if t has passed.
func Until(t time.Time, h http.Header) time.Duration {
	return min(max(t.Sub(Date(h)), 0), maxDelay)
}

// Date returns the time of a response by the server's clock, or the local time if
// the response has no valid Date header.
func Date(h http.Header) time.Time {
	if t, err := http.ParseTime(h.Get("Date")); err == nil {
		return t
	}
	return time.Now()
}
