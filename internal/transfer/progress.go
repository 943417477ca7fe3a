package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

const (
	// A transfer ends if it gets less than progressMinimum in progressLimit.
	progressLimit   = 5 * time.Minute
	progressMinimum = 1 << 20

	// Waits that storage asks for do not count, up to maxStatedWait in all before
	// progressMinimum has come.
	maxStatedWait = time.Hour

	// A connection that brought this many bytes is followed by the next one at once.
	goodBytes = 64 << 10
)

var errNoProgress = errors.New("no progress: less than 1 MiB in five minutes")

// A progressClock tells a slow transfer from a dead one, over all of its
// connections. It counts the time in which a worker waits for storage. The time
// in which workers wait for a signed URL, the disk or the reader does not count.
type progressClock struct {
	bytes         int64         // since the clock was last reset
	idle, excused time.Duration // since then
	trouble       error         // the latest failure since then
}

func (c *progressClock) add(n int) {
	if c.bytes += int64(n); c.bytes >= progressMinimum {
		*c = progressClock{}
	}
}

// tick notes that time has passed in which workers waited for storage, or in
// which all workers waited because storage had asked them to.
func (c *progressClock) tick(d time.Duration, waits, stated bool) error {
	switch {
	case waits:
		c.idle += d
	case stated:
		c.excused += d
	}
	if c.idle < progressLimit && c.excused <= maxStatedWait {
		return nil
	}
	if c.trouble == nil {
		return errNoProgress
	}
	return fmt.Errorf("%w: %w", errNoProgress, c.trouble)
}

// pauses counts the workers that wait to ask again.
type pauses struct {
	placed   int // that keep their place among the workers
	stated   int // for as long as storage asked them to
	backoffs int // for other reasons
}

// pause waits before a worker asks again, because of a failure. The wait ends
// early when nothing is left to ask for.
func (s *schedule) pause(ctx context.Context, wait time.Duration, stated bool, why error) error {
	if wait <= 0 {
		return nil
	}
	counter := &s.pauses.backoffs
	if stated {
		counter = &s.pauses.stated
	}
	s.mu.Lock()
	alone := len(s.jobs) == 0 && s.pauses.backoffs == 0
	if stated && alone && wait > maxStatedWait-s.clock.excused {
		s.mu.Unlock()
		return fmt.Errorf("storage asks for a wait of %v: %w", wait, why)
	}
	*counter++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		*counter--
	}()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.over:
	case <-ctx.Done():
		return netx.ContextError(ctx)
	}
	return nil
}

// failed notes why a request failed, for the error of a transfer that makes no
// progress.
func (s *schedule) failed(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock.trouble = why
}
