package transfer_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

// A storage serves one object as S3 does, over net.Pipe. A test can make it respond
// to any request in another way.
type storage struct {
	object   []byte
	etag     string
	modified string
	path     string

	// respond responds in place of the storage, unless it is nil or returns false.
	respond numberedHandler
	// locate returns the nth signed URL, from 1. nil means URLs that never expire.
	locate func(ctx context.Context, n int) (transfer.Location, error)

	listener *pipeListener

	mu       sync.Mutex
	requests []http.Header
	times    []time.Time // of the requests
	sent     int64       // bytes of bodies
	located  int         // calls of Locate
}

// secret is in every signed URL. No error and no log line may have it.
const secret = "X-Amz-Signature=5bb9c6e0%2Fdeadbeef"

func newStorage(t *testing.T, size int) *storage {
	t.Helper()
	s := &storage{
		object:   archive(size),
		etag:     `"0123456789abcdef"`,
		modified: "Thu, 13 Sep 2018 17:46:16 GMT",
		path:     "/migration/25320/24575",
		listener: &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})},
	}
	// The server does not notice that a client cancels a request if the server has
	// already read the next request. The end of the base context ends such requests.
	base, cancel := context.WithCancel(t.Context())
	server := &http.Server{Handler: s, ReadHeaderTimeout: time.Hour, BaseContext: func(net.Listener) context.Context { return base }}
	go func() { _ = server.Serve(s.listener) }()
	t.Cleanup(func() {
		cancel()
		_ = server.Close()
	})
	return s
}

// archive returns bytes that begin as gzip does. They are the same for the same size.
func archive(size int) []byte {
	b := make([]byte, max(size, 2))
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	b[0], b[1] = 0x1f, 0x8b
	return b[:size]
}

// wholeGzip returns valid gzip. The bytes of archive only begin as gzip does.
func wholeGzip(t *testing.T, size int) []byte {
	t.Helper()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err := z.Write(append([]byte("tar"), archive(size)...))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return packed.Bytes()
}

func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// source returns a source of the object, with connections of its own.
func (s *storage) source(t *testing.T) transfer.Source {
	t.Helper()
	transport := &http.Transport{
		DisableCompression: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return s.listener.dial(ctx)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return transfer.Source{
		Locate: func(ctx context.Context) (transfer.Location, error) {
			s.mu.Lock()
			s.located++
			n := s.located
			s.mu.Unlock()
			if s.locate != nil {
				return s.locate(ctx, n)
			}
			return transfer.Location{URL: s.url(n)}, nil
		},
		Client: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		Identity:  "org octo 79",
		UserAgent: "test/1",
	}
}

// url returns the nth signed URL.
func (s *storage) url(n int) string {
	return "http://storage.test" + s.path + "?" + secret + "&n=" + strconv.Itoa(n)
}

func (s *storage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, r.Header.Clone())
	s.times = append(s.times, time.Now())
	n := len(s.requests)
	s.mu.Unlock()
	w = &countingWriter{ResponseWriter: w, storage: s}
	if s.respond != nil && s.respond(n, w, r) {
		return
	}
	s.serve(w, r)
}

// serve responds as storage usually does.
func (s *storage) serve(w http.ResponseWriter, r *http.Request) { s.serveFirst(math.MaxInt, w, r) }

// cut breaks the connection after n bytes of the usual body.
func (s *storage) cut(n int, w http.ResponseWriter, r *http.Request) bool {
	s.serveFirst(n, w, r)
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// stall sends n bytes of the usual body, and then nothing until the client hangs up.
func (s *storage) stall(n int, w http.ResponseWriter, r *http.Request) bool {
	s.serveFirst(n, w, r)
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
	return true
}

// cutAfter returns a handler that calls cut.
func (s *storage) cutAfter(n int) handler {
	return func(w http.ResponseWriter, r *http.Request) bool { return s.cut(n, w, r) }
}

// stallAfter returns a handler that calls stall.
func (s *storage) stallAfter(n int) handler {
	return func(w http.ResponseWriter, r *http.Request) bool { return s.stall(n, w, r) }
}

// trickling returns a handler that calls trickle.
func (s *storage) trickling(piece int, wait time.Duration) handler {
	return func(w http.ResponseWriter, r *http.Request) bool { return trickle(s, w, r, piece, wait) }
}

// serveFirst sends the usual header and the first n bytes of the usual body.
func (s *storage) serveFirst(n int, w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	object, etag, modified := s.current()
	if etag != "" {
		h.Set("Etag", etag)
	}
	if modified != "" {
		h.Set("Last-Modified", modified)
	}
	h.Set("Content-Type", "application/x-gzip")
	if match := r.Header.Get("If-Match"); match != "" && match != etag {
		w.WriteHeader(http.StatusPreconditionFailed)
		return
	}
	if since := r.Header.Get("If-Unmodified-Since"); since != "" && since != modified {
		w.WriteHeader(http.StatusPreconditionFailed)
		return
	}
	from, end, ok := byteRange(r, len(object))
	if !ok {
		h.Set("Content-Length", strconv.Itoa(len(object)))
		_, _ = w.Write(object[:min(n, len(object))])
		return
	}
	if from >= len(object) {
		h.Set("Content-Range", fmt.Sprintf("bytes */%d", len(object)))
		w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		return
	}
	h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, end-1, len(object)))
	h.Set("Content-Length", strconv.Itoa(end-from))
	w.WriteHeader(http.StatusPartialContent)
	_, _ = w.Write(object[from : from+min(n, end-from)])
}

// sendAll responds with a 200 and the whole object, with a Content-Length or chunked.
func (s *storage) sendAll(w http.ResponseWriter, chunked bool) bool {
	w.Header().Set("Etag", s.etag)
	if !chunked {
		w.Header().Set("Content-Length", strconv.Itoa(len(s.object)))
	}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(s.object)
	if chunked {
		_ = http.NewResponseController(w).Flush()
	}
	return true
}

// replace replaces the object.
func (s *storage) replace(object []byte, etag, modified string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.object, s.etag, s.modified = object, etag, modified
}

// current returns the object and its validators.
func (s *storage) current() (object []byte, etag, modified string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.object, s.etag, s.modified
}

// requestHeaders returns the headers of the requests.
func (s *storage) requestHeaders() []http.Header {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// sentBytes returns the number of bytes in all bodies.
func (s *storage) sentBytes() int64 {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent
}

// ranges returns the Range headers of the requests.
func (s *storage) ranges() []string {
	var ranges []string
	for _, h := range s.requestHeaders() {
		ranges = append(ranges, h.Get("Range"))
	}
	return ranges
}

// waits returns the times between the requests.
func (s *storage) waits() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var waits []time.Duration
	for i := 1; i < len(s.times); i++ {
		waits = append(waits, s.times[i].Sub(s.times[i-1]))
	}
	return waits
}

// reset forgets the requests and the handlers of a test, for the next call.
func (s *storage) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests, s.times, s.sent, s.located = nil, nil, 0, 0
	s.respond, s.locate = nil, nil
}

type countingWriter struct {
	http.ResponseWriter
	storage *storage
}

func (w *countingWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.storage.mu.Lock()
	w.storage.sent += int64(n)
	w.storage.mu.Unlock()
	return n, err
}

func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// A pipeListener accepts connections over net.Pipe, because virtual time does not
// advance while a goroutine waits for a real connection.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case l.conns <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }
