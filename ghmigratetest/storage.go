package ghmigratetest

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// serveStorage serves a request to storage.
func (s *Server) serveStorage(w http.ResponseWriter, r *http.Request) {
	setOriginHeader(w.Header(), Storage)
	refusal := s.checkSignature(r)
	var o *object
	if refusal == nil {
		o, refusal = s.lookUp(r)
	}
	if refusal != nil {
		refusal.send(w)
		return
	}
	s.sendObject(w, r, o)
}

// lookUp returns the archive at the URL of a request. It makes the archive at the
// first request.
func (s *Server) lookUp(r *http.Request) (*object, *storageError) {
	m, unmade, dir, err := s.stored(r.URL.Path)
	if err != nil {
		return nil, cannotMake(err)
	}
	if m == nil {
		return nil, noSuchKey(r)
	}
	m.archiveMu.Lock()
	defer m.archiveMu.Unlock()
	if m.archive == nil && unmade == nil { // deleted since s.stored
		return nil, noSuchKey(r)
	}
	if m.archive == nil {
		o, err := s.makeArchive(unmade, dir)
		if err == nil {
			o, err = m.damaged(o)
		}
		if err != nil {
			return nil, cannotMake(err)
		}
		m.archive = o
		m.stored.Store(true)
	}
	return m.archive, nil
}

// stored returns the migration whose archive is stored at path, or nil. If the
// server has not made the archive yet, unmade is a copy of the migration that
// never changes, and dir is the directory for the archive.
func (s *Server) stored(path string) (m, unmade *migration, dir string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runDueEvents(s.clock.Now())
	m = s.migrationAt(path)
	switch {
	case m == nil || !m.hasArchive() || m.gone:
		return nil, nil, "", nil
	case m.stored.Load():
		return m, nil, "", nil
	}
	dir, err = s.tempDir()
	return m, m.copyForArchive(), dir, err
}

// migrationAt returns the migration whose archive has the path, or nil. The
// archive need not exist. The caller holds s.mu.
func (s *Server) migrationAt(path string) *migration {
	for segment := range strings.SplitSeq(path, "/") {
		if m := s.find(int64(atoi(segment))); m != nil && s.archivePath(m) == path {
			return m
		}
	}
	return nil
}

// sendObject sends an archive, or the byte range that the request asks for.
func (s *Server) sendObject(w http.ResponseWriter, r *http.Request, o *object) {
	if etag, ok := r.Context().Value(etagKey{}).(string); ok {
		o = o.withETag(etag)
	}
	if condition := failedCondition(r, o); condition != "" {
		refusal := newStorageError(http.StatusPreconditionFailed)
		refusal.Condition = condition
		refusal.send(w)
		return
	}
	h := w.Header()
	if notModified(r, o) {
		o.setValidators(h)
		w.WriteHeader(http.StatusNotModified)
		return
	}
	first, n, status := int64(0), o.size, http.StatusOK
	if spec := r.Header.Get("Range"); spec != "" && ifRangeHolds(r, o) {
		switch from, to, result := parseRange(spec, o.size); result {
		case rangeUnsatisfiable:
			h.Set("Content-Range", fmt.Sprintf("bytes */%d", o.size))
			newStorageError(http.StatusRequestedRangeNotSatisfiable).send(w)
			return
		case rangeValid:
			first, n, status = from, to-from+1, http.StatusPartialContent
			h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, o.size))
		case rangeIgnored:
		}
	}
	f, err := o.open()
	if err == nil {
		defer f.Close()
		_, err = f.Seek(first, io.SeekStart)
	}
	if err != nil { // deleted since lookUp
		noSuchKey(r).send(w)
		return
	}
	o.setValidators(h)
	h.Set("Accept-Ranges", "bytes")
	h.Set("Content-Length", strconv.FormatInt(n, 10))
	h.Set("Content-Type", cmp.Or(r.URL.Query().Get("response-content-type"), "application/x-gzip"))
	if disposition := r.URL.Query().Get("response-content-disposition"); disposition != "" {
		h.Set("Content-Disposition", disposition)
	}
	w.WriteHeader(status)
	_, _ = io.CopyN(w, f, n)
}
