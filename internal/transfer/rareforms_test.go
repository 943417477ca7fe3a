package transfer_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

func TestRareFormsOfContentRange(t *testing.T) {
	for name, form := range map[string]string{
		"no total":           "bytes %d-%d/*",
		"another case":       "Bytes %d-%d/%d",
		"two spaces":         "bytes  %d-%d/%d",
		"white space around": " bytes %d-%d/%d ",
		"white space inside": "bytes %d - %d / %d",
		"as in a request":    "bytes=%d-%d/%d",
		"a total with zeros": "bytes %d-%d/0%d",
		"the usual form":     "bytes %d-%d/%d",
	} {
		run(t, name, func(t *testing.T) {
			s := newStorage(t, 100_000)
			s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool {
				from, end, ok := byteRange(r, len(s.object))
				if !ok || from >= end {
					return false
				}
				if n == 1 || n == 3 {
					w = &limitedWriter{w, 1000} // the next request resumes
				}
				args := []any{from, end - 1, len(s.object)}
				s.serve(&overridingWriter{ResponseWriter: w, name: "Content-Range", value: fmt.Sprintf(form, args[:strings.Count(form, "%")]...)}, r)
				return true
			}
			log := requireLogged(t, s, target(t), inParallel(4))
			assert.NotContains(t, log, "Content-Range")
			s.reset()
			requireStreamed(t, s.source(t), s.object)
		})
	}
}

// Some servers send a part, or the whole object as a part, with the status 200.
// Proxies that transform a response use the status 203.
func TestRareFormsOfSuccess(t *testing.T) {
	for name, respond := range map[string]storageHandler{
		"a 206 as a 200": func(s *storage, n int, w http.ResponseWriter, r *http.Request) bool {
			w = &statusWriter{w, http.StatusPartialContent, http.StatusOK}
			if n == 1 {
				return s.cut(1000, w, r)
			}
			s.serve(w, r)
			return true
		},
		"a 200 with the whole object as a part": func(s *storage, _ int, w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(s.object)-1, len(s.object)))
			return s.sendAll(w, false)
		},
		"a 203": func(s *storage, _ int, w http.ResponseWriter, _ *http.Request) bool {
			return s.sendAll(&statusWriter{w, http.StatusOK, http.StatusNonAuthoritativeInfo}, false)
		},
	} {
		t.Run(name, func(t *testing.T) { requireBoth(t, wholeGzip(t, 100_000), respond) })
	}
	run(t, "a 200 with a part", func(t *testing.T) {
		s := newStorage(t, 1000)
		s.respond = inOrder(func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Range", "bytes 0-299/1000")
			w.Header().Set("Content-Length", "300")
			w.Header().Set("Etag", s.etag)
			_, _ = w.Write(s.object[:300])
			return true
		})
		requireFetched(t, s, target(t), transfer.Options{})
		assert.Equal(t, []string{firstRange, "bytes=300-"}, s.ranges())
	})
}

func TestContentEncodingsThatAreNotCompressions(t *testing.T) {
	for _, label := range []string{"aws-chunked", "aws-chunked,gzip", "identity, gzip", "none", "binary", "utf-8", "application/x-gzip", " "} {
		requireBoth(t, wholeGzip(t, 100_000), func(s *storage, n int, w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Content-Encoding", label)
			return n == 1 && s.cut(1000, w, r)
		})
	}
}

// Some servers send a .tar.gz with the Content-Encoding gzip. The response of a proxy
// that compresses the archive once more is rejected.
func TestAGzipThatIsLabelledAsAnEncoding(t *testing.T) {
	for _, label := range []string{"gzip", "x-gzip", "GZIP"} {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 1<<20)
			s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool {
				w.Header().Set("Content-Encoding", label)
				return n == 1 && s.cut(1000, w, r)
			}
			requireFetched(t, s, target(t), inParallel(8))
			requireStreamed(t, s.source(t), s.object)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 100_000)
		compressing := func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write(s.object)
			return z.Close() == nil
		}
		s.respond = firstN(2, compressing)
		log := requireLogged(t, s, target(t), transfer.Options{})
		assert.Contains(t, log, "storage sent the archive compressed once more")
	})
}

// A RoundTripper of the caller may leave out fields of the response that net/http
// sets. Then the end of the gzip proves that the object is complete.
func TestRoundTrippersWithoutALength(t *testing.T) {
	object := wholeGzip(t, 300_000)
	source := func(etag string, cut int) transfer.Source {
		n := 0
		return roundTripSource(func(r *http.Request) *http.Response {
			n++
			from, _ := rangeStart(r)
			end := len(object)
			if n == 1 {
				end -= cut
			}
			resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Etag": {etag}}, Body: io.NopCloser(bytes.NewReader(object[from:end]))}
			if from > 0 {
				resp.StatusCode = http.StatusPartialContent
				resp.Header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(object)-1, len(object)))
			}
			return resp
		})
	}
	for name, tt := range map[string]struct {
		etag string
		cut  int
	}{
		"whole": {"", 0}, "cut": {"", 1000}, "whole, with an ETag": {`"1"`, 0}, "cut, with an ETag": {`"1"`, 1000},
	} {
		run(t, name, func(t *testing.T) {
			path := target(t)
			got, err := transfer.File(t.Context(), source(tt.etag, tt.cut), path, transfer.Options{})
			require.NoError(t, err)
			assert.Equal(t, transfer.Result{Size: int64(len(object)), SHA256: sumOf(object)}, got)
			requireComplete(t, path, object)
		})
	}
}

// The proof reads the part. However slow the disk is, the transfer does not wait for
// storage meanwhile.
func TestTheProofOfTheEndMayTakeMinutes(t *testing.T) {
	object := wholeGzip(t, 300_000)
	for name, contentRange := range map[string]string{
		"after the end of the connection": "",
		"after a 416 without a size":      fmt.Sprintf("bytes 0-%d/*", len(object)-1),
	} {
		run(t, name, func(t *testing.T) {
			source := roundTripSource(func(r *http.Request) *http.Response {
				if from, _ := rangeStart(r); from > 0 {
					return &http.Response{StatusCode: http.StatusRequestedRangeNotSatisfiable, Body: http.NoBody}
				}
				resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Etag": {`"1"`}}, Body: io.NopCloser(bytes.NewReader(object))}
				if contentRange != "" {
					resp.StatusCode = http.StatusPartialContent
					resp.Header.Set("Content-Range", contentRange)
				}
				return resp
			})
			path, begin := target(t), time.Now()
			_, err := transfer.File(t.Context(), source, path, transfer.Options{FS: slowDisk{}})
			require.NoError(t, err)
			assert.Greater(t, time.Since(begin), 5*time.Minute, "longer than a transfer may wait for storage")
			requireComplete(t, path, object)
		})
	}
}

func TestStreamsWithoutALength(t *testing.T) {
	object := wholeGzip(t, 300_000)
	source := func(cut int, header http.Header) transfer.Source {
		return roundTripSource(func(*http.Request) *http.Response {
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
	synctest.Test(t, func(t *testing.T) { // a bubble fails if a goroutine is left
		stream, err := transfer.Open(t.Context(), source(0, nil))
		require.NoError(t, err)
		require.NoError(t, stream.Close())
	})
}
