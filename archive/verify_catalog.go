package archive

import (
	"errors"
	"fmt"
	"hash/maphash"
	"net/url"
	"strings"
)

// A catalog knows the names of the files and directories that an archive has had so
// far, and the links to others. It holds hashes of the names.
type catalog struct {
	seed    maphash.Seed
	seen    map[uint64]struct{} // files and directories, also those without an entry
	last    string              // the directory of the latest file
	pending []pendingLink
	decoded map[uint64]uint64 // targets of pending links that may be percent-encoded
	texts   []string          // of pending links
	size    int               // of texts
	shards  []string          // that have pending links
}

// A pendingLink is a link to an entry that was not seen yet.
type pendingLink struct {
	target uint64
	offset int64  // of the record
	shard  uint32 // index in shards
	text   uint32 // index in texts, plus one; 0 if texts was full
}

// maxTexts bounds the bytes of links that are kept for the messages of faults.
const maxTexts = 8 << 20

func newCatalog() *catalog {
	return &catalog{
		seed:    maphash.MakeSeed(),
		seen:    make(map[uint64]struct{}),
		decoded: make(map[uint64]uint64),
	}
}

// add adds an entry. The error is about an earlier entry in the way.
func (c *catalog) add(name string, dir bool) error {
	switch {
	case c.has(c.hash(name, false)):
		return errors.New("a file before it has the same name")
	case !dir && c.has(c.hash(name, true)):
		return errors.New("a directory before it has the same name")
	}
	c.seen[c.hash(name, dir)] = struct{}{}
	return c.addParents(name)
}

// addParents adds the directories above an entry.
func (c *catalog) addParents(name string) error {
	parent, _ := splitLast(name)
	if parent == c.last {
		return nil
	}
	for dir := parent; dir != "" && !c.has(c.hash(dir, true)); dir, _ = splitLast(dir) {
		if c.has(c.hash(dir, false)) {
			return fmt.Errorf("it is in %q, which is a file", shorten(dir))
		}
		c.seen[c.hash(dir, true)] = struct{}{}
	}
	c.last = parent
	return nil
}

// hash hashes the name of a file or, with the lowest bit set, of a directory.
func (c *catalog) hash(name string, dir bool) uint64 {
	hash := maphash.String(c.seed, name) &^ 1
	if dir {
		hash |= 1
	}
	return hash
}

func (c *catalog) has(hash uint64) bool {
	_, ok := c.seen[hash]
	return ok
}

// link adds a link to the entry of this name, in a record at this offset of a
// shard. It must be a directory if it is a repository, and otherwise a file.
func (c *catalog) link(shard string, offset int64, name string) {
	plain, err := url.PathUnescape(name)
	if err != nil {
		plain = name
	}
	dir := strings.HasPrefix(name, "repositories/")
	target, decoded := c.hash(name, dir), c.hash(plain, dir)
	if c.has(target) || c.has(decoded) {
		return
	}
	if decoded != target {
		c.decoded[target] = decoded
	}
	if n := len(c.shards); n == 0 || c.shards[n-1] != shard {
		c.shards = append(c.shards, shard)
	}
	pending := pendingLink{target: target, offset: offset}
	pending.shard = uint32(len(c.shards) - 1) //nolint:gosec // the entries of an archive fit into memory
	if c.size+len(name) <= maxTexts {
		c.size += len(name)
		c.texts = append(c.texts, strings.Clone(name))
		pending.text = uint32(len(c.texts)) //nolint:gosec // at most maxTexts
	}
	c.pending = append(c.pending, pending)
}

// missing calls yield for each link whose target is missing.
func (c *catalog) missing(yield func(shard string, offset int64, err error)) {
	for _, link := range c.pending {
		// Whether exporters percent-encode links is not documented.
		decoded, ok := c.decoded[link.target]
		switch shard := c.shards[link.shard]; {
		case c.has(link.target), ok && c.has(decoded):
		case link.text > 0:
			yield(shard, link.offset, fmt.Errorf("link to an entry that is not in the archive: %q", shorten(linkRoot+c.texts[link.text-1])))
		default:
			yield(shard, link.offset, errors.New("link to an entry that is not in the archive"))
		}
	}
}
