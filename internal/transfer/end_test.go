package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"testing"
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
