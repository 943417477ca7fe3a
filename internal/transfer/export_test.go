package transfer

import "time"

// RangesAfterRefusals is how many of so many ranges are left after storage has
// refused one every so often for that long. From outside this cannot be seen
// alone: who is refused also asks less and less often.
func RangesAfterRefusals(ranges int, every, forThat time.Duration) int {
	s := newSchedule(1<<30, nil, 0, ranges, false, minChunk)
	mine := s.first(unknownEnd)
	for end := time.Now().Add(forThat); time.Now().Before(end); time.Sleep(every) {
		mine.refused(0)
	}
	return s.slots
}
