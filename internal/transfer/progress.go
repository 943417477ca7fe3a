package transfer

import (
	"errors"
	"fmt"
	"time"
)

const (
	// A transfer fails if it gets less than progressMinimum in progressLimit. Waits
	// that storage asks for do not count, up to maxRequestedWait in total.
	progressLimit    = 5 * time.Minute
	progressMinimum  = 1 << 20
	maxRequestedWait = time.Hour
)

var errNoProgress = errors.New("no progress: less than 1 MiB in five minutes")

// pause waits before a worker retries after a failure. requested reports whether
// storage asked for the wait with Retry-After. pause returns early when nothing is
// left to fetch. It fails if storage asks all workers for too long a wait.
func (s *schedule) pause(wait time.Duration, requested bool, why error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	why = temporary(why)
	s.lastFailure = why
	counter := &s.backoffs
	if requested {
		if alone := len(s.jobs) == 0 && s.backoffs == 0; alone && wait > maxRequestedWait-s.requestedTime {
			return fmt.Errorf("storage asks for a wait of %v, more than an hour in total: %w", wait, why)
		}
		counter = &s.requestedWaits
	}
	*counter++
	defer func() { *counter-- }()
	end := time.Now().Add(wait)
	timer := time.AfterFunc(wait, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.wake()
	})
	defer timer.Stop()
	for time.Now().Before(end) && !s.done() {
		s.work.Wait()
	}
	return nil
}

// shouldTryPlainGet reports whether the next request of a worker is a plain GET. When
// half of progressLimit is over, every second request is a plain GET: some proxies
// break the connection when a request has a range.
func (s *schedule) shouldTryPlainGet(r record) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.idle >= progressLimit/2 && r.failures%2 == 1
}

// shouldTryRangeAgain reports whether the plain GET that succeeded is the first one. It
// may prove only that the line is up again. The transfer gets time for one more range,
// and falls back after the second plain GET.
func (s *schedule) shouldTryRangeAgain() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !s.plainWorked
	if first {
		s.plainWorked, s.idle = true, min(s.idle, progressLimit/2)
	}
	return first
}

// addBytes counts received bytes as progress.
func (s *schedule) addBytes(n int) {
	if s.bytes += int64(n); s.bytes >= progressMinimum {
		s.bytes, s.idle, s.requestedTime, s.lastFailure = 0, 0, 0, nil
	}
}

// checkProgress fails if the transfer gets too few bytes over all connections. Only
// the time in which a worker waits for storage counts. The time in which workers wait
// for a signed URL, the disk or the reader does not count.
func (s *schedule) checkProgress() error {
	waits := s.backoffs > 0
	for _, j := range s.jobs {
		waits = waits || !j.waitingSince.IsZero() || time.Since(j.lastBytes) < adaptEvery
	}
	switch {
	case waits:
		s.idle += adaptEvery
	case s.requestedWaits > 0:
		s.requestedTime += adaptEvery
	}
	switch {
	case s.idle < progressLimit && s.requestedTime <= maxRequestedWait:
		return nil
	case s.lastFailure == nil:
		return errNoProgress
	}
	return fmt.Errorf("%w: %w", errNoProgress, s.lastFailure)
}
