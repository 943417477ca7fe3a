package transfer

import (
	"bytes"
	"compress/gzip"
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
