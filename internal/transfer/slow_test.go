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

// One connection that hangs costs ten seconds, when others wait for it.
func TestARangeThatHangsIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1<<20)
		path := target(t)
		s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool { return n == 5 && s.stall(100, w, r) }
		begin := time.Now()
		_, err := transfer.File(t.Context(), s.source(t), path, inParallel(8))
		require.NoError(t, err)
		assert.InDelta(t, 10*time.Second, time.Since(begin), float64(time.Second))
		assert.EqualValues(t, 1<<20, s.sentBytes())
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
					assert.Len(t, s.seen(), size/chunk+2, "the first chunk is a smaller one, and one request is made anew")
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
		assert.InDelta(t, 42, time.Since(begin).Seconds(), 2, "10 s and 32 s")
		requireComplete(t, path, s.object)
	})
}
