package ghmigratetest

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
)

// withFaults serves a request with the faults beyond a number that select it.
func (s *Server) withFaults(about subject, beyond int, serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f, number, ok := s.faults.next(about, beyond)
		if !ok {
			serve(w, r)
			return
		}
		s.log.addFault(about.Request, f.Name)
		next := serve
		if f.Continue {
			next = s.withFaults(about, number, serve)
		}
		s.suffer(f, about, w, r, next)
	}
}

// The keys under which a fault leaves orders for the handlers of its request.
type (
	hiddenKey struct{} // time.Duration: Fault.Hidden
	fateKey   struct{} // *Fate: Fault.Fate
	etagKey   struct{} // string: the ETag of the archive on this connection
)

// suffer serves a request with a fault.
func (s *Server) suffer(f Fault, about subject, w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
	r = s.prepare(f, about, r)
	if f.Applied {
		applied := r.Clone(r.Context())
		applied.Body = io.NopCloser(bytes.NewReader(about.Body))
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
	if f.Rate > 0 {
		w = newPacedWriter(s, w, r, f.Rate)
	}
	if f.CutAfter != 0 || f.StallAfter != 0 {
		w = &brokenWriter{ResponseWriter: w, s: s, r: r, fault: &f, left: f.reach()}
	}
	if len(f.Header) > 0 {
		w = &headerWriter{ResponseWriter: w, edit: func(h http.Header) {
			for name, values := range f.Header {
				if h.Del(name); len(values) > 0 {
					h[http.CanonicalHeaderKey(name)] = s.expand(values, about, r)
				}
			}
		}}
	}
	switch {
	case f.Handler != nil:
		f.Handler(w, r, serve)
	case f.Status != 0:
		f.respond(w, about.Origin)
	case f.Body != "" || len(f.Set) > 0 || len(f.Remove) > 0:
		f.edit(w, r, serve)
	default:
		serve(w, r)
	}
}

// prepare changes the world before a request is served, and tells the handlers
// about the fault.
func (s *Server) prepare(f Fault, about subject, r *http.Request) *http.Request {
	s.changeAll(f.Repositories)
	ctx := r.Context()
	if f.Hidden != 0 {
		ctx = context.WithValue(ctx, hiddenKey{}, f.Hidden)
	}
	if f.Fate != nil && ctx.Value(fateKey{}) == nil {
		ctx = context.WithValue(ctx, fateKey{}, f.Fate)
	}
	if etag := f.header("ETag"); len(etag) == 1 && s.expand(etag, about, r)[0] != etag[0] {
		ctx = context.WithValue(ctx, etagKey{}, s.expand(etag, about, r)[0])
	}
	return r.WithContext(ctx)
}

// header returns the values that the fault sets.
func (f *Fault) header(name string) []string {
	for key, values := range f.Header {
		if http.CanonicalHeaderKey(key) == http.CanonicalHeaderKey(name) {
			return values
		}
	}
	return nil
}

// respond sends the response that the fault describes.
func (f *Fault) respond(w http.ResponseWriter, origin Origin) {
	body := f.Body
	if body == "" {
		body = usualBody(origin, f.Status)
	}
	w.Header().Set("X-GitHub-Request-Id", requestID())
	f.send(w, f.Status, body)
}

func (f *Fault) send(w http.ResponseWriter, status int, body string) {
	if body == NoBody {
		body = ""
	}
	w.Header().Set("Content-Type", contentTypeOf(body))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// edit sends the true response with another body, or with other values in it.
func (f *Fault) edit(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
	known := r.Header.Get("If-None-Match")
	unconditional := r.Clone(r.Context())
	unconditional.Header.Del("If-None-Match")
	res := &recorder{header: make(http.Header), noBody: f.Body != ""}
	serve(res, unconditional)
	if res.status == 0 {
		res.status = http.StatusOK
	}
	h := w.Header()
	maps.Copy(h, res.header)
	if f.Body != "" {
		for _, name := range []string{"Content-Length", "Content-Range", "ETag", "Last-Modified", "Link"} {
			h.Del(name)
		}
		f.send(w, res.status, f.Body)
		return
	}
	body := editJSON(res.body.Bytes(), f.Set, f.Remove)
	h.Del("Content-Length")
	if h.Get("ETag") != "" { // the client must not take the true response for this one
		edited := withETag(response{status: res.status, header: h, body: body}, known)
		res.status, body = edited.status, edited.body
	}
	w.WriteHeader(res.status)
	_, _ = w.Write(body)
}

// stall waits until the client has gone.
func (s *Server) stall(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-s.closed:
	}
	panic(http.ErrAbortHandler)
}

// reset ends the connection, with a reset if it is a TCP connection.
func reset(r *http.Request) {
	if c, ok := r.Context().Value(connKey{}).(*connection); ok {
		if tcp, ok := c.Conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	}
	panic(http.ErrAbortHandler)
}

// A discard drops a response.
type discard http.Header

func (d discard) Header() http.Header       { return http.Header(d) }
func (discard) WriteHeader(int)             {}
func (discard) Write(p []byte) (int, error) { return len(p), nil }

// A recorder keeps a response.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
	noBody bool // drop the body, which may be a large archive
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
}

func (w *recorder) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.noBody {
		return len(p), nil
	}
	return w.body.Write(p)
}

// contentTypeOf returns the Content-Type of a body.
func contentTypeOf(body string) string {
	const start = 512
	switch detected := http.DetectContentType([]byte(body[:min(len(body), start)])); {
	case strings.HasPrefix(detected, "text/html"):
		return detected
	case strings.HasPrefix(body, "<"):
		return "application/xml"
	}
	return "application/json; charset=utf-8"
}
