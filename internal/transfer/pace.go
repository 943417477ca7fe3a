package transfer

import (
	"errors"
	"sync"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

const (
	stallLimit  = time.Minute     // without a byte on a connection
	paceWindow  = 5 * time.Minute // in which a transfer must get
	paceMinimum = 1 << 20         // bytes

	// Waits that storage asks for do not count, up to this sum of them for
	// paceMinimum.
	maxStatedWait = time.Hour

	// A connection that gave this much, or anything for this long, was a good
	// one: the next is tried at once.
	goodBytes = 1 << 20
	goodAge   = 10 * time.Second
)

var errNoProgress = errors.New("no progress: less than 1 MiB in five minutes")

// A pace tells a slow transfer from a dead one, over all of its ranges. Its
// clock runs while at least one of them waits for storage.
type pace struct {
	mu      sync.Mutex
	mark    time.Time // since when there were fewer than paceMinimum bytes
	bytes   int64     // since mark
	waiting int       // ranges
	stopped time.Time
	excused time.Duration // since mark
	until   time.Time     // the end of what is excused
}

func newPace() *pace {
	now := time.Now()
	return &pace{mark: now, stopped: now}
}

func (p *pace) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting == 0 {
		p.mark = p.mark.Add(time.Since(p.stopped))
	}
	p.waiting++
}

func (p *pace) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting--; p.waiting == 0 {
		p.stopped = time.Now()
	}
}

func (p *pace) add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bytes += int64(n)
	if p.bytes >= paceMinimum {
		p.mark, p.bytes, p.excused = time.Now(), 0, 0
	}
}

// left is the time in which the rest of paceMinimum must come. It is for
// a range that waits.
func (p *pace) left() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return paceWindow - time.Since(p.mark)
}

// excuse reports whether a wait of d, which storage asks for, is within reason.
func (p *pace) excuse(d time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	// Ranges that wait at the same time wait once.
	end := time.Now().Add(d)
	more := min(d, end.Sub(p.until))
	switch {
	case more <= 0:
		return true
	case more > maxStatedWait-p.excused:
		return false
	}
	p.excused += more
	p.until = end
	return true
}

// A backoff says how long one range waits before its next request.
type backoff struct {
	setbacks int // since its last good connection
}

// A transfer that never had a good connection does not try again at once.
func newBackoff() backoff { return backoff{setbacks: 1} }

// good notes that a connection did its work before it ended.
func (b *backoff) good() { b.setbacks = 0 }

// next returns how long to wait after one more setback.
func (b *backoff) next() time.Duration {
	b.setbacks++
	if b.setbacks == 1 {
		return 0
	}
	return netx.Backoff(b.setbacks - 2)
}
