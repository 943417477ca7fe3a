package transfer_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

// Whatever storage does and whenever a process dies, in the end the right
// file is in place, and at no time a wrong one. A failure names its seed.
func TestFileEndsRightWhateverHappens(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 0))
				s := newStorage(t, 2+random.IntN(300_000))
				path := target(t)
				old := []byte("the last backup")
				require.NoError(t, os.WriteFile(path, old, 0o600))
				for calls := 0; ; calls++ {
					if calls == 20 {
						s.reset()
					}
					if calls < 20 {
						s.answer = chaos(s, random)
					}
					disk := &disk{}
					if random.IntN(2) == 0 {
						disk = dieAt(random.IntN(60))
					}
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+random.IntN(300))*time.Second)
					if calls >= 20 {
						disk = nil
						cancel()
						ctx, cancel = context.WithCancel(t.Context())
					}
					opts := transfer.Options{}
					if disk != nil {
						opts.FS = disk
					}
					got, err := transfer.File(ctx, s.source(t), path, opts)
					cancel()
					s.seen() // storage is done
					inPlace, readErr := os.ReadFile(path)
					require.NoError(t, readErr)
					if sum := sumOf(inPlace); sum != sumOf(old) {
						require.Equal(t, sumOf(s.object), sum, "call %d put a wrong file in place: %v", calls, err)
					}
					if err == nil {
						require.Equal(t, transfer.Result{Size: int64(len(s.object)), SHA256: sumOf(s.object), Resumed: got.Resumed}, got)
						requireComplete(t, path, s.object)
						return
					}
					require.NotErrorIs(t, err, os.ErrClosed)
					requireNoSecret(t, err.Error())
					require.Less(t, calls, 25, "%v", err)
				}
			})
		})
	}
}

// chaos answers a request in a way that storage has been seen to, or worse.
func chaos(s *storage, random *rand.Rand) func(int, http.ResponseWriter, *http.Request) bool {
	return func(_ int, w http.ResponseWriter, r *http.Request) bool {
		some := random.IntN(len(s.object) + 1)
		fault := func(name, value string) bool {
			s.serveFirst(len(s.object), &overridingWriter{ResponseWriter: w, name: name, value: value}, r)
			return true
		}
		switch random.IntN(16) {
		case 0, 1, 2:
			return s.cut(some, w, r)
		case 3:
			return s.stall(some, w, r)
		case 4:
			return trickle(s, w, r, 1+random.IntN(50_000), time.Duration(random.IntN(40))*time.Second)
		case 5:
			w.WriteHeader([]int{403, 404, 429, 500, 503}[random.IntN(5)])
			return true
		case 6:
			return fault("Content-Range", fmt.Sprintf("bytes %d-%d/%d", some, len(s.object)-1, len(s.object)))
		case 7:
			return fault("Etag", []string{"", `"other"`, `W/"weak"`}[random.IntN(3)])
		case 8:
			r.Header.Del("Range")
			return s.cut(some, w, r)
		case 9:
			w.Header().Set("Content-Range", "bytes */"+fmt.Sprint(some))
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			return true
		case 10:
			panic(http.ErrAbortHandler)
		case 11:
			_, _ = w.Write([]byte("<html>Sign in to the hotel's network</html>"))
			return true
		case 12: // too much, in chunks
			if from, ok := rangeStart(r); ok && from < len(s.object) {
				w.Header().Set("Etag", s.etag)
				w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(s.object)-1, len(s.object)))
				w.WriteHeader(http.StatusPartialContent)
				_ = http.NewResponseController(w).Flush()
				_, _ = w.Write(s.object[from:])
				_, _ = w.Write([]byte("and more"))
				return true
			}
			return false
		default:
			return false
		}
	}
}
