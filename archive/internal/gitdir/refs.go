package gitdir

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"strings"
)

// MaxRef bounds the content of a loose ref, in bytes.
const MaxRef = 8 << 10

// maxParts bounds the parts of a ref's name between slashes, because each part costs
// memory. GitHub limits names to 255 bytes.
const maxParts = 255

// A tip is an object that must be in the repository, and the place that names
// the object.
type tip struct {
	object uint64 // the hashed name of the object
	ref    uint64 // the hashed name of the ref; 0 in shallow
	where  int32  // the number of the line, or an index of Checker.loose
	from   origin
	commit bool // the object must be a commit
}

// An origin is the kind of file that names a tip.
type origin uint8

const (
	fromLoose   origin = iota // a file below refs, or HEAD
	fromPacked                // a line of packed-refs
	fromPeeled                // a "^" line of packed-refs: the object of the tag in the line before
	fromShallow               // a line of shallow
)

// ParseRef parses the content of HEAD or of a loose ref. The content is the name of an
// object, or "ref: " and the name of another ref; white space may follow. ParseRef
// returns the object or the other ref.
func ParseRef(name string, text []byte) (object, target string, err error) {
	if len(text) > MaxRef {
		return "", "", errors.New("too long for a ref")
	}
	value := strings.TrimRight(string(text), " \t\r\n")
	target, symbolic := strings.CutPrefix(value, "ref:")
	target = strings.TrimLeft(target, " \t\r\n")
	switch {
	case symbolic && (strings.HasPrefix(target, "refs/") && IsRefName(target) || target == "HEAD" && name != "HEAD"):
		return "", target, nil
	case symbolic:
		return "", "", fmt.Errorf("it points to %.80q, which cannot be a ref", target)
	case !IsObjectName(value):
		return "", "", fmt.Errorf("not a ref: %.80q", value)
	default:
		return value, "", nil
	}
}

// IsRefName reports whether Git accepts the name of a ref.
func IsRefName(name string) bool {
	parts := 0
	for part := range strings.SplitSeq(name, "/") {
		if parts++; part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	for _, c := range []byte(name) {
		if c <= ' ' || c == 0x7f {
			return false
		}
	}
	return parts <= maxParts && name != "@" && !strings.HasSuffix(name, ".") && !strings.ContainsAny(name, `~^:?*[\`) &&
		!strings.Contains(name, "..") && !strings.Contains(name, "@{")
}

// isBranch reports whether the object of the ref must be a commit.
func isBranch(name string) bool { return name == "HEAD" || strings.HasPrefix(name, "refs/heads/") }

// checkLooseRef checks HEAD or a file below refs.
func (c *Checker) checkLooseRef(name string, src *source, report func(int64, error)) {
	base := name[strings.LastIndexByte(name, '/')+1:]
	switch {
	case name == "HEAD":
		c.head = true
	case strings.HasPrefix(base, "."), strings.HasSuffix(base, ".lock"):
		return // Git ignores these files.
	case !IsRefName(name):
		report(-1, errors.New("not the name of a ref"))
		return
	default:
		c.stats.Refs++
		c.addParents(name)
	}
	text := c.readSmall(src)
	if src.err != nil {
		return
	}
	object, target, err := ParseRef(name, text)
	if err != nil {
		report(-1, err)
		return
	}
	if target != "" {
		if c.reserve(100 + len(name) + len(target)) {
			c.symbolic[name] = target
		}
		return
	}
	if name == "HEAD" {
		c.stats.Detached = true
	}
	id, _ := c.hashHex([]byte(object))
	if c.reserve(40 + len(name)) {
		c.tips = append(c.tips, tip{
			object: id, ref: c.hash(name), where: int32(len(c.loose)), from: fromLoose, commit: isBranch(name), //nolint:gosec // reserve bounds it
		})
		c.loose = append(c.loose, name)
	}
}

// checkPackedRefs checks packed-refs, which has most refs: an optional header, then a
// line for each ref with object and name. A line with "^" and the tagged object may
// follow an annotated tag.
func (c *Checker) checkPackedRefs(src *source, report func(int64, error)) {
	var last []byte // the name of the previous ref
	var ref uint64
	sorted, mayPeel := false, false
	c.eachLine(src, report, func(number int, line []byte) error {
		header, isHeader := bytes.CutPrefix(line, []byte("# pack-refs with: "))
		if number == 1 && isHeader {
			sorted = slices.Contains(strings.Fields(string(header)), "sorted")
			return nil
		}
		digits, name, _ := bytes.Cut(line, []byte(" "))
		peeled, isPeeled := bytes.CutPrefix(line, []byte("^"))
		if isPeeled {
			digits = peeled
		}
		t := tip{where: int32(number), from: fromPacked} //nolint:gosec // eachLine bounds it
		var ok bool
		t.object, ok = c.hashHex(digits)
		switch {
		case !ok, isPeeled && !mayPeel:
			return fmt.Errorf("not a ref: %.80q", line)
		case isPeeled:
			t.ref, t.from = ref, fromPeeled
			mayPeel = false
		case !bytes.HasPrefix(name, []byte("refs/")) || !IsRefName(string(name)):
			return fmt.Errorf("%.80q is not the name of a ref", name)
		case sorted && bytes.Compare(last, name) >= 0:
			return fmt.Errorf("%s is out of order", name)
		default:
			c.unsorted = c.unsorted || bytes.Compare(last, name) >= 0
			c.stats.Refs++
			c.addParents(string(name))
			last = append(last[:0], name...)
			ref = c.hash(string(name))
			t.ref, t.commit = ref, isBranch(string(name))
			mayPeel = true
		}
		if c.reserve(24) {
			c.tips = append(c.tips, t)
		}
		return nil
	})
}

// checkShallow checks the list of the commits whose parents are missing.
func (c *Checker) checkShallow(src *source, report func(int64, error)) {
	c.eachLine(src, report, func(number int, line []byte) error {
		c.stats.Shallow = true
		id, ok := c.hashHex(line)
		if !ok {
			return fmt.Errorf("not the name of a commit: %.80q", line)
		}
		if c.reserve(24) {
			c.tips = append(c.tips, tip{object: id, where: int32(number), from: fromShallow, commit: true}) //nolint:gosec // eachLine bounds it
		}
		return nil
	})
}

// eachLine calls check with the number and the text of each line, and reports the
// errors of check. Git refuses the whole file if the last line has no end.
func (c *Checker) eachLine(src *source, report func(int64, error), check func(number int, line []byte) error) {
	lines := bufio.NewReaderSize(src, 64<<10)
	var offset int64
	for number := 1; number < 1<<31; number++ {
		line, err := lines.ReadSlice('\n')
		if src.err != nil || errors.Is(err, io.EOF) && len(line) == 0 {
			return
		}
		if err != nil {
			report(offset, fmt.Errorf("line %d has no end", number))
			return
		}
		if err := check(number, line[:len(line)-1]); err != nil {
			report(offset, fmt.Errorf("line %d: %w", number, err))
		}
		offset += int64(len(line))
	}
}

// addParents remembers the directories above a ref, such as refs/heads for
// refs/heads/main. Their names cannot be refs.
func (c *Checker) addParents(name string) {
	var h maphash.Hash
	h.SetSeed(c.seed)
	for i := range len(name) {
		if name[i] == '/' {
			if sum := h.Sum64(); !c.isParent(sum) && c.reserve(24) {
				c.parents[sum] = struct{}{}
			}
		}
		h.WriteByte(name[i])
	}
}

func (c *Checker) isParent(ref uint64) bool {
	_, ok := c.parents[ref]
	return ok
}

func (c *Checker) hash(name string) uint64 { return maphash.String(c.seed, name) }
