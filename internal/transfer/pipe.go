package transfer

import (
	"bytes"
	"io/fs"
	"sync"
)

// A ring passes bytes from one goroutine to another, and holds some while the
// second one is slower.
type ring struct {
	mu      sync.Mutex
	changed *sync.Cond
	buffer  bytes.Buffer
	size    int   // of buffer, with which Write waits
	err     error // behind its bytes
	closed  bool
}

func newRing(size int) *ring {
	r := &ring{size: size}
	r.changed = sync.NewCond(&r.mu)
	return r
}

// Write waits for room, and fails when the ring is closed.
func (r *ring) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.buffer.Len()+len(p) > r.size && r.buffer.Len() > 0 && !r.closed {
		r.changed.Wait()
	}
	if r.closed {
		return 0, fs.ErrClosed
	}
	r.changed.Broadcast()
	return r.buffer.Write(p)
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
	for r.buffer.Len() == 0 && r.err == nil && !r.closed {
		r.changed.Wait()
	}
	switch {
	case r.closed:
		return 0, nil
	case r.buffer.Len() == 0:
		return 0, r.err
	}
	r.changed.Broadcast()
	return r.buffer.Read(p)
}

// close ends all waits.
func (r *ring) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.changed.Broadcast()
}
