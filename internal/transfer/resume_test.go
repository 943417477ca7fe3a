package transfer_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/durable"
	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

func TestFileResumesAfterAKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 200<<10)
		path := target(t)
		s.respond = always(s.trickling(1<<10, 100*time.Millisecond))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, err := transfer.File(ctx, s.source(t), path, transfer.Options{})
			done <- err
		}()
		time.Sleep(5050 * time.Millisecond)
		synctest.Wait()
		// Copy the files as a process that is killed now would leave them.
		killed := target(t)
		for _, suffix := range []string{".part", ".part.log"} {
			data, err := os.ReadFile(path + suffix)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(killed+suffix, data, 0o600))
		}
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)

		s.reset()
		got := requireFetched(t, s, killed, transfer.Options{})
		assert.GreaterOrEqual(t, got.Resumed, int64(40<<10), "at most the bytes of a second are lost")
		assert.Equal(t, []string{fmt.Sprintf("bytes=%d-", got.Resumed)}, s.ranges())
		assert.Equal(t, s.etag, s.requestHeaders()[0].Get("If-Match"), "the object is checked")
	})
}

func TestErrorsSayWhereTheNextCallResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		interrupt(t, s, path, 300)
		s.respond = always(s.stallAfter(200))
		// The disk fails at the last checkpoint.
		err := interruptAfter(t, s, path, time.Millisecond, transfer.Options{FS: dieBefore("write .part.log")})
		require.EqualError(t, err, "fetched 500 of 1000 bytes to "+path+".part; the next call resumes at 300: context deadline exceeded")
	})
}

// If storage sends no size and never ends the body, only the next call learns that
// all bytes have arrived.
func TestResumeAtTheEndOfTheObject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		s.respond = always(func(w http.ResponseWriter, r *http.Request) bool { return s.sendAll(w, true) && silent(w, r) })
		_ = interruptAfter(t, s, path, time.Second, transfer.Options{})
		got := requireFetched(t, s, path, transfer.Options{})
		assert.EqualValues(t, 1000, got.Resumed)
	})
}

func TestTheCaseOfAnIdentityDoesNotMatter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		interrupt(t, s, path, 600)
		source := s.source(t)
		source.Identity = strings.ToUpper(source.Identity)
		got := requireFile(t, s, source, path, transfer.Options{})
		assert.EqualValues(t, 600, got.Resumed)
	})
}

// dieWhenComplete ends a call before an operation, when all bytes are fetched.
func dieWhenComplete(t *testing.T, s *storage, path, op string) {
	t.Helper()
	_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{FS: dieBefore(op)})
	size := len(s.object)
	require.EqualError(t, err, fmt.Sprintf("fetched %d of %d bytes to %s.part; the next call finishes: the process is dead", size, size, path))
	s.reset()
}

func TestTheNextCallFinishesACompletePart(t *testing.T) {
	for name, tt := range map[string]struct {
		op     string
		change func(path string) error
	}{
		"before the rename":             {"rename .part", func(string) error { return nil }},
		"after the rename":              {"remove .part.log", func(string) error { return nil }},
		"beside a part of another call": {"remove .part.log", func(path string) error { return os.WriteFile(path+".part", nil, 0o600) }},
	} {
		run(t, name, func(t *testing.T) {
			s := newStorage(t, 700_000)
			path := target(t)
			dieWhenComplete(t, s, path, tt.op)
			require.NoError(t, tt.change(path))
			var progress []int64
			got := requireFetched(t, s, path, transfer.Options{
				Progress: func(written, total int64) { progress = append(progress, written, total) },
			})
			assert.EqualValues(t, 700_000, got.Resumed)
			assert.Equal(t, []int64{700_000, 700_000}, progress)
			assert.Zero(t, s.located, "no request is sent")
		})
	}
	run(t, "after a canceled call", func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		dieWhenComplete(t, s, path, "remove .part.log")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := transfer.File(ctx, s.source(t), path, transfer.Options{})
		require.ErrorIs(t, err, context.Canceled)
		got := requireFetched(t, s, path, transfer.Options{})
		assert.EqualValues(t, 1000, got.Resumed)
	})
}

func TestTheNextCallStartsOverIfAnotherProgramChangedACompleteFile(t *testing.T) {
	other := archive(1000)
	other[500] ^= 1
	for name, tt := range map[string]struct {
		op, suffix string
		data       []byte
	}{
		"another file of the same size": {"remove .part.log", "", make([]byte, 1000)},
		"another file":                  {"remove .part.log", "", []byte("x")},
		"no file":                       {"remove .part.log", "", nil},
		"another part":                  {"rename .part", ".part", other},
	} {
		run(t, name, func(t *testing.T) {
			s := newStorage(t, 1000)
			path := target(t)
			dieWhenComplete(t, s, path, tt.op)
			require.NoError(t, os.Remove(path+tt.suffix))
			if tt.data != nil {
				require.NoError(t, os.WriteFile(path+tt.suffix, tt.data, 0o600))
			}
			got := requireFetched(t, s, path, transfer.Options{})
			assert.Zero(t, got.Resumed)
		})
	}
}

func TestALinkThatAppearsDuringACallIsNotReplaced(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege on Windows")
	}
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		path, elsewhere := target(t), target(t)
		disk := &disk{fail: func(_ int, op string) error {
			if op == "truncate .part" {
				_ = os.Symlink(elsewhere, path)
			}
			return nil
		}}
		_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{FS: disk})
		require.ErrorIs(t, err, durable.ErrNotRegular)
		assert.NoFileExists(t, elsewhere)
		require.NoError(t, os.Remove(path))
		got := requireFetched(t, s, path, transfer.Options{})
		assert.EqualValues(t, 1000, got.Resumed)
	})
}
