package transfer_test

import (
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

// busyBeyond responds with respond, and refuses requests beyond a limit of connections.
func busyBeyond(limit *atomic.Int64, respond handler) numberedHandler {
	var now atomic.Int64
	return func(_ int, w http.ResponseWriter, r *http.Request) bool {
		pause(r, time.Nanosecond) // until handlers that have sent their last byte have returned
		defer now.Add(-1)
		if now.Add(1) > limit.Load() {
			return xmlError(http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate.")(w, r)
		}
		return respond(w, r)
	}
}

func TestBusyStorageGetsFewerRequests(t *testing.T) {
	run(t, "for two connections", func(t *testing.T) {
		s := newStorage(t, 4<<20)
		var limit atomic.Int64
		limit.Store(2)
		s.respond = busyBeyond(&limit, s.trickling(8<<10, 800*time.Millisecond))
		begin := time.Now()
		requireFetched(t, s, target(t), inParallel(16))
		assert.Less(t, time.Since(begin), 8*time.Minute, "not much slower than two connections")
		assert.Less(t, len(s.requestHeaders()), 500, "for 256 chunks")
	})
	run(t, "and more requests later", func(t *testing.T) {
		s := newStorage(t, 16<<20)
		var limit atomic.Int64
		limit.Store(1)
		time.AfterFunc(20*time.Second, func() { limit.Store(100) })
		s.respond = busyBeyond(&limit, s.trickling(8<<10, 800*time.Millisecond))
		begin := time.Now()
		requireFetched(t, s, target(t), inParallel(8))
		assert.Less(t, time.Since(begin), 7*time.Minute, "27 minutes over one connection, 3.5 over eight")
	})
	run(t, "during an outage of 40 minutes", func(t *testing.T) {
		s := newStorage(t, 1<<20)
		var down atomic.Bool
		s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n == 2 {
				down.Store(true)
				time.AfterFunc(40*time.Minute, func() { down.Store(false) })
			}
			return down.Load() && retryAfter("600")(w, r)
		}
		requireFetched(t, s, target(t), inParallel(8))
		assert.Less(t, len(s.requestHeaders()), 200, "for 128 chunks")
	})
}

func TestRefusalsReduceTheWorkersToOne(t *testing.T) {
	for _, every := range []time.Duration{10 * time.Millisecond, 400 * time.Millisecond, 2 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			assert.Equal(t, 8, transfer.WorkersAfterRefusals(16, every, 800*time.Millisecond))
			assert.Equal(t, 1, transfer.WorkersAfterRefusals(16, every, 10*time.Second))
		})
	}
}

// Storage tells one range to wait for 50 minutes. Other ranges fetch its bytes, and the
// transfer ends without it.
func TestARefusedRangeDoesNotDelayTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1<<20)
		var busy, last time.Time
		s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n == 12 { // all ranges are open
				busy = time.Now()
				return retryAfter("3000")(w, r)
			}
			return trickle(s, w, r, 1<<10, time.Second/16)
		}
		opts := inParallel(8)
		opts.Progress = func(written, total int64) {
			if written == total && last.IsZero() {
				last = time.Now()
			}
		}
		requireFetched(t, s, target(t), opts)
		assert.False(t, busy.IsZero())
		assert.WithinDuration(t, last, time.Now(), time.Second)
		assert.WithinDuration(t, busy, last, time.Minute)
	})
}

// Storage tells the last range to wait. Other ranges fetch its bytes, even when there
// are fewer ranges left than workers.
func TestALongWaitOfTheLastRangeDelaysNoOtherRange(t *testing.T) {
	for _, wait := range []int{60, 3000, 7200} {
		run(t, fmt.Sprint(wait), func(t *testing.T) {
			const size, chunk = 1 << 20, 32 << 10
			const last = size - chunk // where the last chunk begins
			s := newStorage(t, size)
			var refused atomic.Int64
			s.respond = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				switch from, _ := rangeStart(r); {
				case from == last:
					return s.cut(1<<10, w, r)
				case from > last && refused.Add(1) == 1:
					return retryAfter(strconv.Itoa(wait))(w, r)
				case from > last || from < last-2*chunk:
					return trickle(s, w, r, 1<<10, time.Second/16)
				default:
					return trickle(s, w, r, 1<<10, time.Second)
				}
			}
			begin := time.Now()
			requireFetched(t, s, target(t), inParallel(8))
			assert.Less(t, time.Since(begin), 40*time.Second)
			assert.Greater(t, refused.Load(), int64(1), "another worker requests the bytes")
		})
	}
}

// While a worker waits because of Retry-After, no other worker sends a request in its
// place. After the wait the worker fetches again.
func TestAWorkerThatWaitsIsNotReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, perSecond = 16 << 20, 8 << 10 // 256 s over eight connections
		s := newStorage(t, size)
		var sending, refused atomic.Int64
		var limit atomic.Int64
		broken := make(chan struct{})
		limit.Store(4)
		time.AfterFunc(30*time.Second, func() { close(broken) })
		time.AfterFunc(40*time.Second, func() { limit.Store(8) })
		s.respond = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			pause(r, time.Nanosecond) // until the handlers of broken connections have returned
			defer sending.Add(-1)
			n := sending.Add(1)
			select {
			case <-broken:
				if n > limit.Load() {
					refused.Add(1)
					return retryAfter("20")(w, r)
				}
			default:
				w = &untilWriter{w, broken}
			}
			return trickle(s, promptWriter{w}, r, perSecond/8, time.Second/8)
		}
		begin := time.Now()
		requireFetched(t, s, target(t), transfer.Options{Concurrency: 8, MinChunk: 32 << 10})
		assert.Positive(t, refused.Load())
		assert.LessOrEqual(t, refused.Load(), int64(4))
		assert.Less(t, time.Since(begin), 305*time.Second, "one more connection is tried every half minute")
	})
}

// When storage refuses the rest of a half-fetched chunk, other ranges fetch only the
// rest.
func TestARefusedRangeLosesNoBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 4 << 20 // in chunks of 32 KiB, each of which takes 4 s
		s := newStorage(t, size)
		var sending, refused, inMidChunk atomic.Int64
		broken := make(chan struct{})
		time.AfterFunc(6*time.Second, func() { close(broken) })
		s.respond = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			defer sending.Add(-1)
			n := sending.Add(1)
			select {
			case <-broken:
				if n > 2 {
					if from, _ := rangeStart(r); from%(32<<10) != 0 {
						inMidChunk.Add(1)
					}
					refused.Add(1)
					return status(http.StatusServiceUnavailable)(w, r)
				}
			default:
				w = &untilWriter{w, broken}
			}
			return trickle(s, w, r, 1<<10, time.Second/8)
		}
		requireFetched(t, s, target(t), inParallel(8))
		assert.Greater(t, inMidChunk.Load(), int64(3))
		assert.Less(t, refused.Load(), int64(60))
		assert.InDelta(t, size, s.sentBytes(), 64<<10, "only bytes in transit when a request is canceled are fetched twice")
	})
}

// There are never more connections than ranges.
func TestStorageThatAllowsNoMoreConnectionsThanRanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 4<<20)
		var limit, refused atomic.Int64
		limit.Store(8)
		respond := busyBeyond(&limit, func(w http.ResponseWriter, r *http.Request) bool {
			refused.Add(-1)
			pause(r, 200*time.Millisecond)
			return trickle(s, w, r, 1<<10, 200*time.Millisecond)
		})
		s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool {
			refused.Add(1)
			return respond(n, w, r)
		}
		begin := time.Now()
		requireFetched(t, s, target(t), inParallel(8))
		assert.Less(t, time.Since(begin), 115*time.Second, "102.4 s if no connection ever waits")
		assert.Zero(t, refused.Load())
	})
}

// Something on the line allows two connections, and refuses more in some way.
func TestConnectionsBeyondALimitAreGivenUp(t *testing.T) {
	const size, perSecond = 4 << 20, 40 << 10 // 51.2 s over two connections
	const limit = 130 * time.Second
	for name, refuse := range map[string]handler{
		"503":   status(http.StatusServiceUnavailable),
		"429":   status(http.StatusTooManyRequests),
		"reset": hangUp,
		"hung":  silent,
	} {
		for _, ranges := range []int{2, 8, 16} {
			run(t, fmt.Sprintf("%s, %d ranges", name, ranges), func(t *testing.T) {
				s := newStorage(t, size)
				var sending, refused atomic.Int64
				s.respond = func(_ int, w http.ResponseWriter, r *http.Request) bool {
					if sending.Add(1) > 2 {
						sending.Add(-1)
						refused.Add(1)
						return refuse(w, r)
					}
					defer sending.Add(-1)
					return trickle(s, w, r, perSecond/5, time.Second/5)
				}
				begin := time.Now()
				requireFetched(t, s, target(t), transfer.Options{Concurrency: ranges, MinChunk: 32 << 10})
				t.Logf("%v, %d refused", time.Since(begin), refused.Load())
				assert.Less(t, time.Since(begin), limit)
				assert.Less(t, refused.Load(), int64(60))
			})
		}
	}
}

func TestAnOutageDoesNotReduceTheRanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, perSecond = 16 << 20, 16 << 10 // 128 s over eight connections
		s := newStorage(t, size)
		fetch := s.trickling(perSecond/4, time.Second/4)
		s.respond = outage(30*time.Second, time.Minute, fetch, fetch)
		begin := time.Now()
		requireFetched(t, s, target(t), transfer.Options{Concurrency: 8, MinChunk: 32 << 10})
		assert.Less(t, time.Since(begin), (128+60+30+10)*time.Second, "the backoff grows to 30 s")
	})
}
