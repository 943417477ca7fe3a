package partfile

// A Span is a byte range of an object: the first offset, and the offset after the
// last byte. The latter is UnknownEnd while the size of the object is not known.
type Span [2]int64

// Spans are disjoint and in order.
type Spans []Span

// valid reports whether every span has bytes and starts after a gap.
func (s Spans) valid() bool {
	var end int64
	for i, r := range s {
		if r[0] < end || r[1] <= r[0] || i > 0 && r[0] == end {
			return false
		}
		end = r[1]
	}
	return true
}

// Head returns the end of the span that starts at 0, 0 if there is no such span.
func (s Spans) Head() int64 {
	if len(s) == 0 || s[0][0] > 0 {
		return 0
	}
	return s[0][1]
}

// End returns the end of the last span, 0 if there are no spans.
func (s Spans) End() int64 {
	if len(s) == 0 {
		return 0
	}
	return s[len(s)-1][1]
}

// Bytes returns the number of bytes in all spans.
func (s Spans) Bytes() int64 { return s.Before(UnknownEnd) }

// Before returns the number of bytes before an offset.
func (s Spans) Before(offset int64) int64 {
	var n int64
	for _, r := range s {
		n += max(0, min(r[1], offset)-r[0])
	}
	return n
}

// Gaps returns the spans between s, up to the end of the object.
func (s Spans) Gaps(end int64) Spans {
	var gaps Spans
	var at int64
	for _, r := range s {
		if at < r[0] {
			gaps = append(gaps, Span{at, r[0]})
		}
		at = r[1]
	}
	if at < end {
		gaps = append(gaps, Span{at, end})
	}
	return gaps
}
