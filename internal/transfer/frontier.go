package transfer

import "slices"

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

// frontier returns where the first byte is missing.
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

// await tells that the hash has read up to an offset, and waits for more bytes
// behind it. It returns how far the hash may go, and false at the end.
func (s *schedule) await(hashed int64) (int64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hashed = hashed
	s.work.Broadcast()
	for {
		switch head := min(s.frontier(), s.last); {
		case head > hashed:
			return head, true
		case s.ended:
			return 0, false
		}
		s.data.Wait()
	}
}

// stop lets all workers end.
func (s *schedule) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	s.wake()
}

// finish lets the hash end when all workers have ended, at most so many bytes
// from where it is.
func (s *schedule) finish(most int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended, s.last = true, s.frontier()
	if most < s.last-s.hashed {
		s.last = s.hashed + most
	}
	s.data.Signal()
}
