package transfer

import (
	"slices"
	"sync"
	"time"
)

const (
	maxConcurrency  = 16
	autoConcurrency = 8

	// How often a share of the object is cut into, so that the last chunks of
	// all end at nearly the same time.
	chunksPerRange = 16
	minChunk       = 4 << 20
	maxChunkFactor = 16 // times minChunk

	// What is smaller is fetched before a second connection would pay.
	smallFactor = 8 // times minChunk

	// How many chunks per range may be there before the gap in front of them is
	// closed: a crash of this process must not find them out of the page cache.
	chunksAhead = 3

	// After storage said that it is busy, one more range is tried after this
	// long, and none is given up within that short.
	growAfter   = 30 * time.Second
	shrinkAfter = 5 * time.Second
)

// A schedule says which chunk of an object is fetched next, and knows which
// bytes are in the part. Chunks are handed out in the order of the file, so
// that the gapless beginning, which can be hashed, grows.
type schedule struct {
	mu   sync.Mutex
	work *sync.Cond // for who waits for a chunk, or for the hash
	data *sync.Cond // for the hash, which waits for bytes

	chunk  int64 // negative: a gap is one chunk
	window int64 // how far ahead of the hash a byte may be

	most    int // ranges at once
	slots   int // as many as storage bears
	running int
	busy    time.Time // when storage last said that it is, or bore one more

	todo   spans // which nobody fetches
	active int   // chunks that somebody fetches
	done   spans // which are in the part
	hashed int64
	ended  bool  // no chunk is handed out any more
	last   int64 // where the hash ends; negative while that is not known

	moved chan struct{} // gets something, now and then, when bytes have come
}

// newSchedule fetches what is not done of an object of that size.
func newSchedule(size int64, done spans, hashed int64, ranges int, smallest int64) *schedule {
	s := &schedule{
		most: ranges, slots: ranges, done: slices.Clone(done), todo: done.gaps(size), hashed: hashed, last: -1,
		moved: make(chan struct{}, 1),
	}
	s.work, s.data = sync.NewCond(&s.mu), sync.NewCond(&s.mu)
	chunk := min(max(size/int64(chunksPerRange*ranges), smallest), maxChunkFactor*smallest)
	s.chunk, s.window = chunk, chunksAhead*int64(ranges)*chunk
	if ranges == 1 {
		s.chunk = -1
	}
	return s
}

// first takes the first chunk as it was asked for before anything was known of
// the object: up to end, or all if that is negative.
func (s *schedule) first(end int64) span {
	s.mu.Lock()
	defer s.mu.Unlock()
	size := s.todo[0][1]
	if end < 0 || size >= 0 && end > size {
		end = size
	}
	return s.take(end)
}

// next waits for a chunk. There is none if all are taken, and none comes back.
func (s *schedule) next() (span, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.ended, len(s.todo) == 0 && s.active == 0:
			return span{}, false
		case len(s.todo) > 0 && s.running < s.allowed():
			if s.chunk < 0 {
				return s.take(s.todo[0][1]), true
			}
			if end := min(s.todo[0][1], s.todo[0][0]+s.chunk); end <= s.hashed+s.window {
				return s.take(end), true
			}
		}
		s.work.Wait()
	}
}

func (s *schedule) take(end int64) span {
	c := span{s.todo[0][0], end}
	if end == s.todo[0][1] {
		s.todo = s.todo[1:]
	} else {
		s.todo[0][0] = end
	}
	s.active++
	s.running++
	return c
}

// allowed is how many ranges there may be at once.
func (s *schedule) allowed() int {
	if s.slots < s.most && time.Since(s.busy) >= growAfter {
		s.slots++
		s.busy = time.Now()
	}
	return s.slots
}

// pushedBack notes that storage is busy. It reports whether there is a range too
// many, of which the caller's is one.
func (s *schedule) pushedBack() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	// What storage says to all ranges at once it says once.
	if s.busy.IsZero() || time.Since(s.busy) >= shrinkAfter {
		s.slots = max(1, s.slots/2)
	}
	s.busy = time.Now()
	return s.running > s.slots
}

// ending lets another range begin: the caller's chunk has all but come.
func (s *schedule) ending() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	s.work.Broadcast()
}

// end gives back what is left of a chunk, nothing if it has come. early tells
// whether ending was called.
func (s *schedule) end(left span, early bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if left[0] != left[1] {
		at, _ := slices.BinarySearchFunc(s.todo, left, func(a, b span) int { return int(min(1, max(-1, a[0]-b[0]))) })
		s.todo = slices.Insert(s.todo, at, left)
	}
	s.active--
	if !early {
		s.running--
	}
	s.work.Broadcast()
}

// wrote notes that these bytes are in the part. It holds up who runs too far
// ahead of the hash, which a range that is not cut into chunks can.
func (s *schedule) wrote(r span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	head := s.done.head()
	s.done = s.done.add(r)
	if s.done.head() > head {
		s.data.Signal()
	}
	select {
	case s.moved <- struct{}{}:
	default:
	}
	for s.chunk < 0 && r[1] > s.hashed+s.window && !s.ended {
		s.work.Wait()
	}
}

// await returns how far the hash may go, which is behind hashed, the offset up to
// which it is. There is no more when it returns false.
func (s *schedule) await(hashed int64) (int64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hashed = hashed
	s.work.Broadcast()
	for {
		head := s.done.head()
		if s.last >= 0 {
			head = min(head, s.last)
		}
		switch {
		case head > hashed:
			return head, true
		case s.last >= 0:
			return 0, false
		}
		s.data.Wait()
	}
}

// stop ends it: no more chunks are handed out, and nobody is held up.
func (s *schedule) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.work.Broadcast()
}

// finish lets the hash come to its end, as far as most bytes from here, when
// nobody writes any more.
func (s *schedule) finish(most int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = s.done.head()
	if most < s.last-s.hashed {
		s.last = s.hashed + most
	}
	s.data.Signal()
}

// fetched returns what is in the part.
func (s *schedule) fetched() spans {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.done)
}
