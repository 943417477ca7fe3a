package transfer_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

// wholeGzip returns a gzip member with a true end, which archive does not have.
func wholeGzip(t *testing.T, size int) []byte {
	t.Helper()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err := z.Write(append([]byte("tar"), archive(size)...))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return packed.Bytes()
}

// requireBoth fetches the object as a file with several ranges and as a stream.
func requireBoth(t *testing.T, object []byte, answer func(s *storage, n int, w http.ResponseWriter, r *http.Request) bool) (log string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 0)
		s.object = object
		s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool { return answer(s, n, w, r) }
		log = requireFetched(t, s, target(t), inParallel(8))
	})
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 0)
		s.object = object
		s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool { return answer(s, n, w, r) }
		requireStreamed(t, s.source(t), s.object)
	})
	return log
}

func TestLabelsThatAreNoCompression(t *testing.T) {
	for _, label := range []string{"aws-chunked", "aws-chunked,gzip", "identity, gzip", "none", "binary", "utf-8", "application/x-gzip", " "} {
		requireBoth(t, wholeGzip(t, 100_000), func(s *storage, n int, w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Content-Encoding", label)
			return n == 1 && s.cut(1000, w, r)
		})
	}
}

// Some servers send a part, or all as a part, with the status 200, and proxies that
// transform a page say 203.
func TestRareFormsOfSuccess(t *testing.T) {
	for name, answer := range map[string]func(s *storage, n int, w http.ResponseWriter, r *http.Request) bool{
		"a 206 as a 200": func(s *storage, n int, w http.ResponseWriter, r *http.Request) bool {
			w = &statusWriter{w, http.StatusPartialContent, http.StatusOK}
			if n == 1 {
				return s.cut(1000, w, r)
			}
			s.serve(w, r)
			return true
		},
		"all of it as a part": func(s *storage, _ int, w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(s.object)-1, len(s.object)))
			return s.all(w, false)
		},
		"a 203": func(s *storage, _ int, w http.ResponseWriter, _ *http.Request) bool {
			return s.all(&statusWriter{w, http.StatusOK, http.StatusNonAuthoritativeInfo}, false)
		},
	} {
		t.Run(name, func(t *testing.T) { requireBoth(t, wholeGzip(t, 100_000), answer) })
	}
	t.Run("a part as a 200 is not all", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 1000)
			s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
				if n > 1 {
					return false
				}
				w.Header().Set("Content-Range", "bytes 0-299/1000")
				w.Header().Set("Content-Length", "300")
				w.Header().Set("Etag", s.etag)
				_, _ = w.Write(s.object[:300])
				return true
			}
			requireFetched(t, s, target(t), transfer.Options{})
			assert.Equal(t, []string{firstRange, "bytes=300-"}, s.ranges())
		})
	})
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

// A proxy may fail at every range and give no reason.
func TestProxiesThatBreakAtARange(t *testing.T) {
	for name, breaks := range map[string]handler{
		"cut":   func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) },
		"stall": func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true },
		"502":   func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusBadGateway); return true },
		"503": func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			log := requireBoth(t, wholeGzip(t, 100_000), func(_ *storage, _ int, w http.ResponseWriter, r *http.Request) bool {
				return r.Header.Get("Range") != "" && breaks(w, r)
			})
			assert.Equal(t, 1, strings.Count(log, `msg="transfer falls back" to="a plain request"`))
		})
	}
}

// The gzip's own end proves a stream, too, that nothing else tells the end of.
func TestStreamsWithoutALength(t *testing.T) {
	object := wholeGzip(t, 300_000)
	source := func(cut int, header http.Header) transfer.Source {
		return fuzzSource(func(*http.Request) *http.Response {
			return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(bytes.NewReader(object[:len(object)-cut]))}
		})
	}
	for _, header := range []http.Header{nil, {}, {"Etag": {`"1"`}}} {
		synctest.Test(t, func(t *testing.T) { requireStreamed(t, source(0, header), object) })
	}
	for _, cut := range []int{1, 1000} {
		synctest.Test(t, func(t *testing.T) {
			stream, err := transfer.Open(t.Context(), source(cut, nil))
			require.NoError(t, err)
			defer stream.Close()
			_, err = io.ReadAll(stream)
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			assert.Empty(t, stream.SHA256())
		})
	}
	synctest.Test(t, func(t *testing.T) { // fails if a goroutine is left
		stream, err := transfer.Open(t.Context(), source(0, nil))
		require.NoError(t, err)
		require.NoError(t, stream.Close())
	})
}

// A body may return nothing for ever, which must not keep a processor busy.
func TestABodyThatReturnsNothing(t *testing.T) {
	object := wholeGzip(t, 300_000)
	source := func(good int) transfer.Source {
		asked := 0
		return fuzzSource(func(r *http.Request) *http.Response {
			from, _ := rangeStart(r)
			body := io.MultiReader(io.LimitReader(bytes.NewReader(object[from:]), 100_000), emptyReader{})
			if asked++; asked > good {
				body = emptyReader{}
			}
			return &http.Response{StatusCode: http.StatusPartialContent, ContentLength: int64(len(object) - from), Body: io.NopCloser(body), Header: http.Header{
				"Etag": {`"1"`}, "Content-Range": {"bytes " + strconv.Itoa(from) + "-" + strconv.Itoa(len(object)-1) + "/" + strconv.Itoa(len(object))},
			}}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		_, err := transfer.File(t.Context(), source(10), target(t), transfer.Options{})
		require.NoError(t, err)
		requireStreamed(t, source(10), object)

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err = transfer.File(ctx, source(0), target(t), transfer.Options{})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
	synctest.Test(t, func(t *testing.T) { // of an error
		source := fuzzSource(func(*http.Request) *http.Response {
			return &http.Response{StatusCode: http.StatusNotFound, Body: io.NopCloser(emptyReader{})}
		})
		_, err := transfer.File(t.Context(), source, target(t), transfer.Options{})
		require.ErrorContains(t, err, "storage answered 404")
	})
}

type emptyReader struct{}

func (emptyReader) Read([]byte) (int, error) { return 0, nil }
