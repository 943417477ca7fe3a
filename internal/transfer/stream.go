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

	"github.com/ghmigrate/ghmigrate/internal/durable/partfile"
	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// readAhead is how many bytes a stream fetches ahead of its reader.
const readAhead = 8 << 20

// A Stream reads an object from its first byte to its last, over one connection
// at a time, in constant memory and without a file. It reads ahead, so that a slow
// line and a slow reader do not wait for each other. When storage closes the
// connection because the reader is slow, the stream resumes with another connection.
//
// One goroutine at a time may call Read. Any goroutine may call Close.
type Stream struct {
	ctx     context.Context //nolint:containedctx // a reader has no other way to get it
	cancel  context.CancelCauseFunc
	session *session
	pipe    *pipe
	hash    hash.Hash           // only the worker writes it
	sum     string              // set before the pipe has io.EOF
	proof   *partfile.GzipProof // for an object of unknown size

	mu   sync.Mutex // held by Read
	read int64
	err  error // the error that ended the stream
}

var errClosed = fmt.Errorf("stream is closed: %w", fs.ErrClosed)

// Open requests the object from storage and returns it as a stream. The caller must
// close the stream. When ctx ends, the stream ends.
func Open(ctx context.Context, source Source) (*Stream, error) {
	s := &Stream{session: newSession(source), pipe: newPipe(readAhead), hash: sha256.New()}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	context.AfterFunc(s.ctx, s.pipe.close)
	opened, ended := make(chan struct{}), make(chan error, 1)
	begin := func(o object, _ bool) (int, error) {
		s.session.setObject(o)
		if o.Size < 0 {
			s.proof = partfile.NewGzipProof()
		}
		close(opened)
		return 1, nil
	}
	a := &attempt{session: s.session, schedule: newSchedule(nil, notHashed, minChunk), out: s, begin: begin, complete: s.isGzip}
	go func() {
		err := s.session.explain(a.run(s.ctx, 1))
		_, _ = s.isGzip(s.ctx, 0) // ends the goroutine of the proof
		if err == nil {
			s.sum = hex.EncodeToString(s.hash.Sum(nil))
			err = io.EOF
		}
		s.pipe.end(err)
		ended <- err
	}()
	select {
	case <-opened:
	case err := <-ended:
		// A small object may be complete before the select.
		if _, known := s.session.state(); known == nil {
			s.cancel(err)
			return nil, err
		}
	}
	return s, nil
}

// isGzip reports whether the bytes so far are provably the whole object.
func (s *Stream) isGzip(context.Context, int64) (bool, error) {
	return s.proof != nil && s.proof.End(), nil
}

// WriteAt takes the next bytes from the worker. It waits while the reader is readAhead
// bytes behind.
func (s *Stream) WriteAt(p []byte, _ int64) (int, error) {
	s.hash.Write(p)
	if s.proof != nil {
		_, _ = s.proof.Write(p)
	}
	return s.pipe.Write(p)
}

// Read reads the next bytes. It returns io.EOF only when every byte has been read.
// If the object has changed, the error matches [ErrChanged]. After an error, every
// later call returns the same error.
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
		n, err = s.pipe.Read(p)
		s.read += int64(n)
	}
	if n == 0 {
		s.err = s.explain(err)
	}
	return n, s.err
}

// explain returns the error of Read for an error of the pipe, which is nil if the
// pipe was closed.
func (s *Stream) explain(err error) error {
	size := s.Size()
	switch {
	case errors.Is(context.Cause(s.ctx), errClosed):
		return errClosed
	case err == io.EOF: //nolint:errorlint // the error of a cut may wrap io.EOF
		return io.EOF
	case err == nil:
		err = netx.ContextError(s.ctx)
	}
	if size < 0 {
		return fmt.Errorf("read %d bytes: %w", s.read, err)
	}
	return fmt.Errorf("read %d of %d bytes: %w", s.read, size, err)
}

// Close closes the connection and returns at once. A pending Read returns an error
// that matches [fs.ErrClosed].
func (s *Stream) Close() error {
	s.cancel(errClosed)
	s.pipe.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = errClosed
	}
	return nil
}

// Size returns the size of the object in bytes, -1 while it is not known.
func (s *Stream) Size() int64 { return s.session.size() }

// SHA256 returns the SHA-256 of the object in hexadecimal, and an empty string
// before Read has returned io.EOF.
func (s *Stream) SHA256() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != io.EOF { //nolint:errorlint // as in explain
		return ""
	}
	return s.sum
}
