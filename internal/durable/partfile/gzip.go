package partfile

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
)

// IsGzip reports whether the bytes of the part before an offset are gzip with all
// of its checksums and lengths, and nothing behind it. That proves a body whose
// end looks like a cut.
func (p *Part) IsGzip(end int64) (bool, error) {
	file := &errorKeeper{reader: io.NewSectionReader(p.File, 0, end)}
	inner, err := gzip.NewReader(file)
	if err == nil {
		_, err = io.Copy(io.Discard, inner) //nolint:gosec // takes time and no memory
	}
	if file.err != nil && !errors.Is(file.err, io.EOF) {
		return false, file.err
	}
	return err == nil, nil
}

// An errorKeeper tells errors of a reader from errors of the gzip in it.
type errorKeeper struct {
	reader io.Reader
	err    error
}

func (k *errorKeeper) Read(p []byte) (int, error) {
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
