package transfer

import "sync"

// A ring passes bytes from one goroutine to another, and holds some when the
// second is slower.
type ring struct {
	mu      sync.Mutex
	changed *sync.Cond
	buffer  []byte
	start   int   // of what is held
	held    int   // bytes
	err     error // behind them
	closed  bool
}

func newRing(size int) *ring {
	r := &ring{buffer: make([]byte, size)}
	r.changed = sync.NewCond(&r.mu)
	return r
}

// minSpace keeps a reader of single bytes from causing as many reads of storage.
const minSpace = 64 << 10

// space waits for room and returns it, nil when the ring is closed.
func (r *ring) space() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.buffer)-r.held < minSpace && !r.closed {
		r.changed.Wait()
	}
	if r.closed {
		return nil
	}
	end := (r.start + r.held) % len(r.buffer)
	if end < r.start {
		return r.buffer[end:r.start]
	}
	return r.buffer[end:]
}

// fill takes the first n bytes of the space, and what is to be told after them.
func (r *ring) fill(n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held += n
	r.err = err
	r.changed.Broadcast()
}

// Read waits for bytes. It returns 0 and no error when the ring is closed.
func (r *ring) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.held == 0 && r.err == nil && !r.closed {
		r.changed.Wait()
	}
	switch {
	case r.closed:
		return 0, nil
	case r.held == 0:
		return 0, r.err
	}
	n := copy(p, r.buffer[r.start:min(len(r.buffer), r.start+r.held)])
	r.start = (r.start + n) % len(r.buffer)
	r.held -= n
	r.changed.Broadcast()
	return n, nil
}

// close ends all waits.
func (r *ring) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.changed.Broadcast()
}
