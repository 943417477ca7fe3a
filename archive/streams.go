package archive

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
)

// contextual returns a reader that fails after the end of ctx. The error wraps
// ctx.Err() and the cause. A pending call of r.Read is not interrupted.
func contextual(ctx context.Context, r io.Reader) io.Reader {
	if r == nil {
		return nil
	}
	return &contextReader{ctx, r}
}

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	err, cause := c.ctx.Err(), context.Cause(c.ctx)
	switch {
	case err == nil:
		return c.r.Read(p)
	case errors.Is(cause, err):
		return 0, cause
	default:
		return 0, fmt.Errorf("%w: %w", err, cause)
	}
}

// A hashingReader hashes and counts the bytes of the archive.
type hashingReader struct {
	r    io.Reader
	sum  hash.Hash
	size int64
}

func (h *hashingReader) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	h.sum.Write(p[:n])
	h.size += int64(n)
	return n, err
}

// A tee writes a copy of the content of an entry. It keeps the error of the writer,
// because an error of the disk is not a fault of the archive.
type tee struct {
	w   io.Writer
	err error
}

func (t *tee) Write(p []byte) (int, error) {
	if t.err != nil {
		return 0, t.err
	}
	n, err := t.w.Write(p)
	t.err = err
	return n, err
}
