package transfer_test

import (
	"cmp"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// The lines of these tests have about a thousandth of the bandwidth of real lines, and
// the objects a thousandth of the size of real objects. Latencies and times are real.

// A line sends responses with a latency and at a rate. It notes when each connection
// sent bytes.
type line struct {
	rate    int // bytes a second of each connection
	latency time.Duration
	pieces  int // pieces a second; 0 means 100

	mu   sync.Mutex
	sent [][2]time.Time // begin and end of each body
}

// send responds at the rate of the line.
func (l *line) send(s *storage, w http.ResponseWriter, r *http.Request) bool {
	return l.sendAt(l.rate, s, w, r)
}

// sendAt responds at a rate.
func (l *line) sendAt(rate int, s *storage, w http.ResponseWriter, r *http.Request) bool {
	if !pause(r, l.latency) {
		return true
	}
	began := time.Now()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.sent = append(l.sent, [2]time.Time{began, time.Now()})
	}()
	s.serveFirst(0, w, r)
	_ = http.NewResponseController(w).Flush()
	from, end, _ := byteRange(r, len(s.object))
	pieces := cmp.Or(l.pieces, 100)
	for from < end && pause(r, time.Second/time.Duration(pieces)) {
		n := min(rate/pieces, end-from)
		_, _ = w.Write(s.object[from : from+n])
		_ = http.NewResponseController(w).Flush()
		from += n
	}
	return true
}

// maxConnections returns the highest number of connections that sent at the same time.
func (l *line) maxConnections() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	most := 0
	for _, a := range l.sent {
		n := 0
		for _, b := range l.sent {
			if !b[0].After(a[0]) && b[1].After(a[0]) {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

const (
	lineSize = 512 << 10
	lineRate = 25_000
)

// timeToFetch fetches an object and returns the time that this took.
func timeToFetch(t *testing.T, size, ranges int, respond func(s *storage) numberedHandler) (took time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, size)
		s.respond = respond(s)
		begin := time.Now()
		requireFetched(t, s, target(t), inParallel(ranges))
		took = time.Since(begin)
	})
	return took
}

func TestAllWorkersSendARequestInTheFirstSecond(t *testing.T) {
	for _, latency := range []time.Duration{0, 80 * time.Millisecond, 300 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			s, line := newStorage(t, lineSize), &line{rate: lineRate, latency: latency}
			begin := time.Now()
			var eighth time.Duration
			s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool {
				if n == 8 {
					eighth = time.Since(begin)
				}
				return line.send(s, w, r)
			}
			requireFetched(t, s, target(t), inParallel(0))
			assert.LessOrEqual(t, eighth, latency+20*time.Millisecond, "all workers start after the first response")
			best := time.Duration(float64(lineSize) / float64(8*lineRate) * float64(time.Second))
			// Each worker fetches four chunks and then up to four halves of the chunks of
			// other workers. Each of these requests has the latency.
			assert.Less(t, time.Since(begin), best+8*latency+best/10)
		})
	}
}

// On no line do parallel ranges take much longer than one range.
func TestNeverMuchSlowerThanOneRange(t *testing.T) {
	lines := map[string]func(s *storage) numberedHandler{
		"storage limits requests": func(s *storage) numberedHandler {
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
		"connections are cut after 0.9 MB": func(s *storage) numberedHandler {
			l := &line{rate: 100 * lineRate}
			return func(_ int, w http.ResponseWriter, r *http.Request) bool {
				return l.send(s, &limitedWriter{w, 90_000}, r)
			}
		},
		"every eighth connection is slow": func(s *storage) numberedHandler {
			l := &line{}
			return func(n int, w http.ResponseWriter, r *http.Request) bool {
				if n%8 == 0 {
					return l.sendAt(lineRate/20, s, w, r)
				}
				return l.sendAt(lineRate, s, w, r)
			}
		},
		"storage refuses all connections but one": func(s *storage) numberedHandler {
			var one sync.Mutex
			l := &line{rate: lineRate}
			return func(_ int, w http.ResponseWriter, r *http.Request) bool {
				if !one.TryLock() {
					return status(http.StatusTooManyRequests)(w, r)
				}
				defer one.Unlock()
				return l.send(s, w, r)
			}
		},
	}
	for name, respond := range lines {
		for _, size := range []int{160 << 10, lineSize} {
			t.Run(fmt.Sprintf("%s, %d", name, size), func(t *testing.T) {
				one, many := timeToFetch(t, size, 1, respond), timeToFetch(t, size, 0, respond)
				t.Logf("%v with one range, %v by default", one, many)
				assert.Less(t, many.Seconds(), 1.5*one.Seconds())
			})
		}
	}
}

// readFromTheStart sends a range when the bytes before it have passed, like a proxy
// that reads its origin from the start.
func readFromTheStart(s *storage) numberedHandler {
	l := &line{rate: lineRate}
	return func(_ int, w http.ResponseWriter, r *http.Request) bool {
		from, _ := rangeStart(r)
		return !pause(r, time.Duration(from)*time.Second/lineRate) || l.send(s, w, r)
	}
}

// The first response goes to the end of the object. It takes over ranges whose
// requests still wait for a response, whatever the size of the object.
func TestFirstResponseTakesOverLateRanges(t *testing.T) {
	for size := 32 << 10; size <= 128<<10; size += 4 << 10 {
		one, many := timeToFetch(t, size, 1, readFromTheStart), timeToFetch(t, size, 0, readFromTheStart)
		assert.Less(t, many.Seconds(), 1.1*one.Seconds(), size)
	}
}

// Every range has one connection, and they are busy nearly all the time.
func TestEachRangeKeepsOneConnectionBusy(t *testing.T) {
	const size = 2 << 20
	for _, ranges := range []int{2, 8, 16} {
		for _, latency := range []time.Duration{0, 80 * time.Millisecond} {
			run(t, fmt.Sprintf("%d ranges, %v", ranges, latency), func(t *testing.T) {
				s, line := newStorage(t, size), &line{rate: lineRate, latency: latency}
				s.respond = func(_ int, w http.ResponseWriter, r *http.Request) bool { return line.send(s, w, r) }
				begin := time.Now()
				requireFetched(t, s, target(t), inParallel(ranges))
				took := time.Since(begin)
				best := time.Duration(float64(size) / float64(lineRate*ranges) * float64(time.Second))
				assert.Equal(t, ranges, line.maxConnections())
				assert.Greater(t, best.Seconds()/took.Seconds(), map[int]float64{2: 0.96, 8: 0.95, 16: 0.91}[ranges])
			})
		}
	}
}

// Each request costs the latency of storage.
func TestRequestsAreFew(t *testing.T) {
	for _, size := range []int{256 << 10, 1 << 20, 8 << 20} {
		synctest.Test(t, func(t *testing.T) {
			s, line := newStorage(t, size), &line{rate: lineRate, latency: 80 * time.Millisecond, pieces: 20}
			s.respond = func(_ int, w http.ResponseWriter, r *http.Request) bool { return line.send(s, w, r) }
			requireFetched(t, s, target(t), inParallel(8))
			assert.Less(t, len(s.requestHeaders()), 8*max(6, size/(8*64<<10)+3))
		})
	}
}
