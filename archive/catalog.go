package archive

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"net/url"
	"path"
	"strings"
)

// A catalog knows the names of all files and directories that were seen in an
// archive, and the links to those that were not seen yet. It holds hashes of the
// names.
type catalog struct {
	seed    maphash.Seed
	files   map[uint64]struct{}
	dirs    map[uint64]struct{} // with those that have no entry of their own
	last    string              // the directory of the latest file
	pending []pendingLink
	decoded map[uint64]uint64 // targets of percent-encoded links
	texts   []string          // of pending links
	size    int               // of texts
	shards  []string          // that have pending links
}

// A pendingLink is a link to something that was not seen yet.
type pendingLink struct {
	target uint64
	shard  uint32 // index in shards
	text   uint32 // index in texts, plus one; 0 if texts was full
}

// linkRoot is what every link into the archive begins with.
const linkRoot = "tarball://root/"

// maxTexts bounds the bytes of the links that are kept only to be named should
// their target be missing.
const maxTexts = 8 << 20

func newCatalog() *catalog {
	return &catalog{
		seed:    maphash.MakeSeed(),
		files:   make(map[uint64]struct{}),
		dirs:    make(map[uint64]struct{}),
		decoded: make(map[uint64]uint64),
	}
}

// add adds an entry. The error tells why there cannot be one of this name.
func (c *catalog) add(name string, dir bool) error {
	hash := c.hash(name)
	_, isFile := c.files[hash]
	_, isDir := c.dirs[hash]
	switch {
	case dir && isFile:
		return errors.New("a file before it has the same name")
	case dir:
		c.dirs[hash] = struct{}{}
		return c.addParents(name)
	case isFile:
		return errors.New("a file before it has the same name")
	case isDir:
		return errors.New("a directory before it has the same name")
	default:
		c.files[hash] = struct{}{}
		return c.addParents(name)
	}
}

func (c *catalog) addParents(name string) error {
	parent := path.Dir(name)
	if parent == c.last {
		return nil
	}
	c.last = parent
	for ; parent != "."; parent = path.Dir(parent) {
		hash := c.hash(parent)
		if _, ok := c.files[hash]; ok {
			return fmt.Errorf("it is in %s, which is a file", parent)
		}
		if _, ok := c.dirs[hash]; ok {
			break
		}
		c.dirs[hash] = struct{}{}
	}
	return nil
}

func (c *catalog) hash(name string) uint64 { return maphash.String(c.seed, name) }

// link adds a link that a record of a shard has. The error tells why it can
// never have a target.
func (c *catalog) link(shard, link string) error {
	name, err := linkTarget(link)
	if err != nil {
		return err
	}
	pending := pendingLink{target: c.hash(name)}
	if decoded, err := url.PathUnescape(name); err == nil && decoded != name {
		c.decoded[pending.target] = c.hash(decoded)
	}
	if c.reaches(pending.target) {
		return nil
	}
	if n := len(c.shards); n == 0 || c.shards[n-1] != shard {
		c.shards = append(c.shards, shard)
	}
	pending.shard = uint32(len(c.shards) - 1) //nolint:gosec // the entries of an archive fit into memory
	if c.size+len(link) <= maxTexts {
		c.size += len(link)
		c.texts = append(c.texts, strings.Clone(link))
		pending.text = uint32(len(c.texts)) //nolint:gosec // at most maxTexts
	}
	c.pending = append(c.pending, pending)
	return nil
}

// reaches reports whether the target of a link was seen. Whether exporters
// percent-encode links is not documented.
func (c *catalog) reaches(target uint64) bool {
	decoded, ok := c.decoded[target]
	return c.has(target) || ok && c.has(decoded)
}

func (c *catalog) has(hash uint64) bool {
	if _, ok := c.files[hash]; ok {
		return true
	}
	_, ok := c.dirs[hash]
	return ok
}

// missing calls yield for each link whose target the archive does not have.
func (c *catalog) missing(yield func(shard string, err error)) {
	for _, link := range c.pending {
		switch {
		case c.reaches(link.target):
		case link.text > 0:
			yield(c.shards[link.shard], fmt.Errorf("link to what is not in the archive: %q", shorten(c.texts[link.text-1])))
		default:
			yield(c.shards[link.shard], errors.New("link to what is not in the archive"))
		}
	}
}

// linkTarget returns the name of the entry that a link names.
func linkTarget(link string) (string, error) {
	name, ok := strings.CutPrefix(link, linkRoot)
	name = strings.TrimSuffix(strings.TrimPrefix(name, "./"), "/")
	if !ok || !fs.ValidPath(name) || name == "." {
		return "", fmt.Errorf("link that leads out of the archive: %q", shorten(link))
	}
	return name, nil
}

// shorten keeps a message readable whatever an archive puts into it.
func shorten(text string) string {
	const most = 300
	if len(text) <= most {
		return text
	}
	return text[:most] + "…"
}
