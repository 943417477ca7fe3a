package transfer

import (
	"fmt"
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

	// After trouble with the number of ranges one more is tried after this long.
	growAfter = 30 * time.Second
	// What storage says to all ranges at once it says once: for so long their
	// number is not made smaller again.
	shrinkAfter = 5 * time.Second
	// Who has to wait for longer leaves its chunk to others.
	longWait = 10 * time.Second

	// How far a single range may be ahead of the hash, which then finds in memory
	// what it reads.
	windowOfOne = 32 << 20

	// A connection that brings this many bytes a second is nearly as fast as
	// the sum can be made: more of them would only cost. It is looked at each
	// time so much of its time has passed.
	fastConnection = 200e6
	trial          = 100 * time.Millisecond

	// While others wait for it, a connection at less than this share of the usual
	// speed is given up for a new one. So much of its time shows how fast it is.
	slowShare = 4
	slowTrial = goodAge
	maxRates  = 32 // chunks whose speeds are the usual ones
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

	most     int       // ranges at once
	slots    int       // as many as storage bears
	strict   bool      // whether no range is asked for while another one's last bytes come
	shrunk   time.Time // when there were last made fewer slots
	troubled time.Time // when there were last too many of them, or one more was tried
	came     time.Time // when the last bytes did

	alone  bool          // as long as one connection is fast enough
	waited time.Duration // for its bytes, in this trial
	got    int64

	rates []float64 // bytes a second, of the chunks that came last

	todo   spans   // which nobody fetches
	turns  []*turn // whose chunks somebody fetches
	done   spans   // which are in the part
	hashed int64
	ended  bool  // no chunk is handed out any more
	last   int64 // where the hash ends; unknownEnd while that is not known

	moved chan struct{} // gets something, now and then, when bytes have come
	idle  chan struct{} // closed when all is fetched
}

// A turn is a chunk that somebody fetches.
type turn struct {
	schedule *schedule
	chunk    span

	extra     bool // whether it was taken while another one ended, and nothing came since
	receiving bool // whether its bytes are read
	broken    bool // whether its connection is gone, and there is no other yet
	flowing   bool // whether some came, since it was last refused any
	ending    bool // whether its end is in sight
	left      bool // whether it is left to others
	rests     bool // whether it has taken its slot along, while storage has it wait

	failed   time.Time     // when a request last had no answer, and nothing came since
	patience time.Duration // with a slow connection
	waited   time.Duration // for bytes of its connection
	got      int64         // over it
}

// rate is how many bytes a second have come.
func (t *turn) rate() float64 { return float64(t.got) / t.waited.Seconds() }

func (t *turn) isReceiving() bool { return t.receiving && !t.broken }

func (t *turn) isFlowing() bool { return t.flowing }

func (t *turn) isRunning() bool { return !t.ending && !t.left }

func (t *turn) isKept() bool { return !t.left }

// newSchedule fetches what is not done of an object that ends there. If alone is
// set, it begins with one range and goes on so as long as that is fast.
func newSchedule(end int64, done spans, hashed int64, ranges int, alone bool, smallest int64) *schedule {
	s := &schedule{
		most: ranges, slots: ranges, alone: alone && ranges > 1,
		done: slices.Clone(done), todo: done.gaps(end), hashed: hashed, last: unknownEnd,
		moved: make(chan struct{}, 1), idle: make(chan struct{}),
	}
	if s.alone {
		s.slots = 1
	}
	s.work, s.data = sync.NewCond(&s.mu), sync.NewCond(&s.mu)
	chunk := min(max(end/int64(chunksPerRange*ranges), smallest), maxChunkFactor*smallest)
	s.chunk, s.window = chunk, chunksAhead*int64(ranges)*chunk
	if ranges == 1 {
		s.chunk, s.window = -1, windowOfOne
	}
	return s
}

// first takes the first chunk as it was asked for before anything was known of
// the object: up to end, or all.
func (s *schedule) first(end int64) *turn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.take(min(end, s.todo[0][1]))
}

// next waits for a chunk. There is none if all are taken, and none comes back.
func (s *schedule) next() (*turn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.ended, len(s.todo) == 0 && len(s.turns) == 0:
			return nil, nil
		case len(s.todo) > 0 && s.open() < s.allowed():
			if s.chunk < 0 || s.alone {
				return s.take(s.todo[0][1]), nil
			}
			if end := min(s.todo[0][1], s.todo[0][0]+s.chunk); end <= s.hashed+s.window {
				return s.take(end), nil
			}
		}
		if len(s.turns) == 0 && s.hashed == s.done.head() {
			// Nobody is left who could change that.
			return nil, fmt.Errorf("no range may be fetched, but %v is there and %v is missing", s.done, s.todo)
		}
		s.work.Wait()
	}
}

func (s *schedule) take(end int64) *turn {
	t := &turn{schedule: s, chunk: span{s.todo[0][0], end}, extra: s.count((*turn).isKept) >= s.slots, patience: slowTrial}
	if end == s.todo[0][1] {
		s.todo = s.todo[1:]
	} else {
		s.todo[0][0] = end
	}
	s.turns = append(s.turns, t)
	return t
}

// count is how many chunks are fetched of which that is true.
func (s *schedule) count(is func(*turn) bool) int {
	n := 0
	for _, t := range s.turns {
		if is(t) {
			n++
		}
	}
	return n
}

// open is how many ranges count as such. One that is alone has none beside it
// even while it ends: the next one would be all of the rest, which can be neither
// hashed nor held while something before it is missing.
func (s *schedule) open() int {
	if s.strict || s.alone {
		return s.count((*turn).isKept)
	}
	return s.count((*turn).isRunning)
}

// allowed is how many ranges there may be at once.
func (s *schedule) allowed() int {
	if s.slots < s.most && !s.alone && time.Since(s.troubled) >= growAfter {
		s.slots++
		s.troubled = time.Now()
	}
	return s.slots
}

// refused notes that storage said it is busy, so that t has to wait for that long,
// and reports whether t should be left to others.
func (t *turn) refused(wait time.Duration) bool {
	t.schedule.mu.Lock()
	defer t.schedule.mu.Unlock()
	return t.schedule.tooMany(t, wait)
}

// unanswered notes that a request for t got no answer. If others got bytes
// since it was made, or since the one before that had none either, something on
// the way may bear no more connections than these have: it is then as if storage
// had said so.
func (t *turn) unanswered(asked time.Time, wait time.Duration) bool {
	t.schedule.mu.Lock()
	defer t.schedule.mu.Unlock()
	since := asked
	if !t.failed.IsZero() {
		since = t.failed
	}
	t.failed = time.Now()
	return t.schedule.came.After(since) && t.schedule.tooMany(t, wait)
}

// tooMany halves the ranges, but not below those that get bytes at this time.
// While one is asked for before another one has ended there are more connections
// than slots: storage that does not bear these may bear as many as there are
// slots. It reports whether t should be left to others, because it is one too many,
// or because it has to wait for long: nobody else asks in its place meanwhile.
func (s *schedule) tooMany(t *turn, wait time.Duration) bool {
	t.flowing = false
	s.troubled = time.Now()
	kept := s.count((*turn).isKept)
	switch {
	case t.extra, !s.strict && kept > s.slots:
		s.strict = true
	case time.Since(s.shrunk) >= shrinkAfter:
		s.shrunk = time.Now()
		s.slots = min(s.slots, max(1, s.slots/2, s.count((*turn).isFlowing)))
	}
	switch {
	case s.open() > s.slots:
		t.left = true
	case wait > longWait && kept > 1:
		t.left, t.rests = true, true
		s.slots = max(1, s.slots-1)
	}
	return t.left
}

// receive waits until the bytes of a chunk may be read. Whoever asked for it
// while another chunk was ending waits for that to end.
func (s *schedule) receive(t *turn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.count((*turn).isReceiving) >= s.slots && !s.ended {
		s.work.Wait()
	}
	t.receiving = true
}

// ending lets another range be asked for: this chunk has all but come.
func (s *schedule) ending(t *turn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.ending = true
	s.work.Broadcast()
}

// end gives back what is left of a chunk, nothing if it has come.
func (s *schedule) end(t *turn, left span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if left[0] != left[1] {
		at, _ := slices.BinarySearchFunc(s.todo, left, func(a, b span) int { return int(min(1, max(-1, a[0]-b[0]))) })
		s.todo = slices.Insert(s.todo, at, left)
	}
	if t.got > 0 {
		s.rates = append(s.rates, t.rate())
		s.rates = s.rates[max(0, len(s.rates)-maxRates):]
	}
	s.turns = slices.DeleteFunc(s.turns, func(other *turn) bool { return other == t })
	if len(s.todo) == 0 && len(s.turns) == 0 {
		close(s.idle)
	}
	s.work.Broadcast()
}

// rested gives the slot back of a range that has waited.
func (s *schedule) rested(t *turn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.rests {
		s.slots = min(s.most, s.slots+1)
		s.work.Broadcast()
	}
}

// wrote notes that these bytes are in the part, and how long they were waited
// for, in all and of their connection alone. It holds up a range that has been
// given more than the hash can follow. It reports whether the connection should be
// given up.
func (s *schedule) wrote(t *turn, r span, waited, took time.Duration) (slow bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.alone {
		s.judge(t, r, waited)
	}
	head := s.done.head()
	s.done = s.done.add(r)
	if s.done.head() > head {
		s.data.Signal()
	}
	t.flowing, t.extra, t.failed, s.came = true, false, time.Time{}, time.Now()
	t.got += r[1] - r[0]
	t.waited += took
	select {
	case s.moved <- struct{}{}:
	default:
	}
	for r[1] > s.hashed+s.window && !s.ended {
		s.work.Wait()
	}
	return s.isSlow(t, t.waited, t.rate())
}

// silent reports whether a connection that has given nothing for that long,
// not even an answer perhaps, should be given up.
func (t *turn) silent(d time.Duration, answered bool) bool {
	t.schedule.mu.Lock()
	defer t.schedule.mu.Unlock()
	if !answered && d >= t.patience && time.Since(t.schedule.came) < d {
		return t.giveUp() // others got theirs
	}
	return t.schedule.isSlow(t, d, 0)
}

// isSlow reports whether the connection of t, which was that fast for that
// long, should be given up.
func (s *schedule) isSlow(t *turn, d time.Duration, rate float64) bool {
	return d >= t.patience && s.held() && rate < s.usual()/slowShare && t.giveUp()
}

// giveUp gives the next connection more time: it may be storage that is slow,
// and not the line.
func (t *turn) giveUp() bool {
	t.patience *= 2
	return true
}

// connected forgets how fast the connection before was, if there was one.
func (t *turn) connected() {
	t.schedule.mu.Lock()
	defer t.schedule.mu.Unlock()
	t.waited, t.got, t.broken = 0, 0, false
}

// disconnected lets another range be read that has its answer: it may hold the
// only connection that there can be.
func (t *turn) disconnected() {
	t.schedule.mu.Lock()
	defer t.schedule.mu.Unlock()
	t.broken = true
	t.schedule.work.Broadcast()
}

// held reports whether there could be more ranges, if those that there are had
// come further.
func (s *schedule) held() bool {
	if s.chunk < 0 || s.open() >= s.slots {
		return false
	}
	return len(s.todo) == 0 || min(s.todo[0][1], s.todo[0][0]+s.chunk) > s.done.head()+s.window
}

// usual is the median of the speeds of chunks that came, or are coming, 0 if
// there are none.
func (s *schedule) usual() float64 {
	rates := slices.Clone(s.rates)
	for _, t := range s.turns {
		if t.waited >= trial {
			rates = append(rates, t.rate())
		}
	}
	if len(rates) == 0 {
		return 0
	}
	slices.Sort(rates)
	return rates[len(rates)/2]
}

// judge finds out whether one connection, which has brought r, is enough. If not,
// and it was to bring much more, that is left to all. A request that is cut off
// costs what of its answer is on the way.
func (s *schedule) judge(t *turn, r span, took time.Duration) {
	s.got += r[1] - r[0]
	s.waited += took
	if s.waited < trial {
		return
	}
	if float64(s.got) < fastConnection*s.waited.Seconds() {
		s.alone, s.slots = false, s.most
		if t.chunk[1]-r[1] > s.chunk*int64(s.most) {
			end := r[1] + s.chunk
			s.todo = slices.Insert(s.todo, 0, span{end, t.chunk[1]})
			t.chunk[1], t.ending = end, false
		}
		s.work.Broadcast()
	}
	s.got, s.waited = 0, 0
}

// await returns how far the hash may go, which is behind hashed, the offset up to
// which it is. There is no more when it returns false.
func (s *schedule) await(hashed int64) (int64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hashed = hashed
	s.work.Broadcast()
	for {
		switch head := min(s.done.head(), s.last); {
		case head > hashed:
			return head, true
		case s.last != unknownEnd:
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
