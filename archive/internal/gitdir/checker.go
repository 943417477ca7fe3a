// Package gitdir checks bare Git repositories whose files stream by, one after
// another, in any order: each file once, and no file is kept.
//
// Git is the measure: a repository that passes is one that git clone and git fsck
// accept once the files that Git can rebuild are left out. The package does not
// read the history. It computes the checksums in Git's files again, compares
// packs with their indexes, and follows refs to their objects. It does not unpack
// the objects of packs.
package gitdir

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"path"
	"strings"
)

// A Shared holds what the Checkers of one archive have in common, so that each
// Checker is small. They are for one goroutine.
type Shared struct {
	buf    []byte
	zlib   looseReader
	budget int64
	memory int64 // of one Checker
	seed   maphash.Seed
}

// maxMemory bounds what a Checker remembers. It has room for 64 million objects.
const maxMemory = 512 << 20

// NewShared returns a Shared whose Checkers inflate up to budget bytes of loose
// objects together.
func NewShared(budget int64) *Shared {
	return &Shared{buf: make([]byte, 256<<10), budget: budget, memory: maxMemory, seed: maphash.MakeSeed()}
}

// A Checker checks the files of one bare repository. It remembers 8 bytes for
// each object and about 50 for each ref, up to a limit.
type Checker struct {
	*Shared

	objects   [][]uint64 // hashed ids, in pieces that are never moved
	stats     Stats
	sha1      bool // objects were named by SHA-1
	sha256    bool
	uncertain bool  // some objects are elsewhere, or a damaged index names them
	held      int64 // bytes that are remembered
	full      bool  // and something was not

	packs map[string]*pack // by name without extension

	head     bool // HEAD was seen
	tips     []tip
	loose    []string            // the names of loose refs, HEAD among them
	symbolic map[string]string   // the ref that each symbolic ref points to, HEAD among them
	parents  map[uint64]struct{} // hashed names of what refs are below
	unsorted bool                // packed-refs is
}

// Stats tells what is in a repository.
type Stats struct {
	Objects  int64 // an object in two packs counts twice
	Refs     int64 // without HEAD
	Detached bool  // HEAD names an object, not a branch
	Shallow  bool  // a shallow file cuts the history
	Partial  bool  // a promisor pack: objects are in another repository
}

// New returns a Checker.
func (s *Shared) New() *Checker {
	return &Checker{
		Shared:   s,
		packs:    make(map[string]*pack),
		symbolic: make(map[string]string),
		parents:  make(map[uint64]struct{}),
	}
}

// File checks a file of the repository. The name is the path in the repository.
// File calls report with each fault and its offset in the file, or -1. It does
// not read files that Git does not need. The error is that of r.
func (c *Checker) File(name string, r io.Reader, report func(offset int64, err error)) error {
	src := &source{r: r}
	switch {
	case name == "HEAD", strings.HasPrefix(name, "refs/"):
		c.checkLooseRef(name, src, report)
	case name == "packed-refs":
		c.checkPackedRefs(src, report)
	case name == "shallow":
		c.checkShallow(src, report)
	case name == "reftable/tables.list":
		report(-1, errors.New("the refs are in reftables, which are not checked"))
	case strings.HasPrefix(name, "lfs/objects/"):
		c.checkLargeFile(name, src, report)
	case strings.HasPrefix(name, "objects/"):
		c.checkObjects(strings.TrimPrefix(name, "objects/"), src, report)
	}
	return src.err
}

func (c *Checker) checkObjects(name string, src *source, report func(int64, error)) {
	dir, file, _ := strings.Cut(name, "/")
	object, isLoose := LooseObject(name)
	switch {
	case isLoose:
		c.checkLooseObject(object, src, report)
	case len(dir) == 2 && file != "" && !strings.HasPrefix(file, "tmp_"):
		report(-1, errors.New("not the name of an object"))
	case name == "info/alternates":
		c.checkAlternates(src, report)
	case name == "info/commit-graph", path.Ext(name) == ".graph":
		c.checkCache(name, src, report)
	case dir == "pack":
		c.checkPackFile(file, src, report)
	}
}

// checkAlternates reports other object stores that the repository needs.
func (c *Checker) checkAlternates(src *source, report func(int64, error)) {
	text := c.readSmall(src)
	if strings.TrimSpace(string(text)) != "" {
		c.uncertain = true
		report(0, errors.New("it needs the objects of other repositories"))
	}
}

// checkLargeFile checks that an object of Git LFS is the SHA-256 of its content.
func (c *Checker) checkLargeFile(name string, src *source, report func(int64, error)) {
	digits := path.Base(name)
	if !IsHex(digits, 64) {
		return // Git LFS does not look for it.
	}
	sum := sha256.New()
	_, err := io.CopyBuffer(sum, src, c.buf)
	switch {
	case err != nil:
	case hex.EncodeToString(sum.Sum(nil)) != digits:
		report(-1, errMisnamed)
	case !IsLargeFile(name):
		report(-1, errors.New("not in the directory where Git LFS looks for it"))
	}
}

var errMisnamed = errors.New("its name is not the hash of its content")

// IsLargeFile reports whether Git LFS keeps an object in the file of this name.
func IsLargeFile(name string) bool {
	digits := path.Base(name)
	return IsHex(digits, 64) && name == path.Join("lfs/objects", digits[:2], digits[2:4], digits)
}

// Close reports what can be told only after the last file, with the name of the
// file at fault.
func (c *Checker) Close(report func(name string, err error)) Stats {
	if !c.head {
		report("HEAD", errors.New("missing"))
	}
	if c.sha1 && c.sha256 {
		report("objects", errors.New("some objects are named by SHA-1 and some by SHA-256"))
	}
	if c.full {
		report("", fmt.Errorf("checked only file by file: a full check needs more than %d bytes of memory", c.memory))
	} else {
		c.closePacks(report)
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

// notCommitBit is set in the hash of an object that is known not to be a commit.
// Hashes of objects have 63 bits.
const notCommitBit = 1

// add remembers an object by its hash.
func (c *Checker) add(object uint64) {
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
	c.objects[last] = append(c.objects[last], object)
}

// hashID hashes the name of an object, in bytes.
func (c *Checker) hashID(id []byte) uint64 { return maphash.Bytes(c.seed, id) &^ notCommitBit }

// objectID hashes the name of an object, in digits.
func (c *Checker) objectID(digits []byte) (uint64, bool) {
	var id [32]byte
	if len(digits) > 2*len(id) || !IsObjectName(string(digits)) {
		return 0, false
	}
	n, err := hex.Decode(id[:], digits)
	return c.hashID(id[:n]), err == nil
}

func (c *Checker) sawFormat(f format) {
	if f.size == sha256Format().size {
		c.sha256 = true
	} else {
		c.sha1 = true
	}
}

// readSmall reads a file of less than the buffer's length, or as much of it.
func (c *Checker) readSmall(src *source) []byte {
	n, _ := io.ReadFull(src, c.buf)
	return c.buf[:n]
}

// IsObjectName reports whether s could be the name of an object, or any other
// checksum, in either format.
func IsObjectName(s string) bool { return IsHex(s, 40) || IsHex(s, 64) }

// IsHex reports whether s has n digits as Git writes them.
func IsHex(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdef") == ""
}
