package ghmigratetest

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Origin says which of the server's origins was, or is to be, asked.
type Origin int

// The origins. AnyOrigin is for a [Fault] that may hit both.
const (
	AnyOrigin Origin = iota
	API
	Storage
)

// A Request is one that the server got.
type Request struct {
	Time   time.Time // by the server's clock
	Origin Origin
	Method string
	Path   string // escaped as it came, below [Server.URL] or [Server.StorageURL]; unchanged if outside
	Query  url.Values
	Header http.Header
	Body   []byte
	Status int // of the answer; 0 while there is none
}

// Requests returns the requests so far in the order in which they came, those
// that were refused too: all since [Server.ClearRequests], or as many as
// [WithRequestLog] allows.
func (s *Server) Requests() []Request { return s.log.copy() }

// ClearRequests empties what [Server.Requests] returns.
func (s *Server) ClearRequests() { s.log.clear() }

type requestLog struct {
	limit    int // negative: none
	mu       sync.Mutex
	requests []*Request
}

func (l *requestLog) add(r *Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests = append(l.requests, r)
	if over := len(l.requests) - l.limit; l.limit >= 0 && over > 0 {
		clear(l.requests[:over])
		l.requests = l.requests[over:]
	}
}

func (l *requestLog) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests = nil
}

func (l *requestLog) setStatus(r *Request, status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.Status = status
}

func (l *requestLog) copy() []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]Request, len(l.requests))
	for i, r := range l.requests {
		all[i] = *r
		all[i].Query = url.Values(http.Header(r.Query).Clone())
		all[i].Header = r.Header.Clone()
		all[i].Body = slices.Clone(r.Body)
	}
	return all
}

// maxBody bounds what a request may carry; GitHub's own limit is not known.
const maxBody = 10 << 20

// receive reads and records a request, then lets it suffer its fault, if it
// has one, or be served.
func (s *Server) receive(origin Origin, serve http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		entry := &Request{
			Time:   s.clock.Now(),
			Origin: origin,
			Method: r.Method,
			Path:   relative(origin, r.URL.EscapedPath()),
			Query:  r.URL.Query(),
			Header: r.Header.Clone(),
			Body:   body,
		}
		s.log.add(entry)
		w = &statusWriter{ResponseWriter: w, sending: func(status int) {
			s.log.setStatus(entry, status)
			if w.Header().Get("Date") == "" {
				w.Header().Set("Date", s.clock.Now().Format(http.TimeFormat))
			}
		}}
		fault, ok := s.faults.next(entry, relative(origin, r.URL.Path))
		if !ok {
			serve(w, r)
			return
		}
		s.suffer(fault, w, r, body, serve)
	})
}

func relative(origin Origin, path string) string {
	if below, ok := strings.CutPrefix(path, basePath+"/"); ok && origin == API {
		return "/" + below
	}
	return path
}

// A statusWriter tells which status is being sent.
type statusWriter struct {
	http.ResponseWriter
	sending func(status int)
	sent    bool
}

func (w *statusWriter) WriteHeader(status int) {
	if !w.sent {
		w.sent = true
		w.sending(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if !w.sent {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(p)
}

// ReadFrom keeps the way open for sendfile.
func (w *statusWriter) ReadFrom(r io.Reader) (int64, error) {
	if !w.sent {
		w.WriteHeader(http.StatusOK)
	}
	return io.Copy(w.ResponseWriter, r)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
