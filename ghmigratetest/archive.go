package ghmigratetest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

// SetArchive makes data the archive of a migration. If the migration is not exported
// yet, storage serves data from the end of the export on. The ETag depends on data
// alone. SetArchive panics if there is no such migration.
func (s *Server) SetArchive(id int64, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.find(id)
	if m == nil {
		panic(fmt.Sprintf("ghmigratetest: SetArchive: no migration %d", id))
	}
	m.archiveMu.Lock()
	defer m.archiveMu.Unlock()
	m.archive = newObject(slices.Clone(data), s.clock.Now())
	m.stored.Store(true)
}

// archiveLifetime is how long GitHub keeps archives.
const archiveLifetime = 7 * 24 * time.Hour

// hasArchive reports whether the migration has an archive, or had one before its
// deletion.
func (m *migration) hasArchive() bool { return m.state == stateExported && !m.isImport }

// dropArchive deletes the archive of the migration.
func (m *migration) dropArchive() {
	m.gone = true
	m.archiveMu.Lock()
	defer m.archiveMu.Unlock()
	if m.archive != nil && m.archive.path != "" {
		_ = os.Remove(m.archive.path)
	}
	m.archive = nil
}

func (s *Server) redirectToArchive(c *call, m *migration) response {
	if !m.hasArchive() || m.gone || c.now.Before(m.updatedAt.Add(m.fate.ArchiveAfter)) {
		return notFound()
	}
	url := s.signedURL(m, c.now)
	return response{
		status: http.StatusFound,
		header: http.Header{"Location": {url}, "Content-Type": {"text/html;charset=utf-8"}},
		body:   []byte(url),
	}
}

func (s *Server) deleteArchive(_ *call, m *migration) response {
	if !m.hasArchive() || m.gone {
		return notFound()
	}
	m.deleted = true
	m.dropArchive()
	return response{status: http.StatusNoContent}
}

// makeArchive writes the archive of a migration to a file in dir. m is a copy that
// copyForArchive made.
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
	if err := s.writeArchive(io.MultiWriter(abortOnClose{s.closed}, sum, f), m); err != nil {
		return nil, fmt.Errorf("make the archive of migration %d: %w", m.id, err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return &object{path: f.Name(), size: info.Size(), etag: objectETag(sum.Sum(nil)), modified: m.updatedAt}, nil
}

// damaged returns the object that storage keeps instead of o: o itself, or the
// result of Fate.Damage. The caller holds m.archiveMu.
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

// copyForArchive returns a copy of the migration, with copies of its repositories
// that are not in Fate.Missing. The caller holds s.mu.
func (m *migration) copyForArchive() *migration {
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

// An abortOnClose is a writer that discards data, and fails after its channel is
// closed.
type abortOnClose struct{ closed <-chan struct{} }

func (w abortOnClose) Write(p []byte) (int, error) {
	select {
	case <-w.closed:
		return 0, http.ErrServerClosed
	default:
		return len(p), nil
	}
}
