package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

// expired is the response of S3 to an expired URL.
var expired = xmlError(http.StatusForbidden, "AccessDenied", "Request has expired")

func TestRefusedURLsAreRenewed(t *testing.T) {
	for name, refuse := range map[string]handler{
		"S3":                expired,
		"Azure":             xmlError(http.StatusForbidden, "AuthenticationFailed", "Server failed to authenticate the request."),
		"Google":            xmlError(http.StatusBadRequest, "ExpiredToken", "The provided token has expired."),
		"401":               xmlError(http.StatusUnauthorized, "", ""),
		"Enterprise Server": xmlError(http.StatusNotFound, "", ""),
		"410":               xmlError(http.StatusGone, "", ""),
	} {
		run(t, name, func(t *testing.T) {
			s := newStorage(t, 1000)
			// Every URL is valid for one response.
			s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool {
				if n%2 == 0 {
					return refuse(w, r)
				}
				return n < 9 && s.cut(100, w, r)
			}
			begin := time.Now()
			requireFetched(t, s, target(t), transfer.Options{})
			assert.Len(t, s.requestHeaders(), 9)
			assert.Equal(t, 5, s.located)
			assert.Less(t, time.Since(begin), time.Minute)
		})
		run(t, name+", every URL", func(t *testing.T) {
			s := newStorage(t, 1000)
			s.respond = always(refuse)
			_, err := transfer.File(t.Context(), s.source(t), target(t), transfer.Options{})
			var status *transfer.StatusError
			require.ErrorAs(t, err, &status)
			assert.Equal(t, 2, s.located)
			want := []string{firstRange, firstRange, ""}
			switch status.StatusCode {
			case http.StatusUnauthorized, http.StatusNotFound, http.StatusGone: // a Range does not cause these
				want = want[:2]
			}
			assert.Equal(t, want, s.ranges(), "the last request has no Range")
			requireNoSecret(t, err.Error())
		})
	}
	run(t, "two fresh URLs after an expired one, and one without Range", func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		s.respond = firstThen(s.cutAfter(100), expired)
		_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
		require.EqualError(t, err, "fetched 100 of 1000 bytes to "+path+".part; the next call resumes: "+
			"storage responded 403 AccessDenied: Request has expired (request 4442587FB7D0A2F9)")
		assert.Equal(t, 3, s.located)
		assert.Equal(t, []string{firstRange, "bytes=100-", "bytes=100-", "bytes=100-", ""}, s.ranges())
	})
	run(t, "bytes reset the count of refusals", func(t *testing.T) {
		s := newStorage(t, 1000)
		s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n == 2 {
				return s.cut(100, w, r)
			}
			return n <= 4 && expired(w, r) // for a fresh URL, an old one and a fresh one
		}
		requireFetched(t, s, target(t), transfer.Options{})
		assert.Equal(t, 4, s.located)
	})
	run(t, "before they expire", func(t *testing.T) {
		s := newStorage(t, 1000)
		s.locate = func(_ context.Context, n int) (transfer.Location, error) {
			return transfer.Location{URL: s.url(n), Expires: time.Now().Add(2 * time.Minute)}, nil
		}
		var urls []string
		s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool {
			urls = append(urls, r.URL.Query().Get("n"))
			if n == 3 {
				return false
			}
			s.serveFirst(100, w, r)
			_ = http.NewResponseController(w).Flush()
			pause(r, 56*time.Second)
			panic(http.ErrAbortHandler)
		}
		requireFetched(t, s, target(t), transfer.Options{})
		assert.Equal(t, []string{"1", "1", "2"}, urls)
		assert.Equal(t, 2, s.located)
	})
	run(t, "a fresh URL is tried although it has expired by our clock", func(t *testing.T) {
		s := newStorage(t, 1000)
		s.locate = func(_ context.Context, n int) (transfer.Location, error) {
			return transfer.Location{URL: s.url(n), Expires: time.Now().Add(-time.Hour)}, nil
		}
		requireFetched(t, s, target(t), transfer.Options{})
		assert.Equal(t, 1, s.located)
	})
	run(t, "an error of Locate ends the transfer", func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		gone := errors.New("archive is gone")
		s.respond = firstThen(s.cutAfter(100), expired)
		s.locate = func(_ context.Context, n int) (transfer.Location, error) {
			if n > 1 {
				return transfer.Location{}, fmt.Errorf("get archive: %w", gone)
			}
			return transfer.Location{URL: s.url(n)}, nil
		}
		_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
		require.ErrorIs(t, err, gone)
		require.ErrorContains(t, err, "the next call resumes: get archive: archive is gone")
	})
	t.Run("a malformed URL", func(t *testing.T) {
		for _, url := range []string{"", "not a url", "http://%zz?" + secret, "/path?" + secret, "ftp://storage.test/path?" + secret} {
			s := transfer.Source{Locate: func(context.Context) (transfer.Location, error) { return transfer.Location{URL: url}, nil }}
			_, err := transfer.File(t.Context(), s, target(t), transfer.Options{})
			require.EqualError(t, err, "storage's address is not a URL")
		}
	})
}

// After a passing error, Locate is called again until the transfer has had no progress
// for too long.
func TestPassingErrorsOfLocate(t *testing.T) {
	outage := errors.New("502")
	start := func(t *testing.T, down time.Duration) (*storage, string) {
		t.Helper()
		s := newStorage(t, 1000)
		began := time.Now()
		s.locate = func(_ context.Context, n int) (transfer.Location, error) {
			if n > 1 && time.Since(began) < down {
				return transfer.Location{}, transfer.Passing(outage)
			}
			return transfer.Location{URL: s.url(n)}, nil
		}
		s.respond = inOrder(s.cutAfter(300), status(http.StatusForbidden))
		return s, target(t)
	}
	run(t, "for two minutes", func(t *testing.T) {
		s, path := start(t, 2*time.Minute)
		requireFetched(t, s, path, transfer.Options{})
	})
	run(t, "for a day", func(t *testing.T) {
		began := time.Now()
		s, path := start(t, 24*time.Hour)
		_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
		require.ErrorIs(t, err, outage)
		require.ErrorContains(t, err, "no progress")
		assert.LessOrEqual(t, time.Since(began), 5*time.Minute)
	})
}

func TestAURLThatAllRangesShareIsRenewedByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 2<<20)
		var calls atomic.Int64
		s.locate = func(_ context.Context, n int) (transfer.Location, error) {
			assert.EqualValues(t, 1, calls.Add(1), "one call at a time")
			time.Sleep(3 * time.Second)
			calls.Add(-1)
			return transfer.Location{URL: s.url(n)}, nil
		}
		begin := time.Now()
		s.respond = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			// Each URL is valid for ten seconds after the call of Locate.
			if n, _ := strconv.ParseInt(r.URL.Query().Get("n"), 10, 64); n <= int64(time.Since(begin)/(13*time.Second)) {
				return expired(w, r)
			}
			return trickle(s, w, r, 1<<10, 250*time.Millisecond)
		}
		requireFetched(t, s, target(t), inParallel(8))
		assert.LessOrEqual(t, s.located, int(time.Since(begin)/(13*time.Second))+1)
		assert.Greater(t, s.located, 2)
	})
}

// When a worker waits before the next request for a URL, no other worker sends the
// request earlier. Two early refusals of fresh URLs would end the transfer.
func TestAllRangesWaitAfterARefusedURL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 2<<20)
		begin := time.Now()
		s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool {
			return n > 1 && time.Since(begin) < 200*time.Millisecond && expired(w, r)
		}
		requireFetched(t, s, target(t), inParallel(8))
		assert.LessOrEqual(t, s.located, 3, "the first URL brought bytes before it was refused")
	})
}

func TestFreshURLsThatAreRefusedEndAllRanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 2<<20)
		s.respond = firstThen(s.cutAfter(64<<10), expired)
		_, err := transfer.File(t.Context(), s.source(t), target(t), inParallel(8))
		require.ErrorContains(t, err, "the next call resumes: storage responded 403 AccessDenied: Request has expired")
		assert.LessOrEqual(t, s.located, 4)
	})
}

// A URL with a short lifetime is renewed when most of its lifetime is over, and not
// before each request.
func TestAURLThatLivesForSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 200_000)
		s.locate = func(_ context.Context, n int) (transfer.Location, error) {
			return transfer.Location{URL: s.url(n), Expires: time.Now().Add(5 * time.Second)}, nil
		}
		s.respond = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			return trickle(s, &limitedWriter{w, 10_000}, r, 1000, 100*time.Millisecond)
		}
		begin := time.Now()
		requireFetched(t, s, target(t), transfer.Options{})
		assert.LessOrEqual(t, s.located, int(time.Since(begin)/(4*time.Second))+1)
	})
}

// If every URL brings two bytes only, the transfer must not request a thousand URLs a
// second.
func TestShortLivedURLsAreNotRequestedInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 3000)
		s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n%2 == 0 {
				return status(http.StatusForbidden)(w, r)
			}
			from, _ := rangeStart(r)
			w.Header().Set("Etag", s.etag)
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/3000", from, from+1))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(s.object[from : from+2])
			return true
		}
		_, err := transfer.File(t.Context(), s.source(t), target(t), transfer.Options{})
		require.ErrorContains(t, err, "no progress")
		assert.Less(t, len(s.requestHeaders()), 100)
	})
}
