package transfer_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

// While other connections get bytes, a connection that hangs is replaced after two
// seconds.
func TestARangeThatHangsIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1<<20)
		s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n == 5 {
				return s.stall(100, w, r)
			}
			return trickle(s, w, r, 4<<10, 10*time.Millisecond)
		}
		begin := time.Now()
		requireFetched(t, s, target(t), inParallel(8))
		assert.InDelta(t, 2*time.Second, time.Since(begin), float64(time.Second))
		assert.InDelta(t, 1<<20, s.sentBytes(), 8*(8<<10), "only bytes in transit when a request is canceled are fetched twice")
	})
}

// A slow connection is not silent, but the other connections would wait for it in the end.
func TestARangeThatIsMuchSlowerIsReplaced(t *testing.T) {
	const size, chunk = 4 << 20, 64 << 10 // 64 s over four connections
	for name, tt := range map[string]struct {
		piece int
		wait  time.Duration
	}{
		"an eighth of the speed": {2 << 10, time.Second},
		"ten bytes a second":     {100, 10 * time.Second},
	} {
		for _, n := range []int{3, 64} {
			run(t, fmt.Sprintf("%s, request %d", name, n), func(t *testing.T) {
				s := newStorage(t, size)
				s.respond = func(number int, w http.ResponseWriter, r *http.Request) bool {
					if number == n {
						return trickle(s, w, r, tt.piece, tt.wait)
					}
					return trickle(s, w, r, 1<<10, time.Second/16)
				}
				begin := time.Now()
				requireFetched(t, s, target(t), inParallel(4))
				assert.Less(t, time.Since(begin), 90*time.Second)
				assert.Less(t, len(s.requestHeaders()), size/chunk+20, "the last chunks are split")
			})
		}
	}
}

// The speeds of running requests count for the median.
func TestTheSlowerOneOfTwoRangesIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const chunk, perSecond = 64 << 10, 2 << 10 // 32 s for each chunk
		s := newStorage(t, 4*chunk)
		path := target(t)
		interrupt(t, s, path, 2*chunk)
		s.respond = firstThen(s.trickling(perSecond/20, time.Second), s.trickling(perSecond, time.Second))
		begin := time.Now()
		requireFetched(t, s, path, transfer.Options{Concurrency: 8, MinChunk: chunk})
		assert.Less(t, time.Since(begin), 34*time.Second)
	})
}

// The time of an outage does not count for the speed of the connections after it.
func TestARangeIsNotSlowAfterAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, chunk = 1 << 20, 64 << 10
		s := newStorage(t, size)
		var requests atomic.Int64
		s.respond = outage(20*time.Second, time.Minute, s.trickling(1<<10, time.Second), func(w http.ResponseWriter, r *http.Request) bool {
			requests.Add(1)
			return trickle(s, w, r, 1<<10, time.Millisecond)
		})
		requireFetched(t, s, target(t), inParallel(2))
		assert.LessOrEqual(t, requests.Load(), int64(size/chunk+2), "no range is replaced")
	})
}

// A transport of the caller may allow one connection only, and make other requests
// wait.
func TestATransportWithOneConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, perSecond = 4 << 20, 8 << 10 // 512 s
		s := newStorage(t, size)
		s.respond = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			pause(r, 500*time.Millisecond)
			return trickle(s, w, r, perSecond/20, time.Second/20)
		}
		source := s.source(t)
		source.Client.Transport.(*http.Transport).MaxConnsPerHost = 1
		begin := time.Now()
		requireFile(t, s, source, target(t), transfer.Options{Concurrency: 2, MinChunk: 128 << 10})
		assert.Less(t, time.Since(begin), 10*time.Minute)
	})
}

// The latency of an error response does not count as the latency of storage. Otherwise
// requests to slow storage would be replaced too early.
func TestTheLatencyOfARefusalDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, perSecond = 4 << 20, 4 << 10
		s := newStorage(t, size)
		s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n == 6 {
				return expired(w, r)
			}
			return !pause(r, 12*time.Second) || trickle(s, w, r, perSecond/10, time.Second/10)
		}
		requireFetched(t, s, target(t), inParallel(8))
		assert.Less(t, len(s.requestHeaders()), size/(64<<10)+40, "few requests are replaced")
	})
}
