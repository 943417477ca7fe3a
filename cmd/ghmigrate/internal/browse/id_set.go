package browse

import (
	"iter"
	"math/bits"
	"slices"
)

// An idSet is a set of the IDs of records. It is a bitmap, because the IDs of an index are
// consecutive.
type idSet []uint64

// add returns the set with an ID. It may change the set, as append does.
func (s idSet) add(id int64) idSet {
	if missing := int(id/64) + 1 - len(s); missing > 0 {
		s = append(s, make(idSet, missing)...)
	}
	s[id/64] |= 1 << (id % 64)
	return s
}

func (s idSet) union(other idSet) idSet {
	all := make(idSet, max(len(s), len(other)))
	copy(all, s)
	for i, b := range other {
		all[i] |= b
	}
	return all
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
		for i, b := range slices.Backward(s) {
			for b != 0 {
				top := 63 - bits.LeadingZeros64(b)
				b &^= 1 << top
				if !yield(int64(i)*64 + int64(top)) {
					return
				}
			}
		}
	}
}
