package archive

import (
	"errors"
	"fmt"
	"hash/maphash"
	"net/url"
	"strings"
)

// A catalog knows the names of all files and directories that were seen in an
// archive, and the links to those that were not seen yet. It holds hashes of the
// names.
type catalog struct {
	seed    maphash.Seed
	seen    map[uint64]struct{} // names; of directories, also those without an entry, with a slash
	last    string              // the directory of the latest file
	pending []pendingLink
	decoded map[uint64]uint64 // targets of pending links that may be percent-encoded
	texts   []string          // of pending links
	size    int               // of texts
	shards  []string          // that have pending links
}

// A pendingLink is a link to something that was not seen yet.
type pendingLink struct {
	target uint64
	offset int64  // of the record
	shard  uint32 // index in shards
	text   uint32 // index in texts, plus one; 0 if texts was full
}

// maxTexts bounds the bytes of the links that are kept only to be named should
// their target be missing.
const maxTexts = 8 << 20

func newCatalog() *catalog {
	return &catalog{
		seed:    maphash.MakeSeed(),
		seen:    make(map[uint64]struct{}),
		decoded: make(map[uint64]uint64),
	}
}

// add adds an entry. The error tells why there cannot be one of this name.
func (c *catalog) add(name string, dir bool) error {
	file, directory := c.hash(name), c.hash(name+"/")
	switch {
	case c.has(file):
		return errors.New("a file before it has the same name")
	case dir:
		c.seen[directory] = struct{}{}
	case c.has(directory):
		return errors.New("a directory before it has the same name")
	default:
		c.seen[file] = struct{}{}
	}
	return c.addParents(name)
}

func (c *catalog) addParents(name string) error {
	parent := name[:strings.LastIndexByte(name, '/')+1]
	if parent == c.last {
		return nil
	}
	for dir := parent; dir != ""; dir = dir[:strings.LastIndexByte(dir[:len(dir)-1], '/')+1] {
		if c.has(c.hash(dir[:len(dir)-1])) {
			return fmt.Errorf("it is in %q, which is a file", shorten(dir[:len(dir)-1]))
		}
		hash := c.hash(dir)
		if c.has(hash) {
			break
		}
		c.seen[hash] = struct{}{}
	}
	c.last = parent
	return nil
}

func (c *catalog) hash(name string) uint64 { return maphash.String(c.seed, name) }

func (c *catalog) has(hash uint64) bool {
	_, ok := c.seen[hash]
	return ok
}

// link adds a link to the file or directory of this name, in a record that is at
// offset in a shard.
func (c *catalog) link(shard string, offset int64, name string, dir bool) {
	text, plain := name, name
	if decoded, err := url.PathUnescape(name); err == nil {
		plain = decoded
	}
	if dir {
		name, plain = name+"/", plain+"/"
	}
	target, decoded := c.hash(name), c.hash(plain)
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
	if c.size+len(text) <= maxTexts {
		c.size += len(text)
		c.texts = append(c.texts, strings.Clone(text))
		pending.text = uint32(len(c.texts)) //nolint:gosec // at most maxTexts
	}
	c.pending = append(c.pending, pending)
}

// missing calls yield for each link whose target the archive does not have.
func (c *catalog) missing(yield func(shard string, offset int64, err error)) {
	for _, link := range c.pending {
		// Whether exporters percent-encode links is not documented.
		decoded, ok := c.decoded[link.target]
		switch shard := c.shards[link.shard]; {
		case c.has(link.target), ok && c.has(decoded):
		case link.text > 0:
			yield(shard, link.offset, fmt.Errorf("link to what is not in the archive: %q", shorten(linkRoot+c.texts[link.text-1])))
		default:
			yield(shard, link.offset, errors.New("link to what is not in the archive"))
		}
	}
}
