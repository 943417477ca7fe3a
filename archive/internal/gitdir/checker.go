// Package gitdir checks bare Git repositories whose files stream by, one after
// another, in any order: each once and none of them kept.
//
// It finds what was damaged or lost in a repository without reading its
// history: the checksums that Git keeps in its files are computed again, packs
// are compared with their indexes, and the objects that refs point to must be
// there. It does not unpack the objects of packs.
package gitdir

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"strings"
)

// A Shared is what the Checkers of an archive have in common, so that each has
// little of its own: they are for one goroutine.
type Shared struct {
	buf    []byte
	zlib   inflater
	budget int64
	memory int64 // that a Checker may hold on to
	seed   maphash.Seed
}

// maxMemory bounds what a Checker holds on to: it is enough for 64 million
// objects.
const maxMemory = 512 << 20

// NewShared returns a Shared whose Checkers inflate up to budget bytes of loose
// objects, all together.
func NewShared(budget int64) *Shared {
	return &Shared{buf: make([]byte, 256<<10), budget: budget, memory: maxMemory, seed: maphash.MakeSeed()}
}

// A Checker checks the files of one bare repository. It remembers 8 bytes for
// each object and 24 for each ref, up to a limit.
type Checker struct {
	*Shared

	objects   [][]uint64 // hashed ids, in pieces that are never moved
	stats     Stats
	sha1      bool // objects were named by SHA-1
	sha256    bool
	uncertain bool  // objects are elsewhere, or the index that names them is damaged
	held      int64 // bytes that are remembered
	full      bool  // and something was not

	packs     map[string]*pack // by name without extension
	midxPacks []string         // indexes that a multi-pack-index names
	chained   []chained
	layers    map[string]bool // files that a chain may name

	head       bool
	tips       []tip
	looseNames []string // of tips
	refNames   []uint64 // hashed names of loose refs, symbolic ones too
}

// Stats tells what is in a repository.
type Stats struct {
	Objects int64 // an object in two packs counts twice
	Refs    int64 // without HEAD
	// Detached tells that HEAD names an object, not a branch.
	Detached bool
}

// New returns a Checker.
func (s *Shared) New() *Checker {
	return &Checker{
		Shared: s,
		packs:  map[string]*pack{},
		layers: map[string]bool{},
	}
}

// File checks a file of the repository, named by its path in it, and calls
// report for what is wrong, with the place in the file or -1. Files that it
// knows nothing of it does not read. The error is what r failed with.
func (c *Checker) File(name string, r io.Reader, report func(offset int64, err error)) error {
	src := &source{r: r}
	switch {
	case name == "HEAD":
		c.checkHEAD(src, report)
	case name == "packed-refs":
		c.checkPackedRefs(src, report)
	case strings.HasPrefix(name, "refs/"):
		c.checkLooseRef(name, src, report)
	case strings.HasPrefix(name, "objects/"):
		c.checkObjects(strings.TrimPrefix(name, "objects/"), src, report)
	}
	return src.err
}

func (c *Checker) checkObjects(name string, src *source, report func(int64, error)) {
	if file, ok := strings.CutPrefix(name, "pack/"); ok {
		c.checkPackFile(file, src, report)
		return
	}
	object, isLoose := LooseObject(name)
	switch {
	case name == "info/alternates":
		c.checkAlternates(src, report)
	case name == "info/commit-graph", strings.HasPrefix(name, "info/commit-graphs/"):
		c.checkGraphFile(name, src, report)
	case isLoose:
		c.checkLooseObject(object, src, report)
	}
}

// Close reports what can be told only after the last file, with the name of
// the file that it is about.
func (c *Checker) Close(report func(name string, err error)) Stats {
	if !c.head {
		report("HEAD", errors.New("missing"))
	}
	if c.sha1 && c.sha256 {
		report("objects", errors.New("some objects are named by SHA-1 and some by SHA-256"))
	}
	if c.full {
		report("", fmt.Errorf("checked only file by file: more than %d bytes would have to be remembered", c.memory))
	} else {
		c.closePacks(report)
		c.closeChains(report)
		c.closeRefs(report)
	}
	return c.stats
}

// Memory returns about how many bytes the Checker holds on to.
func (c *Checker) Memory() int64 { return 1<<10 + c.held }

// hold reports whether n more bytes may be remembered.
func (c *Checker) hold(n int) bool {
	if c.held+int64(n) > c.memory {
		c.full = true
		return false
	}
	c.held += int64(n)
	return true
}

// add remembers an object.
func (c *Checker) add(id []byte) {
	c.stats.Objects++
	last := len(c.objects) - 1
	if last < 0 || len(c.objects[last]) == cap(c.objects[last]) {
		// The first piece is small for the sake of small repositories.
		size := min(256<<min(len(c.objects), 8), 64<<10)
		if !c.hold(8 * size) {
			return
		}
		c.objects = append(c.objects, make([]uint64, 0, size))
		last++
	}
	c.objects[last] = append(c.objects[last], maphash.Bytes(c.seed, id))
}

func (c *Checker) sawFormat(f format) {
	if f.size == sha256Format().size {
		c.sha256 = true
	} else {
		c.sha1 = true
	}
}

// IsObjectName reports whether s could be the name of an object, or any other
// checksum, in either format.
func IsObjectName(s string) bool { return IsHex(s, 40) || IsHex(s, 64) }

// IsHex reports whether s has n digits as Git writes them.
func IsHex(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdef") == ""
}
