package partfile

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
)

// IsGzip reports whether the bytes of the part before an offset are gzip with all
// of its checksums and lengths, and nothing behind it. That proves a body whose
// end looks like a cut.
func (p *Part) IsGzip(ctx context.Context, end int64) (bool, error) {
	file := &errorKeeper{ctx: ctx, reader: io.NewSectionReader(p.File, 0, end)}
	whole := isGzip(file)
	if file.err != nil && !errors.Is(file.err, io.EOF) {
		return false, file.err
	}
	return whole, nil
}

// isGzip reports whether r is gzip from its first byte to its last.
func isGzip(r io.Reader) bool {
	inner, err := gzip.NewReader(r)
	if err == nil {
		_, err = io.Copy(io.Discard, inner) //nolint:gosec // takes time and no memory
	}
	return err == nil
}

// A GzipProof is IsGzip for bytes that are kept nowhere: they are written to it.
type GzipProof struct {
	pipe  *io.PipeWriter
	whole chan bool
}

// NewGzipProof starts a goroutine that ends with a call of End or when the bytes
// turn out not to be gzip.
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
	_, _ = p.pipe.Write(b) // which fails if the bytes before were no gzip
	return len(b), nil
}

// End reports whether the bytes were gzip, and nothing else. Only the first call
// may report true.
func (p *GzipProof) End() bool {
	_ = p.pipe.Close()
	return <-p.whole
}

// An errorKeeper tells errors of a reader, and of its context, from errors of the
// gzip in it.
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

// GzipMagic is how gzip begins.
const GzipMagic = "\x1f\x8b"

// IsGzipOfGzip reports whether these first bytes, some hundred of them, are an
// archive that a proxy has compressed once more.
func IsGzipOfGzip(head []byte) bool {
	inner, err := gzip.NewReader(bytes.NewReader(head))
	if err != nil {
		return false
	}
	first := make([]byte, len(GzipMagic))
	n, _ := io.ReadFull(inner, first)
	return string(first[:n]) == GzipMagic
}
