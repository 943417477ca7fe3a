package transfer_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

func TestFileResumesAfterACut(t *testing.T) {
	for name, tt := range map[string]struct{ etag, condition string }{
		"with a strong ETag":    {`"0123456789abcdef"`, "If-Match"},
		"without an ETag":       {"", "If-Unmodified-Since"},
		"with a weak ETag":      {`W/"0123"`, "If-Unmodified-Since"},
		"with an unquoted ETag": {`0123`, "If-Unmodified-Since"},
	} {
		run(t, name, func(t *testing.T) {
			s := newStorage(t, 1000)
			s.etag = tt.etag
			s.respond = inOrder(s.cutAfter(300))
			got := requireFetched(t, s, target(t), transfer.Options{})
			assert.Zero(t, got.Resumed)
			value := map[string]string{"If-Match": s.etag, "If-Unmodified-Since": s.modified}[tt.condition]
			assert.Equal(t, http.Header{
				"Range": {"bytes=300-"}, tt.condition: {value}, "Accept-Encoding": {"identity"}, "User-Agent": {"test/1"},
			}, s.requestHeaders()[1])
			assert.Equal(t, 1, s.located, "the URL is not renewed")
		})
	}
	run(t, "when storage sends a shorter part than requested", func(t *testing.T) {
		s := newStorage(t, 1000)
		s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool {
			from, _ := rangeStart(r)
			end := min(from+400, 1000)
			w.Header().Set("Etag", s.etag)
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/1000", from, end-1))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(s.object[from:end])
			return true
		}
		requireFetched(t, s, target(t), transfer.Options{})
		assert.Equal(t, []string{firstRange, "bytes=400-", "bytes=800-"}, s.ranges())
	})
}

func TestFileStartsOverIfItCannotResume(t *testing.T) {
	for name, tt := range map[string]struct{ etag, modified, acceptRanges string }{
		"without a validator":        {"", "", "bytes"},
		"without ranges":             {`"0123456789abcdef"`, "Thu, 13 Sep 2018 17:46:16 GMT", "none"},
		"with a malformed validator": {"", "yesterday", "bytes"},
	} {
		run(t, name, func(t *testing.T) {
			s := newStorage(t, 1000)
			s.etag, s.modified = tt.etag, tt.modified
			cut := func(w http.ResponseWriter, r *http.Request) bool {
				w.Header().Set("Accept-Ranges", tt.acceptRanges)
				return s.cut(300, w, r)
			}
			s.respond = firstN(3, cut)
			requireFetched(t, s, target(t), transfer.Options{})
			assert.Equal(t, []string{firstRange, firstRange, firstRange, firstRange}, s.ranges())
		})
	}
	run(t, "at most three times", func(t *testing.T) {
		s := newStorage(t, 1000)
		s.etag, s.modified = "", ""
		path := target(t)
		s.respond = always(s.cutAfter(300))
		_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
		require.EqualError(t, err, "fetched 300 of 1000 bytes to "+path+".part; the next call starts over: "+
			"storage does not support resuming: unexpected EOF")
		assert.Len(t, s.requestHeaders(), 4)
	})
}

// Two objects that are stored in the same second have the same date.
func TestADateIsNotAValidatorInItsOwnSecond(t *testing.T) {
	for age, second := range map[time.Duration]string{0: firstRange, time.Second: "bytes=500-"} {
		run(t, age.String(), func(t *testing.T) {
			s := newStorage(t, 1000)
			s.etag, s.modified = "", time.Now().UTC().Format(http.TimeFormat)
			time.Sleep(age)
			s.respond = inOrder(s.cutAfter(500))
			requireFetched(t, s, target(t), transfer.Options{Concurrency: 1})
			assert.Equal(t, []string{firstRange, second}, s.ranges())
		})
	}
}

func TestAfterAMegabyteTheRetryIsImmediate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 5<<20)
		s.respond = firstN(4, s.cutAfter(1<<20))
		begin := time.Now()
		requireFetched(t, s, target(t), transfer.Options{})
		assert.Zero(t, time.Since(begin))
		assert.Len(t, s.requestHeaders(), 5)
		assert.Equal(t, int64(5<<20), s.sentBytes(), "no byte is sent twice")
	})
}

func TestBytesResetTheBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 10<<20)
		s.respond = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			s.serve(&limitedWriter{w, 900_000}, r)
			return true
		}
		begin := time.Now()
		requireFetched(t, s, target(t), transfer.Options{Concurrency: 1})
		assert.Less(t, time.Since(begin), time.Second)
		assert.Len(t, s.requestHeaders(), 12)
	})
}

// When a server closes a connection without a response, the error of net/http wraps
// io.EOF. Such an error must not count as the end of the object.
func TestAnEOFInsideAnErrorIsNotTheEnd(t *testing.T) {
	lost := fmt.Errorf("get archive: %w", io.EOF)
	failures := map[string]func(s *storage, cancel context.CancelCauseFunc){
		"the second call of Locate": func(s *storage, _ context.CancelCauseFunc) {
			s.locate = func(_ context.Context, n int) (transfer.Location, error) {
				if n > 1 {
					return transfer.Location{}, lost
				}
				return transfer.Location{URL: s.url(n)}, nil
			}
			s.respond = firstThen(s.cutAfter(300), status(http.StatusForbidden))
		},
		"the first call of Locate": func(s *storage, _ context.CancelCauseFunc) {
			s.locate = func(context.Context, int) (transfer.Location, error) { return transfer.Location{}, lost }
		},
		"every request after the first": func(s *storage, _ context.CancelCauseFunc) {
			s.respond = firstThen(s.cutAfter(300), hangUp)
		},
		"every second request, without a validator": func(s *storage, _ context.CancelCauseFunc) {
			s.etag, s.modified = "", ""
			s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool {
				return n%2 == 1 && s.cut(300, w, r) || hangUp(w, r)
			}
		},
		"the cause of the context": func(s *storage, cancel context.CancelCauseFunc) {
			s.respond = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				s.serveFirst(300, w, r)
				_ = http.NewResponseController(w).Flush()
				cancel(io.EOF)
				return silent(w, r)
			}
		},
	}
	for name, fail := range failures {
		run(t, name+", file", func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			s := newStorage(t, 1000)
			fail(s, cancel)
			path := target(t)
			_, err := transfer.File(ctx, s.source(t), path, transfer.Options{})
			require.Error(t, err)
			assert.NoFileExists(t, path)
		})
		run(t, name+", stream", func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			s := newStorage(t, 1000)
			fail(s, cancel)
			stream, err := transfer.Open(ctx, s.source(t))
			if err != nil {
				return
			}
			defer stream.Close()
			_, err = io.Copy(io.Discard, stream)
			require.Error(t, err)
			assert.Empty(t, stream.SHA256())
		})
	}
}

// A RoundTripper of the caller may wrap the errors of a body.
func TestAWrappedEOFOfABodyIsACut(t *testing.T) {
	object := archive(1000)
	source := func() transfer.Source {
		requests := 0
		return roundTripSource(func(r *http.Request) *http.Response {
			if requests++; requests == 1 {
				return &http.Response{
					StatusCode: http.StatusOK, Header: http.Header{"Etag": {`"1"`}}, ContentLength: -1, TransferEncoding: []string{"chunked"}, ProtoMajor: 1,
					Body: io.NopCloser(io.MultiReader(bytes.NewReader(object[:300]), iotest.ErrReader(fmt.Errorf("read tcp: %w", io.EOF)))),
				}
			}
			return restOf(object, r)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		path := target(t)
		_, err := transfer.File(t.Context(), source(), path, transfer.Options{})
		require.NoError(t, err)
		requireComplete(t, path, object)
		requireStreamed(t, source(), object)
	})
}
