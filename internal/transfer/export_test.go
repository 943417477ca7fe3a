package transfer

import "time"

// WorkersAfterRefusals returns how many of so many workers are left after storage
// has refused one every so often for that long. This cannot be seen from outside
// alone: a refused worker also asks less and less often.
func WorkersAfterRefusals(workers int, every, forThat time.Duration) int {
	s := newSchedule(nil, 0, minChunk)
	s.sized(1<<30, workers)
	refused := s.next(record{failures: 1})
	for end := time.Now().Add(forThat); time.Now().Before(end); time.Sleep(every) {
		s.refused(refused, true)
	}
	return s.workers
}
