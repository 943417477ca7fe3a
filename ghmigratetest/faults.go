package ghmigratetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

// AfterHeader is the value of CutAfter and StallAfter of a [Fault] that lets
// the header pass but not one byte of the body.
const AfterHeader = -1

// A Fault is something that goes wrong with the requests that it matches. Its
// zero value matches the next request, whatever it is, and does nothing to
// it. Faults are tried in the order of their injection and a request suffers
// at most one.
//
// net/http sends a GET again by itself if a connection that it has
// used before breaks without an answer: a Reset may then need Times.
type Fault struct {
	// Which requests.

	Origin Origin // AnyOrigin, API or Storage
	Method string // empty: any
	Path   string // pattern of path.Match for Request.Path unescaped, or, ending in "/", a prefix; empty: any
	After  int    // how many matching requests pass before the first that suffers
	Times  int    // how many suffer; 0 means one, a negative number all

	// What happens before the answer.

	Applied bool          // the request takes effect first; its true answer is lost, for Status, Handler, Stall, or else Reset
	Delay   time.Duration // nothing happens for so long
	Stall   bool          // no answer ever, until the client goes or the server is closed
	Reset   bool          // the connection is reset instead of an answer

	// Hidden keeps the migration that the request starts out of lists, and its
	// operations at 404, for so long: GitHub may create it after a 502. Its
	// export begins all the same.
	Hidden time.Duration

	// The answer. Status 0 means the true one.

	Status int         // 0 means the true answer
	Header http.Header // set on the answer, on the true one too; an empty list removes
	Body   string      // with Status

	// Handler, if set, gives the answer; next gives the true one.
	Handler func(w http.ResponseWriter, r *http.Request, next http.Handler)

	// How the body arrives.

	CutAfter   int64 // the connection ends after so many bytes of the body, or AfterHeader; 0: no cut
	StallAfter int64 // nothing more comes after so many bytes of the body, or AfterHeader; 0: no stall

	rateLimitReset time.Duration // sets the headers of a used up rate limit
}

// Inject makes requests fail. It panics if the pattern is malformed.
func (s *Server) Inject(f Fault) {
	if _, err := path.Match(f.Path, ""); err != nil {
		panic(fmt.Sprintf("ghmigratetest: path %q of a fault: %v", f.Path, err))
	}
	if f.Times == 0 {
		f.Times = 1
	}
	s.faults.add(f)
}

// InjectFunc makes choose decide at each request whether and what it suffers,
// if no fault of [Server.Inject] takes it: what a returned Fault says of which
// requests does not matter. before is how many requests of the same origin,
// method and path choose was asked about earlier, so that a choice by chance
// can be the same in every run, in whatever order requests come that are made
// side by side:
//
//	srv.InjectFunc(func(r ghmigratetest.Request, before int) (ghmigratetest.Fault, bool) {
//		h := fnv.New64a()
//		fmt.Fprint(h, r.Method, r.Path, before)
//		chance := rand.New(rand.NewPCG(seed, h.Sum64()))
//		return ghmigratetest.ServerError(502), chance.IntN(10) == 0
//	})
//
// Calls come one at a time; choose must not inject or clear faults, nor change
// the request. Another InjectFunc, nil too, or ClearFaults takes its place.
func (s *Server) InjectFunc(choose func(r Request, before int) (Fault, bool)) {
	s.faults.setFunc(choose)
}

// ClearFaults ends all faults.
func (s *Server) ClearFaults() { s.faults.clear() }

type faultList struct {
	mu     sync.Mutex
	list   []*Fault
	choose func(r Request, before int) (Fault, bool)
	asked  map[asked]int
}

// An asked is what faultList.choose was asked about.
type asked struct {
	origin       Origin
	method, path string
}

func (l *faultList) add(f Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, &f)
}

func (l *faultList) setFunc(choose func(Request, int) (Fault, bool)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.choose, l.asked = choose, make(map[asked]int)
}

func (l *faultList) clear() {
	l.setFunc(nil)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = nil
}

// next returns the fault that the request, with its path unescaped, suffers.
func (l *faultList) next(r *Request, path string) (Fault, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.list {
		switch {
		case f.Times == 0 || !f.matches(r.Origin, r.Method, path):
		case f.After > 0:
			f.After--
		default:
			if f.Times > 0 {
				f.Times--
			}
			return *f, true
		}
	}
	if l.choose == nil {
		return Fault{}, false
	}
	about := asked{r.Origin, r.Method, r.Path}
	before := l.asked[about]
	l.asked[about]++
	return l.choose(*r, before)
}

func (f *Fault) matches(origin Origin, method, p string) bool {
	if f.Origin != AnyOrigin && f.Origin != origin || f.Method != "" && f.Method != method {
		return false
	}
	if f.Path == "" || strings.HasSuffix(f.Path, "/") && strings.HasPrefix(p, f.Path) {
		return true
	}
	ok, _ := path.Match(f.Path, p)
	return ok
}

// suffer serves a request with the fault that it has to suffer.
func (s *Server) suffer(f Fault, w http.ResponseWriter, r *http.Request, body []byte, serve http.HandlerFunc) {
	if f.Hidden != 0 {
		r = r.WithContext(context.WithValue(r.Context(), hiddenKey{}, f.Hidden))
	}
	if f.Applied {
		applied := r.Clone(r.Context())
		applied.Body = io.NopCloser(bytes.NewReader(body))
		serve(discard{}, applied)
	}
	if !s.sleep(r.Context(), f.Delay) {
		panic(http.ErrAbortHandler)
	}
	if f.Stall {
		s.stall(r)
	}
	if f.Reset || f.Applied && f.Status == 0 && f.Handler == nil {
		reset(r)
	}
	if f.CutAfter != 0 || f.StallAfter != 0 {
		w = &brokenWriter{ResponseWriter: w, s: s, r: r, fault: &f, left: f.reach()}
	}
	w = &headerWriter{ResponseWriter: w, edit: func(h http.Header) {
		if f.rateLimitReset != 0 {
			reset := s.clock.Now().Add(f.rateLimitReset + time.Second - 1).Unix()
			h.Set("X-RateLimit-Limit", strconv.Itoa(s.cfg.rateLimit))
			h.Set("X-RateLimit-Used", strconv.Itoa(s.cfg.rateLimit))
			h.Set("X-RateLimit-Remaining", "0")
			h.Set("X-RateLimit-Reset", strconv.FormatInt(reset, 10))
			h.Set("X-RateLimit-Resource", "core")
		}
		for name, values := range f.Header {
			if h.Del(name); len(values) > 0 {
				h[http.CanonicalHeaderKey(name)] = values
			}
		}
	}}
	switch {
	case f.Handler != nil:
		f.Handler(w, r, serve)
	case f.Status != 0:
		contentType := "application/json; charset=utf-8"
		if strings.HasPrefix(f.Body, "<") {
			contentType = "application/xml"
		}
		w.Header().Set("X-GitHub-Request-Id", requestID())
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(f.Status)
		_, _ = io.WriteString(w, f.Body)
	default:
		serve(w, r)
	}
}

type hiddenKey struct{}

// reach tells how many bytes of the body pass before it is cut or stalls.
func (f *Fault) reach() int64 {
	reach := int64(math.MaxInt64)
	for _, n := range []int64{f.CutAfter, f.StallAfter} {
		if n != 0 {
			reach = min(reach, max(n, 0))
		}
	}
	return reach
}

// stall waits until the client has gone.
func (s *Server) stall(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-s.closed:
	}
	panic(http.ErrAbortHandler)
}

// reset ends the connection, with a reset where it is one of TCP.
func reset(r *http.Request) {
	if c, ok := r.Context().Value(connKey{}).(*net.TCPConn); ok {
		_ = c.SetLinger(0)
	}
	panic(http.ErrAbortHandler)
}

// A discard throws an answer away.
type discard http.Header

func (d discard) Header() http.Header       { return http.Header(d) }
func (discard) WriteHeader(int)             {}
func (discard) Write(p []byte) (int, error) { return len(p), nil }

// A headerWriter has the last word about the header.
type headerWriter struct {
	http.ResponseWriter
	edit func(http.Header)
	sent bool
}

func (w *headerWriter) WriteHeader(status int) {
	if !w.sent {
		w.sent = true
		w.edit(w.Header())
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *headerWriter) Write(p []byte) (int, error) {
	if !w.sent {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(p)
}

func (w *headerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// A brokenWriter sends a body, but not to its end.
type brokenWriter struct {
	http.ResponseWriter
	s     *Server
	r     *http.Request
	fault *Fault
	left  int64
}

func (w *brokenWriter) WriteHeader(status int) {
	w.ResponseWriter.WriteHeader(status)
	if status >= http.StatusOK && w.left == 0 {
		w.end()
	}
}

func (w *brokenWriter) Write(p []byte) (int, error) {
	n := min(int64(len(p)), w.left)
	if _, err := w.ResponseWriter.Write(p[:n]); err != nil {
		return 0, err
	}
	if w.left -= n; w.left == 0 {
		w.end()
	}
	return len(p), nil
}

func (w *brokenWriter) end() {
	_ = http.NewResponseController(w.ResponseWriter).Flush()
	if w.fault.StallAfter != 0 && max(w.fault.StallAfter, 0) == w.fault.reach() {
		w.s.stall(w.r)
	}
	panic(http.ErrAbortHandler)
}

func (w *brokenWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
