package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
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
		run(t, fmt.Sprint(size), func(t *testing.T) {
			s := newStorage(t, size)
			got := requireFetched(t, s, target(t), transfer.Options{FS: durable.OS{}})
			assert.Zero(t, got.Resumed)

			require.Len(t, s.requestHeaders(), 1, "the first request fetches bytes")
			assert.Equal(t, http.Header{
				"Range": {firstRange}, "Accept-Encoding": {"identity"}, "User-Agent": {"test/1"},
			}, s.requestHeaders()[0])
		})
	}
}

func TestFileReplacesAFileOnlyByACompleteOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		require.NoError(t, os.WriteFile(path, []byte("the last backup"), 0o644))
		s.respond = firstThen(s.cutAfter(500), status(http.StatusConflict))
		_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
		require.Error(t, err)
		kept, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, "the last backup", string(kept))

		s.reset()
		got := requireFetched(t, s, path, transfer.Options{FS: durable.OS{}})
		assert.Equal(t, int64(500), got.Resumed)
		info, err := os.Stat(path)
		require.NoError(t, err)
		if runtime.GOOS != "windows" {
			assert.Equal(t, fs.FileMode(0o600), info.Mode())
		}
	})
}

func TestFileRefusesAPathBeforeAnyRequest(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege on Windows")
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
				t.Error("Locate was called")
				return transfer.Location{}, errors.New("no")
			}}
			_, err := transfer.File(t.Context(), source, tt.path, transfer.Options{})
			require.ErrorContains(t, err, tt.want)
			assert.Equal(t, before, names(t, dir), "no file is left")
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
		s.respond = always(s.stallAfter(500))
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
		assert.Equal(t, 1, s.located, "the second call sends no request")

		cancel()
		require.ErrorContains(t, <-first, "fetched 500 of 1000 bytes")
		s.reset()
		got := requireFetched(t, s, path, transfer.Options{})
		assert.Equal(t, int64(500), got.Resumed)
	})
}

func TestFileLeavesNoFilesIfNoBytesArrived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		notReady := errors.New("archive is not ready")
		s.locate = func(context.Context, int) (transfer.Location, error) { return transfer.Location{}, notReady }
		_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
		require.Equal(t, notReady, err)
		assert.Empty(t, names(t, filepath.Dir(path)))

		// A part without a log belongs to another program. It stays until there are bytes to
		// write.
		require.NoError(t, os.WriteFile(path+".part", []byte("of another program"), 0o600))
		_, err = transfer.File(t.Context(), s.source(t), path, transfer.Options{})
		require.Equal(t, notReady, err)
		assert.Equal(t, []string{"backup.tar.gz.part"}, names(t, filepath.Dir(path)))

		s.reset()
		got := requireFetched(t, s, path, transfer.Options{})
		assert.Zero(t, got.Resumed)
	})
}

func TestARelativePathSurvivesAChangeOfTheWorkingDirectory(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	s := &storage{object: archive(1000)}
	source := roundTripSource(func(*http.Request) *http.Response {
		return &http.Response{StatusCode: http.StatusOK, ContentLength: 1000, Body: io.NopCloser(bytes.NewReader(s.object))}
	})
	elsewhere := t.TempDir()
	source.Locate = func(context.Context) (transfer.Location, error) {
		t.Chdir(elsewhere)
		return transfer.Location{URL: "https://storage.test/1"}, nil
	}
	_, err := transfer.File(t.Context(), source, "backup.tar.gz", transfer.Options{})
	require.NoError(t, err)
	requireComplete(t, filepath.Join(dir, "backup.tar.gz"), s.object)
}

func TestFileReportsProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 1 << 20
		s := newStorage(t, size)
		s.respond = always(s.trickling(1<<12, 10*time.Millisecond))
		type call struct{ written, total int64 }
		var calls []call
		var times []time.Time
		requireFetched(t, s, target(t), transfer.Options{Progress: func(written, total int64) {
			calls, times = append(calls, call{written, total}), append(times, time.Now())
		}})
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

func TestFileReportsProgressAfterAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		s.respond = always(s.stallAfter(400))
		last := [2]int64{}
		progress := func(written, total int64) { last = [2]int64{written, total} }
		_ = interruptAfter(t, s, path, time.Second, transfer.Options{Progress: progress})
		assert.Equal(t, [2]int64{400, 1000}, last)

		// The next call counts the bytes of the first one, even if it fails at once.
		s.locate = func(context.Context, int) (transfer.Location, error) { return transfer.Location{}, errors.New("no") }
		last = [2]int64{}
		_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{Progress: progress})
		require.EqualError(t, err, "fetched 400 of 1000 bytes to "+path+".part; the next call resumes: no")
		assert.Equal(t, [2]int64{400, 1000}, last)
	})
}

func TestFileWithAnUnknownSize(t *testing.T) {
	run(t, "the last chunk is the end", func(t *testing.T) {
		s := newStorage(t, 300_000)
		reported := make(chan struct{})
		s.respond = always(func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Etag", s.etag)
			_, _ = w.Write(s.object[:100_000])
			_ = http.NewResponseController(w).Flush()
			<-reported
			_, _ = w.Write(s.object[100_000:])
			return true
		})
		var totals []int64
		report := sync.OnceFunc(func() { close(reported) })
		requireFetched(t, s, target(t), transfer.Options{
			Progress: func(_, total int64) {
				totals = append(totals, total)
				report()
			},
		})
		assert.Equal(t, int64(-1), totals[0])
		assert.Equal(t, int64(300_000), totals[len(totals)-1])
	})
	run(t, "a chunked body is cut", func(t *testing.T) {
		s := newStorage(t, 300_000)
		s.respond = inOrder(func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Etag", s.etag)
			_, _ = w.Write(s.object[:100_000])
			_ = http.NewResponseController(w).Flush()
			return hangUp(w, r)
		})
		requireFetched(t, s, target(t), transfer.Options{})
		assert.Equal(t, []string{firstRange, "bytes=100000-"}, s.ranges())
	})
	for name, sent := range map[string]int{"the end of the connection is the end": 300_000, "the end of the connection is a cut": 100_000} {
		run(t, name, func(t *testing.T) {
			s := newStorage(t, 300_000)
			s.respond = inOrder(func(w http.ResponseWriter, _ *http.Request) bool {
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
			requireFetched(t, s, target(t), transfer.Options{})
			assert.Equal(t, []string{firstRange, fmt.Sprintf("bytes=%d-", sent)}, s.ranges())
		})
	}
}
