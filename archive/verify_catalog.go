package archive

import (
	"errors"
	"fmt"
	"hash/maphash"
	"net/url"
	"strings"
)

// A catalog remembers the files and directories that have come so far, and the links
// to entries that have not. It keeps hashes of the names.
type catalog struct {
	seed    maphash.Seed
	seen    map[uint64]struct{} // files and directories, also directories without an entry
	last    string              // the directory of the latest file
	pending []pendingLink
	decoded map[uint64]uint64 // targets of pending links that may be percent-encoded
	texts   []string          // of pending links
	size    int               // the memory of texts
	origins origins           // of pending links
}

// A pendingLink is a link to an entry that has not come yet.
type pendingLink struct {
	target uint64
	offset int64  // of the record
	origin uint32 // index in origins; 0 if origins was full
	text   uint32 // index in texts, plus one; 0 if texts was full
}

// An origin is a file of records, and a repository with records in the file.
type origin struct{ shard, repository string }

// origins holds each origin once. The first origin is empty, for links that come after
// maxTexts.
type origins struct {
	list    []origin
	indexes map[origin]uint32 // in list
	size    int               // the memory of list and indexes
}

// index returns the index of an origin.
func (o *origins) index(from origin) uint32 {
	i, ok := o.indexes[from]
	size := len(from.shard) + len(from.repository) + 4*textOverhead
	if ok || o.size+size > maxTexts {
		return i
	}
	i = uint32(len(o.list)) //nolint:gosec // at most maxTexts
	o.size += size
	o.list = append(o.list, from)
	o.indexes[from] = i
	return i
}

const (
	// maxTexts bounds the memory of links, and of origins, that are kept for faults.
	maxTexts = 8 << 20
	// textOverhead is the memory of a string without its bytes.
	textOverhead = 24
)

func newCatalog() *catalog {
	return &catalog{
		seed:    maphash.MakeSeed(),
		seen:    make(map[uint64]struct{}),
		decoded: make(map[uint64]uint64),
		origins: origins{list: make([]origin, 1), indexes: make(map[origin]uint32)},
	}
}

// add adds an entry. It fails if an earlier entry is in the way.
func (c *catalog) add(name string, dir bool) error {
	switch {
	case c.has(c.hash(name, false)):
		return errors.New("an earlier file has the same name")
	case !dir && c.has(c.hash(name, true)):
		return errors.New("an earlier directory has the same name")
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

// link adds a link to the entry of this name, from the record that e yielded last, which
// belongs to the repository. The entry must be a directory if it is a repository, and a
// file otherwise.
func (c *catalog) link(e *Entry, repository, name string) {
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
	pending := pendingLink{target: target, offset: e.offset, origin: c.origins.index(origin{e.Name, repository})}
	if size := len(name) + textOverhead; c.size+size <= maxTexts {
		c.size += size
		c.texts = append(c.texts, strings.Clone(name))
		pending.text = uint32(len(c.texts)) //nolint:gosec // at most maxTexts
	}
	c.pending = append(c.pending, pending)
}

// missing adds a fault for each link whose target is missing.
func (c *catalog) missing(faults *FaultError) {
	for _, link := range c.pending {
		// Whether exporters percent-encode links is not documented.
		decoded, ok := c.decoded[link.target]
		if c.has(link.target) || ok && c.has(decoded) {
			continue
		}
		from, err := c.origins.list[link.origin], errors.New("link to an entry that is not in the archive")
		if link.text > 0 {
			err = fmt.Errorf("%w: %q", err, shorten(linkRoot+c.texts[link.text-1]))
		}
		fault := &Fault{Entry: from.shard, Repository: from.repository, Offset: link.offset, Err: err}
		if from.shard == "" {
			fault.Offset = -1
		}
		faults.add(fault)
	}
}
