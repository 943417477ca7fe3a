package transfer

import (
	"io/fs"
	"sync"
)

// A ring passes bytes from one goroutine to another, and holds some while the
// second one is slower.
type ring struct {
	mu      sync.Mutex
	changed *sync.Cond
	buffer  []byte
	start   int   // of the bytes that it holds
	held    int   // bytes
	err     error // behind them
	closed  bool
}

func newRing(size int) *ring {
	r := &ring{buffer: make([]byte, size)}
	r.changed = sync.NewCond(&r.mu)
	return r
}

// Write waits for room, and fails when the ring is closed.
func (r *ring) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for written := 0; ; {
		for r.held == len(r.buffer) && !r.closed {
			r.changed.Wait()
		}
		if r.closed {
			return written, fs.ErrClosed
		}
		end := (r.start + r.held) % len(r.buffer)
		n := copy(r.buffer[end:min(len(r.buffer), end+len(r.buffer)-r.held)], p[written:])
		r.held += n
		r.changed.Broadcast()
		if written += n; written == len(p) {
			return written, nil
		}
	}
}

// end sets the error behind all bytes.
func (r *ring) end(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
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
