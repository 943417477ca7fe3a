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

// A session is what all attempts at one object have in common.
type session struct {
	source Source
	logger *slog.Logger
	urls   *signedURLs

	mu     sync.Mutex
	method method
	cause  error // why the method is not the first one
	object object
	known  bool  // whether the object is what storage has
	told   int64 // the size that storage told before, -1 if it told none
	varies bool  // whether the size was another one before that
}

func newSession(source Source) *session {
	logger := cmp.Or(source.Logger, slog.New(slog.DiscardHandler))
	return &session{source: source, logger: logger, urls: newSignedURLs(source, logger), object: object{Size: -1}, told: -1}
}

// know sets the object that storage has.
func (s *session) know(o object) {
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
		s.varies = s.varies || s.told >= 0 && s.told != size
		s.told = size
	}
	s.object, s.known, s.method, s.cause = object{Size: -1}, false, m, cmp.Or(err, s.cause)
}

// state returns how to ask, and the object, nil if it is not known.
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

// explain adds to the error of an attempt why the object was asked for in another
// way before.
func (s *session) explain(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if falls, ok := errors.AsType[*fallBackError](err); ok {
		err = falls.error
	}
	told := err == nil || s.cause == nil || errors.Is(err, s.cause) || err.Error() == s.cause.Error()
	if told || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w; before, with ranges: %w", err, s.cause)
}

// An attempt fetches what is missing of an object, until a worker fails.
type attempt struct {
	*session
	schedule *schedule
	out      io.WriterAt

	// begin is called with an object that was not known, before its first byte is
	// written. It returns how many workers may fetch it. ranged tells whether storage
	// gives ranges.
	begin func(o object, ranged bool) (workers int, err error)
	// complete reports whether the bytes before an offset are provably all of the
	// object.
	complete func(ctx context.Context, end int64) (bool, error)
}

// run fetches with so many workers at most, and looks at all connections.
func (a *attempt) run(parent context.Context, workers int) error {
	ctx, fail := context.WithCancelCause(parent)
	defer fail(nil)
	stop := context.AfterFunc(ctx, a.schedule.stop)
	defer stop()
	var all sync.WaitGroup
	for range workers {
		all.Go(func() { endIf((&worker{attempt: a}).run(ctx), fail) })
	}
	over := make(chan struct{})
	go func() {
		all.Wait()
		close(over)
	}()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return failure(parent, ctx)
		case now := <-tick.C:
			endIf(a.schedule.look(now), fail)
		}
	}
}

// endIf ends the work of several goroutines if err is not nil.
func endIf(err error, fail context.CancelCauseFunc) {
	if err != nil {
		fail(err)
	}
}

// failure returns the first failure of several goroutines, or why their parent
// has ended.
func failure(parent, ctx context.Context) error {
	if parent.Err() != nil {
		return netx.ContextError(parent)
	}
	return context.Cause(ctx)
}

// learn notes the object that storage has.
func (a *attempt) learn(o object, ranged bool) error {
	workers, err := a.begin(o, ranged)
	if err != nil {
		return err
	}
	a.know(o)
	if o.Size >= 0 {
		a.schedule.sized(o.Size, workers)
	}
	return nil
}

// end notes that an object of unknown size ends at an offset.
func (a *attempt) end(at int64) {
	a.session.mu.Lock()
	a.object.Size = at
	a.session.mu.Unlock()
	a.schedule.sized(at, 1)
}
