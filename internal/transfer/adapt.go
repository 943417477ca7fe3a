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

	slowShare     = 5  // a connection below this part of the usual speed is replaced
	maxRates      = 32 // ended jobs whose speeds are the usual ones
	latencyFactor = 4  // times the shortest latency are enough for a response

	// If one connection brings this part of all bytes in so many looks in a row,
	// the other connections are useless.
	mostOfAll    = 0.8
	uselessLooks = 3

	// The number of workers shrinks at most once in shrinkEvery, and grows by one
	// after growAfter.
	shrinkEvery = time.Second
	growAfter   = 30 * time.Second

	frontierTime  = time.Second            // the length of the job that the hash waits for
	worthARequest = 100 * time.Millisecond // of a job that is split, and of a wait for a response that is given up
	refusedFactor = 64                     // times minChunk is the largest chunk after refusals
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
	gap      time.Duration // the longest that bytes were waited for, of late
	rates    []float64     // bytes a second, of jobs that ended
	refusals int           // that made the workers fewer
	leader   *job          // the one that brought nearly all bytes
	useless  int           // looks in a row in which it did
	oneRange bool          // whether storage gives no more than one range

	placed   int // workers that wait to ask again and keep their place
	stated   int // workers that wait for as long as storage asked them to
	backoffs int // workers that wait for other reasons

	bytes         int64         // since the progress was last enough
	idle, excused time.Duration // since then, of waiting for storage, and because storage asked to
	trouble       error         // the latest failure since then
}

// rate returns the bytes a second of a job, including the time to its response.
func (j *job) rate(now time.Time) float64 { return float64(j.got) / (now.Sub(j.asked) + 1).Seconds() }

// usual returns the median of the speeds of jobs, 0 without jobs.
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
	longest, usual := (worthARequest + 2*max(s.latency, s.gap)).Seconds(), s.usual(now)
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

// look looks at all connections, ends connections that do not pay, and adapts
// the number of workers. Its error ends the transfer.
func (s *schedule) look(now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.work.Broadcast()
	if now.Sub(s.since) >= growAfter && s.workers < s.most && !s.oneRange && now.Sub(s.came) < lookEvery {
		s.workers, s.chunk, s.since = s.workers+1, s.share(), now
	}
	for _, j := range s.jobs {
		if s.workers > 1 && j.got > 0 && j.at == s.frontier() {
			s.split(j, max(int64(j.rate(now)*frontierTime.Seconds()), s.chunk)+s.small())
		}
	}
	s.compare(now)
	s.replaceSlow(now)
	s.gap -= s.gap / 1024 // halves in six minutes
	return s.tick()
}

// compare finds out whether one connection brings nearly all bytes although no
// request was refused. The others then wait for something that storage does once:
// it reads its origin from the start for each range, perhaps.
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
	if s.workers == 1 || s.refusals > 0 || early || len(s.jobs) < s.workers || float64(top) < mostOfAll*float64(sum) {
		best = nil
	}
	if best != s.leader {
		s.leader, s.useless = best, 0
	}
	if s.useless++; best != nil && s.useless >= uselessLooks {
		s.alone(best)
	}
}

// alone leaves all of the rest to one connection. It keeps the given connection
// if that is at the first gap and its response goes to the end, and opens a new
// connection otherwise. Bytes behind the first gap are fetched again: the gaps
// between them would take more requests.
func (s *schedule) alone(keep *job) {
	at := s.frontier()
	s.workers, s.chunk, s.since, s.leader = 1, unknownEnd, time.Now(), nil
	s.free, s.kept = spans{{at, s.size}}, min(s.kept, at)
	for _, j := range s.jobs {
		if j == keep && j.open && j.answered && j.at == at {
			s.free, j.end = nil, s.size
			continue
		}
		s.cancel(j)
	}
	s.work.Broadcast()
}

// onlyOne adapts to storage that gives no ranges beside the one it gives now, if
// it gives one. It returns false if there never were more.
func (s *schedule) onlyOne() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.most == 1 || s.oneRange {
		return false
	}
	s.oneRange = true
	var keep *job
	for _, j := range s.jobs {
		if j.open && j.answered {
			keep = j
		}
	}
	s.alone(keep)
	return true
}

// replaceSlow ends requests that bring nothing, or much less than others do. The
// next request for the same bytes gets twice the time.
func (s *schedule) replaceSlow(now time.Time) {
	flows, usual := len(s.jobs) < s.workers || now.Sub(s.came) < slowPatience, s.usual(now)
	for _, j := range slices.Clone(s.jobs) {
		if j.hangUp == nil || j.waits.IsZero() {
			continue
		}
		silence, patience := now.Sub(j.waits), max(slowPatience<<min(j.before.failures, 5), 2*s.gap)
		if !j.answered {
			patience = max(patience, latencyFactor*s.latency)
		}
		switch {
		case silence >= stallLimit:
			j.hangUp(errStalled)
		case !flows || s.workers == 1:
		case silence >= patience:
			s.hadNoAnswer(j, now)
			j.hangUp(errSlow)
		case j.got > 0 && now.Sub(j.asked) >= max(s.patience, 4*s.gap) && j.rate(now) < usual/slowShare:
			s.patience *= 2
			j.hangUp(errSlow)
		}
	}
}

// refused notes that a request was refused because there are too many, or that it
// got no response.
func (s *schedule) refused(j *job, answered bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if answered {
		s.tooMany(j, time.Now())
	} else {
		s.hadNoAnswer(j, time.Now())
	}
}

// hadNoAnswer takes the second request in a row without a response for a refusal,
// if others got bytes since the first one failed. Nothing flows in an outage.
func (s *schedule) hadNoAnswer(j *job, now time.Time) {
	if j.before.failures > 0 && s.came.After(j.before.failed) {
		s.tooMany(j, now)
	}
}

// tooMany halves the workers, but not below the number of workers that get
// bytes, and makes chunks larger, at last all of the rest. A second time takes
// two refusals in a row.
func (s *schedule) tooMany(j *job, now time.Time) {
	if s.size == unknownEnd || s.refusals > 0 && (now.Sub(s.since) < shrinkEvery || j.before.failures == 0) {
		return
	}
	flowing := 0
	for _, other := range s.jobs {
		if other.got > 0 {
			flowing++
		}
	}
	s.refusals, s.since = s.refusals+1, now
	s.workers = min(s.workers, max(1, s.workers/2, flowing))
	s.chunk = max(2*min(s.chunk, s.size), min((s.size-s.hashed)/int64(s.workers), refusedFactor*s.unit))
	if s.workers == 1 {
		s.chunk = unknownEnd
	}
}
