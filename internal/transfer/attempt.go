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
	varies bool  // whether the size was another one before
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

// forget makes the next response describe the object, which is asked for in
// another way because of err.
func (s *session) forget(m method, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if size := s.object.Size; size >= 0 {
		s.varies = s.varies || s.told >= 0 && s.told != size
		s.told = size
	}
	s.object, s.known = object{Size: -1}, false
	s.method = m
	if err != nil {
		s.cause = err
	}
}

// withCause adds to err, unless that is nil, why the object was asked for in another way.
func (s *session) withCause(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	told := err == nil || s.cause == nil || errors.Is(err, s.cause) || err.Error() == s.cause.Error()
	if told || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w; before, with ranges: %w", err, s.cause)
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

// mayEnd reports whether an object whose size storage does not tell may end at an
// offset.
func (s *session) mayEnd(at int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.told < 0 || s.told == at
}

// size returns the size of the object, -1 if it is not known.
func (s *session) size() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.object.Size
}

// An attempt fetches all that is missing of an object. It ends when all is there,
// or when one of its workers fails.
type attempt struct {
	*session
	schedule *schedule
	out      io.WriterAt

	// begin is called with the object that storage has, if it was not known, before
	// its first byte is written. It returns how many workers may fetch the object.
	// ranged tells whether storage gives ranges.
	begin func(o object, ranged bool) (workers int, err error)
	// complete reports whether the first bytes of the object, up to an offset, are
	// all of it. It may be nil.
	complete func(end int64) (bool, error)
	// flush lets the disk begin with a range. It may be nil.
	flush func(span)

	mu  sync.Mutex
	err error // of the first worker that failed
}

// run fetches with so many workers at most.
func (a *attempt) run(ctx context.Context, workers int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, a.schedule.stop)()
	fail := func(err error) {
		if err != nil {
			a.fail(err)
			cancel()
		}
	}
	var all, watch sync.WaitGroup
	over := make(chan struct{})
	watch.Go(func() { fail(a.watch(over)) })
	for range workers {
		all.Go(func() { fail((&worker{attempt: a}).run(ctx)) })
	}
	all.Wait()
	close(over)
	watch.Wait()
	if err := a.failure(); err != nil {
		return err
	}
	if ctx.Err() != nil { // a worker without a job cannot tell why
		return netx.ContextError(ctx)
	}
	return nil
}

// watch looks at all connections twice a second.
func (a *attempt) watch(over <-chan struct{}) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return nil
		case now := <-tick.C:
			if err := a.schedule.look(now); err != nil {
				return err
			}
		}
	}
}

func (a *attempt) fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.err = cmp.Or(a.err, err)
}

func (a *attempt) failure() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.err
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
