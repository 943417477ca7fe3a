package transfer

// A span is a range of an object: from one offset to another, exclusive. The
// second is unknownEnd where that of the object is not known.
type span [2]int64

// Spans are disjoint, in order, and never touch: what does is one.
type spans []span

// valid reports whether s is what its type says, with bytes in each span.
func (s spans) valid() bool {
	var end int64
	for i, r := range s {
		if r[0] < end || r[1] <= r[0] || i > 0 && r[0] == end {
			return false
		}
		end = r[1]
	}
	return true
}

// add puts in r, of which nothing is in s yet.
func (s spans) add(r span) spans {
	i := 0
	for i < len(s) && s[i][1] < r[0] {
		i++
	}
	joinsLeft := i < len(s) && s[i][1] == r[0]
	next := i
	if joinsLeft {
		next++
	}
	joinsRight := next < len(s) && s[next][0] == r[1]
	switch {
	case joinsLeft && joinsRight:
		s[i][1] = s[next][1]
		return append(s[:next], s[next+1:]...)
	case joinsLeft:
		s[i][1] = r[1]
		return s
	case joinsRight:
		s[next][0] = r[0]
		return s
	default:
		return append(s[:i], append(spans{r}, s[i:]...)...)
	}
}

// head is how far s goes from the start without a gap.
func (s spans) head() int64 {
	if len(s) == 0 || s[0][0] > 0 {
		return 0
	}
	return s[0][1]
}

// end is where the last one ends.
func (s spans) end() int64 {
	if len(s) == 0 {
		return 0
	}
	return s[len(s)-1][1]
}

// bytes is how many there are in all.
func (s spans) bytes() int64 {
	var n int64
	for _, r := range s {
		n += r[1] - r[0]
	}
	return n
}

// gaps returns what is missing of an object that ends there.
func (s spans) gaps(end int64) spans {
	var gaps spans
	var at int64
	for _, r := range s {
		if at < r[0] {
			gaps = append(gaps, span{at, r[0]})
		}
		at = r[1]
	}
	if at < end {
		gaps = append(gaps, span{at, end})
	}
	return gaps
}
