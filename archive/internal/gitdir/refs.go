package gitdir

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"strings"
)

// A tip is an object that a ref points to.
type tip struct {
	id, ref uint64 // hashed
	where   int    // the line of packed-refs; else, negated, a place in looseNames
}

func (t tip) packed() bool { return t.where > 0 }

// checkHEAD checks the ref that tells the default branch. The branch need not
// be there: an empty repository has none yet.
func (c *Checker) checkHEAD(src *source, report func(int64, error)) {
	c.head = true
	c.checkRef("HEAD", src, report)
}

// checkLooseRef checks a file below refs.
func (c *Checker) checkLooseRef(name string, src *source, report func(int64, error)) {
	base := name[strings.LastIndex(name, "/")+1:]
	if strings.HasPrefix(base, ".") || strings.HasSuffix(base, ".lock") {
		return // Git passes them over
	}
	if !IsRefName(name) {
		report(-1, errors.New("it cannot be the name of a ref"))
		return
	}
	c.stats.Refs++
	if c.hold(8) {
		c.refNames = append(c.refNames, maphash.String(c.seed, name))
	}
	c.checkRef(name, src, report)
}

// checkRef checks the content of a ref, which may point to an object.
func (c *Checker) checkRef(name string, src *source, report func(int64, error)) {
	text, _ := c.readSmall(src)
	if src.err != nil {
		return
	}
	digits, err := ParseRef(name, text)
	switch {
	case err != nil:
		report(-1, err)
		return
	case digits == "":
		return // It points to another ref, which need not be there.
	}
	if name == "HEAD" {
		c.stats.Detached = true
	}
	if id, _ := c.objectID(digits); c.hold(40 + len(name)) {
		c.tips = append(c.tips, tip{id: id, where: -len(c.looseNames)})
		c.looseNames = append(c.looseNames, name)
	}
}

// MaxRef is how long the content of a ref may be.
const MaxRef = 8 << 10

// ParseRef parses the content of a loose ref of this name: the name of an
// object, whose digits it returns, or "ref: " and the name of another ref; white
// space may follow. HEAD can point only below refs, and the others also to what
// is beside HEAD: that has names of capitals.
func ParseRef(name string, text []byte) (digits string, err error) {
	if len(text) > MaxRef {
		return "", errors.New("too long to be a ref")
	}
	value := strings.TrimRight(string(text), " \t\r\n")
	if target, symbolic := strings.CutPrefix(value, "ref:"); symbolic {
		target = strings.TrimLeft(target, " \t\r\n")
		beside := name != "HEAD" && target != "" && strings.Trim(target, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == ""
		if !beside && (!strings.HasPrefix(target, "refs/") || !IsRefName(target)) {
			return "", fmt.Errorf("%.80q is no ref that it could point to", target)
		}
		return "", nil
	}
	if !IsObjectName(value) {
		return "", fmt.Errorf("it is no ref: %.80q", value)
	}
	return value, nil
}

// checkPackedRefs checks the file that has most refs: after a header that
// begins with "#" a line for each, with object and name, and after an
// annotated tag a line with "^" and the object that the tag is of.
func (c *Checker) checkPackedRefs(src *source, report func(int64, error)) {
	lines := bufio.NewReaderSize(src, 64<<10)
	var (
		number int
		offset int64
		sorted bool
		last   []byte // the name of the ref before
		ref    uint64
	)
	for {
		line, err := lines.ReadSlice('\n')
		if src.err != nil || errors.Is(err, io.EOF) && len(line) == 0 {
			return
		}
		number++
		at := offset
		offset += int64(len(line))
		text := bytes.TrimSuffix(line, []byte("\n"))
		digits, name, _ := bytes.Cut(text, []byte(" "))
		peeled, isPeeled := bytes.CutPrefix(text, []byte("^"))
		if isPeeled {
			digits = peeled
		}
		id, isID := c.objectID(string(digits))
		var fault error
		switch {
		case err != nil:
			report(at, fmt.Errorf("line %d has no end", number))
			return
		case number == 1 && bytes.HasPrefix(text, []byte("#")):
			sorted = slices.Contains(strings.Fields(string(text)), "sorted")
			continue
		case !isID, isPeeled && last == nil:
			fault = fmt.Errorf("line %d is no ref: %.80q", number, text)
		case isPeeled:
		case !IsRefName(string(name)):
			fault = fmt.Errorf("line %d: %.80q cannot be the name of a ref", number, name)
		case sorted && last != nil && bytes.Compare(last, name) >= 0:
			fault = fmt.Errorf("line %d: %s is not in order", number, name)
		}
		if fault != nil {
			report(at, fault)
			continue
		}
		if !isPeeled {
			c.stats.Refs++
			ref = maphash.Bytes(c.seed, name)
			last = append(last[:0], name...)
		}
		if c.hold(24) {
			c.tips = append(c.tips, tip{id: id, ref: ref, where: number})
		}
	}
}

// checkAlternates reports other object stores that the repository needs.
func (c *Checker) checkAlternates(src *source, report func(int64, error)) {
	text, _ := c.readSmall(src)
	if len(bytes.TrimSpace(text)) > 0 {
		c.uncertain = true
		report(0, errors.New("it needs the objects of other repositories, which are not here"))
	}
}

// closeRefs looks for the objects that refs point to.
func (c *Checker) closeRefs(report func(string, error)) {
	loose := make(map[uint64]struct{}, len(c.refNames))
	for _, name := range c.refNames {
		loose[name] = struct{}{}
	}
	missing := make(map[uint64]struct{})
	var last uint64
	for _, t := range c.tips {
		if t.packed() {
			if _, ok := loose[t.ref]; ok {
				// The loose ref counts; the object of the packed one may be gone.
				if t.ref != last {
					c.stats.Refs--
				}
				last = t.ref
				continue
			}
		}
		missing[t.id] = struct{}{}
	}
	for _, piece := range c.objects {
		for _, id := range piece {
			delete(missing, id)
		}
	}
	if c.uncertain || len(missing) == 0 {
		return // where objects are not known, why is reported
	}
	for _, t := range c.tips {
		if _, ok := missing[t.id]; !ok {
			continue
		}
		if !t.packed() {
			report(c.looseNames[-t.where], errors.New("the object that it points to is missing"))
		} else if _, ok := loose[t.ref]; !ok {
			report("packed-refs", fmt.Errorf("line %d: the object is missing", t.where))
		}
	}
}

// objectID returns the hashed name of an object.
func (c *Checker) objectID(digits string) (uint64, bool) {
	if !IsObjectName(digits) {
		return 0, false
	}
	id, err := hex.DecodeString(digits)
	return maphash.Bytes(c.seed, id), err == nil
}

// readSmall reads a file of less than the buffer's length, or as much of it.
func (c *Checker) readSmall(src *source) ([]byte, bool) {
	n, err := io.ReadFull(src, c.buf)
	return c.buf[:n], err != nil
}

// IsRefName reports whether Git would let a ref have this name.
func IsRefName(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	for _, c := range []byte(name) {
		if c <= ' ' || c == 0x7f {
			return false
		}
	}
	return name != "@" && !strings.HasSuffix(name, ".") && !strings.ContainsAny(name, `~^:?*[\`) &&
		!strings.Contains(name, "..") && !strings.Contains(name, "@{")
}
