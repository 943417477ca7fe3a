package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// readAhead is how many bytes a stream fetches before they are asked for.
const readAhead = 8 << 20

// A Stream reads an object from its first byte to its last, as [File] does but
// over one connection at a time, in constant memory and without a file. It reads
// ahead, so that neither of a slow line and a slow reader waits for the other.
// A reader who takes its time is no failure: when storage has hung up
// meanwhile, the stream goes on from there.
//
// Read must not be called by two goroutines at once; Close may be called
// by any, at any time.
type Stream struct {
	ctx    context.Context //nolint:containedctx // a reader has no other way to get it
	cancel context.CancelCauseFunc
	ring   *ring
	ended  chan struct{} // when nothing is fetched any more

	size atomic.Int64

	mu   sync.Mutex // held by Read
	read int64
	err  error  // of an earlier Read
	sum  string // set before the ring has io.EOF
}

var errClosed = fmt.Errorf("stream is closed: %w", fs.ErrClosed)

// Open asks storage for the object and returns it as a stream, which must be
// closed. ctx governs the stream for its whole life.
func Open(ctx context.Context, source Source) (*Stream, error) {
	s := &Stream{ended: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	fetch := newFetcher(newSession(source))
	if err := fetch.connect(s.ctx); err != nil {
		fetch.close() // the answer may have come all the same
		s.cancel(err)
		return nil, err
	}
	s.size.Store(fetch.object.Size)
	s.ring = newRing(readAhead)
	context.AfterFunc(s.ctx, s.ring.close)
	go s.fetch(fetch)
	return s, nil
}

// fetch fills the ring.
func (s *Stream) fetch(f *fetcher) {
	defer close(s.ended)
	defer f.close()
	hash := sha256.New()
	for {
		space := s.ring.space()
		if space == nil {
			return
		}
		n, err := f.Read(s.ctx, space)
		hash.Write(space[:n])
		s.size.Store(f.object.Size)
		if err == io.EOF { //nolint:errorlint // a connection that broke has one inside
			s.sum = hex.EncodeToString(hash.Sum(nil))
		}
		s.ring.fill(n, err)
		if err != nil {
			return
		}
	}
}

// Read reads the next bytes. It returns io.EOF only when every byte has been
// read; if the object changed on the way, its error matches [ErrChanged]. After
// an error the stream stays where it is.
func (s *Stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := 0, error(nil)
	if s.ctx.Err() == nil {
		n, err = s.ring.Read(p)
		s.read += int64(n)
	}
	if n == 0 {
		s.err = s.explain(err)
	}
	return n, s.err
}

// explain turns the ring's error, nil if that was closed, into the reader's.
func (s *Stream) explain(err error) error {
	size := s.Size()
	switch {
	case errors.Is(context.Cause(s.ctx), errClosed):
		return errClosed
	case err == io.EOF: //nolint:errorlint // a connection that broke has one inside
		return io.EOF
	case err == nil:
		err = netx.ContextError(s.ctx)
	}
	if size < 0 {
		return fmt.Errorf("read %d bytes: %w", s.read, err)
	}
	return fmt.Errorf("read %d of %d bytes: %w", s.read, size, err)
}

// Close releases the connection, at once. A Read that waits returns an error
// that matches [fs.ErrClosed].
func (s *Stream) Close() error {
	s.cancel(errClosed)
	<-s.ended
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = errClosed
	}
	return nil
}

// Size returns how many bytes the object has, -1 as long as that is not known.
func (s *Stream) Size() int64 { return s.size.Load() }

// SHA256 returns the sum of the object in hexadecimal, and nothing before Read
// has returned io.EOF.
func (s *Stream) SHA256() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != io.EOF { //nolint:errorlint // as in explain
		return ""
	}
	return s.sum
}
