package transfer

import (
	"errors"
	"fmt"
	"time"
)

const (
	// A transfer ends if it gets less than progressMinimum in progressLimit. Waits
	// that storage asks for do not count, up to maxStatedWait in all.
	progressLimit   = 5 * time.Minute
	progressMinimum = 1 << 20
	maxStatedWait   = time.Hour
)

var errNoProgress = errors.New("no progress: less than 1 MiB in five minutes")

// pause waits before a worker asks again because of a failure, for as long as
// storage stated or less. It ends early when nothing is left to ask for.
func (s *schedule) pause(wait time.Duration, stated bool, why error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = why
	counter := &s.backoffs
	if stated {
		if alone := len(s.jobs) == 0 && s.backoffs == 0; alone && wait > maxStatedWait-s.excused {
			return fmt.Errorf("storage asks for a wait of %v: %w", wait, why)
		}
		counter = &s.stated
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
	for time.Now().Before(end) && !s.over() {
		s.work.Wait()
	}
	return nil
}

// despairs reports whether a worker is to try a plain request, as every second one
// when half of the time is over. Some proxies break the connection at a range.
func (s *schedule) despairs(r record) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.idle >= progressLimit/2 && r.failures%2 == 1
}

// progress notes bytes.
func (s *schedule) progress(n int) {
	if s.bytes += int64(n); s.bytes >= progressMinimum {
		s.bytes, s.idle, s.excused, s.trouble = 0, 0, 0, nil
	}
}

// tick tells a slow transfer from a dead one, over all connections. It counts the
// time in which a worker waits for storage. The time in which workers wait for
// a signed URL, the disk or the reader does not count.
func (s *schedule) tick() error {
	waits := s.backoffs > 0
	for _, j := range s.jobs {
		waits = waits || !j.waits.IsZero() || time.Since(j.came) < lookEvery
	}
	switch {
	case waits:
		s.idle += lookEvery
	case s.stated > 0:
		s.excused += lookEvery
	}
	switch {
	case s.idle < progressLimit && s.excused <= maxStatedWait:
		return nil
	case s.trouble == nil:
		return errNoProgress
	}
	return fmt.Errorf("%w: %w", errNoProgress, s.trouble)
}
