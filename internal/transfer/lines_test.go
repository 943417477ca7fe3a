package transfer_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

// The lines of internal/bench, 1024 times smaller: bytes a second and sizes are
// thousandths of real ones, and times are real.

const (
	lineSize = 512 << 10
	lineRate = 25_000
)

// tookOf fetches the object over a line and returns how long that took.
func tookOf(t *testing.T, size, ranges int, answer func(s *storage) func(int, http.ResponseWriter, *http.Request) bool) (took time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, size)
		s.answer = answer(s)
		begin, path := time.Now(), target(t)
		_, err := transfer.File(t.Context(), s.source(t), path, inParallel(ranges))
		require.NoError(t, err)
		took = time.Since(begin)
		requireComplete(t, path, s.object)
	})
	return took
}

func TestAllWorkersAskInTheFirstSecond(t *testing.T) {
	for _, latency := range []time.Duration{0, 80 * time.Millisecond, 300 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			s, line := newStorage(t, lineSize), &line{rate: lineRate, latency: latency}
			begin := time.Now()
			var eighth time.Duration
			s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
				if n == 8 {
					eighth = time.Since(begin)
				}
				return line.send(s, w, r)
			}
			_, err := transfer.File(t.Context(), s.source(t), target(t), inParallel(0))
			require.NoError(t, err)
			assert.LessOrEqual(t, eighth, latency+20*time.Millisecond, "with the first response")
			best := time.Duration(float64(lineSize) / float64(8*lineRate) * float64(time.Second))
			// A worker waits for four chunks of its own and, depending on who ends
			// first, for up to four halves of others'.
			assert.Less(t, time.Since(begin), best+8*latency+best/10)
		})
	}
}

// However the line is, ranges side by side do not take much longer than one.
func TestNeverMuchSlowerThanOneRange(t *testing.T) {
	lines := map[string]func(s *storage) func(int, http.ResponseWriter, *http.Request) bool{
		"storage limits requests": func(s *storage) func(int, http.ResponseWriter, *http.Request) bool {
			var mu sync.Mutex
			var latest time.Time
			l := &line{rate: lineRate}
			return func(_ int, w http.ResponseWriter, r *http.Request) bool {
				mu.Lock()
				early := time.Since(latest) < time.Second
				if !early {
					latest = time.Now()
				}
				mu.Unlock()
				if early {
					return xmlError(http.StatusServiceUnavailable, "SlowDown", "no")(w, r)
				}
				return l.send(s, w, r)
			}
		},
		"each range is read from the start": readFromTheStart,
		"connections are cut after 0.9 MB": func(s *storage) func(int, http.ResponseWriter, *http.Request) bool {
			l := &line{rate: 100 * lineRate}
			return func(_ int, w http.ResponseWriter, r *http.Request) bool {
				return l.send(s, &limitedWriter{w, 90_000}, r)
			}
		},
		"every eighth connection is slow": func(s *storage) func(int, http.ResponseWriter, *http.Request) bool {
			l := &line{}
			return func(n int, w http.ResponseWriter, r *http.Request) bool {
				if n%8 == 0 {
					return l.sendAt(lineRate/20, s, w, r)
				}
				return l.sendAt(lineRate, s, w, r)
			}
		},
		"storage refuses all connections but one": func(s *storage) func(int, http.ResponseWriter, *http.Request) bool {
			var one sync.Mutex
			l := &line{rate: lineRate}
			return func(_ int, w http.ResponseWriter, r *http.Request) bool {
				if !one.TryLock() {
					w.WriteHeader(http.StatusTooManyRequests)
					return true
				}
				defer one.Unlock()
				return l.send(s, w, r)
			}
		},
	}
	for name, answer := range lines {
		for _, size := range []int{160 << 10, lineSize} {
			t.Run(fmt.Sprintf("%s, %d", name, size), func(t *testing.T) {
				one, many := tookOf(t, size, 1, answer), tookOf(t, size, 0, answer)
				t.Logf("%v over one range, %v by default", one, many)
				assert.Less(t, many.Seconds(), 1.5*one.Seconds())
			})
		}
	}
}

// readFromTheStart sends a range after the bytes before it have passed, as a proxy
// does that reads its origin from the start.
func readFromTheStart(s *storage) func(int, http.ResponseWriter, *http.Request) bool {
	l := &line{rate: lineRate}
	return func(_ int, w http.ResponseWriter, r *http.Request) bool {
		from, _ := rangeStart(r)
		return !pause(r, time.Duration(from)*time.Second/lineRate) || l.send(s, w, r)
	}
}

// The first response goes to the end of the object. It takes over ranges whose
// requests still wait for a response, for objects of any size.
func TestTheFirstResponseTakesLateRangesOver(t *testing.T) {
	for size := 32 << 10; size <= 128<<10; size += 4 << 10 {
		one, many := tookOf(t, size, 1, readFromTheStart), tookOf(t, size, 0, readFromTheStart)
		assert.Less(t, many.Seconds(), 1.1*one.Seconds(), size)
	}
}

// A connection that brought bytes is followed by the next one at once.
func TestBytesResetTheBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 10<<20)
		s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			s.serve(&limitedWriter{w, 900_000}, r)
			return true
		}
		begin, path := time.Now(), target(t)
		_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{Concurrency: 1})
		require.NoError(t, err)
		assert.Less(t, time.Since(begin), time.Second)
		assert.Len(t, s.seen(), 12)
		requireComplete(t, path, s.object)
	})
}

// A URL that lives for seconds is renewed when most of its life is over, and not
// before each request.
func TestAURLThatLivesForSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 200_000)
		s.locate = func(_ context.Context, n int) (transfer.Location, error) {
			return transfer.Location{URL: s.url(n), Expires: time.Now().Add(5 * time.Second)}, nil
		}
		s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			return trickle(s, &limitedWriter{w, 10_000}, r, 1000, 100*time.Millisecond)
		}
		begin, path := time.Now(), target(t)
		_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
		require.NoError(t, err)
		assert.LessOrEqual(t, s.located, int(time.Since(begin)/(4*time.Second))+1)
		requireComplete(t, path, s.object)
	})
}
