package transfer_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

// One connection that hangs costs two seconds, while others get their bytes.
func TestARangeThatHangsIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1<<20)
		path := target(t)
		s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n == 5 {
				return s.stall(100, w, r)
			}
			return trickle(s, w, r, 4<<10, 10*time.Millisecond)
		}
		begin := time.Now()
		_, err := transfer.File(t.Context(), s.source(t), path, inParallel(8))
		require.NoError(t, err)
		assert.InDelta(t, 2*time.Second, time.Since(begin), float64(time.Second))
		assert.InDelta(t, 1<<20, s.sentBytes(), 8*(8<<10), "what was on its way when a request was cut off is lost")
		requireComplete(t, path, s.object)
	})
}

// One that trickles is not silent, and yet all others come to wait for it.
func TestARangeThatIsMuchSlowerIsAskedForAgain(t *testing.T) {
	const size, chunk = 4 << 20, 64 << 10 // 64 s over four connections
	for name, slow := range map[string]func(s *storage, w http.ResponseWriter, r *http.Request) bool{
		"an eighth": func(s *storage, w http.ResponseWriter, r *http.Request) bool {
			return trickle(s, w, r, 2<<10, time.Second)
		},
		"ten bytes a second": func(s *storage, w http.ResponseWriter, r *http.Request) bool {
			return trickle(s, w, r, 100, 10*time.Second)
		},
	} {
		for _, n := range []int{3, 64} {
			t.Run(fmt.Sprintf("%s, request %d", name, n), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newStorage(t, size)
					path := target(t)
					s.answer = func(number int, w http.ResponseWriter, r *http.Request) bool {
						if number == n {
							return slow(s, w, r)
						}
						return trickle(s, w, r, 1<<10, time.Second/16)
					}
					begin := time.Now()
					_, err := transfer.File(t.Context(), s.source(t), path, inParallel(4))
					require.NoError(t, err)
					assert.Less(t, time.Since(begin), 90*time.Second)
					assert.Less(t, len(s.seen()), size/chunk+20, "the last chunks are split")
					requireComplete(t, path, s.object)
				})
			})
		}
	}
}

// What is usual is known before the first chunk has come.
func TestTheSlowerOneOfTheLastTwoIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const chunk, second = 64 << 10, 2 << 10 // 32 s for each
		s := newStorage(t, 4*chunk)
		path := target(t)
		opts := transfer.Options{Concurrency: 8, MinChunk: chunk}
		interrupt(t, s, path, 2*chunk)
		s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n == 1 {
				return trickle(s, w, r, second/20, time.Second)
			}
			return trickle(s, w, r, second, time.Second)
		}
		begin := time.Now()
		_, err := transfer.File(t.Context(), s.source(t), path, opts)
		require.NoError(t, err)
		assert.Less(t, time.Since(begin), 34*time.Second)
		requireComplete(t, path, s.object)
	})
}
