package transfer

import "time"

// WorkersAfterRefusals returns how many workers are left of a schedule when storage
// refuses a request every so often for a while. A test cannot observe this from
// outside: a refused worker also sends requests less and less often.
func WorkersAfterRefusals(workers int, every, duration time.Duration) int {
	s := newSchedule(nil, 0, minChunk)
	s.setSize(1<<30, workers)
	refused := s.next(record{failures: 1})
	for end := time.Now().Add(duration); time.Now().Before(end); time.Sleep(every) {
		s.refused(refused, true)
	}
	return s.workers
}
