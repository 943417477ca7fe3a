package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/durable"
	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

func TestFileFetchesTheWholeObject(t *testing.T) {
	for _, size := range []int{2, 3, 1000, 1<<18 - 1, 1 << 18, 5<<20 + 7} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, size)
				path := target(t)
				got, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
				require.NoError(t, err)
				assert.Equal(t, transfer.Result{Size: int64(size), SHA256: sumOf(s.object)}, got)
				requireComplete(t, path, s.object)

				require.Len(t, s.seen(), 1, "the first request is the first part, not a probe")
				assert.Equal(t, http.Header{
					"Range": {firstRange}, "Accept-Encoding": {"identity"}, "User-Agent": {"test/1"},
				}, s.seen()[0])
			})
		})
	}
}

func TestFileReplacesAFileOnlyByACompleteOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		require.NoError(t, os.WriteFile(path, []byte("the last backup"), 0o644))
		s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n == 1 {
				return s.cut(500, w, r)
			}
			w.WriteHeader(http.StatusConflict)
			return true
		}
		_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
		require.Error(t, err)
		kept, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, "the last backup", string(kept))

		s.reset()
		got, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
		require.NoError(t, err)
		assert.Equal(t, int64(500), got.Resumed)
		requireComplete(t, path, s.object)
		info, err := os.Stat(path)
		require.NoError(t, err)
		if runtime.GOOS != "windows" {
			assert.Equal(t, fs.FileMode(0o600), info.Mode())
		}
	})
}

func TestFileRefusesATargetBeforeAnyRequest(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege there")
	}
	dir := t.TempDir()
	folder, link, file := filepath.Join(dir, "folder"), filepath.Join(dir, "link"), filepath.Join(dir, "file")
	require.NoError(t, os.Mkdir(folder, 0o700))
	require.NoError(t, os.WriteFile(file, []byte("precious"), 0o600))
	require.NoError(t, os.Symlink(file, link))
	for _, suffix := range []string{".part", ".part.log"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"+suffix), 0o700))
		require.NoError(t, os.Symlink(file, filepath.Join(dir, "x"+suffix[1:]+suffix)))
		require.NoError(t, os.Mkdir(filepath.Join(dir, "y"+suffix[1:]+suffix), 0o700))
	}
	cases := []struct{ name, path, want string }{
		{"folder", folder, "a folder, not a regular file"},
		{"symbolic link", link, "a symbolic link, not a regular file"},
		{"link as part", filepath.Join(dir, "xpart"), "a symbolic link, not a regular file"},
		{"link as log", filepath.Join(dir, "xpart.log"), "a symbolic link, not a regular file"},
		{"folder as part", filepath.Join(dir, "ypart"), "a folder, not a regular file"},
		{"folder as log", filepath.Join(dir, "ypart.log"), "a folder, not a regular file"},
		{"missing folder", filepath.Join(dir, "missing", "file"), "is missing"},
		{"file as folder", filepath.Join(file, "file"), "not a directory"},
		{"trailing slash", folder + string(filepath.Separator), "does not name a file"},
		{"empty", "", "does not name a file"},
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			before := names(t, dir)
			source := transfer.Source{Locate: func(context.Context) (transfer.Location, error) {
				t.Error("asked for an address")
				return transfer.Location{}, errors.New("no")
			}}
			_, err := transfer.File(t.Context(), source, tt.path, transfer.Options{})
			require.ErrorContains(t, err, tt.want)
			assert.Equal(t, before, names(t, dir), "nothing is left behind")
		})
	}
	kept, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, "precious", string(kept))
}

func TestFileRefusesASecondCallForTheSamePath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool { return s.stall(500, w, r) }
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan error)
		go func() {
			_, err := transfer.File(ctx, s.source(t), path, transfer.Options{})
			first <- err
		}()
		synctest.Wait()

		_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
		require.ErrorIs(t, err, durable.ErrLocked)
		require.ErrorContains(t, err, path)
		assert.Equal(t, 1, s.located, "the second call asked for nothing")

		cancel()
		require.ErrorContains(t, <-first, "fetched 500 of 1000 bytes")
		s.reset()
		got, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
		require.NoError(t, err)
		assert.Equal(t, int64(500), got.Resumed)
		requireComplete(t, path, s.object)
	})
}

func TestFileLeavesNothingBehindWhenNothingCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		notReady := errors.New("archive is not ready")
		s.locate = func(context.Context, int) (transfer.Location, error) { return transfer.Location{}, notReady }
		_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
		require.Equal(t, notReady, err)
		assert.Empty(t, names(t, filepath.Dir(path)))

		// A part without a log is somebody's: it stays until there is something better.
		require.NoError(t, os.WriteFile(path+".part", []byte("of another program"), 0o600))
		_, err = transfer.File(t.Context(), s.source(t), path, transfer.Options{})
		require.Equal(t, notReady, err)
		assert.Equal(t, []string{"backup.tar.gz.part"}, names(t, filepath.Dir(path)))

		s.reset()
		got, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
		require.NoError(t, err)
		assert.Zero(t, got.Resumed)
		requireComplete(t, path, s.object)
	})
}

func TestFileReportsProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 1 << 20
		s := newStorage(t, size)
		s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			return trickle(s, w, r, 1<<12, 10*time.Millisecond)
		}
		type call struct{ written, total int64 }
		var calls []call
		var times []time.Time
		_, err := transfer.File(t.Context(), s.source(t), target(t), transfer.Options{Progress: func(written, total int64) {
			calls, times = append(calls, call{written, total}), append(times, time.Now())
		}})
		require.NoError(t, err)
		assert.Equal(t, call{size, size}, calls[len(calls)-1])
		assert.InDelta(t, 256/10, len(calls), 4)
		for i := 1; i < len(calls); i++ {
			assert.Equal(t, int64(size), calls[i].total)
			assert.GreaterOrEqual(t, calls[i].written, calls[i-1].written)
			if i < len(calls)-1 {
				assert.GreaterOrEqual(t, times[i].Sub(times[i-1]), 100*time.Millisecond)
			}
		}
	})
}

func TestFileReportsProgressOnceMoreAfterAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool { return s.stall(400, w, r) }
		last := [2]int64{}
		progress := func(written, total int64) { last = [2]int64{written, total} }
		_, err := transfer.File(ctx, s.source(t), path, transfer.Options{Progress: progress})
		require.Error(t, err)
		assert.Equal(t, [2]int64{400, 1000}, last)

		// The next call counts what was there, and says so even if it gets nowhere.
		s.reset()
		s.locate = func(context.Context, int) (transfer.Location, error) { return transfer.Location{}, errors.New("no") }
		last = [2]int64{}
		_, err = transfer.File(t.Context(), s.source(t), path, transfer.Options{Progress: progress})
		require.EqualError(t, err, "fetched 400 of 1000 bytes to "+path+".part; the next call resumes: no")
		assert.Equal(t, [2]int64{400, 1000}, last)
	})
}

func TestFileWithAnUnknownSize(t *testing.T) {
	t.Run("ends with the last chunk", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 300_000)
			path := target(t)
			told := make(chan struct{})
			s.answer = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Etag", s.etag)
				_, _ = w.Write(s.object[:100_000])
				_ = http.NewResponseController(w).Flush()
				<-told
				_, _ = w.Write(s.object[100_000:])
				return true
			}
			var totals []int64
			tell := sync.OnceFunc(func() { close(told) })
			got, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{
				Progress: func(_, total int64) {
					totals = append(totals, total)
					tell()
				},
			})
			require.NoError(t, err)
			assert.Equal(t, transfer.Result{Size: 300_000, SHA256: sumOf(s.object)}, got)
			assert.Equal(t, int64(-1), totals[0])
			assert.Equal(t, int64(300_000), totals[len(totals)-1])
			requireComplete(t, path, s.object)
		})
	})
	t.Run("survives a cut", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 300_000)
			path := target(t)
			s.answer = each([]int{1}, func(w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Etag", s.etag)
				_, _ = w.Write(s.object[:100_000])
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			})
			_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
			require.NoError(t, err)
			assert.Equal(t, []string{firstRange, "bytes=100000-"}, s.ranges())
			requireComplete(t, path, s.object)
		})
	})
	t.Run("asks whether the end of a connection was the end", func(t *testing.T) {
		for name, sent := range map[string]int{"it was": 300_000, "it was not": 100_000} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newStorage(t, 300_000)
					path := target(t)
					s.answer = each([]int{1}, func(w http.ResponseWriter, _ *http.Request) bool {
						conn, buf, err := http.NewResponseController(w).Hijack()
						if !assert.NoError(t, err) {
							return true
						}
						_, _ = fmt.Fprintf(buf, "HTTP/1.1 200 OK\r\nEtag: %s\r\nConnection: close\r\n\r\n", s.etag)
						_, _ = buf.Write(s.object[:sent])
						_ = buf.Flush()
						_ = conn.Close()
						return true
					})
					got, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
					require.NoError(t, err)
					assert.Equal(t, int64(300_000), got.Size)
					assert.Equal(t, []string{firstRange, fmt.Sprintf("bytes=%d-", sent)}, s.ranges())
					requireComplete(t, path, s.object)
				})
			})
		}
	})
}

func TestFileEndsWithItsContext(t *testing.T) {
	reason := errors.New("the operator pressed Ctrl-C")
	where := map[string]func(s *storage){
		"while storage is silent": func(s *storage) {
			s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool { return s.stall(600, w, r) }
		},
		"while waiting to try again": func(s *storage) {
			s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
				if n == 1 {
					return s.cut(600, w, r)
				}
				w.Header().Set("Retry-After", "200")
				w.WriteHeader(http.StatusServiceUnavailable)
				return true
			}
		},
		"while an address is looked for": func(s *storage) {
			s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
				if n == 1 {
					return s.cut(600, w, r)
				}
				w.WriteHeader(http.StatusForbidden)
				return true
			}
			s.locate = func(ctx context.Context, n int) (transfer.Location, error) {
				if n == 1 {
					return transfer.Location{URL: s.url(n)}, nil
				}
				<-ctx.Done()
				return transfer.Location{}, ctx.Err()
			}
		},
	}
	for name, prepare := range where {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 1000)
				path := target(t)
				prepare(s)
				ctx, cancel := context.WithCancelCause(t.Context())
				begin := time.Now()
				time.AfterFunc(50*time.Second, func() { cancel(reason) })
				_, err := transfer.File(ctx, s.source(t), path, transfer.Options{})
				require.ErrorIs(t, err, context.Canceled)
				require.ErrorIs(t, err, reason)
				require.EqualError(t, err, "fetched 600 of 1000 bytes to "+path+".part; the next call resumes: "+
					"context canceled: the operator pressed Ctrl-C")
				assert.Equal(t, 50*time.Second, time.Since(begin))

				s.reset()
				got, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
				require.NoError(t, err)
				assert.Equal(t, int64(600), got.Resumed)
				assert.Equal(t, int64(400), s.sentBytes(), "only the rest is fetched")
				requireComplete(t, path, s.object)
			})
		})
	}
	t.Run("before it begins", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 1000)
			path := target(t)
			ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
			defer cancel()
			_, err := transfer.File(ctx, s.source(t), path, transfer.Options{})
			require.Equal(t, context.DeadlineExceeded, err)
			assert.Zero(t, s.located)
			assert.Empty(t, names(t, filepath.Dir(path)))
		})
	})
}

func TestLogsAndErrorsHaveNoQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 3<<20)
		path := target(t)
		s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
			switch n {
			case 1:
				return s.cut(2<<20, w, r)
			case 2:
				w.WriteHeader(http.StatusServiceUnavailable)
			case 3:
				w.WriteHeader(http.StatusForbidden)
			default:
				w.WriteHeader(http.StatusBadRequest)
				_, _ = fmt.Fprintf(w, "<Error><Code>Bad</Code><Message>what is http://x%s?%s or %s</Message></Error>", s.path, secret, secret)
			}
			return true
		}
		var log bytes.Buffer
		source := s.source(t)
		source.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		_, err := transfer.File(t.Context(), source, path, transfer.Options{})
		require.EqualError(t, err, fmt.Sprintf("fetched %d of %d bytes to %s.part; the next call resumes: "+
			"storage answered 400 Bad: what is http://x%s?REDACTED or X-Amz-Signature=REDACTED", 2<<20, 3<<20, path, s.path))
		assert.Contains(t, log.String(), `level=WARN msg="transfer interrupted" error="unexpected EOF" offset=2097152`)
		assert.Contains(t, log.String(), `level=WARN msg="signed URL renewed" host=storage.test path=/migration/25320/24575`)
		assert.Contains(t, log.String(), `level=DEBUG msg="storage answered" host=storage.test path=/migration/25320/24575 offset=2097152 status=503`)
		assert.NotContains(t, log.String(), "deadbeef")
		written, err := os.ReadFile(path + ".part.log")
		require.NoError(t, err)
		requireNoSecret(t, string(written))
	})
}

// trickle sends the rest of the object in pieces with a wait before each.
func trickle(s *storage, w http.ResponseWriter, r *http.Request, piece int, wait time.Duration) bool {
	object, _, _ := s.current()
	s.serveFirst(0, w, r)
	from, end, ok := byteRange(r, len(object))
	if !ok {
		end = len(object)
	}
	for from < end {
		if !pause(r, wait) {
			return true
		}
		n := min(piece, end-from)
		if _, err := w.Write(object[from : from+n]); err != nil {
			return true
		}
		_ = http.NewResponseController(w).Flush()
		from += n
	}
	return true
}

// pause waits, and reports whether the client did too.
func pause(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

func target(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "backup.tar.gz")
}

// requireComplete makes sure that path has the object, and that nothing else is
// left.
func requireComplete(t *testing.T, path string, object []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, bytes.Equal(object, got), "%d bytes of %d", len(got), len(object))
	require.Equal(t, []string{filepath.Base(path)}, names(t, filepath.Dir(path)))
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}
