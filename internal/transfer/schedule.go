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
	maxChunkFactor  = 16 // the largest chunk, in smallest chunks
	chunksPerWorker = 4  // chunks for each worker, within these bounds
	smallFactor     = 8  // a smaller object, in smallest chunks, gets one connection

	// A chunk starts at most chunksAhead chunks per worker, or windowFactor smallest
	// chunks, ahead of the hash. The hash reads the bytes back from the page cache, and
	// so does the next call after a crash.
	chunksAhead  = 3
	windowFactor = 128

	// notHashed is the hash offset of a schedule without a hash: the window never
	// makes its workers wait.
	notHashed = unknownEnd / 2
)

// A schedule hands out chunks of an object in the order of the file, and knows
// which worker fetches which bytes. A byte is in the file unless it is free or part
// of a job.
type schedule struct {
	mu   sync.Mutex
	work *sync.Cond // workers wait for a job, or for their retry
	data *sync.Cond // the hash waits for bytes

	unit     int64 // the smallest chunk; other sizes are measured in it
	size     int64 // unknownEnd while it is not known
	chunk    int64 // the size of the next chunk
	free     spans // bytes that no worker fetches
	jobs     []*job
	started  bool  // whether a job was handed out
	valid    int   // valid responses
	reusable int64 // bytes of earlier calls after this offset are fetched again

	maxWorkers int // workers that exist
	workers    int // workers that may fetch now

	hashed  int64
	hashEnd int64 // where the hash ends
	stopped bool  // whether no more jobs are handed out
	ended   bool  // whether no more bytes arrive

	progressed chan struct{} // gets a value when bytes have arrived

	adaptation
}

// A job is a byte range that one worker fetches with one request.
type job struct {
	at, end int64  // the missing bytes; at moves, and another worker may take the end
	record  record // of its worker

	method       method
	toEnd        bool                    // whether the request goes to the end of the object
	cancel       context.CancelCauseFunc // cancels the request; nil without a request
	sentAt       time.Time               // when the request was sent
	responded    bool                    // whether a valid response has arrived
	waitingSince time.Time               // when the worker began to wait for storage; zero while it does not
	lastBytes    time.Time               // when bytes last arrived
	got          int64                   // bytes of this request
	recent       int64                   // bytes since the connections were last compared
}

// newSchedule returns the schedule of an object. The spans done are in the file
// already. One worker starts. The other workers start after a call of setSize.
func newSchedule(done spans, hashed, unit int64) *schedule {
	s := &schedule{
		unit: unit, size: unknownEnd, chunk: unknownEnd, maxWorkers: 1, workers: 1,
		free: done.Gaps(unknownEnd), hashed: hashed, hashEnd: unknownEnd, reusable: unknownEnd,
		progressed: make(chan struct{}, 1),
	}
	s.slowLimit = slowLimit
	s.work, s.data = sync.NewCond(&s.mu), sync.NewCond(&s.mu)
	return s
}

// setSize sets the size of the object and how many workers may fetch it.
func (s *schedule) setSize(size int64, workers int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.size, s.maxWorkers, s.workers, s.resized = size, workers, workers, time.Now()
	s.free = slices.DeleteFunc(s.free, func(f span) bool { return f[0] >= size })
	if n := len(s.free); n > 0 {
		s.free[n-1][1] = min(s.free[n-1][1], size)
	}
	for _, j := range s.jobs {
		j.end = min(j.end, size)
	}
	if workers > 1 {
		s.chunk = s.normalChunk()
		for _, j := range s.jobs {
			s.split(j, s.firstChunk())
		}
	}
	s.wake()
}

// normalChunk returns the size of a chunk while storage refuses no requests.
func (s *schedule) normalChunk() int64 {
	return min(max(s.size/int64(chunksPerWorker*s.maxWorkers), s.unit), s.firstChunk())
}

// firstChunk returns the size of the first job. The first job is long, so that its
// connection can take over if the other connections turn out to be useless.
func (s *schedule) firstChunk() int64 { return maxChunkFactor * s.unit }

// negligible returns the number of bytes that are not worth a request.
func (s *schedule) negligible() int64 { return s.unit / 8 }

func (s *schedule) wake() {
	s.work.Broadcast()
	s.data.Signal()
}

// done reports whether nothing is left for a worker.
func (s *schedule) done() bool { return s.stopped || len(s.free)+len(s.jobs) == 0 }

// next waits for a job for a worker. It returns nil when nothing is left. A worker
// whose latest request succeeded may use a slot that another worker keeps for a retry.
func (s *schedule) next(r record) *job {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.keepsSlot {
		s.keptSlots--
	}
	for !s.done() {
		busy := len(s.jobs)
		if !r.succeeded {
			busy += s.keptSlots
		}
		if busy < s.workers {
			if chunk, ok := s.pick(time.Now()); ok {
				j := &job{at: chunk[0], end: chunk[1], record: r}
				s.jobs, s.started = append(s.jobs, j), true
				return j
			}
		}
		s.work.Wait()
	}
	return nil
}

// pick returns the next free chunk. If there is no free chunk within the window, it
// takes the end of another worker's job.
func (s *schedule) pick(now time.Time) (span, bool) {
	if len(s.free) > 0 {
		at, window := s.free[0][0], max(windowFactor*s.unit, chunksAhead*int64(s.maxWorkers)*s.normalChunk())
		if at == s.frontier() || s.workers > 1 && at+s.chunk <= s.hashed+window {
			return s.take(0), true
		}
	}
	if slowest := s.slowestJob(now); slowest != nil && s.workers > 1 {
		return s.take(s.split(slowest, min((slowest.end-slowest.at)/2, s.chunk))), true
	}
	return span{}, false
}

// take takes a chunk off the free span i. It takes the whole span if the rest would
// not be worth a request.
func (s *schedule) take(i int) span {
	f, chunk := s.free[i], s.chunk
	if !s.started && s.workers > 1 {
		chunk = max(chunk, s.firstChunk())
	}
	if f[1]-f[0]-s.negligible() > chunk {
		s.free[i][0] += chunk
		return span{f[0], f[0] + chunk}
	}
	s.free = slices.Delete(s.free, i, i+1)
	return f
}

// split leaves the next n bytes of a job to its worker and frees the other bytes. It
// returns the index of the freed span, -1 if no bytes are freed.
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
	if at+1 < len(s.free) && s.free[at+1][0] == r[1] { // one request can fetch both
		s.free[at][1] = s.free[at+1][1]
		s.free = slices.Delete(s.free, at+1, at+2)
	}
	return at
}

// sent notes that a request is sent for a job, and returns the range of the request.
// The request for the first job goes to the end of the object.
func (s *schedule) sent(j *job, m method, cancel context.CancelCauseFunc) (from, to int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j.method, j.cancel, j.sentAt, j.waitingSince = m, cancel, time.Now(), time.Now()
	first := len(s.jobs) == 1 && len(s.free) > 0 && s.free[0] == span{j.end, s.size}
	if j.toEnd = first || j.end == s.size; j.toEnd {
		return j.at, s.size
	}
	return j.at, j.end
}

// responded notes that the response to a job's request is valid.
func (s *schedule) responded(j *job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j.responded = true
	s.valid++
	if took := time.Since(j.sentAt); s.latency == 0 || took < s.latency {
		s.latency = took
	}
}

// received notes that n bytes have arrived. They are not in the file yet.
func (s *schedule) received(j *job, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n > 0 {
		j.lastBytes, s.lastBytes = time.Now(), time.Now()
		s.longestWait = max(s.longestWait, time.Since(j.waitingSince))
		j.got, j.recent = j.got+int64(n), j.recent+int64(n)
		s.addBytes(n)
	}
	j.waitingSince = time.Time{}
}

// wrote notes that n more bytes are in the file. It returns how many more bytes the
// worker may read, up to the limit of the response. The job is extended if the bytes
// after it are free.
func (s *schedule) wrote(j *job, n int, limit int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	j.at = min(j.at+int64(n), j.end)
	if j.at == j.end && limit > j.end {
		s.extend(j)
	}
	select {
	case s.progressed <- struct{}{}:
	default:
	}
	s.data.Signal()
	j.waitingSince = time.Now()
	return min(j.end, limit) - j.at
}

// extend gives a job the bytes after it if they are free, or if their request still
// waits for its response. The response of the job brings them without another
// request. Some storage begins a range later the further its offset is.
func (s *schedule) extend(j *job) {
	if len(s.free) > 0 && s.free[0][0] == j.end {
		j.end = s.take(0)[1]
		return
	}
	for _, next := range s.jobs {
		if next.at != j.end || next.at == next.end || next.responded || next.cancel == nil {
			continue
		}
		if waits := time.Since(next.sentAt); waits > worthARequest {
			s.longestWait = max(s.longestWait, waits)
			j.end = next.end
			s.drop(next)
		}
		return
	}
}

// drop takes the bytes of a job away, and cancels its request.
func (s *schedule) drop(j *job) {
	j.end = j.at
	if j.cancel != nil {
		j.cancel(errUseless)
	}
}

// end frees the missing bytes of a job. A worker whose request failed keeps its slot
// until it calls next, so that no idle worker sends a request instead. It keeps no
// slot if all slots are taken.
func (s *schedule) end(j *job, failed bool) (keepsSlot bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jobs = slices.DeleteFunc(s.jobs, func(other *job) bool { return other == j })
	j.cancel = nil
	if keepsSlot = failed && len(s.jobs) < s.workers; keepsSlot {
		s.keptSlots++
	}
	if j.got > 0 {
		s.rates = append(s.rates, j.rate(time.Now()))
		s.rates = s.rates[max(0, len(s.rates)-maxRates):]
	}
	if j.at < j.end {
		s.release(span{j.at, j.end})
	}
	s.wake()
	return keepsSlot
}
