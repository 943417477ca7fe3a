package transfer

import "slices"

// This file holds how a schedule and the hash of the file work together. The hash
// reads the file in order, up to the first missing byte: the frontier.

// fetched returns the spans that are in the file.
func (s *schedule) fetched() spans {
	s.mu.Lock()
	defer s.mu.Unlock()
	missing := slices.Clone(s.free)
	for _, j := range s.jobs {
		if j.at < j.end {
			missing = append(missing, span{j.at, j.end})
		}
	}
	slices.SortFunc(missing, func(a, b span) int { return slices.Compare(a[:], b[:]) })
	return missing.Gaps(s.size)
}

// frontier returns the offset of the first missing byte.
func (s *schedule) frontier() int64 {
	at := s.size
	if len(s.free) > 0 {
		at = min(at, s.free[0][0])
	}
	for _, j := range s.jobs {
		if j.at < j.end {
			at = min(at, j.at)
		}
	}
	return at
}

// await notes that the hash has read up to an offset, and waits for the next bytes.
// It returns how far the hash may read, and false at the end.
func (s *schedule) await(hashed int64) (int64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hashed = hashed
	s.work.Broadcast()
	for {
		switch head := min(s.frontier(), s.hashEnd); {
		case head > hashed:
			return head, true
		case s.ended:
			return 0, false
		}
		s.data.Wait()
	}
}

// stop makes all workers end after their current job.
func (s *schedule) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	s.wake()
}

// finish makes the hash end at the frontier, after at most the given number of
// bytes. It is called when all workers have ended.
func (s *schedule) finish(maxBytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended, s.hashEnd = true, s.frontier()
	if maxBytes < s.hashEnd-s.hashed {
		s.hashEnd = s.hashed + maxBytes
	}
	s.data.Signal()
}
