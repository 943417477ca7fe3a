package archive

import (
	"hash/maphash"
	"slices"
)

// A referenceCheck counts the references to records that are not in the archive.
// Records come in any order, so that it keeps 8 bytes for each record and each
// reference until the end.
type referenceCheck struct {
	seed   maphash.Seed
	reader *referenceReader
	kinds  []string // the types of records that references name; the index is a tag
	keys   hashes   // the URLs of records and labels, with the tags keyPart and keyRecord
	refs   hashes   // the references, with an index of kinds as tag
}

// The tags in referenceCheck.keys: the owners of URLs.
const (
	keyPart   = iota // a label, inside its repository's record
	keyRecord        // a record
)

func newReferenceCheck() *referenceCheck {
	return &referenceCheck{seed: maphash.MakeSeed(), reader: newReferenceReader()}
}

// addRecord adds the URLs of a record and its references, and returns their number.
func (c *referenceCheck) addRecord(r Record) int {
	added := 0
	keys(r, func(key URL) {
		added++
		tag := keyPart
		if key == r.Key() {
			tag = keyRecord
		}
		c.keys.add(c.hash(key), tag)
	})
	c.reader.each(r, func(kind string, to URL) {
		added++
		c.refs.add(c.hash(to), c.number(kind))
	})
	return added
}

func (c *referenceCheck) hash(u URL) uint64 { return maphash.String(c.seed, string(u)) }

func (c *referenceCheck) number(kind string) int {
	i := slices.Index(c.kinds, kind)
	if i < 0 {
		i = len(c.kinds)
		c.kinds = append(c.kinds, kind)
	}
	return i
}

// resolve counts the references whose record is missing, by the type of the record,
// and the records with the URL of another record. It empties c.
func (c *referenceCheck) resolve() (dangling map[string]int64, duplicates int64) {
	dangling = make(map[string]int64)
	var keys, refs []uint64
	for i := range c.keys {
		keys, refs = c.keys.take(i, keys), c.refs.take(i, refs)
		slices.Sort(keys)
		slices.Sort(refs)
		for j := 1; j < len(keys); j++ {
			if keys[j] == keys[j-1] && tag(keys[j]) == keyRecord {
				duplicates++
			}
		}
		rest := keys
		for _, ref := range refs {
			for len(rest) > 0 && rest[0]>>tagBits < ref>>tagBits {
				rest = rest[1:]
			}
			if len(rest) == 0 || rest[0]>>tagBits != ref>>tagBits {
				dangling[c.kinds[tag(ref)]]++
			}
		}
	}
	return dangling, duplicates
}

// hashes holds hashes of 64 bits, each with a tag of 8 bits, in 64 bits. The
// upper eight bits of a hash choose the bucket and leave room for the tag.
// Sorting the buckets one by one needs little memory. A bucket consists of
// pieces, so that growing needs no copy.
type hashes [1 << tagBits][][]uint64

const (
	tagBits   = 8
	pieceSize = 512
)

func (h *hashes) add(hash uint64, tag int) {
	bucket := &h[hash>>(64-tagBits)]
	last := len(*bucket) - 1
	if last < 0 || len((*bucket)[last]) == pieceSize {
		*bucket = append(*bucket, make([]uint64, 0, pieceSize))
		last++
	}
	(*bucket)[last] = append((*bucket)[last], hash<<tagBits|uint64(tag)) //nolint:gosec // a tag has 8 bits
}

// take moves the hashes of one bucket into buf and frees the bucket.
func (h *hashes) take(bucket int, buf []uint64) []uint64 {
	buf = buf[:0]
	for _, piece := range h[bucket] {
		buf = append(buf, piece...)
	}
	h[bucket] = nil
	return buf
}

func tag(hash uint64) int { return int(hash & (1<<tagBits - 1)) }
