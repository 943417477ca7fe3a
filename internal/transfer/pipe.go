package transfer

import (
	"bytes"
	"io/fs"
	"sync"
)

// A pipe passes bytes from a writer to a reader in another goroutine. It has a
// buffer, so that the writer can be ahead of the reader.
type pipe struct {
	mu      sync.Mutex
	changed *sync.Cond
	buffer  bytes.Buffer
	size    int   // Write waits while buffer is larger
	err     error // what Read returns after the last byte
	closed  bool
}

func newPipe(size int) *pipe {
	b := &pipe{size: size}
	b.changed = sync.NewCond(&b.mu)
	return b
}

// Write waits until the buffer has room for p. It fails when the pipe is closed.
func (b *pipe) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.buffer.Len()+len(p) > b.size && b.buffer.Len() > 0 && !b.closed {
		b.changed.Wait()
	}
	if b.closed {
		return 0, fs.ErrClosed
	}
	b.changed.Broadcast()
	return b.buffer.Write(p)
}

// end sets the error that Read returns after the last byte.
func (b *pipe) end(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
	b.changed.Broadcast()
}

// Read waits for bytes. It returns 0 and no error when the pipe is closed.
func (b *pipe) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.buffer.Len() == 0 && b.err == nil && !b.closed {
		b.changed.Wait()
	}
	switch {
	case b.closed:
		return 0, nil
	case b.buffer.Len() == 0:
		return 0, b.err
	}
	b.changed.Broadcast()
	return b.buffer.Read(p)
}

// close makes pending and later calls of Write and Read return.
func (b *pipe) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.changed.Broadcast()
}
