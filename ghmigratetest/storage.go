package ghmigratetest

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// A storageError is the XML of a failed response of storage.
type storageError struct {
	status        int
	XMLName       xml.Name `xml:"Error"`
	Code          string   `xml:"Code"`
	Message       string   `xml:"Message"`
	ArgumentName  string   `xml:"ArgumentName,omitempty"`
	ArgumentValue string   `xml:"ArgumentValue,omitempty"`
	Condition     string   `xml:"Condition,omitempty"`
	AmzExpires    string   `xml:"X-Amz-Expires,omitempty"`
	Expires       string   `xml:"Expires,omitempty"`
	ServerTime    string   `xml:"ServerTime,omitempty"`
	Key           string   `xml:"Key,omitempty"`
	RequestID     string   `xml:"RequestId"`
	HostID        string   `xml:"HostId"`
}

// serveStorage serves one request to storage.
func (s *Server) serveStorage(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "AmazonS3")
	w.Header().Set("X-Amz-Request-Id", requestID())
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

func (e *storageError) send(w http.ResponseWriter) {
	e.RequestID = w.Header().Get("X-Amz-Request-Id")
	e.HostID = "fake"
	body, err := xml.Marshal(e)
	if err != nil {
		panic(fmt.Sprintf("ghmigratetest: encode a response of storage: %v", err)) // cannot happen: all types are ours
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(e.status)
	_, _ = io.WriteString(w, xml.Header+string(body)) // net/http sends no body for HEAD
}

// lookUp finds the archive that a URL is of, and makes it if this is the first
// request for it.
func (s *Server) lookUp(r *http.Request) (*object, *storageError) {
	m, archived, dir, err := s.stored(r.URL.Path)
	if err != nil {
		return nil, &storageError{status: http.StatusInternalServerError, Code: "InternalError", Message: err.Error()}
	}
	if m == nil {
		return nil, noSuchKey(r)
	}
	m.archiveMu.Lock()
	defer m.archiveMu.Unlock()
	if m.archive == nil && archived == nil { // deleted a moment ago
		return nil, noSuchKey(r)
	}
	if m.archive == nil {
		o, err := s.makeArchive(archived, dir)
		if err == nil {
			o, err = m.damaged(o)
		}
		if err != nil {
			return nil, &storageError{status: http.StatusInternalServerError, Code: "InternalError", Message: err.Error()}
		}
		m.archive = o
		m.stored.Store(true)
	}
	return m.archive, nil
}

func noSuchKey(r *http.Request) *storageError {
	return &storageError{
		status:  http.StatusNotFound,
		Code:    "NoSuchKey",
		Message: "The specified key does not exist.",
		Key:     strings.TrimPrefix(r.URL.Path, "/"),
	}
}

// stored returns the migration whose archive is stored at path, if any. If the
// archive has yet to be made, archived is a copy of the migration that nobody
// changes, and dir the folder to make the archive in.
func (s *Server) stored(path string) (m, archived *migration, dir string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(s.clock.Now())
	m = s.migrationAt(path)
	switch {
	case m == nil || !m.hasArchive() || m.gone:
		return nil, nil, "", nil
	case m.stored.Load():
		return m, nil, "", nil
	}
	dir, err = s.tempDir()
	return m, m.archived(), dir, err
}

// migrationAt returns the migration whose archive is, or would be, stored at
// path, if any. The caller holds s.mu.
func (s *Server) migrationAt(path string) *migration {
	for segment := range strings.SplitSeq(path, "/") {
		if m := s.find(int64(atoi(segment))); m != nil && s.archivePath(m) == path {
			return m
		}
	}
	return nil
}

// sendObject sends an archive, or the range that the request asks for.
func (s *Server) sendObject(w http.ResponseWriter, r *http.Request, o *object) {
	if etag, ok := r.Context().Value(etagKey{}).(string); ok {
		o = o.withETag(etag)
	}
	if condition := failedCondition(r, o); condition != "" {
		refusal := &storageError{
			status:    http.StatusPreconditionFailed,
			Code:      "PreconditionFailed",
			Message:   "At least one of the pre-conditions you specified did not hold",
			Condition: condition,
		}
		refusal.send(w)
		return
	}
	first, n, status := int64(0), o.size, http.StatusOK
	if spec := r.Header.Get("Range"); spec != "" && ifRange(r, o) {
		switch from, to, result := parseRange(spec, o.size); result {
		case rangeUnsatisfiable:
			w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", o.size))
			refusal := &storageError{
				status:  http.StatusRequestedRangeNotSatisfiable,
				Code:    "InvalidRange",
				Message: "The requested range is not satisfiable",
			}
			refusal.send(w)
			return
		case rangeGood:
			first, n, status = from, to-from+1, http.StatusPartialContent
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, o.size))
		case rangeIgnored:
		}
	}
	f, err := o.open()
	if err == nil {
		defer f.Close()
		_, err = f.Seek(first, io.SeekStart)
	}
	if err != nil { // deleted a moment ago
		noSuchKey(r).send(w)
		return
	}
	h := w.Header()
	h.Set("Accept-Ranges", "bytes")
	h.Set("ETag", o.etag)
	h.Set("Last-Modified", o.modified.UTC().Format(http.TimeFormat))
	h.Set("Content-Length", strconv.FormatInt(n, 10))
	h.Set("Content-Type", cmp.Or(r.URL.Query().Get("response-content-type"), "application/x-gzip"))
	if disposition := r.URL.Query().Get("response-content-disposition"); disposition != "" {
		h.Set("Content-Disposition", disposition)
	}
	w.WriteHeader(status)
	var body io.Writer = w
	if s.cfg.storageRate > 0 {
		body = newPacedWriter(s, w, r, s.cfg.storageRate)
	}
	_, _ = io.CopyN(body, f, n)
}
