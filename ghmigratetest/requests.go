package ghmigratetest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// An Origin is one of the server's two origins. In JSON it is "api", "storage" or
// "".
type Origin int

// The origins. AnyOrigin, in a [Fault], means both.
const (
	AnyOrigin Origin = iota
	API
	Storage
)

// UnmarshalText implements [encoding.TextUnmarshaler], for [ReadFaults].
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
	Operation string // GitHub's operation ID, such as "migrations/start-for-org"; empty for storage and for unknown paths
	Migration int64  // the ID of the migration that the path names, also in storage; 0 if there is none
	Method    string
	Path      string // as the client escaped it; relative to [Server.URL] or [Server.StorageURL], or whole if it is not below these
	Query     url.Values
	Header    http.Header
	Body      []byte // the first 10 MiB; the server refuses a larger body with 413
	Status    int    // status of the response; 0 before the server sends one
	Size      int64  // bytes of the response's body that the server has sent
	Fault     string // names of the faults that selected the request, separated by commas
}

// Requests returns the requests since [Server.ClearRequests] in the order in which
// the server received them, including refused requests. [WithRequestLog] limits
// the number.
func (s *Server) Requests() []Request { return s.log.copy() }

// ClearRequests empties the list of [Server.Requests].
func (s *Server) ClearRequests() { s.log.clear() }

// A requestLog records the requests of a server.
type requestLog struct {
	limit    int // how many requests to keep; negative: all
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
