package archive

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A container reads the tar of an archive and checks its end. Two blocks of zeros
// follow the last entry, and then only zeros, until the end of the one gzip member
// and of the input. archive/tar alone accepts a tar that ends between two entries,
// and gzip reads another member as a continuation of the first.
type container struct {
	unpacker *unpacker
	tar      *tar.Reader
	end      int64 // where the padding of the entry ends; -1 if only archive/tar knows
	err      error // the final error; io.EOF at a valid end
}

const tarBlock = 512

func newContainer(r io.Reader, limit int64) *container {
	in := startUnpacker(r, limit)
	return &container{unpacker: in, tar: tar.NewReader(in)}
}

// next returns the header of the next entry, or io.EOF at the valid end of an
// archive. Each error is final.
func (c *container) next() (*tar.Header, error) {
	if c.err != nil {
		return nil, c.err
	}
	header, err := c.tar.Next()
	switch {
	case err == nil, errors.Is(err, tar.ErrInsecurePath): // names.resolve checks the name
		c.end = c.unpacker.offset
		if hasContent(header) {
			c.end += header.Size
		}
		c.end = (c.end + tarBlock - 1) &^ (tarBlock - 1)
		if isSparse(header) {
			c.end = -1
		}
		return header, nil
	case isEOF(err) && c.unpacker.err == nil:
		c.err = c.finish()
	default:
		c.err = c.explain(err)
	}
	return nil, c.err
}

// read reads the content of the entry.
func (c *container) read(p []byte) (int, error) {
	n, err := c.tar.Read(p)
	if err != nil && !isEOF(err) {
		c.err = c.explain(err)
		err = c.err
	}
	return n, err
}

// close stops the goroutine of the unpacker.
func (c *container) close() { c.unpacker.stop() }

// finish reads the rest after the end of the tar. It returns io.EOF if the end is
// valid.
func (c *container) finish() error {
	if end := c.unpacker.offset - 2*tarBlock; c.end >= 0 && c.end != end {
		// A header with a long name came, and no entry followed it.
		return &Fault{Offset: c.end, Err: errors.New("a tar header without an entry")}
	}
	if err := c.unpacker.skipZeros(); err != nil {
		return err
	}
	return io.EOF
}

// explain returns the reason for an error of archive/tar.
func (c *container) explain(err error) error {
	switch {
	case c.unpacker.err == nil:
		return &Fault{Offset: c.unpacker.offset, Err: err}
	case isEOF(c.unpacker.err):
		return &Fault{Offset: c.unpacker.offset, Err: fmt.Errorf("truncated tar: %w", io.ErrUnexpectedEOF)}
	default:
		return c.unpacker.err
	}
}

// hasContent reports whether content follows a header, as archive/tar sees it.
func hasContent(h *tar.Header) bool {
	switch h.Typeflag {
	case tar.TypeLink, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeDir, tar.TypeFifo:
		return false
	default:
		return true
	}
}

// isSparse reports whether the content of an entry is stored without its holes.
func isSparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for name := range h.PAXRecords {
		if strings.HasPrefix(name, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// isEOF distinguishes io.EOF from an error of the input that wraps it.
func isEOF(err error) bool { return err == io.EOF } //nolint:errorlint // for that reason
