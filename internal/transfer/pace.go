package transfer

import (
	"errors"
	"math/rand/v2"
	"time"
)

const (
	stallLimit  = time.Minute     // without a byte on a connection
	paceWindow  = 5 * time.Minute // in which a transfer must get
	paceMinimum = 1 << 20         // bytes

	firstBackoff = 500 * time.Millisecond
	maxBackoff   = 30 * time.Second

	// A connection that gave this much, or anything for this long, was a good
	// one: the next is tried at once.
	goodBytes = 1 << 20
	goodAge   = 10 * time.Second
)

var errNoProgress = errors.New("no progress: less than 1 MiB in five minutes")

// A pace tells a slow transfer from a dead one, and how long to wait before the
// next request. Its clock runs only between start and stop.
type pace struct {
	mark     time.Time // since when there were fewer than paceMinimum bytes
	bytes    int64     // since mark
	stopped  time.Time
	setbacks int // since the last good connection
}

func newPace() pace {
	now := time.Now()
	return pace{mark: now, stopped: now, setbacks: 1}
}

func (p *pace) start() { p.mark = p.mark.Add(time.Since(p.stopped)) }

func (p *pace) stop() { p.stopped = time.Now() }

func (p *pace) add(n int) {
	p.bytes += int64(n)
	if p.bytes >= paceMinimum {
		p.mark, p.bytes = time.Now(), 0
	}
}

// left is the time in which the rest of paceMinimum must come.
func (p *pace) left() time.Duration { return paceWindow - time.Since(p.mark) }

// patience is how long to wait for the next byte.
func (p *pace) patience() time.Duration { return max(0, min(stallLimit, p.left())) }

// good notes that a connection did its work before it ended.
func (p *pace) good() { p.setbacks = 0 }

// backoff returns how long to wait after one more setback.
func (p *pace) backoff() time.Duration {
	p.setbacks++
	if p.setbacks == 1 {
		return 0
	}
	d := min(maxBackoff, firstBackoff<<min(p.setbacks-2, 10))
	return d/2 + rand.N(d/2) //nolint:gosec // spreads load, keeps no secret
}
