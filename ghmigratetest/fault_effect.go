package ghmigratetest

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
)

// withFaults returns a handler that serves a request with the faults that select
// it. It skips the faults up to the number previous.
func (s *Server) withFaults(cand candidate, previous int, serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f, number, ok := s.faults.next(cand, previous)
		if !ok {
			serve(w, r)
			return
		}
		s.log.addFault(cand.Request, f.Name)
		next := serve
		if f.Continue {
			next = s.withFaults(cand, number, serve)
		}
		s.serveFaulty(f, cand, w, r, next)
	}
}

// The keys of the values that a fault adds to the context of a request.
type (
	hiddenKey struct{} // time.Duration: Fault.Hidden
	fateKey   struct{} // *Fate: Fault.Fate
	etagKey   struct{} // string: the ETag of the archive, if it depends on the connection
)

// serveFaulty serves a request with a fault.
func (s *Server) serveFaulty(f Fault, cand candidate, w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
	r = s.prepare(f, cand, r)
	if f.Applied {
		applied := r.Clone(r.Context())
		applied.Body = io.NopCloser(bytes.NewReader(cand.Body))
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
		cand.out.ResponseWriter = newPacedWriter(s, cand.out.ResponseWriter, r, f.Rate)
	}
	if f.CutAfter != 0 || f.StallAfter != 0 {
		cand.out.ResponseWriter = &brokenWriter{ResponseWriter: cand.out.ResponseWriter, s: s, r: r, fault: &f, remaining: f.bodyLimit()}
	}
	if len(f.Header) > 0 {
		w = &headerWriter{ResponseWriter: w, edit: func(h http.Header) {
			for name, values := range f.Header {
				name = http.CanonicalHeaderKey(name)
				if h[name] = nil; len(values) > 0 { // net/http adds no Date, Content-Type or Content-Length if the key exists
					h[name] = s.expand(values, cand, r)
				}
			}
		}}
	}
	switch {
	case f.Handler != nil:
		f.Handler(w, r, serve)
	case f.Status != 0:
		f.respond(w, cand.Origin)
	case f.Body != "" || cand.Origin == API && len(f.Set)+len(f.Remove) > 0: // storage does not send JSON
		s.edit(f, w, r, serve)
	default:
		serve(w, r)
	}
}

// prepare makes the changes of a fault that come before the request is served. It
// returns the request with the values that the handlers need.
func (s *Server) prepare(f Fault, cand candidate, r *http.Request) *http.Request {
	s.changeAll(f.Repositories)
	ctx := r.Context()
	if f.Hidden != 0 {
		ctx = context.WithValue(ctx, hiddenKey{}, f.Hidden)
	}
	if f.Fate != nil && ctx.Value(fateKey{}) == nil {
		ctx = context.WithValue(ctx, fateKey{}, f.Fate)
	}
	if etag := f.header("ETag"); len(etag) == 1 && s.expand(etag, cand, r)[0] != etag[0] {
		ctx = context.WithValue(ctx, etagKey{}, s.expand(etag, cand, r)[0])
	}
	return r.WithContext(ctx)
}

// header returns the values that the fault sets for a header.
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
	id := setOriginHeader(w.Header(), origin)
	f.send(w, f.Status, cmp.Or(f.Body, defaultBody(origin, f.Status, id)))
}

// send sends a response with a Content-Type that fits the body.
func (f *Fault) send(w http.ResponseWriter, status int, body string) {
	if body == NoBody {
		body = ""
	}
	w.Header().Set("Content-Type", contentTypeOf(body))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// edit sends the true response with the body of the fault, or with the values
// that the fault sets and removes.
func (s *Server) edit(f Fault, w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
	ifNoneMatch := r.Header.Get("If-None-Match")
	unconditional := r.Clone(r.Context())
	unconditional.Header.Del("If-None-Match")
	unconditional.Header.Del("If-Modified-Since")
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
	if h.Get("ETag") != "" { // the edited response needs an ETag of its own
		edited := withETag(response{status: res.status, header: h, body: body}, ifNoneMatch)
		if res.status, body = edited.status, edited.body; res.status == http.StatusNotModified {
			s.uncount(h)
		}
	}
	w.WriteHeader(res.status)
	_, _ = w.Write(body)
}

// stall waits until the client disconnects or the server closes, and aborts the
// response.
func (s *Server) stall(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-s.closed:
	}
	panic(http.ErrAbortHandler)
}

// reset breaks the connection of a request, with a reset if it is a TCP
// connection.
func reset(r *http.Request) {
	if c, ok := r.Context().Value(connKey{}).(*connection); ok {
		if tcp, ok := c.Conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	}
	panic(http.ErrAbortHandler)
}

// A discard is a ResponseWriter that drops the response.
type discard http.Header

func (d discard) Header() http.Header       { return http.Header(d) }
func (discard) WriteHeader(int)             {}
func (discard) Write(p []byte) (int, error) { return len(p), nil }

// A recorder is a ResponseWriter that keeps the response.
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

// contentTypeOf returns the Content-Type that fits a body.
func contentTypeOf(body string) string {
	const start = 512 // bytes that DetectContentType reads
	switch detected := http.DetectContentType([]byte(body[:min(len(body), start)])); {
	case strings.HasPrefix(detected, "text/html"):
		return detected
	case strings.HasPrefix(body, "<"):
		return "application/xml"
	}
	return "application/json; charset=utf-8"
}
