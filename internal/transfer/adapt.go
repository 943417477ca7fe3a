package transfer

import (
	"errors"
	"slices"
	"time"
)

const (
	lookEvery = 500 * time.Millisecond

	// A connection without a byte for stallLimit is dropped. While other
	// connections bring bytes, or workers are idle, slowPatience is enough.
	stallLimit   = time.Minute
	slowPatience = 2 * time.Second

	// A connection slower than this part of the usual speed is replaced.
	slowShare = 5
	maxRates  = 32 // jobs whose speeds are the usual ones

	// The first job ends where its connection is after this time.
	headStart = 2 * time.Second

	// If one connection brings this part of all bytes in so many looks in a row,
	// the other connections are useless.
	mostOfAll     = 0.8
	uselessLooks  = 3
	latencyFactor = 4 // other connections get so many times the first one's latency

	// The number of workers shrinks at most once in shrinkEvery, and grows by one
	// after growAfter.
	shrinkEvery = time.Second
	growAfter   = 30 * time.Second

	// The back of a job is worth a request if it takes longer than this.
	worthARequest = 100 * time.Millisecond

	// After refusals a worker asks for this many times minChunk at most.
	refusedFactor = 64
)

var (
	errStalled = errors.New("storage sent nothing for a minute")
	errSlow    = errors.New("storage sends this slowly, and other connections do not")
	errUseless = errors.New("one connection is as fast as all of them")
)

// An adaptation is what a schedule knows about connections and their number.
type adaptation struct {
	since    time.Time     // when the number of workers last changed
	came     time.Time     // when the last bytes came
	latency  time.Duration // the shortest time to a response
	patience time.Duration // with a slow connection
	rates    []float64     // bytes a second, of the jobs that ended last
	refusals int           // that made the workers fewer
	useless  int           // looks in a row in which one connection brought nearly all bytes
	quiet    int           // times that all other connections were useless
	trimmed  bool          // whether the first job has its final length
	oneRange bool          // whether storage gives no more than one range
}

// rate returns the bytes a second of a job, including the time to its response.
func (j *job) rate(now time.Time) float64 { return float64(j.got) / (now.Sub(j.asked) + 1).Seconds() }

// replace ends the request of a job for this reason.
func (j *job) replace(why error) {
	j.hangUp(why)
	j.hangUp = nil
}

func (s *schedule) remember(rate float64) {
	s.rates = append(s.rates, rate)
	s.rates = s.rates[max(0, len(s.rates)-maxRates):]
}

// usual returns the median of the speeds of jobs, 0 if there are none.
func (s *schedule) usual(now time.Time) float64 {
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

// victim returns the job that takes longest, if its back is worth a request.
func (s *schedule) victim(now time.Time) (victim *job) {
	longest, usual := (worthARequest + 2*s.latency).Seconds(), s.usual(now)
	for _, j := range s.jobs {
		rate := usual
		if j.got > 0 {
			rate = j.rate(now)
		}
		left := j.end - j.at
		if takes := float64(left) / (rate + 1); left >= 2*s.small() && takes > longest {
			victim, longest = j, takes
		}
	}
	return victim
}

// look looks at all connections, ends those that do not pay, and adapts the
// number of workers. Its error ends the transfer.
func (s *schedule) look(now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.work.Broadcast()
	s.trim(now)
	s.grow(now)
	s.compare(now)
	s.replaceSlow(now)
	waits := false
	for _, j := range s.jobs {
		waits = waits || !j.waits.IsZero() || now.Sub(j.stopped) < lookEvery
	}
	return s.clock.tick(lookEvery, waits || s.pauses.backoffs > 0, s.pauses.stated > 0)
}

// trim shortens the first job to what its connection brings in headStart: the
// hash must not wait for it when all other bytes are there.
func (s *schedule) trim(now time.Time) {
	if s.trimmed || s.workers == 1 || len(s.jobs) == 0 || s.jobs[0].got == 0 {
		return
	}
	j := s.jobs[0]
	flows := now.Sub(j.asked) - s.latency
	if flows < lookEvery/2 {
		return
	}
	s.trimmed = true
	left := float64(j.got) / flows.Seconds() * (headStart - flows).Seconds()
	if n := max(int64(left), s.chunk); j.end-j.at > n+s.chunk {
		s.split(j, n)
	}
}

// grow lets one more worker begin when there was no trouble for a while.
func (s *schedule) grow(now time.Time) {
	flows := slices.ContainsFunc(s.jobs, func(j *job) bool { return j.got > 0 })
	if s.workers == s.most || s.oneRange || !flows || now.Sub(s.since) < growAfter<<min(s.quiet, 8) {
		return
	}
	s.workers, s.since = s.workers+1, now
	if s.chunk > maxChunkFactor*s.unit {
		s.chunk = s.share()
	}
	for _, j := range s.jobs {
		if j.end-j.at > 2*s.chunk {
			s.split(j, s.chunk)
		}
	}
}

// compare finds out whether one connection brings nearly all bytes although none
// was refused. The others then wait for something that storage does once: it
// reads its origin from the start for each range, perhaps. That connection gets
// all of the rest.
func (s *schedule) compare(now time.Time) {
	var sum, top int64
	var best *job
	for _, j := range s.jobs {
		if sum += j.lately; j.lately > top {
			best, top = j, j.lately
		}
		j.lately = 0
	}
	early := now.Sub(s.since) < latencyFactor*s.latency
	if s.workers == 1 || s.refusals > 0 || early || len(s.jobs) < s.workers || sum == 0 || float64(top) < mostOfAll*float64(sum) {
		s.useless = 0
		return
	}
	if s.useless++; s.useless >= uselessLooks {
		s.quiet++
		s.alone(best, now)
	}
}

// alone leaves all of the rest to one connection. It is the given one if that
// is at the first gap and its response goes to the end, or else a new one. Bytes
// behind the first gap are fetched again: to ask for the gaps between them would
// take more requests.
func (s *schedule) alone(keep *job, now time.Time) {
	s.workers, s.chunk, s.since, s.useless = 1, unknownEnd, now, 0
	at := s.frontier()
	s.kept = min(s.kept, at)
	s.free = spans{{at, s.size}}
	for _, j := range s.jobs {
		if j == keep && j.open && j.answered && j.at == at {
			s.free, j.end = nil, s.size
			continue
		}
		j.end = j.at
		if j.hangUp != nil {
			j.replace(errUseless)
		}
	}
	s.work.Broadcast()
}

// hasMany reports whether storage may be asked for several ranges.
func (s *schedule) hasMany() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most > 1 && !s.oneRange
}

// onlyOne adapts to storage that gives no ranges beside the one it gives now, if
// it gives one.
func (s *schedule) onlyOne() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.oneRange = true
	var keep *job
	for _, j := range s.jobs {
		if j.open && j.answered {
			keep = j
		}
	}
	s.alone(keep, time.Now())
}

// replaceSlow ends requests that bring nothing, or much less than others do.
func (s *schedule) replaceSlow(now time.Time) {
	flows := len(s.jobs) < s.workers
	for _, j := range s.jobs {
		flows = flows || j.got > 0 && now.Sub(j.came) < slowPatience
	}
	usual := s.usual(now)
	for _, j := range slices.Clone(s.jobs) {
		if j.hangUp == nil || j.waits.IsZero() {
			continue
		}
		silence, patience := now.Sub(j.waits), slowPatience<<min(j.before.failures, 5)
		if !j.answered {
			patience = max(patience, latencyFactor*s.latency)
		}
		switch {
		case silence >= stallLimit:
			j.replace(errStalled)
		case !flows || s.workers == 1:
		case silence >= patience:
			s.hadNoAnswer(j, now)
			j.replace(errSlow)
		case j.got > 0 && now.Sub(j.asked) >= s.patience && j.rate(now) < usual/slowShare:
			s.patience *= 2
			j.replace(errSlow)
		}
	}
}

// refuse notes that storage, or something on the way, bears fewer connections or
// fewer requests.
func (s *schedule) refuse(j *job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused(j, time.Now())
}

// unanswered notes that a request got no response.
func (s *schedule) unanswered(j *job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hadNoAnswer(j, time.Now())
}

// hadNoAnswer takes the second request in a row without a response for a refusal,
// if others got bytes since the first one failed. Nothing flows in an outage.
func (s *schedule) hadNoAnswer(j *job, now time.Time) {
	if j.before.failures > 0 && s.came.After(j.before.failed) {
		s.refused(j, now)
	}
}

// refused halves the workers, but not below those that get bytes, and makes
// chunks larger. The last worker asks for all of the rest. After the first time
// it takes two refusals of one worker in a row.
func (s *schedule) refused(j *job, now time.Time) {
	if s.size == unknownEnd || s.refusals > 0 && (now.Sub(s.since) < shrinkEvery || j.before.failures == 0) {
		return
	}
	flowing := 0
	for _, other := range s.jobs {
		if other.got > 0 {
			flowing++
		}
	}
	s.refusals++
	s.since = now
	s.workers = min(s.workers, max(1, s.workers/2, flowing))
	s.chunk = max(2*min(s.chunk, s.size), min((s.size-s.hashed)/int64(s.workers), refusedFactor*s.unit))
	if s.workers == 1 {
		s.chunk = unknownEnd
	}
}
