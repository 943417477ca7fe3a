package transfer_test

import (
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
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

// A storage serves one object as S3 does, over net.Pipe, and does what the
// test says instead wherever the test says something.
type storage struct {
	object   []byte
	etag     string
	modified string
	path     string

	// answer handles the request of that number, from 1, unless it returns false.
	answer func(n int, w http.ResponseWriter, r *http.Request) bool
	// locate gives the address of that number, from 1; by default a good one.
	locate func(ctx context.Context, n int) (transfer.Location, error)

	listener *pipeListener

	mu       sync.Mutex
	requests []http.Header
	asked    []time.Time
	sent     int64 // bytes of bodies
	located  int
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
	// A server that has read a client's next request does not see its end.
	base, cancel := context.WithCancel(t.Context())
	server := &http.Server{Handler: s, ReadHeaderTimeout: time.Hour, BaseContext: func(net.Listener) context.Context { return base }}
	go func() { _ = server.Serve(s.listener) }()
	t.Cleanup(func() {
		cancel()
		_ = server.Close()
	})
	return s
}

// archive returns bytes that begin as gzip does, the same for the same size.
func archive(size int) []byte {
	b := make([]byte, max(size, 2))
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	b[0], b[1] = 0x1f, 0x8b
	return b[:size]
}

func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// source returns the object as one process sees it.
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

// url returns the signed URL of that number.
func (s *storage) url(n int) string {
	return "http://storage.test" + s.path + "?" + secret + "&n=" + strconv.Itoa(n)
}

func (s *storage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, r.Header.Clone())
	s.asked = append(s.asked, time.Now())
	n := len(s.requests)
	s.mu.Unlock()
	w = &countingWriter{ResponseWriter: w, storage: s}
	if s.answer != nil && s.answer(n, w, r) {
		return
	}
	s.serve(w, r)
}

// serve answers as storage does when all is well.
func (s *storage) serve(w http.ResponseWriter, r *http.Request) { s.serveFirst(math.MaxInt, w, r) }

// cut answers so, and breaks the connection after n bytes of the body.
func (s *storage) cut(n int, w http.ResponseWriter, r *http.Request) bool {
	s.serveFirst(n, w, r)
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// stall answers so, and sends nothing more after n bytes of the body.
func (s *storage) stall(n int, w http.ResponseWriter, r *http.Request) bool {
	s.serveFirst(n, w, r)
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
	return true
}

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

// replace puts another object in the place of this one.
func (s *storage) replace(object []byte, etag, modified string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.object, s.etag, s.modified = object, etag, modified
}

// current returns the object of now.
func (s *storage) current() (object []byte, etag, modified string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.object, s.etag, s.modified
}

// all answers with a 200, with the length or in chunks.
func (s *storage) all(w http.ResponseWriter, chunked bool) bool {
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

// firstRange is what is asked for before anything is known of an object.
const firstRange = "bytes=0-"

// byteRange returns which bytes of so many the request asks for.
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

func rangeStart(r *http.Request) (int, bool) {
	from, _, ok := byteRange(r, 0)
	return from, ok
}

// seen returns the headers of the requests so far.
func (s *storage) seen() []http.Header {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// sentBytes returns how much of bodies was sent.
func (s *storage) sentBytes() int64 {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent
}

// ranges returns what was asked for so far, request by request.
func (s *storage) ranges() []string {
	var ranges []string
	for _, h := range s.seen() {
		ranges = append(ranges, h.Get("Range"))
	}
	return ranges
}

// waits returns the times between the requests.
func (s *storage) waits() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var waits []time.Duration
	for i := 1; i < len(s.asked); i++ {
		waits = append(waits, s.asked[i].Sub(s.asked[i-1]))
	}
	return waits
}

// reset forgets the requests, as a test does before the next process.
func (s *storage) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests, s.asked, s.sent, s.located = nil, nil, 0, 0
	s.answer, s.locate = nil, nil
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

// A pipeListener accepts the other ends of pipes: a synctest bubble knows when
// all wait for one another there.
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

// requireNoSecret fails if text has anything of a signed URL's query.
func requireNoSecret(t *testing.T, text string) {
	t.Helper()
	require.NotContains(t, text, "X-Amz")
	require.NotContains(t, text, "deadbeef")
}

// each calls f for the requests of these numbers only.
func each(numbers []int, f func(w http.ResponseWriter, r *http.Request) bool) func(int, http.ResponseWriter, *http.Request) bool {
	return func(n int, w http.ResponseWriter, r *http.Request) bool {
		return slices.Contains(numbers, n) && f(w, r)
	}
}
