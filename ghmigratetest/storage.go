package ghmigratetest

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
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

func (o *object) open() (io.ReadSeekCloser, error) {
	if o.path != "" {
		return os.Open(o.path)
	}
	return readSeekNopCloser{bytes.NewReader(o.data)}, nil
}

type readSeekNopCloser struct{ io.ReadSeeker }

func (readSeekNopCloser) Close() error { return nil }

// archivePath returns where an archive is stored.
func (s *Server) archivePath(m *migration) string {
	if s.cfg.ghes {
		return fmt.Sprintf("/storage/migrations/%d/archive/%s", m.id, m.guid)
	}
	return fmt.Sprintf("/migration/%d/%d", m.owner.id, m.id)
}

const amzDate = "20060102T150405Z"

// signedURL makes a URL of an archive that is good for a while. The caller
// holds s.mu.
func (s *Server) signedURL(m *migration, now time.Time) string {
	path := s.archivePath(m)
	q := make(url.Values)
	if s.cfg.ghes {
		expires := strconv.FormatInt(now.Add(s.cfg.urlLifetime).Unix(), 10)
		q.Set("token", expires+"-"+s.sign(path, url.Values{"expires": {expires}}))
		return s.storageURL + path + "?" + q.Encode()
	}
	q.Set("X-Amz-Algorithm", "AWS4-HMAC-SHA256")
	q.Set("X-Amz-Credential", "AKIAFAKEFAKEFAKEFAKE/"+now.Format("20060102")+"/us-east-1/s3/aws4_request")
	q.Set("X-Amz-Date", now.Format(amzDate))
	q.Set("X-Amz-Expires", strconv.FormatInt(int64((s.cfg.urlLifetime+time.Second-1)/time.Second), 10))
	q.Set("X-Amz-SignedHeaders", "host")
	q.Set("actor_id", strconv.FormatInt(s.user.id, 10))
	q.Set("key_id", "0")
	q.Set("repo_id", "0")
	q.Set("response-content-disposition", "filename="+m.guid+".tar.gz")
	q.Set("response-content-type", "application/x-gzip")
	q.Set("X-Amz-Signature", s.sign(path, q))
	return s.storageURL + path + "?" + q.Encode()
}

// sign returns what nobody but the server can make for a path and a query.
func (s *Server) sign(path string, q url.Values) string {
	mac := hmac.New(sha256.New, s.signingKey)
	_, _ = io.WriteString(mac, path+"?"+q.Encode())
	return hex.EncodeToString(mac.Sum(nil))
}

// A storageError is what storage answers instead of an archive, as XML.
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

// serveStorage answers one request to the storage of archives.
func (s *Server) serveStorage(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "AmazonS3")
	w.Header().Set("X-Amz-Request-Id", requestID())
	refusal := s.checkSignature(r)
	var o *object
	if refusal == nil {
		o, refusal = s.lookUp(r)
	}
	if refusal != nil {
		refusal.send(w, r)
		return
	}
	s.sendObject(w, r, o)
}

func (e *storageError) send(w http.ResponseWriter, r *http.Request) {
	e.RequestID = w.Header().Get("X-Amz-Request-Id")
	e.HostID = "fake"
	body, err := xml.Marshal(e)
	if err != nil {
		panic(fmt.Sprintf("ghmigratetest: encode an answer of storage: %v", err)) // cannot happen: all types are ours
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(e.status)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, xml.Header+string(body))
	}
}

// checkSignature refuses URLs that the server did not sign or that have
// expired, in the order in which S3 looks.
func (s *Server) checkSignature(r *http.Request) *storageError {
	if auth := r.Header.Get("Authorization"); auth != "" {
		return &storageError{
			status: http.StatusBadRequest,
			Code:   "InvalidArgument",
			Message: "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, " +
				"Signature query string parameter or the Authorization header should be specified",
			ArgumentName:  "Authorization",
			ArgumentValue: auth,
		}
	}
	q := r.URL.Query()
	signature := q.Get("X-Amz-Signature")
	lifetime, _ := strconv.ParseInt(q.Get("X-Amz-Expires"), 10, 64)
	signed, _ := time.Parse(amzDate, q.Get("X-Amz-Date"))
	expires := signed.Add(time.Duration(lifetime) * time.Second)
	q.Del("X-Amz-Signature")
	if s.cfg.ghes {
		var unix string
		unix, signature, _ = strings.Cut(q.Get("token"), "-")
		seconds, _ := strconv.ParseInt(unix, 10, 64)
		expires = time.Unix(seconds, 0)
		q = url.Values{"expires": {unix}}
	}
	if signature == "" {
		return &storageError{status: http.StatusForbidden, Code: "AccessDenied", Message: "Access Denied"}
	}
	// The method is signed too: a URL for GET is of no use to HEAD.
	if r.Method != http.MethodGet || !hmac.Equal([]byte(signature), []byte(s.sign(r.URL.Path, q))) {
		return &storageError{
			status: http.StatusForbidden,
			Code:   "SignatureDoesNotMatch",
			Message: "The request signature we calculated does not match the signature you provided. " +
				"Check your key and signing method.",
		}
	}
	if now := s.clock.Now(); !now.Before(expires) {
		return &storageError{
			status:     http.StatusForbidden,
			Code:       "AccessDenied",
			Message:    "Request has expired",
			AmzExpires: q.Get("X-Amz-Expires"),
			Expires:    expires.UTC().Format(time.RFC3339),
			ServerTime: now.Format(time.RFC3339),
		}
	}
	return nil
}

// lookUp finds the archive that a URL is of, and makes it if this is the first
// that asks for it.
func (s *Server) lookUp(r *http.Request) (*object, *storageError) {
	m, dir, err := s.stored(r.URL.Path)
	if err != nil {
		return nil, &storageError{status: http.StatusInternalServerError, Code: "InternalError", Message: err.Error()}
	}
	if m == nil {
		return nil, noSuchKey(r)
	}
	m.archiveMu.Lock()
	defer m.archiveMu.Unlock()
	if m.archive == nil {
		if m.archive, err = s.makeArchive(m, dir); err != nil {
			return nil, &storageError{status: http.StatusInternalServerError, Code: "InternalError", Message: err.Error()}
		}
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

// stored returns the migration whose archive is stored at path, if any, and
// the folder to make it in.
func (s *Server) stored(path string) (*migration, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(s.clock.Now())
	for _, m := range s.migrations {
		if m.state == stateExported && !m.gone && s.archivePath(m) == path {
			dir, err := s.tempDir()
			return m, dir, err
		}
	}
	return nil, "", nil
}

// makeArchive writes the archive of a migration to a file. The caller holds
// m.archiveMu.
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

// sendObject sends an archive or the range of it that is asked for.
func (s *Server) sendObject(w http.ResponseWriter, r *http.Request, o *object) {
	if condition := failedCondition(r, o); condition != "" {
		refusal := &storageError{
			status:    http.StatusPreconditionFailed,
			Code:      "PreconditionFailed",
			Message:   "At least one of the pre-conditions you specified did not hold",
			Condition: condition,
		}
		refusal.send(w, r)
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
			refusal.send(w, r)
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
		noSuchKey(r).send(w, r)
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
		body = pacedWriter{newPace(s.cfg.storageRate), r.Context(), s, w}
	}
	_, _ = io.CopyN(body, f, n)
}

// failedCondition returns the name of the condition that does not hold.
func failedCondition(r *http.Request, o *object) string {
	if match := r.Header.Get("If-Match"); match != "" {
		for etag := range strings.SplitSeq(match, ",") {
			if etag = strings.TrimSpace(etag); etag == "*" || etag == o.etag {
				return ""
			}
		}
		return "If-Match"
	}
	since, err := http.ParseTime(r.Header.Get("If-Unmodified-Since"))
	if err == nil && o.modified.Truncate(time.Second).After(since) {
		return "If-Unmodified-Since"
	}
	return ""
}

// ifRange reports whether If-Range, if there, lets a range be sent.
func ifRange(r *http.Request, o *object) bool {
	validator := r.Header.Get("If-Range")
	return validator == "" || validator == o.etag ||
		validator == o.modified.UTC().Format(http.TimeFormat)
}

type rangeResult int

const (
	rangeGood rangeResult = iota
	rangeIgnored
	rangeUnsatisfiable
)

// parseRange reads a Range header. Several ranges are ignored, as S3 does.
func parseRange(spec string, size int64) (first, last int64, result rangeResult) {
	bounds, ok := strings.CutPrefix(spec, "bytes=")
	from, to, ok2 := strings.Cut(bounds, "-")
	if !ok || !ok2 || strings.Contains(bounds, ",") {
		return 0, 0, rangeIgnored
	}
	if from == "" {
		n, err := strconv.ParseUint(to, 10, 63)
		if err != nil {
			return 0, 0, rangeIgnored
		}
		if n == 0 || size == 0 {
			return 0, 0, rangeUnsatisfiable
		}
		return max(size-int64(n), 0), size - 1, rangeGood
	}
	start, err := strconv.ParseUint(from, 10, 63)
	if err != nil {
		return 0, 0, rangeIgnored
	}
	end := uint64(size - 1)
	if to != "" {
		if end, err = strconv.ParseUint(to, 10, 63); err != nil || end < start {
			return 0, 0, rangeIgnored
		}
	}
	if int64(start) >= size {
		return 0, 0, rangeUnsatisfiable
	}
	return int64(start), min(int64(end), size-1), rangeGood
}
