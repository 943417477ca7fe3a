package browse

import (
	"iter"
	"math/bits"
)

// An idSet is a set of the IDs of records. It is a bitmap, because the IDs of an index are
// consecutive.
type idSet []uint64

func (s *idSet) add(id int64) {
	if missing := int(id/64) + 1 - len(*s); missing > 0 {
		*s = append(*s, make([]uint64, missing)...)
	}
	(*s)[id/64] |= 1 << (id % 64)
}

func (s *idSet) addAll(other idSet) {
	if missing := len(other) - len(*s); missing > 0 {
		*s = append(*s, make([]uint64, missing)...)
	}
	for i, b := range other {
		(*s)[i] |= b
	}
}

func (s idSet) intersection(other idSet) idSet {
	both := make(idSet, min(len(s), len(other)))
	for i := range both {
		both[i] = s[i] & other[i]
	}
	return both
}

func (s idSet) has(id int64) bool {
	return id/64 < int64(len(s)) && s[id/64]&(1<<(id%64)) != 0
}

func (s idSet) len() int64 {
	n := 0
	for _, b := range s {
		n += bits.OnesCount64(b)
	}
	return int64(n)
}

// descending yields the IDs from the largest to the smallest.
func (s idSet) descending() iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for i := len(s) - 1; i >= 0; i-- {
			for b := s[i]; b != 0; {
				top := 63 - bits.LeadingZeros64(b)
				b &^= 1 << top
				if !yield(int64(i)*64 + int64(top)) {
					return
				}
			}
		}
	}
}
