package transfer

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
)

var gzipMagic = []byte{0x1f, 0x8b}

// headSize is how much of a body shows whether it is gzip inside gzip.
const headSize = 512

// isGzipOfGzip reports whether these first bytes are an archive that a proxy has
// compressed again.
func isGzipOfGzip(head []byte) bool {
	inner, err := gzip.NewReader(bytes.NewReader(head))
	if err != nil {
		return false
	}
	first := make([]byte, len(gzipMagic))
	n, _ := io.ReadFull(inner, first)
	return bytes.Equal(first[:n], gzipMagic)
}

// isCompleteGzip reports whether r has gzip with all of its checksums and
// lengths, and nothing behind it. It proves a body whose end looks like a cut.
func isCompleteGzip(r io.Reader) (bool, error) {
	counted := &errorKeeper{reader: r}
	inner, err := gzip.NewReader(counted)
	if err == nil {
		_, err = io.Copy(io.Discard, inner)
	}
	if counted.err != nil && !errors.Is(counted.err, io.EOF) {
		return false, counted.err
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
