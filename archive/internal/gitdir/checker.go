// Package gitdir checks bare Git repositories from a stream of their files. Each file
// comes once, in any order, and is not kept.
//
// If a repository has no fault, git clone and git fsck accept it, without the files
// that Git can rebuild. The package does not read the history. It recomputes the
// checksums in Git's files, compares packs with their indexes, and follows refs to
// their objects. It does not unpack the objects of packs.
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

// A Shared has the buffers and limits that the Checkers of one archive share, so that
// each Checker is small. A Shared and its Checkers are for one goroutine.
type Shared struct {
	buf    []byte
	zlib   looseReader
	budget int64 // how many bytes loose objects may still inflate to
	memory int64 // how many bytes one Checker may remember
	seed   maphash.Seed
}

// maxMemory is the default of Shared.memory: the hashes of 64 million objects.
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

	objects   [][]uint64 // hashed names, in pieces that are never moved
	stats     Stats
	sha1      bool  // objects are named by SHA-1
	sha256    bool  // objects are named by SHA-256
	uncertain bool  // more objects may exist: elsewhere, or in a damaged or missing index
	reserved  int64 // bytes that are remembered
	full      bool  // something was not remembered, for lack of memory

	packs map[string]*pack // by name without extension

	head     bool // HEAD was seen
	tips     []tip
	loose    []string            // the names of loose refs, including HEAD
	symbolic map[string]string   // the ref that each symbolic ref points to, including HEAD
	parents  map[uint64]struct{} // hashed names of the directories above refs
	unsorted bool                // packed-refs is not in order
}

// Stats describes a repository.
type Stats struct {
	Objects  int64 // counts an object in two packs twice
	Refs     int64 // without HEAD
	Detached bool  // HEAD names an object, not a branch
	Shallow  bool  // a shallow file truncates the history
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

// File checks a file of the repository. The name is the path in the repository. File
// calls report with each fault and its offset in the file, or -1. It does not read
// files that Git does not need. The error comes from r.
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

// checkAlternates reports that the repository needs other object stores.
func (c *Checker) checkAlternates(src *source, report func(int64, error)) {
	text := c.readSmall(src)
	if strings.TrimSpace(string(text)) != "" {
		c.uncertain = true
		report(0, errors.New("it needs the objects of other repositories"))
	}
}

// checkLargeFile checks that the name of a Git LFS object is the SHA-256 of its
// content.
func (c *Checker) checkLargeFile(name string, src *source, report func(int64, error)) {
	digits := path.Base(name)
	if !IsHex(digits, 64) {
		return // Git LFS does not look for such a file.
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

// Close reports the faults that can be found only after the last file, each with the
// name of the faulty file.
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

// Memory returns about how many bytes the Checker needs.
func (c *Checker) Memory() int64 { return 1<<10 + c.reserved }

// reserve reports whether n more bytes may be remembered, and counts them.
func (c *Checker) reserve(n int) bool {
	if c.reserved+int64(n) > c.memory {
		c.full = true
		return false
	}
	c.reserved += int64(n)
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
		// The first piece is small, because most repositories are.
		size := min(256<<min(len(c.objects), 8), 64<<10)
		if !c.reserve(8 * size) {
			return
		}
		c.objects = append(c.objects, make([]uint64, 0, size))
		last++
	}
	c.objects[last] = append(c.objects[last], object)
}

// hashID hashes the name of an object in binary.
func (c *Checker) hashID(id []byte) uint64 { return maphash.Bytes(c.seed, id) &^ notCommitBit }

// hashHex hashes the name of an object in hexadecimal digits. ok is false if digits are
// not the name of an object.
func (c *Checker) hashHex(digits []byte) (hash uint64, ok bool) {
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

// readSmall reads a small file. The buffer bounds the result.
func (c *Checker) readSmall(src *source) []byte {
	n, _ := io.ReadFull(src, c.buf)
	return c.buf[:n]
}

// IsObjectName reports whether s has the form of an object's name, or of another
// checksum, in either format.
func IsObjectName(s string) bool { return IsHex(s, 40) || IsHex(s, 64) }

// IsHex reports whether s consists of n lower-case hexadecimal digits.
func IsHex(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdef") == ""
}
