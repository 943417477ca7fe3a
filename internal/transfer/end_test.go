package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

// A server that closes a connection without an answer is io.EOF to net/http.
// Whatever brings that error, it must not pass for the object's end.
func TestAnEOFInsideAnErrorIsNotTheEnd(t *testing.T) {
	lost := fmt.Errorf("ask for an address: %w", io.EOF)
	troubles := map[string]func(s *storage, cancel context.CancelCauseFunc){
		"no fresh URL": func(s *storage, _ context.CancelCauseFunc) {
			s.locate = func(_ context.Context, n int) (transfer.Location, error) {
				if n > 1 {
					return transfer.Location{}, lost
				}
				return transfer.Location{URL: s.url(n)}, nil
			}
			s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
				if n == 1 {
					return s.cut(300, w, r)
				}
				w.WriteHeader(http.StatusForbidden)
				return true
			}
		},
		"no URL": func(s *storage, _ context.CancelCauseFunc) {
			s.locate = func(context.Context, int) (transfer.Location, error) { return transfer.Location{}, lost }
		},
		"no answer any more": func(s *storage, _ context.CancelCauseFunc) {
			s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
				if n == 1 {
					return s.cut(300, w, r)
				}
				panic(http.ErrAbortHandler)
			}
		},
		"nothing to resume by": func(s *storage, _ context.CancelCauseFunc) {
			s.etag, s.modified = "", ""
			s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
				if n%2 == 1 {
					return s.cut(300, w, r)
				}
				panic(http.ErrAbortHandler)
			}
		},
		"a context that ends with it": func(s *storage, cancel context.CancelCauseFunc) {
			s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				s.serveFirst(300, w, r)
				_ = http.NewResponseController(w).Flush()
				cancel(io.EOF)
				<-r.Context().Done()
				return true
			}
		},
	}
	for name, trouble := range troubles {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				s := newStorage(t, 1000)
				trouble(s, cancel)
				path := target(t)
				_, err := transfer.File(ctx, s.source(t), path, transfer.Options{})
				require.Error(t, err)
				assert.NoFileExists(t, path)
			})
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				s := newStorage(t, 1000)
				trouble(s, cancel)
				stream, err := transfer.Open(ctx, s.source(t))
				if err != nil {
					return
				}
				defer stream.Close()
				_, err = io.Copy(io.Discard, stream)
				require.Error(t, err)
				assert.Empty(t, stream.SHA256())
			})
		})
	}
}

// What Locate calls passing is tried again for as long as there is progress to
// hope for.
func TestPassingErrorsOfLocate(t *testing.T) {
	outage := errors.New("502")
	start := func(t *testing.T, down time.Duration) (*storage, string) {
		t.Helper()
		s := newStorage(t, 1000)
		began := time.Now()
		s.locate = func(_ context.Context, n int) (transfer.Location, error) {
			if n > 1 && time.Since(began) < down {
				return transfer.Location{}, transfer.Passing(outage)
			}
			return transfer.Location{URL: s.url(n)}, nil
		}
		s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
			switch n {
			case 1:
				return s.cut(300, w, r)
			case 2:
				w.WriteHeader(http.StatusForbidden)
				return true
			}
			return false
		}
		return s, target(t)
	}
	t.Run("of two minutes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, path := start(t, 2*time.Minute)
			_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
			require.NoError(t, err)
			requireComplete(t, path, s.object)
		})
	})
	t.Run("for ever", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			s, path := start(t, 24*time.Hour)
			_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
			require.ErrorIs(t, err, outage)
			require.ErrorContains(t, err, "no progress")
			assert.LessOrEqual(t, time.Since(began), 5*time.Minute)
		})
	})
}

func TestFileLeavesNoGoroutineBehindAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // fails if a goroutine is left
		s := newStorage(t, 1000)
		assert.PanicsWithValue(t, "from Progress", func() {
			_, _ = transfer.File(t.Context(), s.source(t), target(t), transfer.Options{Progress: func(int64, int64) { panic("from Progress") }})
		})
	})
}

func TestAMalformedRedirectIsFinalAndNotQuoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		s.answer = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Location", "https://elsewhere.test/%zz? a&"+secret)
			w.WriteHeader(http.StatusFound)
			return true
		}
		path := target(t)
		_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
		require.EqualError(t, err, "get http://storage.test/migration/25320/24575: redirect to a malformed Location")
		assert.Len(t, s.seen(), 1)
		assert.Empty(t, names(t, filepath.Dir(path)))
	})
}

// A RoundTripper of the caller's may wrap the errors of a body.
func TestAWrappedEOFOfABodyIsACut(t *testing.T) {
	object := archive(1000)
	source := func() transfer.Source {
		asked := 0
		return fuzzSource(func(*http.Request) *http.Response {
			h := http.Header{"Etag": {`"1"`}}
			if asked++; asked == 1 {
				return &http.Response{
					StatusCode: http.StatusOK, Header: h, ContentLength: -1, TransferEncoding: []string{"chunked"}, ProtoMajor: 1,
					Body: io.NopCloser(io.MultiReader(bytes.NewReader(object[:300]), iotest.ErrReader(fmt.Errorf("read tcp: %w", io.EOF)))),
				}
			}
			h.Set("Content-Range", "bytes 300-999/1000")
			return &http.Response{
				StatusCode: http.StatusPartialContent, Header: h, ContentLength: 700, ProtoMajor: 1,
				Body: io.NopCloser(bytes.NewReader(object[300:])),
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		path := target(t)
		_, err := transfer.File(t.Context(), source(), path, transfer.Options{})
		require.NoError(t, err)
		requireComplete(t, path, object)

		stream, err := transfer.Open(t.Context(), source())
		require.NoError(t, err)
		defer stream.Close()
		got, err := io.ReadAll(stream)
		require.NoError(t, err)
		assert.Equal(t, object, got)
	})
}

// What bears the names of a part and its log is renamed only if it is what
// the call holds.
func TestFileDoesNotPlaceWhatItDoesNotHold(t *testing.T) {
	for name, remove := range map[string][]string{
		"the part was removed": {".part"}, "the log was removed": {".part.log"}, "both were removed": {".part", ".part.log"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 100_000)
				path := target(t)
				s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool { return trickle(s, w, r, 10_000, time.Second) }
				first, second := make(chan error, 1), make(chan error, 1)
				start := func(ended chan<- error) {
					_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
					ended <- err
				}
				go start(first)
				time.Sleep(5500 * time.Millisecond)
				for _, suffix := range remove {
					require.NoError(t, os.Remove(path+suffix))
				}
				go start(second)
				require.ErrorContains(t, <-first, "by another program")
				assert.NoFileExists(t, path)
				if err := <-second; err == nil {
					requireComplete(t, path, s.object)
				} else {
					assert.NoFileExists(t, path)
				}
				_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
				require.NoError(t, err)
				requireComplete(t, path, s.object)
			})
		})
	}
	t.Run("the part is the path of another", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, other := newStorage(t, 100_000), newStorage(t, 5_000)
			path := target(t)
			s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool { return trickle(s, w, r, 10_000, time.Second) }
			ended := make(chan error, 1)
			go func() {
				_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
				ended <- err
			}()
			time.Sleep(5500 * time.Millisecond)
			_, err := transfer.File(t.Context(), other.source(t), path+".part", transfer.Options{})
			require.NoError(t, err)
			require.ErrorContains(t, <-ended, "by another program")
			assert.NoFileExists(t, path)
		})
	})
}

// All has been fetched and hashed, and then somebody else cuts the part off.
func TestAPartThatWasCutOffIsNotPlaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 100_000)
		path := target(t)
		disk := &disk{}
		cut := false
		disk.fail = func(_ int, op string) error {
			if op == "stat .part" && slices.Contains(disk.ops, "write .part") { // the look before it is placed
				cut = true
				return os.Truncate(path+".part", 99_999)
			}
			return nil
		}
		_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{FS: disk})
		require.ErrorContains(t, err, path+".part was truncated by another program")
		require.True(t, cut)
		require.NoFileExists(t, path)

		s.reset()
		_, err = transfer.File(t.Context(), s.source(t), path, transfer.Options{})
		require.NoError(t, err)
		requireComplete(t, path, s.object)
	})
}

// If a proxy responds to a later range with a page, the fetched bytes are kept.
func TestAPageInPlaceOfTheRestCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		interrupt(t, s, path, 900)
		s.answer = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<html>Sign in "))
			return true
		}
		_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
		require.ErrorContains(t, err, `storage sent "text/html", without saying of what, instead of the rest`)
		s.reset()
		got, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
		require.NoError(t, err)
		assert.EqualValues(t, 900, got.Resumed)
		requireComplete(t, path, s.object)
	})
}

// Some proxies make a 200 of a 206.
func TestA200WithARangeIsNotTheWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		s.answer = func(n int, w http.ResponseWriter, _ *http.Request) bool {
			if n > 1 {
				return false
			}
			w.Header().Set("Content-Range", "bytes 0-499/1000")
			w.Header().Set("Etag", s.etag)
			_, _ = w.Write(s.object[:500])
			return true
		}
		_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
		require.NoError(t, err)
		requireComplete(t, path, s.object)
	})
}

// Two bytes a URL must not mean a thousand URLs a second.
func TestURLsThatDieAtOnceAreNotAskedForInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 3000)
		s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n%2 == 0 {
				w.WriteHeader(http.StatusForbidden)
				return true
			}
			from, _ := rangeStart(r)
			w.Header().Set("Etag", s.etag)
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/3000", from, from+1))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(s.object[from : from+2])
			return true
		}
		_, err := transfer.File(t.Context(), s.source(t), target(t), transfer.Options{})
		require.ErrorContains(t, err, "no progress")
		assert.Less(t, len(s.seen()), 100)
	})
}
