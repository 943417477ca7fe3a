package archive

import (
	"hash"
	"io"
)

// An input hashes and counts the bytes of the archive.
type input struct {
	r    io.Reader
	sum  hash.Hash
	size int64
}

func (i *input) Read(p []byte) (int, error) {
	n, err := i.r.Read(p)
	i.sum.Write(p[:n])
	i.size += int64(n)
	return n, err
}

// A tee writes what is read of an entry, and keeps the error of the writer: an
// error of the disk is not a fault of the archive.
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
