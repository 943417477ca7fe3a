package transfer

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/durable/partfile"
)

type (
	span  = partfile.Span
	spans = partfile.Spans
)

const (
	maxConcurrency  = 16
	autoConcurrency = 8

	minChunk        = 4 << 20
	maxChunkFactor  = 16 // times minChunk is the largest chunk
	chunksPerWorker = 4  // within these bounds
	smallFactor     = 8  // times minChunk is too small for a second connection to pay

	// No chunk starts further ahead of the hash than so many chunks per worker,
	// or windowFactor times minChunk. The hash reads the bytes back from the
	// page cache, and after a crash the next call does.
	chunksAhead  = 3
	windowFactor = 128

	// notHashed is the offset of a hash that no worker waits for.
	notHashed = unknownEnd / 2
)

// A schedule hands out chunks of an object in the order of the file, and knows
// which worker fetches which bytes. Bytes that are neither free nor part of a job
// are in the file.
type schedule struct {
	mu   sync.Mutex
	work *sync.Cond // workers wait for a job, or to ask again
	data *sync.Cond // the hash waits for bytes

	unit  int64 // the smallest chunk; other sizes are measured in it
	size  int64 // unknownEnd while it is not known
	chunk int64 // the size of the next chunk
	free  spans // bytes that no worker fetches
	jobs  []*job
	begun bool  // whether a job was handed out
	kept  int64 // bytes of earlier calls are of use up to here

	most    int // workers that there are
	workers int // workers that may fetch

	hashed  int64
	last    int64 // where the hash ends
	stopped bool  // no job is handed out any more
	ended   bool  // no bytes come any more

	moved chan struct{} // gets a value when bytes have come

	adaptation
}

// A job is a byte range that one worker fetches with one request.
type job struct {
	at, end int64  // what is left; at moves, and other workers may take the back
	before  record // of its worker

	method   method
	open     bool                    // whether the request goes to the end of the object
	hangUp   context.CancelCauseFunc // ends the request; nil if there is none
	asked    time.Time               // when the request was sent
	answered bool
	waits    time.Time // since when the worker waits for storage; zero while it does not
	came     time.Time // when the last bytes came
	got      int64     // bytes of this request
	lately   int64     // bytes since the connections were last compared
}

// newSchedule returns the schedule of an object of which these spans are in the
// file. One worker starts; sized lets the others begin.
func newSchedule(done spans, hashed, unit int64) *schedule {
	s := &schedule{
		unit: unit, size: unknownEnd, chunk: unknownEnd, most: 1, workers: 1,
		free: done.Gaps(unknownEnd), hashed: hashed, last: unknownEnd, kept: unknownEnd,
		moved: make(chan struct{}, 1),
	}
	s.patience = slowPatience
	s.work, s.data = sync.NewCond(&s.mu), sync.NewCond(&s.mu)
	return s
}

// sized tells the size of the object and how many workers may fetch it.
func (s *schedule) sized(size int64, workers int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.size, s.most, s.workers, s.since = size, workers, workers, time.Now()
	s.free = slices.DeleteFunc(s.free, func(f span) bool { return f[0] >= size })
	if n := len(s.free); n > 0 {
		s.free[n-1][1] = min(s.free[n-1][1], size)
	}
	for _, j := range s.jobs {
		j.end = min(j.end, size)
	}
	if workers > 1 {
		s.chunk = s.share()
		for _, j := range s.jobs {
			s.split(j, s.head())
		}
	}
	s.wake()
}

// share returns the size of a chunk when nothing is wrong.
func (s *schedule) share() int64 {
	return min(max(s.size/int64(chunksPerWorker*s.most), s.unit), s.head())
}

// head returns the size of the first job. It is long, so that its connection can
// take over if the others turn out to be useless.
func (s *schedule) head() int64 { return maxChunkFactor * s.unit }

// small returns the number of bytes that are not worth a request.
func (s *schedule) small() int64 { return s.unit / 8 }

func (s *schedule) wake() {
	s.work.Broadcast()
	s.data.Signal()
}

// over reports whether nothing is left for a worker.
func (s *schedule) over() bool { return s.stopped || len(s.free)+len(s.jobs) == 0 }

// next waits for a job. It returns nil when nothing is left. A worker whose latest
// request did its work goes before workers that are idle or have just waited.
func (s *schedule) next(before record) *job {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before.placed {
		s.placed--
	}
	for !s.over() {
		busy := len(s.jobs)
		if !before.good {
			busy += s.placed
		}
		if busy < s.workers {
			if chunk, ok := s.pick(time.Now()); ok {
				j := &job{at: chunk[0], end: chunk[1], before: before}
				s.jobs, s.begun = append(s.jobs, j), true
				return j
			}
		}
		s.work.Wait()
	}
	return nil
}

// pick returns the next free chunk, or the back of another worker's job if there
// is no free chunk within the window.
func (s *schedule) pick(now time.Time) (span, bool) {
	if len(s.free) > 0 {
		at, window := s.free[0][0], max(windowFactor*s.unit, chunksAhead*int64(s.most)*s.share())
		if at == s.frontier() || s.workers > 1 && at+s.chunk <= s.hashed+window {
			return s.take(0), true
		}
	}
	if victim := s.victim(now); victim != nil && s.workers > 1 {
		return s.take(s.split(victim, min((victim.end-victim.at)/2, s.chunk))), true
	}
	return span{}, false
}

// take takes a chunk off a free span, and all of the span rather than leave
// little of it.
func (s *schedule) take(i int) span {
	f, chunk := s.free[i], s.chunk
	if !s.begun && s.workers > 1 {
		chunk = max(chunk, s.head())
	}
	if f[1]-f[0]-s.small() > chunk {
		s.free[i][0] += chunk
		return span{f[0], f[0] + chunk}
	}
	s.free = slices.Delete(s.free, i, i+1)
	return f
}

// split leaves the next n bytes of a job to its worker and frees the others. It
// returns the index of their free span.
func (s *schedule) split(j *job, n int64) int {
	if j.end-j.at <= n {
		return -1
	}
	rest := span{j.at + n, j.end}
	j.end = rest[0]
	return s.release(rest)
}

// release frees a span and returns its index.
func (s *schedule) release(r span) int {
	at := 0
	for at < len(s.free) && s.free[at][0] < r[0] {
		at++
	}
	s.free = slices.Insert(s.free, at, r)
	if at+1 < len(s.free) && s.free[at+1][0] == r[1] { // one request will do for both
		s.free[at][1] = s.free[at+1][1]
		s.free = slices.Delete(s.free, at+1, at+2)
	}
	return at
}

// ask notes that a request is sent for a job, and returns its range. The request
// for the first job goes to the end of the object.
func (s *schedule) ask(j *job, m method, hangUp context.CancelCauseFunc) (from, to int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j.method, j.hangUp, j.asked, j.waits = m, hangUp, time.Now(), time.Now()
	first := len(s.jobs) == 1 && len(s.free) > 0 && s.free[0] == span{j.end, s.size}
	if j.open = first || j.end == s.size; j.open {
		return j.at, s.size
	}
	return j.at, j.end
}

// answer notes that the response to a job's request is valid.
func (s *schedule) answer(j *job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j.answered = true
	if took := time.Since(j.asked); s.latency == 0 || took < s.latency {
		s.latency = took
	}
}

// received notes n bytes that are not in the file yet.
func (s *schedule) received(j *job, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n > 0 {
		j.came, s.came = time.Now(), time.Now()
		s.gap = max(s.gap, time.Since(j.waits))
		j.got, j.lately = j.got+int64(n), j.lately+int64(n)
		s.progress(n)
	}
	j.waits = time.Time{}
}

// wrote notes that n more bytes are in the file. It returns how many bytes the
// worker may read on, up to the limit of the response: past its job if bytes
// are free.
func (s *schedule) wrote(j *job, n int, limit int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	j.at = min(j.at+int64(n), j.end)
	if j.at == j.end && limit > j.end {
		s.extend(j)
	}
	select {
	case s.moved <- struct{}{}:
	default:
	}
	s.data.Signal()
	j.waits = time.Now()
	return min(j.end, limit) - j.at
}

// extend gives a job the bytes behind it if they are free, or if their request still
// waits for its response. The response of the job brings them without another
// request. Some storage begins a range later the further its offset is.
func (s *schedule) extend(j *job) {
	if len(s.free) > 0 && s.free[0][0] == j.end {
		j.end = s.take(0)[1]
		return
	}
	for _, next := range s.jobs {
		if waits := time.Since(next.asked); next.at == j.end && next.at < next.end && !next.answered && next.hangUp != nil && waits > worthARequest {
			s.gap = max(s.gap, waits)
			j.end = next.end
			s.cancel(next)
			return
		}
	}
}

// cancel takes its bytes from a job, and ends its request.
func (s *schedule) cancel(j *job) {
	j.end = j.at
	if j.hangUp != nil {
		j.hangUp(errUseless)
	}
}

// end frees what is left of a job. A worker whose request failed keeps its place
// until it calls next, so that no other asks instead, unless all places are taken.
func (s *schedule) end(j *job, failed bool) (placed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jobs = slices.DeleteFunc(s.jobs, func(other *job) bool { return other == j })
	j.hangUp = nil
	if placed = failed && len(s.jobs) < s.workers; placed {
		s.placed++
	}
	if j.got > 0 {
		s.rates = append(s.rates, j.rate(time.Now()))
		s.rates = s.rates[max(0, len(s.rates)-maxRates):]
	}
	if j.at < j.end {
		s.release(span{j.at, j.end})
	}
	s.wake()
	return placed
}
