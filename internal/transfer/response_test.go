package transfer_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

func TestFaultyResponsesAreRetried(t *testing.T) {
	header := func(name, value string) func(s *storage) handler {
		return func(s *storage) handler {
			return func(w http.ResponseWriter, r *http.Request) bool {
				s.serve(&overridingWriter{ResponseWriter: w, name: name, value: value}, r)
				return true
			}
		}
	}
	nothing := func(contentRange string) func(s *storage) handler {
		return func(*storage) handler { return unsatisfiable(contentRange) }
	}
	refusal := func(code int) func(s *storage) handler {
		return func(*storage) handler { return status(code) }
	}
	faults := map[string]struct {
		respond func(s *storage) handler
		want    string
	}{
		"no Content-Range":          {header("Content-Range", ""), "a 206 with Content-Range"},
		"a start before the range":  {header("Content-Range", "bytes 299-999/1000"), "from 299 on, and the request was for the bytes from 300 on"},
		"a start after the range":   {header("Content-Range", "bytes 301-999/1000"), "from 301 on, and the request was for the bytes from 300 on"},
		"no numbers":                {header("Content-Range", "bytes */1000"), "a 206 with Content-Range"},
		"another length":            {header("Content-Range", "bytes 300-800/1000"), "announced 501 bytes in Content-Range and 700 in Content-Length"},
		"an end after the object":   {header("Content-Range", "bytes 300-1000/1000"), "a 206 with Content-Range"},
		"another unit":              {header("Content-Range", "lines 300-999/1000"), "a 206 with Content-Range"},
		"no validator":              {header("Etag", ""), "a part without a validator"},
		"an encoding":               {header("Content-Encoding", "br"), `in the encoding "br"`},
		"several ranges":            {header("Content-Type", "multipart/byteranges; boundary=x"), `"multipart/byteranges" for one range`},
		"416 with the known size":   {nothing("bytes */1000"), "has no bytes from 300 on"},
		"416 without a size":        {nothing(""), "has no bytes from 300 on"},
		"416 with a malformed size": {nothing("bytes */x"), "has no bytes from 300 on"},
		"400":                       {refusal(400), "storage responded 400 Bad Request"},
		"405":                       {refusal(405), "storage responded 405 Method Not Allowed"},
		"409":                       {refusal(409), "storage responded 409 Conflict"},
		"501":                       {refusal(501), "storage responded 501 Not Implemented"},
		"505":                       {refusal(505), "storage responded 505 HTTP Version Not Supported"},
	}
	for name, tt := range faults {
		run(t, name+" once", func(t *testing.T) {
			s := newStorage(t, 1000)
			s.respond = inOrder(s.cutAfter(300), tt.respond(s))
			requireFetched(t, s, target(t), transfer.Options{})
			assert.Equal(t, []string{firstRange, "bytes=300-", "bytes=300-"}, s.ranges())
		})
		run(t, name+" always", func(t *testing.T) {
			s := newStorage(t, 1000)
			path := target(t)
			s.respond = firstThen(s.cutAfter(300), func(w http.ResponseWriter, r *http.Request) bool {
				if r.Header.Get("Range") == "" {
					return status(http.StatusConflict)(w, r)
				}
				return tt.respond(s)(w, r)
			})
			_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
			require.ErrorContains(t, err, "fetched 300 of 1000 bytes to "+path+".part; the next call resumes: storage responded 409 Conflict")
			require.ErrorContains(t, err, tt.want)
			assert.Len(t, s.requestHeaders(), 7, "the last request has no Range")
			assert.NoFileExists(t, path)

			s.reset()
			got := requireFetched(t, s, path, transfer.Options{})
			assert.EqualValues(t, 300, got.Resumed)
		})
	}
}

// After a range has succeeded, a single refusal of a range says little about storage.
func TestAStrayRefusalOfARangeIsNoReasonToFallBack(t *testing.T) {
	for _, code := range []int{400, 405, 409, 501} {
		run(t, fmt.Sprintf("%d for one request of each worker", code), func(t *testing.T) {
			s := newStorage(t, 1<<20) // 13 seconds over one connection
			s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool {
				return n > 1 && n <= 8 && status(code)(w, r) || trickle(s, w, r, 4<<10, 50*time.Millisecond)
			}
			begin := time.Now()
			log := requireLogged(t, s, target(t), inParallel(8))
			assert.NotContains(t, log, "falls back")
			assert.NotContains(t, log, "starts over")
			assert.Less(t, time.Since(begin), 5*time.Second)
		})
		run(t, fmt.Sprintf("%d for three seconds", code), func(t *testing.T) {
			s := newStorage(t, 2<<20)
			begin := time.Now()
			s.respond = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				at := time.Since(begin)
				return at > time.Second && at < 4*time.Second && status(code)(w, r) || trickle(s, w, r, 4<<10, 50*time.Millisecond)
			}
			log := requireLogged(t, s, target(t), inParallel(8))
			assert.Contains(t, log, "storage responded")
			assert.NotContains(t, log, "falls back")
			assert.NotContains(t, log, "starts over")
		})
		run(t, fmt.Sprintf("%d for four requests of a stream", code), func(t *testing.T) {
			s := newStorage(t, 1000)
			s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool {
				return n == 1 && s.cut(300, w, r) || n <= 5 && status(code)(w, r)
			}
			requireStreamed(t, s.source(t), s.object)
		})
		run(t, fmt.Sprintf("%d for every later request of a stream", code), func(t *testing.T) {
			s := newStorage(t, 1000)
			s.respond = firstThen(s.cutAfter(300), status(code))
			stream, err := transfer.Open(t.Context(), s.source(t))
			require.NoError(t, err)
			defer stream.Close()
			_, err = io.Copy(io.Discard, stream)
			refusal, final := errors.AsType[*transfer.StatusError](err)
			require.True(t, final, "%v", err)
			assert.Equal(t, code, refusal.StatusCode)
			assert.Len(t, s.requestHeaders(), 6)
		})
	}
}

func TestAFirstResponseMustBeAnArchive(t *testing.T) {
	page := []byte("<html>Sign in</html>")
	cases := map[string]struct {
		respond handler
		want    string
	}{
		"a page": {loginPage, `storage sent "text/html" and not a gzip archive`},
		"a page as a part": {func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(page)-1, len(page)))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(page)
			return true
		}, "and not a gzip archive"},
		"one byte": {func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Length", "1")
			_, _ = w.Write(archive(1))
			return true
		}, "and not a gzip archive"},
		"an empty body": {status(http.StatusOK), "empty object"},
		"an empty chunked body": {func(w http.ResponseWriter, _ *http.Request) bool {
			_ = http.NewResponseController(w).Flush()
			return true
		}, "empty object"},
		"416 with the size 0": {unsatisfiable("bytes */0"), "empty object"},
		"204":                 {status(http.StatusNoContent), "storage responded 204 No Content"},
	}
	for name, tt := range cases {
		run(t, name, func(t *testing.T) {
			s := newStorage(t, 1000)
			path := target(t)
			require.NoError(t, os.WriteFile(path, []byte("the last backup"), 0o600))
			s.respond = always(tt.respond)
			begin := time.Now()
			_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
			require.ErrorContains(t, err, tt.want)
			assert.Contains(t, s.ranges(), "", "a request without Range is tried too")
			if name != "204" {
				require.ErrorContains(t, err, "no progress: less than 1 MiB in five minutes")
				assert.InDelta(t, 5*time.Minute, time.Since(begin), float64(time.Minute))
			}
			requireComplete(t, path, []byte("the last backup"))
		})
	}
}

// A proxy may respond to a later range with a page.
func TestAPageInPlaceOfTheRestLosesNoBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		interrupt(t, s, path, 900)
		s.respond = always(loginPage)
		_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
		require.ErrorContains(t, err, `storage sent "text/html" without a validator instead of the rest`)
		s.reset()
		got := requireFetched(t, s, path, transfer.Options{})
		assert.EqualValues(t, 900, got.Resumed)
	})
}

func TestAPageIsRequestedAgain(t *testing.T) {
	for name, page := range map[string]handler{
		"a login page":        loginPage,
		"an empty page":       status(http.StatusOK),
		"416 with the size 0": unsatisfiable("bytes */0"),
	} {
		run(t, name, func(t *testing.T) {
			s := newStorage(t, 1<<20)
			began := time.Now()
			s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool {
				return time.Since(began) < 2*time.Minute && page(w, r) || n == 1 && s.cut(1000, w, r)
			}
			requireFetched(t, s, target(t), inParallel(8))
			assert.Less(t, len(s.requestHeaders()), 50)
			began = time.Now()
			requireStreamed(t, s.source(t), s.object)
		})
	}
}

// A response may announce more bytes than the range, or fewer.
func TestResponsesOfAnotherLengthThanRequested(t *testing.T) {
	for name, length := range map[string]func(requested, left int) int{
		"the whole rest": func(_, left int) int { return left },
		"half":           func(requested, _ int) int { return (requested + 1) / 2 },
	} {
		run(t, name, func(t *testing.T) {
			s := newStorage(t, 1<<20)
			s.respond = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				from, end, _ := byteRange(r, len(s.object))
				r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, from+length(end-from, len(s.object)-from)-1))
				return false
			}
			requireFetched(t, s, target(t), inParallel(4))
		})
	}
}
