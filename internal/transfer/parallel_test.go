package transfer_test

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRangesAreFetchedInParallel(t *testing.T) {
	const size, perSecond = 1 << 20, 16 << 10 // 64 s over one connection
	for ranges, want := range map[int]time.Duration{1: 64 * time.Second, 4: 16 * time.Second, 8: 8 * time.Second, 16: 4 * time.Second, 100: 4 * time.Second, 0: 8 * time.Second} {
		run(t, fmt.Sprint(ranges), func(t *testing.T) {
			s := newStorage(t, size)
			s.respond = always(s.trickling(perSecond/16, time.Second/16))
			begin := time.Now()
			got := requireFetched(t, s, target(t), inParallel(ranges))
			assert.Zero(t, got.Resumed)
			assert.InDelta(t, want, time.Since(begin), float64(want/7))
			assert.Equal(t, 1, s.located, "all ranges share one URL")
			assert.InDelta(t, size, s.sentBytes(), perSecond/16+4<<10, "the first request is for the whole object, and is canceled")
		})
	}
}

func TestChunksAreHandedOutInTheOrderOfTheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 1 << 20
		s := newStorage(t, size)
		s.respond = always(s.trickling(4<<10, 100*time.Millisecond))
		requireFetched(t, s, target(t), inParallel(4))
		const chunk = size / (4 * 4)
		var got []int
		for i, h := range s.requestHeaders() {
			if i == 0 {
				assert.Equal(t, firstRange, h.Get("Range"), "the first request is for the whole object")
				assert.Empty(t, h.Get("If-Match"))
				continue
			}
			assert.Equal(t, s.etag, h.Get("If-Match"), "every other request is for the same object")
			first, _, _ := strings.Cut(strings.TrimPrefix(h.Get("Range"), "bytes="), "-")
			from, err := strconv.Atoi(first)
			require.NoError(t, err)
			got = append(got, from)
		}
		var want []int
		for from := chunk; from < size; from += chunk {
			want = append(want, from)
		}
		assert.Subset(t, got, want)
		for i, from := range want {
			assert.InDelta(t, slices.Index(got, from), i, 4)
		}
		assert.Less(t, len(got), 2*len(want), "the last chunks are split")
	})
}

// leaveGap interrupts a call whose second chunk never arrives. Later chunks are in the
// part.
func leaveGap(t *testing.T, s *storage, path string, chunk int) {
	t.Helper()
	s.respond = func(_ int, w http.ResponseWriter, r *http.Request) bool {
		if from, _ := rangeStart(r); from >= chunk && from < 2*chunk {
			return s.stall(1, w, r)
		}
		return trickle(s, w, r, 4<<10, 10*time.Millisecond)
	}
	_ = interruptAfter(t, s, path, 30*time.Second, inParallel(4))
}

// A single connection starts at the first gap. Otherwise the hash could not read past
// the gap, and the window would make the connection wait.
func TestOneConnectionLeavesNoGapBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, chunk = 4 << 20, 64 << 10
		s := newStorage(t, size)
		path := target(t)
		leaveGap(t, s, path, chunk)

		s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool {
			if !pause(r, 10*time.Millisecond) {
				return true
			}
			if n == 1 { // the first request fetches almost the whole gap
				s.serveFirst(chunk-1000, w, r)
				_ = http.NewResponseController(w).Flush()
				pause(r, 50*time.Millisecond)
				return hangUp(w, r)
			}
			from, _ := rangeStart(r)
			return from < 2*chunk && n < 5 && status(http.StatusServiceUnavailable)(w, r)
		}
		begin := time.Now()
		requireFetched(t, s, path, inParallel(0))
		assert.Less(t, time.Since(begin), time.Hour)
	})
}

func TestNoRangeRunsFarAheadOfAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, chunk = 4 << 20, 64 << 10
		s := newStorage(t, size)
		path := target(t)
		leaveGap(t, s, path, chunk)
		info, err := os.Stat(path + ".part")
		require.NoError(t, err)
		assert.InDelta(t, 12*chunk, info.Size(), 4*chunk)

		got := requireFetched(t, s, path, inParallel(4))
		assert.Equal(t, size-got.Resumed, s.sentBytes(), "only the gap is fetched")
		assert.Greater(t, got.Resumed, int64(8*chunk))
	})
}

// Any number of ranges can fetch the gaps that parallel ranges have left.
func TestGapsAreFetchedByTheNextCall(t *testing.T) {
	for _, ranges := range []int{1, 3, 16, 0} {
		run(t, fmt.Sprint(ranges), func(t *testing.T) {
			const size = 1 << 20
			s := newStorage(t, size)
			path := target(t)
			s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool {
				if n%3 == 0 {
					return s.stall(2000, w, r)
				}
				return trickle(s, w, r, 1<<10, 100*time.Millisecond)
			}
			err := interruptAfter(t, s, path, 10*time.Second, inParallel(8))
			require.ErrorContains(t, err, "the next call resumes: ")
			lines := readLog(t, path)
			require.Greater(t, strings.Count(lines[len(lines)-1], "],["), 3, "several ranges")

			got := requireFetched(t, s, path, inParallel(ranges))
			assert.Equal(t, size-got.Resumed, s.sentBytes())
			assert.Greater(t, got.Resumed, int64(100_000))
		})
	}
}
