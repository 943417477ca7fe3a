package partfile

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
)

// IsGzip reports whether the bytes of the part before end are valid gzip to its end,
// with nothing after it. If so, a response whose end looks like a cut was complete.
func (p *Part) IsGzip(ctx context.Context, end int64) (bool, error) {
	file := &errorKeeper{ctx: ctx, reader: io.NewSectionReader(p.File, 0, end)}
	whole := isGzip(file)
	if file.err != nil && !errors.Is(file.err, io.EOF) {
		return false, file.err
	}
	return whole, nil
}

// isGzip reports whether r is valid gzip from its first byte to its last.
func isGzip(r io.Reader) bool {
	inner, err := gzip.NewReader(r)
	if err == nil {
		_, err = io.Copy(io.Discard, inner) //nolint:gosec // takes time and no memory
	}
	return err == nil
}

// A GzipProof checks the bytes that are written to it as [Part.IsGzip] checks a part.
type GzipProof struct {
	pipe  *io.PipeWriter
	whole chan bool
}

// NewGzipProof returns a GzipProof and starts its goroutine, which ends when End is
// called or when the bytes are not gzip.
func NewGzipProof() *GzipProof {
	r, w := io.Pipe()
	p := &GzipProof{pipe: w, whole: make(chan bool, 1)}
	go func() {
		p.whole <- isGzip(r)
		_ = r.Close()
		close(p.whole)
	}()
	return p
}

// Write takes the next bytes. It never fails.
func (p *GzipProof) Write(b []byte) (int, error) {
	_, _ = p.pipe.Write(b) // fails after bytes that are not gzip
	return len(b), nil
}

// End reports whether the bytes were valid gzip, with nothing after it. Only the
// first call may return true.
func (p *GzipProof) End() bool {
	_ = p.pipe.Close()
	return <-p.whole
}

// An errorKeeper keeps the errors of a reader and of its context, to distinguish them
// from errors of the gzip format.
type errorKeeper struct {
	ctx    context.Context //nolint:containedctx // of one call
	reader io.Reader
	err    error
}

func (k *errorKeeper) Read(p []byte) (int, error) {
	if k.ctx.Err() != nil {
		k.err = k.ctx.Err()
		return 0, k.err
	}
	n, err := k.reader.Read(p)
	if err != nil {
		k.err = err
	}
	return n, err
}

// GzipMagic holds the first bytes of gzip.
const GzipMagic = "\x1f\x8b"

// IsGzipOfGzip reports whether a proxy has compressed an archive once more. head
// holds the first bytes of the response, a few hundred at least.
func IsGzipOfGzip(head []byte) bool {
	inner, err := gzip.NewReader(bytes.NewReader(head))
	if err != nil {
		return false
	}
	first := make([]byte, len(GzipMagic))
	n, _ := io.ReadFull(inner, first)
	return string(first[:n]) == GzipMagic
}
