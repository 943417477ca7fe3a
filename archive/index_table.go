package archive

import (
	"cmp"
	"hash/maphash"
	"iter"
	"slices"
)

// An index finds the numbers of records by their kinds and URLs. The first record of an
// archive has the number 0.
type index struct {
	seed     maphash.Seed
	kinds    map[string]uint32
	records  []place
	end      int64 // where the last record ends
	keys     []key
	children []child
}

// A place says where a record begins. The record ends where the next record begins.
type place struct {
	offset int64
	kind   uint32 // a value of index.kinds
}

// A key is the hashed URL of a record, and its number.
type key struct {
	url    uint64
	number uint32
}

// A child is a record that belongs to another, as a comment belongs to its
// issue.
type child struct {
	parent  uint64 // the URL, hashed
	created int64  // in Unix time, in milliseconds
	number  uint32
}

func newIndex() index {
	return index{seed: maphash.MakeSeed(), kinds: make(map[string]uint32)}
}

// add adds the next record, whose text has size bytes.
func (x *index) add(r Record, size int) {
	kind := r.Kind()
	if _, ok := r.(*Unknown); ok {
		kind = unknownKind
	}
	k, ok := x.kinds[kind]
	if !ok {
		k = uint32(len(x.kinds)) //nolint:gosec // at most one for each struct
		x.kinds[kind] = k
	}
	number := uint32(len(x.records)) //nolint:gosec // Limits.Records bounds it
	x.records = append(x.records, place{x.end, k})
	x.end += int64(size)
	if url := r.Key(); url != "" {
		x.keys = append(x.keys, key{x.hash(url), number})
	}
	created, parents := parents(r)
	for _, parent := range parents {
		if parent != "" {
			x.children = append(x.children, child{x.hash(parent), created.UnixMilli(), number})
		}
	}
}

// sort prepares the index for lookups.
func (x *index) sort() {
	slices.SortFunc(x.keys, func(a, b key) int {
		return cmp.Or(cmp.Compare(a.url, b.url), cmp.Compare(a.number, b.number))
	})
	slices.SortFunc(x.children, func(a, b child) int {
		return cmp.Or(cmp.Compare(a.parent, b.parent), cmp.Compare(a.created, b.created), cmp.Compare(a.number, b.number))
	})
	x.children = slices.Compact(x.children) // two parents of a record may have the same URL
}

// all yields the numbers of the records of a kind, or of all records if kind is empty.
func (x *index) all(kind string) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		k, ok := x.kinds[kind]
		if kind != "" && !ok {
			return
		}
		for number, place := range x.records {
			if (kind == "" || place.kind == k) && !yield(uint32(number)) {
				return
			}
		}
	}
}

// find yields the numbers of the records that may have this URL. Another URL may have
// the same hash.
func (x *index) find(url URL) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		hash := x.hash(url)
		i, _ := slices.BinarySearchFunc(x.keys, hash, func(k key, hash uint64) int { return cmp.Compare(k.url, hash) })
		for ; i < len(x.keys) && x.keys[i].url == hash; i++ {
			if !yield(x.keys[i].number) {
				return
			}
		}
	}
}

// childrenOf yields the numbers of the records of a kind that may belong to the record
// with this URL, the oldest first. Another URL may have the same hash.
func (x *index) childrenOf(parent URL, kind string) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		k, ok := x.kinds[kind]
		if !ok {
			return
		}
		hash := x.hash(parent)
		i, _ := slices.BinarySearchFunc(x.children, hash, func(c child, hash uint64) int { return cmp.Compare(c.parent, hash) })
		for ; i < len(x.children) && x.children[i].parent == hash; i++ {
			number := x.children[i].number
			if x.records[number].kind == k && !yield(number) {
				return
			}
		}
	}
}

// place returns where a record is in the temporary file.
func (x *index) place(number uint32) (offset, size int64) {
	offset, end := x.records[number].offset, x.end
	if int(number)+1 < len(x.records) {
		end = x.records[number+1].offset
	}
	return offset, end - offset
}

func (x *index) hash(url URL) uint64 { return maphash.String(x.seed, string(url)) }

// unknownKind is the kind of every *Unknown in an index.
const unknownKind = "*"

// kindOf returns the kind of the records of type T in an index. It is empty if T is
// an interface.
func kindOf[T Record]() string {
	var zero T
	switch r := any(zero).(type) {
	case *Unknown:
		return unknownKind
	case Record:
		return r.Kind()
	default:
		return ""
	}
}
