package ghmigratetest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Origin is one of the server's two origins. In JSON it is "api", "storage" or
// "".
type Origin int

// The origins. AnyOrigin is for a [Fault] of both.
const (
	AnyOrigin Origin = iota
	API
	Storage
)

// UnmarshalText reads an origin of a fault in JSON.
func (o *Origin) UnmarshalText(text []byte) error {
	origin, ok := map[string]Origin{"": AnyOrigin, "api": API, "storage": Storage}[string(text)]
	if !ok {
		return fmt.Errorf("%q is not api or storage", text)
	}
	*o = origin
	return nil
}

// A Request is a request that the server received.
type Request struct {
	Time      time.Time // by the server's clock
	Origin    Origin
	Operation string // GitHub's operation ID, "migrations/start-for-org"; empty for storage and for unknown paths
	Migration int64  // the migration that the path names, of storage too; 0: none
	Method    string
	Path      string // escaped as it came, below [Server.URL] or [Server.StorageURL]; unchanged if outside
	Query     url.Values
	Header    http.Header
	Body      []byte
	Status    int    // of the response; 0 while there is none
	Size      int64  // bytes of the response's body that were sent so far
	Fault     string // the Name of the fault that the request suffered; several are separated by commas
}

// Requests returns the requests since [Server.ClearRequests] in the order in which
// they came, including refused ones, or as many as [WithRequestLog] allows.
func (s *Server) Requests() []Request { return s.log.copy() }

// ClearRequests makes [Server.Requests] start over.
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

func (l *requestLog) addFault(r *Request, name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.Fault != "" {
		name = r.Fault + ", " + name
	}
	r.Fault = name
}

func (l *requestLog) addSize(r *Request, n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.Size += n
}

func (l *requestLog) view(r *Request) Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	return *r
}
