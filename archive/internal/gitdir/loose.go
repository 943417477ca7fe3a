package gitdir

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// LooseObject returns the name of the object in a file, by the path of the file
// below objects.
func LooseObject(file string) (object string, ok bool) {
	dir, rest, _ := strings.Cut(file, "/")
	return dir + rest, len(dir) == 2 && IsObjectName(dir+rest)
}

// checkLooseObject checks a file that holds one object: compressed, "type size", a
// zero byte and the content. The name of the file is the hash of these bytes.
func (c *Checker) checkLooseObject(name string, src *source, report func(int64, error)) {
	f := formatOf(len(name))
	c.sawFormat(f)
	isCommit, err := c.checkInflated(name, f, src)
	if err != nil && src.err == nil {
		report(-1, err)
	}
	// A damaged object counts as present, so that refs to it are not faults as well.
	id, _ := c.hashHex([]byte(name))
	if !isCommit {
		id |= notCommitBit
	}
	c.add(id)
}

func (c *Checker) checkInflated(name string, f format, src *source) (isCommit bool, err error) {
	z, err := c.zlib.open(src)
	if err != nil {
		return true, fmt.Errorf("inflate: %w", err)
	}
	// If the object ends here, the reads below return io.EOF as well.
	n, _ := io.ReadFull(z, c.buf[:maxHeader])
	size, err := objectSize(c.buf[:n])
	if err != nil {
		return true, err
	}
	isCommit = bytes.HasPrefix(c.buf[:n], []byte("commit "))
	if size > c.budget {
		return isCommit, fmt.Errorf("not checked: it inflates to %d bytes, and %d are left for all loose objects (Limits.UnpackedSize)", size, c.budget)
	}
	sum := f.new()
	var done int64
	for {
		sum.Write(c.buf[:n])
		if done += int64(n); done > size {
			return isCommit, errors.New("longer than its header says")
		}
		c.budget -= int64(n)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return isCommit, fmt.Errorf("inflate: %w", err)
		}
		n, err = z.Read(c.buf)
	}
	if done < size {
		return isCommit, fmt.Errorf("it ends after %d bytes of %d", done, size)
	}
	if hex.EncodeToString(sum.Sum(nil)) != name {
		return isCommit, errMisnamed
	}
	if _, err := c.zlib.in.ReadByte(); err == nil {
		return isCommit, errors.New("data after the end of the object")
	}
	return isCommit, nil
}

// maxHeader has room for the longest header: "commit", 19 digits and two
// separators.
const maxHeader = 32

// objectSize returns the length of the object that begins with p, header included.
func objectSize(p []byte) (int64, error) {
	header, _, ended := bytes.Cut(p, []byte{0})
	kind, digits, cut := strings.Cut(string(header), " ")
	if !ended || !cut {
		return 0, errors.New("no object header")
	}
	switch kind {
	case "blob", "tree", "commit", "tag":
	default:
		return 0, fmt.Errorf("%q is not an object type", kind)
	}
	size, err := strconv.ParseInt(digits, 10, 62)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != digits {
		return 0, fmt.Errorf("%q is not an object size", digits)
	}
	return int64(len(header)) + 1 + size, nil
}

// A looseReader is a zlib reader that is used again for the next file.
type looseReader struct {
	in   *bufio.Reader // shows whether data follow the zlib stream
	zlib io.Reader
}

func (l *looseReader) open(r io.Reader) (io.Reader, error) {
	if l.in == nil {
		l.in = bufio.NewReader(r)
	} else {
		l.in.Reset(r)
	}
	if used, ok := l.zlib.(zlib.Resetter); ok {
		return l.zlib, used.Reset(l.in, nil)
	}
	z, err := zlib.NewReader(l.in)
	if err != nil {
		return nil, err //nolint:wrapcheck // the caller wraps it
	}
	l.zlib = z
	return z, nil
}
