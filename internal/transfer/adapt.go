package transfer

import (
	"errors"
	"slices"
	"time"
)

// This file holds how a schedule adapts to storage and the line: how many workers
// may fetch, how large chunks are, and which connections are replaced.

const (
	adaptEvery = 500 * time.Millisecond

	// A connection without a byte for stallLimit is dropped. While other
	// connections bring bytes, or workers are idle, slowLimit applies.
	stallLimit = time.Minute
	slowLimit  = 2 * time.Second

	slowFactor    = 5  // a connection this many times slower than the median is replaced
	maxRates      = 32 // ended jobs whose speeds count for the median
	latencyFactor = 4  // a response may take this many times the shortest latency

	// If one connection brings mostOfAll of the bytes in uselessRounds rounds in a
	// row, the other connections are useless.
	mostOfAll     = 0.8
	uselessRounds = 3

	// The number of workers shrinks at most once in shrinkEvery, and grows by one
	// after growAfter.
	shrinkEvery = time.Second
	growAfter   = 30 * time.Second

	frontierTime  = time.Second            // the job that the hash waits for is cut to this length
	worthARequest = 100 * time.Millisecond // a job that lasts longer is split, and a wait for a response that lasts longer may be given up
	refusedFactor = 64                     // the largest chunk after refusals, in smallest chunks
)

var (
	errStalled = errors.New("storage sent nothing for a minute")
	errSlow    = errors.New("the connection is much slower than other connections")
	errUseless = errors.New("one connection is as fast as several")
)

// An adaptation is the state by which a schedule adapts. It is part of the schedule.
type adaptation struct {
	resized      time.Time     // when the number of workers last changed
	lastBytes    time.Time     // when bytes last arrived, on any connection
	latency      time.Duration // the shortest time to a response
	slowLimit    time.Duration // the age from which a slow connection is replaced
	longestWait  time.Duration // the longest recent wait for bytes
	rates        []float64     // bytes a second, of jobs that ended
	refusals     int           // refusals that reduced the workers
	leader       *job          // the job that brings nearly all bytes, if there is one
	leaderRounds int           // rounds in a row in which leader brought them
	singleRange  bool          // whether storage gives only one range at a time
	plainWorked  bool          // whether a plain GET has succeeded after ranges failed

	keptSlots      int // workers between a failed request and its retry
	requestedWaits int // workers that wait because storage sent Retry-After
	backoffs       int // workers that wait for other reasons

	// Since the transfer last made progress:
	bytes         int64         // bytes received
	idle          time.Duration // time spent waiting for storage
	requestedTime time.Duration // time spent waiting because storage sent Retry-After
	lastFailure   error
}

// rate returns the bytes a second of the job's request, from the time it was sent.
func (j *job) rate(now time.Time) float64 { return float64(j.got) / (now.Sub(j.sentAt) + 1).Seconds() }

// medianRate returns the median speed of running and recently ended jobs, 0 if there
// are no such jobs.
func (s *schedule) medianRate(now time.Time) float64 {
	rates := slices.Clone(s.rates)
	for _, j := range s.jobs {
		if j.got > 0 {
			rates = append(rates, j.rate(now))
		}
	}
	if len(rates) == 0 {
		return 0
	}
	slices.Sort(rates)
	return rates[len(rates)/2]
}

// slowestJob returns the job that ends last. It returns nil if no job lasts so long
// that a second request for its end is worthwhile.
func (s *schedule) slowestJob(now time.Time) (slowest *job) {
	longest, median := (worthARequest + 2*max(s.latency, s.longestWait)).Seconds(), s.medianRate(now)
	for _, j := range s.jobs {
		rate := median
		if j.got > 0 {
			rate = j.rate(now)
		}
		left := j.end - j.at
		if takes := float64(left) / (rate + 1); left >= 2*s.negligible() && takes > longest {
			slowest, longest = j, takes
		}
	}
	return slowest
}

// adapt replaces connections that are too slow, and changes the number of workers.
// It is called every adaptEvery. Its error ends the transfer.
func (s *schedule) adapt(now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.work.Broadcast()
	if now.Sub(s.resized) >= growAfter && s.workers < s.maxWorkers && !s.singleRange && now.Sub(s.lastBytes) < adaptEvery {
		s.workers, s.chunk, s.resized = s.workers+1, s.normalChunk(), now
	}
	for _, j := range s.jobs {
		if s.workers > 1 && j.got > 0 && j.at == s.frontier() {
			s.split(j, max(int64(j.rate(now)*frontierTime.Seconds()), s.chunk)+s.negligible())
		}
	}
	s.compare(now)
	s.replaceSlow(now)
	s.longestWait -= s.longestWait / 1024 // halves in six minutes
	return s.checkProgress()
}

// compare detects that one connection brings nearly all bytes although no request
// was refused. Storage may read its origin from the start for each range, for
// example. compare then leaves the rest to that connection.
func (s *schedule) compare(now time.Time) {
	var sum, top int64
	var best *job
	for _, j := range s.jobs {
		if sum += j.recent; j.recent > top {
			best, top = j, j.recent
		}
		j.recent = 0
	}
	early := now.Sub(s.resized) < latencyFactor*s.latency
	if s.workers == 1 || s.refusals > 0 || early || len(s.jobs) < s.workers || float64(top) < mostOfAll*float64(sum) {
		best = nil
	}
	if best != s.leader {
		s.leader, s.leaderRounds = best, 0
	}
	if s.leaderRounds++; best != nil && s.leaderRounds >= uselessRounds {
		s.useOneConnection(best)
	}
}

// useOneConnection leaves the rest of the object to one connection. It keeps the
// connection of the given job if the job is at the first gap and its response goes to
// the end. Otherwise a worker opens a new connection. Bytes after the first gap are
// fetched again: the gaps between them would take more requests.
func (s *schedule) useOneConnection(keep *job) {
	at := s.frontier()
	s.workers, s.chunk, s.resized, s.leader = 1, unknownEnd, time.Now(), nil
	s.free, s.reusable = spans{{at, s.size}}, min(s.reusable, at)
	for _, j := range s.jobs {
		if j == keep && j.toEnd && j.responded && j.at == at {
			s.free, j.end = nil, s.size
			continue
		}
		s.drop(j)
	}
	s.work.Broadcast()
}

// allowedFaults returns how many faulty responses in a row a worker may get before a
// fallback. If all workers get faulty responses from the start, storage probably
// refuses parallel ranges: the workers send one more request each at most.
func (s *schedule) allowedFaults() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.valid < 2 && s.maxWorkers > 1 && !s.singleRange {
		return 1
	}
	return maxFaults
}

// adaptToOneRange adapts to storage that refuses a second range at the same time. It
// keeps a connection whose response goes to the end. It returns false if the schedule
// already has only one worker.
func (s *schedule) adaptToOneRange() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.maxWorkers == 1 || s.singleRange {
		return false
	}
	s.singleRange = true
	var keep *job
	for _, j := range s.jobs {
		if j.toEnd && j.responded {
			keep = j
		}
	}
	s.useOneConnection(keep)
	return true
}

// replaceSlow ends requests that bring no bytes, or far fewer than other requests.
// The next request for the same bytes gets twice the time.
func (s *schedule) replaceSlow(now time.Time) {
	flows, median := len(s.jobs) < s.workers || now.Sub(s.lastBytes) < slowLimit, s.medianRate(now)
	for _, j := range slices.Clone(s.jobs) {
		if j.cancel == nil || j.waitingSince.IsZero() {
			continue
		}
		silence, limit := now.Sub(j.waitingSince), max(slowLimit<<min(j.record.failures, 5), 2*s.longestWait)
		if !j.responded {
			limit = max(limit, latencyFactor*s.latency)
		}
		switch {
		case silence >= stallLimit:
			j.cancel(errStalled)
		case !flows || s.workers == 1:
		case silence >= limit:
			s.hadNoResponse(j, now)
			j.cancel(errSlow)
		case j.got > 0 && now.Sub(j.sentAt) >= max(s.slowLimit, 4*s.longestWait) && j.rate(now) < median/slowFactor:
			s.slowLimit *= 2
			j.cancel(errSlow)
		}
	}
}

// refused notes that storage refused a request because there are too many, or that
// the request got no response.
func (s *schedule) refused(j *job, responded bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if responded {
		s.shrink(j, time.Now())
	} else {
		s.hadNoResponse(j, time.Now())
	}
}

// hadNoResponse counts the second request in a row without a response as a refusal,
// if other connections got bytes since the first failure. During an outage no
// connection gets bytes.
func (s *schedule) hadNoResponse(j *job, now time.Time) {
	if j.record.failures > 0 && s.lastBytes.After(j.record.failed) {
		s.shrink(j, now)
	}
}

// shrink halves the workers, but keeps the workers that get bytes, and makes chunks
// larger. The last worker fetches the whole rest. After the first time, only a job
// that is refused twice in a row shrinks the schedule.
func (s *schedule) shrink(j *job, now time.Time) {
	if s.size == unknownEnd || s.refusals > 0 && (now.Sub(s.resized) < shrinkEvery || j.record.failures == 0) {
		return
	}
	flowing := 0
	for _, other := range s.jobs {
		if other.got > 0 {
			flowing++
		}
	}
	s.refusals, s.resized = s.refusals+1, now
	s.workers = min(s.workers, max(1, s.workers/2, flowing))
	s.chunk = max(2*min(s.chunk, s.size), min((s.size-s.hashed)/int64(s.workers), refusedFactor*s.unit))
	if s.workers == 1 {
		s.chunk = unknownEnd
	}
}
