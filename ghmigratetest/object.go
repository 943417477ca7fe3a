package ghmigratetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"time"
)

// An object is a stored archive, in memory or in a file.
type object struct {
	data     []byte
	path     string
	size     int64
	etag     string // quoted, strong
	modified time.Time
}

func newObject(data []byte, modified time.Time) *object {
	sum := sha256.Sum256(data)
	return &object{data: data, size: int64(len(data)), etag: objectETag(sum[:]), modified: modified}
}

// objectETag returns a checksum as an ETag of the length of an MD5 checksum, which S3
// uses.
func objectETag(sum []byte) string { return `"` + hex.EncodeToString(sum[:16]) + `"` }

// withETag returns the object with another ETag.
func (o *object) withETag(etag string) *object {
	other := *o
	other.etag = etag
	return &other
}

// setValidators sets the headers that identify the content of the object.
func (o *object) setValidators(h http.Header) {
	h.Set("ETag", o.etag)
	h.Set("Last-Modified", o.modified.UTC().Format(http.TimeFormat))
}

// open opens the object for reading.
func (o *object) open() (io.ReadSeekCloser, error) {
	if o.path != "" {
		return os.Open(o.path)
	}
	return readSeekNopCloser{bytes.NewReader(o.data)}, nil
}

// A readSeekNopCloser adds a Close method that does nothing.
type readSeekNopCloser struct{ io.ReadSeeker }

func (readSeekNopCloser) Close() error { return nil }
