package transfer

import (
	"cmp"
	"log/slog"
	"sync"
	"time"
)

// A session is what all ranges of one transfer have in common.
type session struct {
	source  Source
	logger  *slog.Logger
	address *address
	pace    *pace

	// object is as the first answer described it: there is one range until then,
	// and nobody changes it as long as there are more.
	object object
	ranged bool // whether parts of object can be asked for

	mu     sync.Mutex    // for the size, which may come at the end, and for what follows
	answer time.Duration // the shortest that storage took to answer
}

func newSession(source Source) *session {
	logger := cmp.Or(source.Logger, slog.New(slog.DiscardHandler))
	pace := newPace()
	return &session{
		source:  source,
		logger:  logger,
		address: &address{locate: source.Locate, logger: logger, pace: pace, backoff: newBackoff()},
		pace:    pace,
		object:  object{Size: -1},
	}
}

// know goes on with an object of which an earlier call has fetched something.
func (s *session) know(o object) { s.object, s.ranged = o, o.Size >= 0 && o.resumable() }

// learn sets the size of an object that did not tell it.
func (s *session) learn(size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.object.Size = size
}

// size is the object's, for who does not fetch it.
func (s *session) size() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.object.Size
}

// answered notes how long storage took to answer. A request that needed a new
// connection took longer than the next will.
func (s *session) answered(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answer == 0 || took < s.answer {
		s.answer = took
	}
}

// latency is how long storage takes to answer, at least.
func (s *session) latency() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answer
}

// forget makes the next answer describe whatever storage has there now.
func (s *session) forget() { s.object, s.ranged = object{Size: -1}, false }
