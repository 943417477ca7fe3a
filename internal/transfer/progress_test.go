package transfer_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

func TestSilentConnectionsAreDropped(t *testing.T) {
	silence := map[string]func(s *storage, w http.ResponseWriter, r *http.Request) bool{
		"before the response":       func(_ *storage, w http.ResponseWriter, r *http.Request) bool { return silent(w, r) },
		"before the first byte":     func(s *storage, w http.ResponseWriter, r *http.Request) bool { return s.stall(0, w, r) },
		"after the first byte":      func(s *storage, w http.ResponseWriter, r *http.Request) bool { return s.stall(1, w, r) },
		"in the middle":             func(s *storage, w http.ResponseWriter, r *http.Request) bool { return s.stall(500, w, r) },
		"in the body of an error":   stalledError,
		"instead of the last chunk": stalledEnd,
	}
	for name, silence := range silence {
		run(t, name, func(t *testing.T) {
			s := newStorage(t, 1000)
			s.respond = inOrder(func(w http.ResponseWriter, r *http.Request) bool { return silence(s, w, r) })
			begin := time.Now()
			requireFetched(t, s, target(t), transfer.Options{})
			assert.LessOrEqual(t, time.Since(begin), 62*time.Second)
		})
	}
	run(t, "a slow connection is not silent", func(t *testing.T) {
		s := newStorage(t, 8)
		s.respond = always(s.trickling(1, 35*time.Second))
		requireFetched(t, s, target(t), transfer.Options{})
		assert.Len(t, s.requestHeaders(), 1)
	})
}

func TestTransfersWithoutProgressEnd(t *testing.T) {
	cases := map[string]struct {
		respond  func(s *storage) handler
		want     string
		within   time.Duration
		requests int // there are fewer
	}{
		"silence": {func(*storage) handler { return silent },
			"no progress: less than 1 MiB in five minutes: get http://storage.test/migration/25320/24575: storage sent nothing for a minute", time.Second, 50},
		"few bytes": {func(s *storage) handler { return s.trickling(10, time.Second) },
			"of 2097152 bytes to PATH.part; the next call resumes: no progress: less than 1 MiB in five minutes", 2 * time.Second, 50},
		// After a connection that brought bytes, the retry comes within a second.
		"cuts": {func(s *storage) handler { return s.cutAfter(10) },
			"the next call resumes: no progress: less than 1 MiB in five minutes: unexpected EOF", 31 * time.Second, 600},
		"errors": {func(*storage) handler { return status(http.StatusBadGateway) },
			"no progress: less than 1 MiB in five minutes: storage responded 502 Bad Gateway", 31 * time.Second, 50},
		"no connection": {nil, "get http://storage.test/migration/25320/24575: connection refused", 31 * time.Second, 50},
	}
	for name, tt := range cases {
		run(t, name, func(t *testing.T) {
			s := newStorage(t, 2<<20)
			path := target(t)
			source := s.source(t)
			if tt.respond == nil {
				source.Client.Transport = roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") })
			} else {
				s.respond = always(tt.respond(s))
			}
			begin := time.Now()
			_, err := transfer.File(t.Context(), source, path, transfer.Options{FS: unsynced{}})
			require.Error(t, err)
			assert.Regexp(t, regexp.QuoteMeta(strings.ReplaceAll(tt.want, "PATH", path))+"$", err.Error())
			assert.InDelta(t, 5*time.Minute, time.Since(begin), float64(tt.within))
			assert.Less(t, len(s.requestHeaders()), tt.requests)
		})
	}
	run(t, "five minutes are counted from the last MiB", func(t *testing.T) {
		s := newStorage(t, 3<<20)
		s.respond = inOrder(s.trickling(1<<13, 2*time.Second)) // 1.2 MiB in five minutes
		begin := time.Now()
		requireFetched(t, s, target(t), transfer.Options{})
		assert.Greater(t, time.Since(begin), 12*time.Minute)
	})
	run(t, "the time of Locate is not counted", func(t *testing.T) {
		s := newStorage(t, 1000)
		s.locate = func(_ context.Context, n int) (transfer.Location, error) {
			time.Sleep(time.Hour) // a rate limit
			return transfer.Location{URL: s.url(n)}, nil
		}
		s.respond = inOrder(s.cutAfter(100), status(http.StatusForbidden))
		requireFetched(t, s, target(t), transfer.Options{})
		assert.Equal(t, 2, s.located)
	})
}

// Callers take a StatusError for a final refusal. The error of an outage has the status
// in its text only.
func TestAnOutageOfStorageIsNotAFinalRefusal(t *testing.T) {
	resuming := func(outage handler) func(s *storage) numberedHandler {
		return func(s *storage) numberedHandler { return firstThen(s.cutAfter(1000), outage) }
	}
	for name, tt := range map[string]struct {
		respond func(s *storage) numberedHandler
		want    string
	}{
		"429":                               {resuming(status(http.StatusTooManyRequests)), "no progress: less than 1 MiB in five minutes: storage responded 429 Too Many Requests"},
		"500":                               {resuming(status(http.StatusInternalServerError)), "storage responded 500 Internal Server Error"},
		"503":                               {resuming(status(http.StatusServiceUnavailable)), "storage responded 503 Service Unavailable"},
		"503 with a Retry-After of a day":   {resuming(retryAfter("86400")), "storage asks for a wait of 24h0m0s, more than an hour in total: storage responded 503 Service Unavailable"},
		"503 with a Retry-After of minutes": {resuming(retryAfter("1500")), "more than an hour in total: storage responded 503 Service Unavailable"},
		"refused ranges, and an outage": {func(*storage) numberedHandler {
			return func(_ int, w http.ResponseWriter, r *http.Request) bool {
				return r.Header.Get("Range") != "" && xmlError(http.StatusBadRequest, "NoRanges", "no")(w, r) || hangUp(w, r)
			}
		}, "earlier requests with ranges failed: storage responded 400 NoRanges: no (request 4442587FB7D0A2F9)"},
	} {
		run(t, name+", file", func(t *testing.T) {
			s := newStorage(t, 2<<20)
			s.respond = tt.respond(s)
			_, err := transfer.File(t.Context(), s.source(t), target(t), transfer.Options{FS: unsynced{}})
			require.ErrorContains(t, err, tt.want)
			_, final := errors.AsType[*transfer.StatusError](err)
			assert.False(t, final, "%v", err)
		})
		run(t, name+", stream", func(t *testing.T) {
			s := newStorage(t, 2<<20)
			s.respond = tt.respond(s)
			stream, err := transfer.Open(t.Context(), s.source(t))
			if err == nil {
				_, err = io.Copy(io.Discard, stream)
				require.NoError(t, stream.Close())
			}
			require.Error(t, err)
			_, final := errors.AsType[*transfer.StatusError](err)
			assert.False(t, final, "%v", err)
		})
	}
}

func TestProgressIsMeasuredOverAllRanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Each range gets less than 1 MiB in five minutes. Together they get more.
		s := newStorage(t, 4<<20)
		s.respond = always(s.trickling(16<<10, 16*time.Second))
		begin := time.Now()
		requireFetched(t, s, target(t), inParallel(8))
		assert.Greater(t, time.Since(begin), 8*time.Minute)
	})
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 4<<20)
		s.respond = always(s.trickling(100, 10*time.Second))
		begin := time.Now()
		_, err := transfer.File(t.Context(), s.source(t), target(t), inParallel(8))
		require.ErrorContains(t, err, "the next call resumes: no progress: less than 1 MiB in five minutes")
		assert.InDelta(t, 5*time.Minute, time.Since(begin), float64(2*time.Second))
	})
}

// stalledError sends an error response and stops in the middle of the body.
func stalledError(_ *storage, w http.ResponseWriter, r *http.Request) bool {
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.Write([]byte("<Error><Code>Slow"))
	_ = http.NewResponseController(w).Flush()
	return silent(w, r)
}

// stalledEnd sends all bytes in a chunked body, but not its last chunk.
func stalledEnd(s *storage, w http.ResponseWriter, r *http.Request) bool {
	w.Header().Set("Content-Range", "bytes 0-999/1000")
	w.Header().Set("Etag", s.etag)
	w.WriteHeader(http.StatusPartialContent)
	_ = http.NewResponseController(w).Flush()
	_, _ = w.Write(s.object)
	_ = http.NewResponseController(w).Flush()
	return silent(w, r)
}
