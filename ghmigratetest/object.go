package ghmigratetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

// An object is an archive as it is stored: in memory or in a file.
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

// objectETag has the length of the MD5 sums that S3 uses.
func objectETag(sum []byte) string { return `"` + hex.EncodeToString(sum[:16]) + `"` }

// withETag returns the object as a connection sees it that has its own ETag.
func (o *object) withETag(etag string) *object {
	other := *o
	other.etag = etag
	return &other
}

func (o *object) open() (io.ReadSeekCloser, error) {
	if o.path != "" {
		return os.Open(o.path)
	}
	return readSeekNopCloser{bytes.NewReader(o.data)}, nil
}

type readSeekNopCloser struct{ io.ReadSeeker }

func (readSeekNopCloser) Close() error { return nil }

// makeArchive writes the archive of a migration, which is a copy by archived,
// to a file.
func (s *Server) makeArchive(m *migration, dir string) (_ *object, err error) {
	f, err := os.CreateTemp(dir, "archive-")
	if err != nil {
		return nil, err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	sum := sha256.New()
	if err := s.writeExport(io.MultiWriter(untilClosed{s.closed}, sum, f), m); err != nil {
		return nil, fmt.Errorf("make the archive of migration %d: %w", m.id, err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return &object{path: f.Name(), size: info.Size(), etag: objectETag(sum.Sum(nil)), modified: m.updatedAt}, nil
}

// damaged returns what is stored instead of an archive. The caller holds
// m.archiveMu.
func (m *migration) damaged(o *object) (*object, error) {
	if m.fate.Damage == nil {
		return o, nil
	}
	data, err := os.ReadFile(o.path)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(o.path); err != nil {
		return nil, err
	}
	return newObject(m.fate.Damage(data), o.modified), nil
}

// archived returns the migration as its archive tells of it, with copies of the
// repositories. The caller holds s.mu.
func (m *migration) archived() *migration {
	isMissing := func(r *repository) bool {
		return slices.ContainsFunc(m.fate.Missing, func(name string) bool { return strings.EqualFold(name, r.fullName()) })
	}
	var repositories []*repository
	for _, r := range m.repositories {
		if !isMissing(r) {
			other := *r
			repositories = append(repositories, &other)
		}
	}
	return &migration{
		id:           m.id,
		guid:         m.guid,
		owner:        m.owner,
		options:      m.options,
		repositories: repositories,
		state:        m.state,
		createdAt:    m.createdAt,
		updatedAt:    m.updatedAt,
	}
}

// An untilClosed takes all that is written until its channel is closed.
type untilClosed struct{ closed <-chan struct{} }

func (w untilClosed) Write(p []byte) (int, error) {
	select {
	case <-w.closed:
		return 0, http.ErrServerClosed
	default:
		return len(p), nil
	}
}
