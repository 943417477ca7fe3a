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

// LooseObject returns the name of the object that a file has, by the name of
// the file below objects.
func LooseObject(file string) (object string, ok bool) {
	dir, rest, _ := strings.Cut(file, "/")
	return dir + rest, len(dir) == 2 && IsObjectName(dir+rest)
}

// checkLooseObject checks a file that holds one object: deflated, "type size",
// a zero byte and the content. The file's name is the hash of all that.
func (c *Checker) checkLooseObject(name string, src *source, report func(int64, error)) {
	f := formatOf(len(name))
	c.sawFormat(f)
	if err := c.checkInflated(name, f, src); err != nil && src.err == nil {
		report(-1, err)
	}
	// A damaged object is one fault, and not one more for each ref to it.
	id, _ := hex.DecodeString(name) // LooseObject looked at it
	c.add(id)
}

func (c *Checker) checkInflated(name string, f format, src *source) error {
	z, err := c.zlib.open(src)
	if err != nil {
		return fmt.Errorf("inflate: %w", err)
	}
	// An end here is an end for the reads below too.
	n, _ := io.ReadFull(z, c.buf[:maxHeader])
	size, err := objectSize(c.buf[:n])
	if err != nil {
		return err
	}
	if size > c.budget {
		return fmt.Errorf("not checked: it would inflate to %d bytes, and %d are left of what loose objects may (Limits.UnpackedSize)", size, c.budget)
	}
	sum := f.new()
	var done int64
	for {
		sum.Write(c.buf[:n])
		if done += int64(n); done > size {
			return errors.New("it is longer than it says")
		}
		c.budget -= int64(n)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("inflate: %w", err)
		}
		n, err = z.Read(c.buf)
	}
	if done < size {
		return fmt.Errorf("it ends after %d bytes of %d", done, size)
	}
	if hex.EncodeToString(sum.Sum(nil)) != name {
		return errors.New("its name is not the hash of its content")
	}
	if _, err := c.zlib.in.ReadByte(); err == nil {
		return errors.New("something follows the object")
	}
	return nil
}

// maxHeader has room for the longest header: "commit", 19 digits and two
// separators.
const maxHeader = 32

// objectSize returns how long the object is that begins with p, its header
// included.
func objectSize(p []byte) (int64, error) {
	header, _, ended := bytes.Cut(p, []byte{0})
	kind, digits, cut := strings.Cut(string(header), " ")
	if !ended || !cut {
		return 0, errors.New("it does not begin as objects do")
	}
	switch kind {
	case "blob", "tree", "commit", "tag":
	default:
		return 0, fmt.Errorf("%q is no type of object", kind)
	}
	size, err := strconv.ParseInt(digits, 10, 62)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != digits {
		return 0, fmt.Errorf("%q is no size of an object", digits)
	}
	return int64(len(header)) + 1 + size, nil
}

// An inflater is a zlib reader that can be used again.
type inflater struct {
	in   *bufio.Reader // tells what follows the zlib stream
	zlib io.Reader
}

func (i *inflater) open(r io.Reader) (io.Reader, error) {
	if i.in == nil {
		i.in = bufio.NewReader(r)
	} else {
		i.in.Reset(r)
	}
	if used, ok := i.zlib.(zlib.Resetter); ok {
		return i.zlib, used.Reset(i.in, nil)
	}
	z, err := zlib.NewReader(i.in)
	if err != nil {
		return nil, err //nolint:wrapcheck // the caller tells what it did
	}
	i.zlib = z
	return z, nil
}
