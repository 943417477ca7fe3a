package transfer_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

// minChunk is the smallest chunk in these tests. Sizes that are measured in
// chunks shrink with it: the size of a small file, and how far ahead a range
// may be.
const minChunk = 4 << 10

func inParallel(ranges int) transfer.Options {
	return transfer.Options{Concurrency: ranges, MinChunk: minChunk}
}

func TestRangesAreFetchedSideBySide(t *testing.T) {
	const size, second = 1 << 20, 16 << 10 // 64 s over one connection
	for ranges, want := range map[int]time.Duration{1: 64 * time.Second, 4: 16 * time.Second, 8: 8 * time.Second, 16: 4 * time.Second, 100: 4 * time.Second, 0: 8 * time.Second} {
		t.Run(fmt.Sprint(ranges), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, size)
				path := target(t)
				s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
					return trickle(s, w, r, second/16, time.Second/16)
				}
				begin := time.Now()
				got, err := transfer.File(t.Context(), s.source(t), path, inParallel(ranges))
				require.NoError(t, err)
				assert.Equal(t, transfer.Result{Size: size, SHA256: sumOf(s.object)}, got)
				requireComplete(t, path, s.object)
				assert.InDelta(t, want, time.Since(begin), float64(want/7))
				assert.Equal(t, 1, s.located, "all share one URL")
				assert.InDelta(t, size, s.sentBytes(), second/16+4<<10, "the first request goes to the end, and is cut off")
			})
		})
	}
}

func TestChunksAreHandedOutInTheOrderOfTheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 1 << 20
		s := newStorage(t, size)
		s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			return trickle(s, w, r, 4<<10, 100*time.Millisecond)
		}
		_, err := transfer.File(t.Context(), s.source(t), target(t), inParallel(4))
		require.NoError(t, err)
		const chunk = size / (4 * 4)
		var got []int
		for i, h := range s.seen() {
			if i == 0 {
				assert.Equal(t, firstRange, h.Get("Range"), "the first request is for all, and not a probe")
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

// Few requests: each costs the time to its first byte.
func TestRequestsAreFew(t *testing.T) {
	for _, size := range []int{256 << 10, 1 << 20, 8 << 20} {
		synctest.Test(t, func(t *testing.T) {
			s, line := newStorage(t, size), &line{rate: 25_000, latency: 80 * time.Millisecond}
			s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool { return line.send(s, w, r) }
			_, err := transfer.File(t.Context(), s.source(t), target(t), inParallel(8))
			require.NoError(t, err)
			assert.Less(t, len(s.seen()), 8*max(6, size/(8*64<<10)+3))
		})
	}
}

// A line is what each connection of a test is like. It knows which of them sent
// at the same time: the connections that had begun to send, and had not ended.
type line struct {
	rate    int // bytes a second
	latency time.Duration

	mu   sync.Mutex
	sent [][2]time.Time
}

func (l *line) send(s *storage, w http.ResponseWriter, r *http.Request) bool {
	return l.sendAt(l.rate, s, w, r)
}

// sendAt answers with 100 pieces a second. It ends with the last one.
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
	for from < end && pause(r, time.Second/100) {
		n := min(rate/100, end-from)
		_, _ = w.Write(s.object[from : from+n])
		_ = http.NewResponseController(w).Flush()
		from += n
	}
	return true
}

// most is how many sent at once.
func (l *line) most() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	most := 0
	for _, a := range l.sent {
		at := 0
		for _, b := range l.sent {
			if !b[0].After(a[0]) && b[1].After(a[0]) {
				at++
			}
		}
		most = max(most, at)
	}
	return most
}

// What is 1/1024 here of what it is in earnest: 2 GiB at 25 MB/s, and 80 ms.
func TestNoMoreConnectionsSendThanThereAreRanges(t *testing.T) {
	const size, rate, latency = 2 << 20, 25_000, 80 * time.Millisecond
	for _, ranges := range []int{2, 8, 16} {
		for _, latency := range []time.Duration{0, latency} {
			t.Run(fmt.Sprintf("%d ranges, %v", ranges, latency), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s, line := newStorage(t, size), &line{rate: rate, latency: latency}
					path := target(t)
					s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool { return line.send(s, w, r) }
					begin := time.Now()
					_, err := transfer.File(t.Context(), s.source(t), path, inParallel(ranges))
					require.NoError(t, err)
					took := time.Since(begin)
					most := line.most()
					best := time.Duration(float64(size) / float64(rate*ranges) * float64(time.Second))
					assert.Equal(t, ranges, most)
					assert.Greater(t, best.Seconds()/took.Seconds(), map[int]float64{2: 0.96, 8: 0.95, 16: 0.91}[ranges])
					requireComplete(t, path, s.object)
				})
			})
		}
	}
}

// One connection that is to bring all of the rest has nothing missing before it:
// its bytes could be neither hashed nor held.
func TestOneConnectionLeavesNoGapBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, chunk = 4 << 20, 64 << 10
		s := newStorage(t, size)
		path := target(t)
		s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			if from, _ := rangeStart(r); from >= chunk && from < 2*chunk {
				return s.stall(1, w, r)
			}
			return trickle(s, w, r, 4<<10, 10*time.Millisecond)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		_, err := transfer.File(ctx, s.source(t), path, inParallel(4))
		require.ErrorIs(t, err, context.DeadlineExceeded)

		s.reset()
		s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
			if !pause(r, 10*time.Millisecond) {
				return true
			}
			switch n {
			case 1: // breaks when its end is in sight
				s.serveFirst(chunk-1000, w, r)
				_ = http.NewResponseController(w).Flush()
				pause(r, 50*time.Millisecond)
				panic(http.ErrAbortHandler)
			default:
				if from, _ := rangeStart(r); from < 2*chunk && n < 5 {
					w.WriteHeader(http.StatusServiceUnavailable)
					return true
				}
				return false
			}
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err = transfer.File(ctx, s.source(t), path, inParallel(0))
		require.NoError(t, err)
		requireComplete(t, path, s.object)
	})
}

func TestNoRangeRunsFarAheadOfAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, chunk = 4 << 20, 64 << 10
		s := newStorage(t, size)
		s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			if from, _ := rangeStart(r); from >= chunk && from < 2*chunk {
				return s.stall(1, w, r)
			}
			return trickle(s, w, r, 4<<10, 10*time.Millisecond)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		path := target(t)
		_, err := transfer.File(ctx, s.source(t), path, inParallel(4))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		info, err := os.Stat(path + ".part")
		require.NoError(t, err)
		assert.InDelta(t, 12*chunk, info.Size(), 4*chunk)

		s.reset()
		got, err := transfer.File(t.Context(), s.source(t), path, inParallel(4))
		require.NoError(t, err)
		assert.Equal(t, size-got.Resumed, s.sentBytes(), "the gap is fetched and nothing else")
		assert.Greater(t, got.Resumed, int64(8*chunk))
		requireComplete(t, path, s.object)
	})
}

func TestProgressIsMeasuredOverAllRanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Each gets less than 1 MiB in five minutes; together they get more.
		s := newStorage(t, 4<<20)
		s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			return trickle(s, w, r, 16<<10, 16*time.Second)
		}
		begin := time.Now()
		_, err := transfer.File(t.Context(), s.source(t), target(t), inParallel(8))
		require.NoError(t, err)
		assert.Greater(t, time.Since(begin), 8*time.Minute)
	})
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 4<<20)
		s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool { return trickle(s, w, r, 100, 10*time.Second) }
		begin := time.Now()
		_, err := transfer.File(t.Context(), s.source(t), target(t), inParallel(8))
		require.ErrorContains(t, err, "the next call resumes: no progress: less than 1 MiB in five minutes")
		assert.InDelta(t, 5*time.Minute, time.Since(begin), float64(2*time.Second))
	})
}

func TestOneStreamWhereThereIsNoMore(t *testing.T) {
	cases := map[string]struct {
		prepare func(s *storage)
		want    []string
	}{
		"storage gives no ranges": {func(s *storage) {
			s.answer = func(_ int, w http.ResponseWriter, _ *http.Request) bool { return s.all(w, false) }
		}, []string{firstRange}},
		"nor tells the size": {func(s *storage) {
			s.answer = func(_ int, w http.ResponseWriter, _ *http.Request) bool { return s.all(w, true) }
		}, []string{firstRange}},
		"there is no validator": {func(s *storage) { s.etag, s.modified = "", "" }, []string{firstRange}},
		"storage gives no second range": {func(s *storage) {
			s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				from, _ := rangeStart(r)
				return from > 0 && s.all(w, false)
			}
		}, nil},
		"storage knows no conditions": {func(s *storage) {
			s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				return r.Header.Get("If-Match") != "" && xmlError(http.StatusNotImplemented, "NotImplemented", "If-Match")(w, r)
			}
		}, nil},
		"ranges are said to be none": {func(s *storage) {
			s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				w.Header().Set("Accept-Ranges", "none")
				return false
			}
		}, []string{firstRange}},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 1<<20)
				path := target(t)
				tt.prepare(s)
				_, err := transfer.File(t.Context(), s.source(t), path, inParallel(8))
				require.NoError(t, err)
				asked := s.ranges()
				if tt.want == nil {
					assert.Equal(t, firstRange, asked[0])
					assert.LessOrEqual(t, len(asked), 1+2*8+1)
				} else {
					assert.Equal(t, tt.want, asked)
				}
				requireComplete(t, path, s.object)
			})
		})
	}
	t.Run("the archive is small", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 8*minChunk)
			s.object = s.object[:8*minChunk-1]
			_, err := transfer.File(t.Context(), s.source(t), target(t), inParallel(0))
			require.NoError(t, err)
			assert.Equal(t, []string{firstRange}, s.ranges())
		})
	})
	t.Run("little is left", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 20*minChunk)
			path := target(t)
			interrupt(t, s, path, 15*minChunk)
			_, err := transfer.File(t.Context(), s.source(t), path, inParallel(0))
			require.NoError(t, err)
			assert.Equal(t, []string{"bytes=61440-"}, s.ranges())
		})
	})
}

// Storage that gives no parts of an object will not give the rest of it either,
// and an error does not promise that.
func TestAnErrorPromisesNothingWhereStorageGivesNoParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1<<20)
		path := target(t)
		s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
			from, _ := rangeStart(r)
			return n == 1 && s.cut(1<<18, w, r) || from > 0 && s.all(w, false) || s.cut(1<<19, w, r)
		}
		_, err := transfer.File(t.Context(), s.source(t), path, inParallel(8))
		require.ErrorContains(t, err, "fetched 524288 of 1048576 bytes to "+path+".part; the next call starts over: "+
			"storage gives nothing to resume by: unexpected EOF; before, with ranges: storage gives no part of it but the first")

		s.reset()
		s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			from, _ := rangeStart(r)
			return from > 0 && s.all(w, false)
		}
		got, err := transfer.File(t.Context(), s.source(t), path, inParallel(8))
		require.NoError(t, err)
		assert.Zero(t, got.Resumed)
		requireComplete(t, path, s.object)
	})
}

// A storage that answers with more than the range, or less, is taken at its word.
func TestAnswersOfAnotherLengthThanAskedFor(t *testing.T) {
	for name, length := range map[string]func(asked, left int) int{
		"all there is": func(_, left int) int { return left },
		"half":         func(asked, _ int) int { return (asked + 1) / 2 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 1<<20)
				path := target(t)
				s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
					from, end, _ := byteRange(r, len(s.object))
					r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, from+length(end-from, len(s.object)-from)-1))
					return false
				}
				_, err := transfer.File(t.Context(), s.source(t), path, inParallel(4))
				require.NoError(t, err)
				requireComplete(t, path, s.object)
			})
		})
	}
}

func TestAURLThatAllRangesShareIsRenewedByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 2<<20)
		path := target(t)
		var valid, asking atomic.Int64
		valid.Store(1)
		s.locate = func(_ context.Context, n int) (transfer.Location, error) {
			assert.EqualValues(t, 1, asking.Add(1), "one at a time")
			time.Sleep(3 * time.Second)
			asking.Add(-1)
			valid.Store(int64(n))
			return transfer.Location{URL: s.url(n)}, nil
		}
		begin := time.Now()
		s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			// Each URL lives for ten seconds.
			if n, _ := strconv.ParseInt(r.URL.Query().Get("n"), 10, 64); n <= int64(time.Since(begin)/(13*time.Second)) {
				return xmlError(http.StatusForbidden, "AccessDenied", "Request has expired")(w, r)
			}
			return trickle(s, w, r, 1<<10, 250*time.Millisecond)
		}
		_, err := transfer.File(t.Context(), s.source(t), path, inParallel(8))
		require.NoError(t, err)
		assert.LessOrEqual(t, s.located, int(time.Since(begin)/(13*time.Second))+1)
		assert.Greater(t, s.located, 2)
		requireComplete(t, path, s.object)
	})
}

// One that asks for a fresh URL at once, in the place of one that waits, would
// meet the same trouble, and nobody would get over it.
func TestAllRangesGiveStorageTimeAfterARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 2<<20)
		path := target(t)
		begin := time.Now()
		s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n > 1 && time.Since(begin) < 200*time.Millisecond {
				return xmlError(http.StatusForbidden, "AccessDenied", "no")(w, r)
			}
			return false
		}
		_, err := transfer.File(t.Context(), s.source(t), path, inParallel(8))
		require.NoError(t, err)
		assert.LessOrEqual(t, s.located, 3, "the first URL died of age")
		requireComplete(t, path, s.object)
	})
}

func TestFreshURLsThatAreRefusedEndAllRanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 2<<20)
		s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n > 1 {
				return xmlError(http.StatusForbidden, "AccessDenied", "no")(w, r)
			}
			return s.cut(64<<10, w, r)
		}
		_, err := transfer.File(t.Context(), s.source(t), target(t), inParallel(8))
		require.ErrorContains(t, err, "the next call resumes: storage answered 403 AccessDenied: no")
		assert.LessOrEqual(t, s.located, 4)
	})
}

func TestAnObjectThatChangesUnderAllRangesIsStartedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1<<20)
		path := target(t)
		other := archive(1<<20 + 5)
		s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n == 20 {
				s.replace(other, `"other"`, s.modified)
			}
			return trickle(s, w, r, 4<<10, 10*time.Millisecond)
		}
		got, err := transfer.File(t.Context(), s.source(t), path, inParallel(8))
		require.NoError(t, err)
		assert.Equal(t, transfer.Result{Size: int64(len(other)), SHA256: sumOf(other)}, got)
		requireComplete(t, path, other)
	})
}

// What many ranges have left is completed by any number of them.
func TestGapsAreFetchedByTheNextCall(t *testing.T) {
	for _, ranges := range []int{1, 3, 16, 0} {
		t.Run(fmt.Sprint(ranges), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const size = 1 << 20
				s := newStorage(t, size)
				path := target(t)
				s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
					if n%3 == 0 {
						return s.stall(2000, w, r)
					}
					return trickle(s, w, r, 1<<10, 100*time.Millisecond)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				_, err := transfer.File(ctx, s.source(t), path, inParallel(8))
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.Contains(t, err.Error(), "the next call resumes: ")
				lines := readLog(t, path)
				require.Greater(t, strings.Count(lines[len(lines)-1], "],["), 3, "several ranges")

				s.reset()
				got, err := transfer.File(t.Context(), s.source(t), path, inParallel(ranges))
				require.NoError(t, err)
				assert.Equal(t, transfer.Result{Size: size, SHA256: sumOf(s.object), Resumed: got.Resumed}, got)
				assert.Equal(t, size-got.Resumed, s.sentBytes())
				assert.Greater(t, got.Resumed, int64(100_000))
				requireComplete(t, path, s.object)
			})
		})
	}
}

func TestTheLogOfALongTransferStaysSmall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 8<<20)
		path := target(t)
		s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			return trickle(s, w, r, 1<<10, time.Second)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
		defer cancel()
		var longest int64
		_, err := transfer.File(ctx, s.source(t), path, transfer.Options{
			Concurrency: 8, MinChunk: 64 << 10,
			Progress: func(int64, int64) {
				if info, err := os.Stat(path + ".part.log"); err == nil {
					longest = max(longest, info.Size())
				}
			},
		})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Less(t, longest, int64(5<<10))
		assert.Greater(t, longest, int64(2<<10))
		assert.Equal(t, []string{"backup.tar.gz.part", "backup.tar.gz.part.log"}, names(t, filepath.Dir(path)))

		s.reset()
		got, err := transfer.File(t.Context(), s.source(t), path, inParallel(8))
		require.NoError(t, err)
		assert.Greater(t, got.Resumed, int64(6<<20))
		requireComplete(t, path, s.object)
	})
	t.Run("and a new one that did not take its name is removed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 1000)
			path := target(t)
			interrupt(t, s, path, 300)
			require.NoError(t, os.WriteFile(path+".part.log.new", []byte("half"), 0o600))
			got, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
			require.NoError(t, err)
			assert.EqualValues(t, 300, got.Resumed)
			requireComplete(t, path, s.object)
		})
	})
	t.Run("unless it cannot be replaced", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 1<<20)
			path := target(t)
			s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				return trickle(s, w, r, 1<<10, 100*time.Millisecond)
			}
			disk := &disk{fail: func(_ int, op string) error {
				if op == "rename .part.log.new" {
					return os.ErrPermission
				}
				return nil
			}}
			_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{Concurrency: 4, MinChunk: minChunk, FS: disk})
			require.NoError(t, err)
			tried := len(slices.DeleteFunc(disk.ops, func(op string) bool { return op != "rename .part.log.new" }))
			assert.Positive(t, tried)
			assert.Less(t, tried, 10)
			requireComplete(t, path, s.object)
		})
	})
}
