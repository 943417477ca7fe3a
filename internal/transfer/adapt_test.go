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
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

// busyBeyond lets storage bear so many connections.
func busyBeyond(bears *atomic.Int64, answer func(w http.ResponseWriter, r *http.Request) bool) func(int, http.ResponseWriter, *http.Request) bool {
	var now atomic.Int64
	return func(_ int, w http.ResponseWriter, r *http.Request) bool {
		pause(r, time.Nanosecond) // until all who have their last bytes count no more
		defer now.Add(-1)
		if now.Add(1) > bears.Load() {
			return xmlError(http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate.")(w, r)
		}
		return answer(w, r)
	}
}

func TestStorageThatIsBusyIsAskedForLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 4<<20)
		path := target(t)
		var bears atomic.Int64
		bears.Store(2)
		s.answer = busyBeyond(&bears, func(w http.ResponseWriter, r *http.Request) bool {
			return trickle(s, w, r, 8<<10, 800*time.Millisecond)
		})
		begin := time.Now()
		_, err := transfer.File(t.Context(), s.source(t), path, inParallel(16))
		require.NoError(t, err)
		assert.Less(t, time.Since(begin), 8*time.Minute, "it is not much slower than two are")
		answered := len(s.seen())
		assert.Less(t, answered, 500, "256 chunks")
		requireComplete(t, path, s.object)
	})
	t.Run("and for more again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 16<<20)
			var bears atomic.Int64
			bears.Store(1)
			time.AfterFunc(20*time.Second, func() { bears.Store(100) })
			s.answer = busyBeyond(&bears, func(w http.ResponseWriter, r *http.Request) bool {
				return trickle(s, w, r, 8<<10, 800*time.Millisecond)
			})
			begin := time.Now()
			_, err := transfer.File(t.Context(), s.source(t), target(t), inParallel(8))
			require.NoError(t, err)
			assert.Less(t, time.Since(begin), 7*time.Minute, "27 minutes over one, 3.5 over eight")
		})
	})
	t.Run("down to one, which waits as it is told", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 1<<20)
			var down atomic.Bool
			s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
				if n == 2 {
					down.Store(true)
					time.AfterFunc(40*time.Minute, func() { down.Store(false) })
				}
				if !down.Load() {
					return false
				}
				w.Header().Set("Retry-After", "600")
				w.WriteHeader(http.StatusServiceUnavailable)
				return true
			}
			_, err := transfer.File(t.Context(), s.source(t), target(t), inParallel(8))
			require.NoError(t, err)
			assert.Less(t, len(s.seen()), 200, "128 chunks")
		})
	})
}

// Others fetch what such a range was to fetch, and it does not hold up the end.
func TestARangeTooManyDoesNotHoldUpTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1<<20)
		path := target(t)
		var busy, last time.Time
		s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n == 12 { // all ranges are open
				busy = time.Now()
				w.Header().Set("Retry-After", "3000")
				w.WriteHeader(http.StatusServiceUnavailable)
				return true
			}
			return trickle(s, w, r, 1<<10, time.Second/16)
		}
		opts := inParallel(8)
		opts.Progress = func(written, total int64) {
			if written == total && last.IsZero() {
				last = time.Now()
			}
		}
		_, err := transfer.File(t.Context(), s.source(t), path, opts)
		require.NoError(t, err)
		assert.False(t, busy.IsZero())
		assert.WithinDuration(t, last, time.Now(), time.Second)
		assert.WithinDuration(t, busy, last, time.Minute)
		requireComplete(t, path, s.object)
	})
}

// Storage tells one range to wait for an hour. Other ranges fetch its bytes,
// also when there are fewer ranges than there may be.
func TestALongWaitOfOneRangeIsNotTheOthers(t *testing.T) {
	for _, wait := range []int{60, 3000, 7200} {
		t.Run(fmt.Sprint(wait), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const size, chunk = 1 << 20, 32 << 10
				const last = size - chunk // where the last chunk begins
				s := newStorage(t, size)
				path := target(t)
				var refused atomic.Int64
				s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
					switch from, _ := rangeStart(r); {
					case from == last:
						return s.cut(1<<10, w, r)
					case from > last && refused.Add(1) == 1:
						w.Header().Set("Retry-After", strconv.Itoa(wait))
						w.WriteHeader(http.StatusServiceUnavailable)
						return true
					case from > last || from < last-2*chunk:
						return trickle(s, w, r, 1<<10, time.Second/16)
					default:
						return trickle(s, w, r, 1<<10, time.Second)
					}
				}
				begin := time.Now()
				_, err := transfer.File(t.Context(), s.source(t), path, inParallel(8))
				require.NoError(t, err)
				assert.Less(t, time.Since(begin), 40*time.Second)
				assert.Greater(t, refused.Load(), int64(1), "another worker asks for it")
				requireComplete(t, path, s.object)
			})
		})
	}
}

// Nobody else asks in the place of a range that is to wait, and after the wait it
// is one again.
func TestWhoHasToWaitIsNotReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, second = 16 << 20, 8 << 10 // 256 s over eight
		s := newStorage(t, size)
		path := target(t)
		var sending, refused atomic.Int64
		var bears atomic.Int64
		broken := make(chan struct{})
		bears.Store(4)
		time.AfterFunc(30*time.Second, func() { close(broken) })
		time.AfterFunc(40*time.Second, func() { bears.Store(8) })
		s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			pause(r, time.Nanosecond) // until all that broke count no more
			defer sending.Add(-1)
			n := sending.Add(1)
			select {
			case <-broken:
				if n > bears.Load() {
					refused.Add(1)
					w.Header().Set("Retry-After", "20")
					w.WriteHeader(http.StatusServiceUnavailable)
					return true
				}
			default:
				w = &untilWriter{w, broken}
			}
			return trickle(s, promptWriter{w}, r, second/8, time.Second/8)
		}
		begin := time.Now()
		_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{Concurrency: 8, MinChunk: 32 << 10})
		require.NoError(t, err)
		assert.Positive(t, refused.Load())
		assert.LessOrEqual(t, refused.Load(), int64(4))
		assert.Less(t, time.Since(begin), 305*time.Second, "one more is tried each half minute")
		requireComplete(t, path, s.object)
	})
}

// Others go on where a range was left in the middle of a chunk.
func TestARangeTooManyIsLeftWhereItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 4 << 20 // in chunks of 32 KiB, each for 4 s
		s := newStorage(t, size)
		path := target(t)
		var sending, refused, inMidChunk atomic.Int64
		broken := make(chan struct{})
		time.AfterFunc(6*time.Second, func() { close(broken) })
		s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			defer sending.Add(-1)
			n := sending.Add(1)
			select {
			case <-broken:
				if n > 2 {
					if from, _ := rangeStart(r); from%(32<<10) != 0 {
						inMidChunk.Add(1)
					}
					refused.Add(1)
					w.WriteHeader(http.StatusServiceUnavailable)
					return true
				}
			default:
				w = &untilWriter{w, broken}
			}
			return trickle(s, w, r, 1<<10, time.Second/8)
		}
		_, err := transfer.File(t.Context(), s.source(t), path, inParallel(8))
		require.NoError(t, err)
		assert.Greater(t, inMidChunk.Load(), int64(3))
		assert.Less(t, refused.Load(), int64(60))
		assert.InDelta(t, size, s.sentBytes(), 64<<10, "only what is on its way when a request is cut off is fetched twice")
		requireComplete(t, path, s.object)
	})
}

// There are never more connections than ranges.
func TestStorageThatBearsNoMoreThanTheRanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 4<<20)
		path := target(t)
		var bears, busy atomic.Int64
		bears.Store(8)
		answer := busyBeyond(&bears, func(w http.ResponseWriter, r *http.Request) bool {
			busy.Add(-1)
			pause(r, 200*time.Millisecond)
			return trickle(s, w, r, 1<<10, 200*time.Millisecond)
		})
		s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
			busy.Add(1)
			return answer(n, w, r)
		}
		begin := time.Now()
		_, err := transfer.File(t.Context(), s.source(t), path, inParallel(8))
		require.NoError(t, err)
		assert.Less(t, time.Since(begin), 115*time.Second, "102.4 s if none ever waited")
		assert.Zero(t, busy.Load())
		requireComplete(t, path, s.object)
	})
}

// Something on the way bears two connections, and does with the others as it likes.
func TestConnectionsBeyondALimitAreGivenUp(t *testing.T) {
	const size, second = 4 << 20, 40 << 10 // 51.2 s over two connections
	const limit = 130 * time.Second
	for name, refuse := range map[string]func(w http.ResponseWriter, r *http.Request){
		"answered with 503": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"answered with 429": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) },
		"reset":             func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"hung":              func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		for _, ranges := range []int{2, 8, 16} {
			t.Run(fmt.Sprintf("%s, %d ranges", name, ranges), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newStorage(t, size)
					path := target(t)
					var sending, refused atomic.Int64
					s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
						if sending.Add(1) > 2 {
							sending.Add(-1)
							refused.Add(1)
							refuse(w, r)
							return true
						}
						defer sending.Add(-1)
						return trickle(s, w, r, second/5, time.Second/5)
					}
					begin := time.Now()
					_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{Concurrency: ranges, MinChunk: 32 << 10})
					require.NoError(t, err)
					t.Logf("%v, %d refused", time.Since(begin), refused.Load())
					assert.Less(t, time.Since(begin), limit)
					assert.Less(t, refused.Load(), int64(60))
					requireComplete(t, path, s.object)
				})
			})
		}
	}
}

// However often storage says that it is busy.
func TestStorageThatGoesOnBeingBusyIsAskedForLessAndLess(t *testing.T) {
	for _, every := range []time.Duration{10 * time.Millisecond, 400 * time.Millisecond, 2 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			assert.Equal(t, 8, transfer.WorkersAfterRefusals(16, every, 800*time.Millisecond))
			assert.Equal(t, 1, transfer.WorkersAfterRefusals(16, every, 10*time.Second))
		})
	}
}

// A range that comes back after an outage finds others waiting for its bytes, and
// has been as slow as can be. That was not the connection it has now.
func TestARangeThatWasDownIsNotSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, chunk = 1 << 20, 64 << 10
		s := newStorage(t, size)
		path := target(t)
		down := make(chan struct{})
		var up atomic.Bool
		var asked atomic.Int64
		time.AfterFunc(20*time.Second, func() { close(down) })
		time.AfterFunc(80*time.Second, func() { up.Store(true) })
		s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			if up.Load() {
				asked.Add(1)
				return trickle(s, w, r, 1<<10, time.Millisecond)
			}
			select {
			case <-down:
				panic(http.ErrAbortHandler)
			default:
			}
			return trickle(s, &untilWriter{w, down}, r, 1<<10, time.Second)
		}
		_, err := transfer.File(t.Context(), s.source(t), path, inParallel(2))
		require.NoError(t, err)
		assert.LessOrEqual(t, asked.Load(), int64(size/chunk+2), "no range is asked for again")
		requireComplete(t, path, s.object)
	})
}

// A transport may bear one connection alone, and lets the other requests wait.
func TestATransportWithOneConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, second = 4 << 20, 8 << 10 // 512 s
		s := newStorage(t, size)
		path := target(t)
		s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			pause(r, 500*time.Millisecond)
			return trickle(s, w, r, second/20, time.Second/20)
		}
		source := s.source(t)
		source.Client.Transport.(*http.Transport).MaxConnsPerHost = 1
		begin := time.Now()
		_, err := transfer.File(t.Context(), source, path, transfer.Options{Concurrency: 2, MinChunk: 128 << 10})
		require.NoError(t, err)
		assert.Less(t, time.Since(begin), 10*time.Minute)
		requireComplete(t, path, s.object)
	})
}

// An error that comes at once says nothing about how long storage takes to answer.
// If that is long, a request without an answer must not be given up early.
func TestARefusalDoesNotTellHowFastStorageIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, second = 4 << 20, 4 << 10
		s := newStorage(t, size)
		path := target(t)
		s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n == 6 {
				return xmlError(http.StatusForbidden, "AccessDenied", "Request has expired")(w, r)
			}
			return !pause(r, 12*time.Second) || trickle(s, w, r, second/10, time.Second/10)
		}
		_, err := transfer.File(t.Context(), s.source(t), path, inParallel(8))
		require.NoError(t, err)
		assert.Less(t, len(s.seen()), size/(64<<10)+40, "few requests are made anew")
		requireComplete(t, path, s.object)
	})
}

// A promptWriter sends the header before there is a body: nothing is gained then by
// asking for one range while another one ends.
type promptWriter struct{ http.ResponseWriter }

func (w promptWriter) WriteHeader(status int) {
	w.ResponseWriter.WriteHeader(status)
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

func (w promptWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// A limitedWriter breaks the connection after so many bytes of a body.
type limitedWriter struct {
	http.ResponseWriter
	left int
}

func (w *limitedWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p[:min(len(p), w.left)])
	if w.left -= n; w.left == 0 {
		_ = http.NewResponseController(w.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, err
}

func (w *limitedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// An outage says nothing about how many connections storage bears.
func TestAnOutageDoesNotLeaveFewerRanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, second = 16 << 20, 16 << 10 // 128 s over eight
		s := newStorage(t, size)
		path := target(t)
		down := make(chan struct{})
		var up atomic.Bool
		time.AfterFunc(30*time.Second, func() { close(down) })
		time.AfterFunc(90*time.Second, func() { up.Store(true) })
		s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			if up.Load() {
				return trickle(s, w, r, second/4, time.Second/4)
			}
			select {
			case <-down:
				panic(http.ErrAbortHandler)
			default:
			}
			return trickle(s, &untilWriter{w, down}, r, second/4, time.Second/4)
		}
		begin := time.Now()
		_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{Concurrency: 8, MinChunk: 32 << 10})
		require.NoError(t, err)
		assert.Less(t, time.Since(begin), (128+60+30+10)*time.Second, "the pauses between attempts grow to 30 s")
		requireComplete(t, path, s.object)
	})
}

// An untilWriter breaks its connection when the channel is closed.
type untilWriter struct {
	http.ResponseWriter
	closed <-chan struct{}
}

func (w *untilWriter) Write(p []byte) (int, error) {
	select {
	case <-w.closed:
		panic(http.ErrAbortHandler)
	default:
		return w.ResponseWriter.Write(p)
	}
}

func (w *untilWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
