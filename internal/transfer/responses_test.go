package transfer_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

// A handler responds to a request. If it returns false, storage responds as usual.
type handler = func(w http.ResponseWriter, r *http.Request) bool

// A numberedHandler is a handler that gets the number of the request, from 1.
type numberedHandler = func(n int, w http.ResponseWriter, r *http.Request) bool

// A storageHandler is a numberedHandler for any storage.
type storageHandler = func(s *storage, n int, w http.ResponseWriter, r *http.Request) bool

// always responds to every request with h.
func always(h handler) numberedHandler {
	return func(_ int, w http.ResponseWriter, r *http.Request) bool { return h(w, r) }
}

// inOrder responds to the nth request with the nth handler. The storage responds to
// later requests, and to requests whose handler is nil.
func inOrder(handlers ...handler) numberedHandler {
	return func(n int, w http.ResponseWriter, r *http.Request) bool {
		return n <= len(handlers) && handlers[n-1] != nil && handlers[n-1](w, r)
	}
}

// firstN responds to the first n requests with h.
func firstN(n int, h handler) numberedHandler {
	return func(number int, w http.ResponseWriter, r *http.Request) bool { return number <= n && h(w, r) }
}

// firstThen responds to the first request with first, and to later requests with then.
func firstThen(first, then handler) numberedHandler {
	return func(n int, w http.ResponseWriter, r *http.Request) bool {
		if n == 1 {
			return first(w, r)
		}
		return then(w, r)
	}
}

// status responds with a status and without a body.
func status(code int) handler {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(code)
		return true
	}
}

// retryAfter responds with a 503 and a Retry-After.
func retryAfter(value string) handler {
	return func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Retry-After", value)
		return status(http.StatusServiceUnavailable)(w, r)
	}
}

// loginPage responds as a captive portal does.
func loginPage(w http.ResponseWriter, _ *http.Request) bool {
	w.Header().Set("Content-Type", "text/html")
	_, _ = w.Write([]byte("<html>Sign in to the hotel's network</html>"))
	return true
}

// hangUp breaks the connection without a response.
func hangUp(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }

// outage responds with before until an outage begins, and with after when it has ended.
// The outage breaks all connections.
func outage(begin, duration time.Duration, before, after handler) numberedHandler {
	down := make(chan struct{})
	var up atomic.Bool
	time.AfterFunc(begin, func() { close(down) })
	time.AfterFunc(begin+duration, func() { up.Store(true) })
	return func(_ int, w http.ResponseWriter, r *http.Request) bool {
		if up.Load() {
			return after(w, r)
		}
		select {
		case <-down:
			return hangUp(w, r)
		default:
			return before(&untilWriter{w, down}, r)
		}
	}
}

// silent sends no response until the client hangs up.
func silent(_ http.ResponseWriter, r *http.Request) bool {
	<-r.Context().Done()
	return true
}

// firstRange is the Range of the first request for an object.
const firstRange = "bytes=0-"

// byteRange returns the range of a request for an object of the given size. ok is
// false for a request without a range.
func byteRange(r *http.Request, size int) (from, end int, ok bool) {
	text, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes=")
	if !ok {
		return 0, 0, false
	}
	first, last, _ := strings.Cut(text, "-")
	from, err := strconv.Atoi(first)
	if err != nil {
		return 0, 0, false
	}
	end = size
	if last != "" {
		until, err := strconv.Atoi(last)
		if err != nil {
			return 0, 0, false
		}
		end = min(size, until+1)
	}
	return from, end, true
}

// rangeStart returns the first offset of the range of a request, 0 without a range.
func rangeStart(r *http.Request) (int, bool) {
	from, _, ok := byteRange(r, 0)
	return from, ok
}

// xmlError responds with an error as S3 sends it.
func xmlError(status int, code, message string) handler {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		if status != http.StatusNotModified {
			_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message><RequestId>4442587FB7D0A2F9</RequestId></Error>", code, message)
		}
		return true
	}
}

// unsatisfiable responds with a 416.
func unsatisfiable(contentRange string) handler {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		if contentRange != "" {
			w.Header().Set("Content-Range", contentRange)
		}
		w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		return true
	}
}

// trickle sends the requested range in pieces, and waits before each piece.
func trickle(s *storage, w http.ResponseWriter, r *http.Request, piece int, wait time.Duration) bool {
	object, _, _ := s.current()
	s.serveFirst(0, w, r)
	from, end, ok := byteRange(r, len(object))
	if !ok {
		end = len(object)
	}
	for from < end {
		if !pause(r, wait) {
			return true
		}
		n := min(piece, end-from)
		if _, err := w.Write(object[from : from+n]); err != nil {
			return true
		}
		_ = http.NewResponseController(w).Flush()
		from += n
	}
	return true
}

// pause waits, and reports whether the client is still there.
func pause(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// An overridingWriter replaces the value of a header. It drops the header if the value
// is empty.
type overridingWriter struct {
	http.ResponseWriter
	name, value string
}

func (w *overridingWriter) WriteHeader(status int) {
	w.Header().Del(w.name)
	if w.value != "" {
		w.Header().Set(w.name, w.value)
	}
	w.ResponseWriter.WriteHeader(status)
}

// A statusWriter sends one status in place of another.
type statusWriter struct {
	http.ResponseWriter
	from, to int
}

func (w *statusWriter) WriteHeader(status int) {
	if status == w.from {
		status = w.to
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// A promptWriter sends the header before the body. A client then gains nothing by
// sending a request while another response ends.
type promptWriter struct{ http.ResponseWriter }

func (w promptWriter) WriteHeader(status int) {
	w.ResponseWriter.WriteHeader(status)
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

func (w promptWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// A limitedWriter breaks the connection after left bytes of the body.
type limitedWriter struct {
	http.ResponseWriter
	left int
}

func (w *limitedWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p[:min(len(p), w.left)])
	if w.left -= n; w.left == 0 {
		_ = http.NewResponseController(w.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, err
}

func (w *limitedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// An untilWriter breaks the connection when the channel is closed.
type untilWriter struct {
	http.ResponseWriter
	closed <-chan struct{}
}

func (w *untilWriter) Write(p []byte) (int, error) {
	select {
	case <-w.closed:
		panic(http.ErrAbortHandler)
	default:
		return w.ResponseWriter.Write(p)
	}
}

func (w *untilWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// A roundTrip is a RoundTripper.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// roundTripSource returns a source that gets its responses from a function, without
// net/http.
func roundTripSource(respond func(*http.Request) *http.Response) transfer.Source {
	return transfer.Source{
		Locate: func(context.Context) (transfer.Location, error) {
			return transfer.Location{URL: fmt.Sprintf("https://storage.test/migration/1/2?%s", secret)}, nil
		},
		Client: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			resp := respond(r)
			resp.Request = r
			return resp, nil
		})},
	}
}

// restOf returns a 206 with the bytes of the object from the start of the request's
// range on.
func restOf(object []byte, r *http.Request) *http.Response {
	from, _ := rangeStart(r)
	return &http.Response{
		StatusCode: http.StatusPartialContent, ContentLength: int64(len(object) - from), ProtoMajor: 1,
		Header: http.Header{"Etag": {`"1"`}, "Content-Range": {fmt.Sprintf("bytes %d-%d/%d", from, len(object)-1, len(object))}},
		Body:   io.NopCloser(bytes.NewReader(object[from:])),
	}
}
