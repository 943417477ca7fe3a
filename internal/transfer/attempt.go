package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// A session holds the state that all attempts of one transfer share.
type session struct {
	source Source
	logger *slog.Logger
	urls   *signedURLs

	mu     sync.Mutex
	method method
	cause  error // why the method is not sideBySide
	object object
	known  bool // whether a response has described the object

	lastSize    int64 // the size in earlier responses, -1 if they had no size
	sizeChanged bool  // whether storage has told two different sizes
}

func newSession(source Source) *session {
	logger := cmp.Or(source.Logger, slog.New(slog.DiscardHandler))
	return &session{source: source, logger: logger, urls: newSignedURLs(source, logger), object: object{Size: -1}, lastSize: -1}
}

// setObject sets the object that storage describes.
func (s *session) setObject(o object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.object, s.known = o, true
}

// forget makes the next response describe the object. If err is not nil, it is
// the reason to ask for the object with another method.
func (s *session) forget(m method, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if size := s.object.Size; size >= 0 {
		s.sizeChanged = s.sizeChanged || s.lastSize >= 0 && s.lastSize != size
		s.lastSize = size
	}
	s.object, s.known, s.method, s.cause = object{Size: -1}, false, m, cmp.Or(err, s.cause)
}

// state returns the method of requests, and the object, nil if it is not known.
func (s *session) state() (method, *object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.known {
		return s.method, nil
	}
	o := s.object
	return s.method, &o
}

// size returns the size of the object, -1 if it is not known.
func (s *session) size() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.object.Size
}

// explain adds to the error of an attempt the reason why the transfer fell back to
// its current method.
func (s *session) explain(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if falls, ok := errors.AsType[*fallBackError](err); ok {
		err = falls.error
	}
	redundant := err == nil || s.cause == nil || errors.Is(err, s.cause) || err.Error() == s.cause.Error()
	if redundant || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w; earlier requests with ranges failed: %w", err, temporary(s.cause))
}

// An attempt fetches the missing bytes of an object with several workers. It ends
// when all bytes are there or when a worker fails with a final error.
type attempt struct {
	*session
	schedule *schedule
	out      io.WriterAt

	// begin is called when a response describes an object that was not known, before
	// the first byte is written. It returns how many workers may fetch the object.
	// ranged reports whether storage supports ranges.
	begin func(o object, ranged bool) (workers int, err error)
	// complete reports whether the bytes before end are provably the whole object.
	complete func(ctx context.Context, end int64) (bool, error)
}

// run fetches with at most the given number of workers, and adapts the schedule.
func (a *attempt) run(parent context.Context, workers int) error {
	ctx, fail := context.WithCancelCause(parent)
	defer fail(nil)
	stop := context.AfterFunc(ctx, a.schedule.stop)
	defer stop()
	var all sync.WaitGroup
	for range workers {
		all.Go(func() { failIf((&worker{attempt: a}).run(ctx), fail) })
	}
	ended := make(chan struct{})
	go func() {
		all.Wait()
		close(ended)
	}()
	tick := time.NewTicker(adaptEvery)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return firstFailure(parent, ctx)
		case now := <-tick.C:
			failIf(a.schedule.adapt(now), fail)
		}
	}
}

// failIf ends the work of several goroutines if err is not nil.
func failIf(err error, fail context.CancelCauseFunc) {
	if err != nil {
		fail(err)
	}
}

// firstFailure returns the first error passed to failIf, or the error of parent if
// parent has ended.
func firstFailure(parent, ctx context.Context) error {
	if parent.Err() != nil {
		return netx.ContextError(parent)
	}
	return context.Cause(ctx)
}

// learn notes the object that the first response describes.
func (a *attempt) learn(o object, ranged bool) error {
	workers, err := a.begin(o, ranged)
	if err != nil {
		return err
	}
	a.setObject(o)
	if o.Size >= 0 {
		a.schedule.setSize(o.Size, workers)
	}
	return nil
}

// end notes where an object of unknown size ends.
func (a *attempt) end(at int64) {
	a.session.mu.Lock()
	a.object.Size = at
	a.session.mu.Unlock()
	a.schedule.setSize(at, 1)
}
