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

func TestFileStartsOverOnceWhenTheObjectChanges(t *testing.T) {
	replace := func(s *storage) {
		s.object = archive(1200)
		s.etag = `"another"`
		s.modified = "Fri, 14 Sep 2018 00:00:00 GMT"
	}
	changes := map[string]func(s *storage, w http.ResponseWriter, r *http.Request) bool{
		"412": func(s *storage, w http.ResponseWriter, r *http.Request) bool { return false },
		"416 with another size": func(_ *storage, w http.ResponseWriter, r *http.Request) bool {
			return unsatisfiable("bytes */200")(w, r)
		},
		"200 to a later range": func(s *storage, w http.ResponseWriter, r *http.Request) bool { return s.sendAll(w, false) },
		"206 of another object": func(s *storage, w http.ResponseWriter, r *http.Request) bool {
			r.Header.Del("If-Match")
			return false
		},
		"206 of another size": func(s *storage, w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Etag", r.Header.Get("If-Match"))
			w.Header().Set("Content-Range", "bytes 300-1199/1200")
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(s.object[300:])
			return true
		},
		"206 with more than announced": func(s *storage, w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Etag", r.Header.Get("If-Match"))
			w.Header().Set("Content-Range", "bytes 300-999/1000")
			w.WriteHeader(http.StatusPartialContent)
			_ = http.NewResponseController(w).Flush()
			_, _ = w.Write(s.object[300:])
			return true
		},
	}
	for name, change := range changes {
		run(t, name, func(t *testing.T) {
			s := newStorage(t, 1000)
			s.respond = inOrder(s.cutAfter(300), func(w http.ResponseWriter, r *http.Request) bool {
				replace(s)
				return change(s, w, r)
			})
			got := requireFetched(t, s, target(t), transfer.Options{})
			assert.Zero(t, got.Resumed)
			assert.Equal(t, []string{firstRange, "bytes=300-", firstRange}, s.ranges())
		})
		run(t, name+" twice", func(t *testing.T) {
			s := newStorage(t, 1000)
			path := target(t)
			s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool {
				if n%2 == 1 || r.Header.Get("Range") == "" {
					s.object, s.etag = archive(1000), fmt.Sprintf(`"%d"`, n)
					return s.cut(300, w, r)
				}
				replace(s)
				return change(s, w, r)
			}
			_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
			require.ErrorIs(t, err, transfer.ErrChanged)
			assert.Equal(t, []string{firstRange, "bytes=300-", firstRange, "bytes=300-", "", "", "", ""}, s.ranges())
			assert.NoFileExists(t, path)

			s.reset()
			got := requireFetched(t, s, path, transfer.Options{})
			assert.Zero(t, got.Resumed, "no byte of the old object is used")
		})
	}
	for name, tt := range map[string]struct {
		etag string
		want []string
	}{
		"a new path, with an ETag":    {`"1"`, []string{firstRange, "bytes=300-", "bytes=300-"}},
		"a new path, without an ETag": {"", []string{firstRange, "bytes=300-", firstRange}},
	} {
		run(t, name, func(t *testing.T) {
			s := newStorage(t, 1000)
			s.etag = tt.etag
			s.respond = inOrder(s.cutAfter(300), func(w http.ResponseWriter, r *http.Request) bool {
				s.path = "/migration/25320/99999"
				return status(http.StatusForbidden)(w, r)
			})
			requireFetched(t, s, target(t), transfer.Options{})
			assert.Equal(t, tt.want, s.ranges())
		})
	}
	run(t, "three objects, and no bytes of the first two", func(t *testing.T) {
		s := newStorage(t, 1000)
		s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n > 3 {
				return false
			}
			s.etag = fmt.Sprintf(`"%d"`, n)
			return s.cut(max(0, n-2), w, r) // no bytes, no bytes, one byte
		}
		requireFetched(t, s, target(t), transfer.Options{})
	})
}

func TestAnObjectThatChangesDuringParallelRangesIsStartedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1<<20)
		other := archive(1<<20 + 5)
		s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n == 20 {
				s.replace(other, `"other"`, s.modified)
			}
			return trickle(s, w, r, 4<<10, 10*time.Millisecond)
		}
		got := requireFetched(t, s, target(t), inParallel(8))
		assert.Equal(t, transfer.Result{Size: int64(len(other)), SHA256: sumOf(other)}, got)
	})
}
