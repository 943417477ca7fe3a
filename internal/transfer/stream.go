package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"
)

// A Stream reads an object from its first byte to its last, as [File] does but
// in constant memory and without a file. A reader who takes its time is no
// failure: when storage has hung up meanwhile, the stream goes on from there.
//
// Read must not be called by two goroutines at once; Close may be called
// by any, at any time.
type Stream struct {
	ctx    context.Context //nolint:containedctx // a reader has no other way to get it
	cancel context.CancelCauseFunc

	mu    sync.Mutex // held by Read
	fetch *fetcher
	hash  hash.Hash
	err   error // of an earlier Read

	size atomic.Int64
}

var errClosed = fmt.Errorf("stream is closed: %w", fs.ErrClosed)

// Open asks storage for the object and returns it as a stream, which must be
// closed. ctx governs the stream for its whole life.
func Open(ctx context.Context, source Source) (*Stream, error) {
	s := &Stream{fetch: newFetcher(source), hash: sha256.New()}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	if err := s.fetch.connect(s.ctx); err != nil {
		s.cancel(err)
		return nil, err
	}
	s.size.Store(s.fetch.object.Size)
	return s, nil
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
	n, err := s.fetch.Read(s.ctx, p)
	s.hash.Write(p[:n])
	s.size.Store(s.fetch.object.Size)
	if err != nil {
		s.err = s.explain(err)
		s.fetch.close()
	}
	return n, s.err
}

func (s *Stream) explain(err error) error {
	size := s.fetch.object.Size
	switch {
	case err == io.EOF: //nolint:errorlint // a connection that broke has one inside
		return io.EOF
	case errors.Is(context.Cause(s.ctx), errClosed):
		return errClosed
	case size < 0:
		return fmt.Errorf("read %d bytes: %w", s.fetch.offset, err)
	default:
		return fmt.Errorf("read %d of %d bytes: %w", s.fetch.offset, size, err)
	}
}

// Close releases the connection, at once. A Read that waits returns an error
// that matches [fs.ErrClosed].
func (s *Stream) Close() error {
	s.cancel(errClosed)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetch.close()
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
	return hex.EncodeToString(s.hash.Sum(nil))
}
