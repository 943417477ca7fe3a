package transfer_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/durable"
	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

func TestFileSyncsWhatItTellsOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		disk := &disk{}
		s.answer = each([]int{1}, func(w http.ResponseWriter, r *http.Request) bool {
			s.serveFirst(300, w, r)
			_ = http.NewResponseController(w).Flush()
			pause(r, 1500*time.Millisecond)
			panic(http.ErrAbortHandler)
		})
		_, err := transfer.File(t.Context(), s.source(t), target(t), transfer.Options{FS: disk})
		require.NoError(t, err)
		changes := slices.DeleteFunc(disk.ops, func(op string) bool {
			return strings.HasPrefix(op, "look") || strings.HasPrefix(op, "stat") || strings.HasPrefix(op, "read")
		})
		assert.Equal(t, []string{
			"lock .part.log", "lock .part",
			// The old log goes, for good, before the part is touched.
			"truncate .part.log", "sync .part.log", "truncate .part",
			"write .part.log", "sync .part.log", "sync folder",
			"write .part", "write .part",
			// A second later.
			"sync .part", "write .part.log", "sync .part.log",
			"write .part",
			"truncate .part", "sync .part", "write .part.log", "sync .part.log",
			"rename .part", "sync folder", "remove .part.log", "sync folder",
		}, changes)
	})
}

// Wherever a process stops, the next one ends with the right file, and at no
// time is there anything else at path than the old file or the new one.
func TestFileSurvivesDeathAtAnyOperation(t *testing.T) {
	for n := 0; ; n++ {
		completed := false
		t.Run(fmt.Sprintf("after %d operations", n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 2000)
				path := target(t)
				old := []byte("the last backup")
				require.NoError(t, os.WriteFile(path, old, 0o600))
				s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
					s.serveFirst(500, w, r)
					_ = http.NewResponseController(w).Flush()
					pause(r, 1200*time.Millisecond)
					panic(http.ErrAbortHandler)
				}
				_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{FS: dieAt(n)})
				if completed = err == nil; completed {
					return
				}
				require.ErrorIs(t, err, errDead)
				before, err := os.ReadFile(path)
				require.NoError(t, err)
				require.True(t, bytes.Equal(before, old) || bytes.Equal(before, s.object))

				s.reset()
				got, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
				require.NoError(t, err)
				assert.Equal(t, transfer.Result{Size: 2000, SHA256: sumOf(s.object), Resumed: got.Resumed}, got)
				assert.Equal(t, 2000-got.Resumed, s.sentBytes())
				requireComplete(t, path, s.object)
			})
		})
		if completed {
			assert.Greater(t, n, 30)
			return
		}
	}
}

func TestFileGoesOnAfterAKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 200<<10)
		path := target(t)
		s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			return trickle(s, w, r, 1<<10, 100*time.Millisecond)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, err := transfer.File(ctx, s.source(t), path, transfer.Options{})
			done <- err
		}()
		time.Sleep(5050 * time.Millisecond)
		synctest.Wait()
		// What a process that is killed now leaves behind.
		killed := target(t)
		for _, suffix := range []string{".part", ".part.log"} {
			data, err := os.ReadFile(path + suffix)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(killed+suffix, data, 0o600))
		}
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)

		s.reset()
		got, err := transfer.File(t.Context(), s.source(t), killed, transfer.Options{})
		require.NoError(t, err)
		assert.GreaterOrEqual(t, got.Resumed, int64(40<<10), "at most a second of the line is lost")
		assert.Equal(t, []string{fmt.Sprintf("bytes=%d-", got.Resumed)}, s.ranges())
		assert.Equal(t, s.etag, s.seen()[0].Get("If-Match"), "the object must be the same")
		requireComplete(t, killed, s.object)
	})
}

func TestFileTakesTheHashFromTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		interrupt(t, s, path, 600)
		disk := &disk{}
		got, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{FS: disk})
		require.NoError(t, err)
		assert.Equal(t, transfer.Result{Size: 1000, SHA256: sumOf(s.object), Resumed: 600}, got)
		assert.Equal(t, []int64{0, 600}, disk.reads, "what tells that it is the same part, and what has come since")
	})
}

func TestLogIsTextWithRoomForSeveralRanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		interrupt(t, s, path, 600)
		lines := readLog(t, path)
		require.Len(t, lines, 2)
		assert.JSONEq(t, `{"object": {"version": 1, "identity": "org octo 79", "path": "/migration/25320/24575", "size": 1000,
			"etag": "\"0123456789abcdef\"", "last_modified": "Thu, 13 Sep 2018 17:46:16 GMT"}}`, lines[0])
		state, err := json.Marshal(hashState(t, s.object[:600]))
		require.NoError(t, err)
		assert.JSONEq(t, `{"fetched": {"ranges": [[0, 600]], "hashed": 600, "sha256_state": `+string(state)+`,
			"tail_sha256": "`+sumOf(s.object[:600])+`"}}`, lines[1])
	})
}

func TestFileResumesFromWhatTheLogTells(t *testing.T) {
	object := archive(1000)
	header := `{"object":{"version":1,"identity":"org octo 79","path":"/migration/25320/24575","size":1000,"etag":"\"0123456789abcdef\""}}`
	fetched := func(ranges string, hashed int) string {
		state, err := json.Marshal(hashState(t, object[:hashed]))
		require.NoError(t, err)
		return fmt.Sprintf(`{"fetched":{"ranges":%s,"hashed":%d,"sha256_state":%s,"tail_sha256":"sum of %d"}}`, ranges, hashed, state, hashed)
	}
	whole := sumOf(object)
	cases := []struct {
		name    string
		lines   []string
		part    int // bytes of the object in the part
		resumed int64
		asked   bool // whether storage was asked for the rest first
	}{
		{"one range", []string{header, fetched("[[0,600]]", 600)}, 600, 600, false},
		{"the last line counts", []string{header, fetched("[[0,300]]", 300), fetched("[[0,600]]", 600)}, 600, 600, false},
		{"bytes behind the range are not trusted", []string{header, fetched("[[0,600]]", 600)}, 900, 600, false},
		{"a gap", []string{header, fetched("[[0,600],[700,1000]]", 600)}, 1000, 900, false},
		{"what is not hashed yet", []string{header, fetched("[[0,600]]", 400)}, 600, 600, false},
		{"nothing hashed yet", []string{header, `{"fetched":{"ranges":[[0,600]],"hashed":0}}`}, 600, 600, false},
		{"all of it", []string{header, fetched("[[0,1000]]", 1000)}, 1000, 1000, false},
		{"a size that was not known", []string{strings.Replace(header, `"size":1000`, `"size":-1`, 1), fetched("[[0,600]]", 600)}, 600, 600, false},

		{"ranges behind the size", []string{header, fetched("[[0,600],[700,1001]]", 600)}, 1001, 0, false},
		{"several ranges of a size that was not known", []string{
			strings.Replace(header, `"size":1000`, `"size":-1`, 1), fetched("[[0,600],[700,900]]", 600),
		}, 900, 0, false},
		{"another part", []string{header, strings.Replace(fetched("[[0,600]]", 600), "sum of 600", sumOf(object[:600]), 1)}, 600, 0, false},
		{"a part of which there is no sum", []string{header, strings.Replace(fetched("[[0,600]]", 600), "sum of 600", "", 1)}, 600, 0, false},
		{"no log", nil, 600, 0, false},
		{"nothing but a header", []string{header}, 600, 0, false},
		{"a part that is too short", []string{header, fetched("[[0,600]]", 600)}, 599, 0, false},
		{"a part that is gone", []string{header, fetched("[[0,600]]", 600)}, -1, 0, false},
		{"another identity", []string{strings.Replace(header, "79", "80", 1), fetched("[[0,600]]", 600)}, 600, 0, false},
		{"another version", []string{strings.Replace(header, `n":1`, `n":2`, 1), fetched("[[0,600]]", 600)}, 600, 0, false},
		{"another path", []string{strings.Replace(header, "24575", "24576", 1), fetched("[[0,600]]", 600)}, 600, 600, false},
		{"another path and no ETag", []string{
			strings.NewReplacer("24575", "24576", `etag":"\"0123456789abcdef\"`, `last_modified":"Thu, 13 Sep 2018 17:46:16 GMT`).Replace(header),
			fetched("[[0,600]]", 600),
		}, 600, 0, false},
		{"another ETag", []string{strings.Replace(header, "0123", "abcd", 1), fetched("[[0,600]]", 600)}, 600, 0, true},
		{"another size", []string{strings.Replace(header, "1000", "1001", 1), fetched("[[0,600]]", 600)}, 600, 0, true},
		{"no validator", []string{strings.Replace(header, "etag", "tag", 1), fetched("[[0,600]]", 600)}, 600, 0, false},
		{"no header", []string{fetched("[[0,600]]", 600)}, 600, 0, false},
		{"two headers", []string{header, header, fetched("[[0,600]]", 600)}, 600, 0, false},
		{"another kind of line", []string{header, `{"moved":true}`, fetched("[[0,600]]", 600)}, 600, 0, false},
		{"not JSON", []string{header, `{`, fetched("[[0,600]]", 600)}, 600, 0, false},
		{"a range that begins later", []string{header, fetched("[[1,600]]", 600)}, 600, 0, false},
		{"a range that ends earlier", []string{header, fetched("[[0,599]]", 600)}, 600, 0, false},
		{"ranges out of order", []string{header, fetched("[[0,600],[500,700]]", 600)}, 700, 0, false},
		{"ranges that touch", []string{header, fetched("[[0,600],[600,700]]", 600)}, 700, 0, false},
		{"an empty range", []string{header, fetched("[[0,600],[700,700]]", 600)}, 700, 0, false},
		{"no range", []string{header, fetched("[]", 600)}, 600, 0, false},
		{"no state", []string{header, `{"fetched":{"ranges":[[0,600]],"hashed":600}}`}, 600, 0, false},
		{"complete, but no part", []string{header, `{"complete":{"size":1000,"sha256":"` + whole + `"}}`}, -1, 0, false},
		{"complete, but half a part", []string{header, `{"complete":{"size":1000,"sha256":"` + whole + `"}}`}, 500, 0, false},
		{"complete, for another", []string{strings.Replace(header, "79", "80", 1), `{"complete":{"size":1000,"sha256":"` + whole + `"}}`}, 1000, 0, false},
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 1000)
				path := target(t)
				there, missing := [][2]int64{{0, tt.resumed}}, fmt.Sprintf("bytes=%d-", tt.resumed)
				switch tt.resumed {
				case 0:
					missing = firstRange
				case 900:
					there, missing = [][2]int64{{0, 600}, {700, 1000}}, "bytes=600-699"
				}
				// What is not trusted is not right either.
				data := make([]byte, max(tt.part, 0))
				if tt.part >= 0 {
					for _, r := range there {
						copy(data[r[0]:r[1]], object[r[0]:r[1]])
					}
					require.NoError(t, os.WriteFile(path+".part", data, 0o600))
				}
				var lines []string
				for _, line := range tt.lines {
					for _, hashed := range []int{300, 400, 600, 1000} {
						line = strings.ReplaceAll(line, fmt.Sprintf("sum of %d", hashed), sumOf(data[:min(hashed, len(data))]))
					}
					lines = append(lines, line)
				}
				writeLog(t, path, lines)
				got, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
				require.NoError(t, err)
				assert.Equal(t, transfer.Result{Size: 1000, SHA256: whole, Resumed: tt.resumed}, got)
				var want []string
				if tt.asked {
					want = append(want, "bytes=600-")
				}
				if tt.resumed < 1000 {
					want = append(want, missing)
				}
				assert.Equal(t, want, s.ranges())
				requireComplete(t, path, object)
			})
		})
	}
}

func TestFileDoesNotTrustADamagedLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		interrupt(t, s, path, 300)
		interrupt(t, s, path, 300)
		part, err := os.ReadFile(path + ".part")
		require.NoError(t, err)
		require.Len(t, part, 600)
		log, err := os.ReadFile(path + ".part.log")
		require.NoError(t, err)
		ends := []int{}
		for i, b := range log {
			if b == '\n' {
				ends = append(ends, i)
			}
		}
		require.Len(t, ends, 3)

		damaged := map[string]struct {
			log     []byte
			resumed int64
		}{
			"last line torn":       {log[:ends[2]-5], 300},
			"last line changed":    {slices.Concat(log[:ends[2]-5], []byte("?"), log[ends[2]-4:]), 300},
			"middle line changed":  {slices.Concat(log[:ends[1]-5], []byte("?"), log[ends[1]-4:]), 0},
			"middle line missing":  {slices.Concat(log[:ends[0]+1], log[ends[1]+1:]), 0},
			"header torn":          {log[:ends[0]], 0},
			"something else there": {[]byte("dear diary\nnothing happened\n"), 0},
		}
		for name, tt := range damaged {
			again := target(t)
			require.NoError(t, os.WriteFile(again+".part", part, 0o600))
			require.NoError(t, os.WriteFile(again+".part.log", tt.log, 0o600))
			got, err := transfer.File(t.Context(), s.source(t), again, transfer.Options{})
			require.NoError(t, err, name)
			assert.Equal(t, transfer.Result{Size: 1000, SHA256: sumOf(s.object), Resumed: tt.resumed}, got, name)
			requireComplete(t, again, s.object)
		}
	})
}

func TestFileFinishesWhatWasComplete(t *testing.T) {
	gaps := map[string]struct {
		die    string
		change func(path string) error
	}{
		"before the rename":              {"rename .part", nil},
		"after the rename":               {"remove .part.log", nil},
		"with a part that another began": {"remove .part.log", func(path string) error { return os.WriteFile(path+".part", nil, 0o600) }},
	}
	for name, tt := range gaps {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 700_000)
				path := target(t)
				_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{FS: dieBefore(tt.die)})
				require.EqualError(t, err, "fetched 700000 of 700000 bytes to "+path+".part; the next call finishes: the process is dead")
				if tt.change != nil {
					require.NoError(t, tt.change(path))
				}
				s.reset()
				var progress []int64
				got, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{
					Progress: func(written, total int64) { progress = append(progress, written, total) },
				})
				require.NoError(t, err)
				assert.Equal(t, transfer.Result{Size: 700_000, SHA256: sumOf(s.object), Resumed: 700_000}, got)
				assert.Equal(t, []int64{700_000, 700_000}, progress)
				assert.Zero(t, s.located, "nothing is asked for")
				requireComplete(t, path, s.object)
			})
		})
	}
	t.Run("unless the file is not the one", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			for name, data := range map[string][]byte{"same size": make([]byte, 1000), "another size": []byte("x"), "none": nil} {
				s := newStorage(t, 1000)
				path := target(t)
				_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{FS: dieBefore("remove .part.log")})
				require.ErrorIs(t, err, errDead)
				require.NoError(t, os.Remove(path))
				if data != nil {
					require.NoError(t, os.WriteFile(path, data, 0o600))
				}
				s.reset()
				got, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
				require.NoError(t, err, name)
				assert.Equal(t, transfer.Result{Size: 1000, SHA256: sumOf(s.object)}, got, name)
				requireComplete(t, path, s.object)
			}
		})
	})
	t.Run("unless the part is not the one", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 1000)
			path := target(t)
			_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{FS: dieBefore("rename .part")})
			require.ErrorIs(t, err, errDead)
			other := archive(1000)
			other[500] ^= 1
			require.NoError(t, os.WriteFile(path+".part", other, 0o600))
			s.reset()
			got, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
			require.NoError(t, err)
			assert.Equal(t, transfer.Result{Size: 1000, SHA256: sumOf(s.object)}, got)
			requireComplete(t, path, s.object)
		})
	})
	t.Run("unless it is told to stop", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 1000)
			path := target(t)
			_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{FS: dieBefore("remove .part.log")})
			require.ErrorIs(t, err, errDead)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err = transfer.File(ctx, s.source(t), path, transfer.Options{})
			require.ErrorIs(t, err, context.Canceled)
			_, err = transfer.File(t.Context(), s.source(t), path, transfer.Options{})
			require.NoError(t, err)
			requireComplete(t, path, s.object)
		})
	})
	t.Run("unless somebody put a link there meanwhile", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("links need a privilege there")
		}
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 1000)
			path := target(t)
			elsewhere := target(t)
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
			got, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
			require.NoError(t, err)
			assert.Equal(t, int64(1000), got.Resumed)
			requireComplete(t, path, s.object)
		})
	})
}

func TestFileKeepsThePartWhenTheDiskIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		interrupt(t, s, path, 300)
		full := &disk{fail: func(_ int, op string) error {
			if op == "write .part" {
				return &fs.PathError{Op: "write", Path: path + ".part", Err: syscall.ENOSPC}
			}
			return nil
		}}
		_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{FS: full})
		require.EqualError(t, err, "fetched 300 of 1000 bytes to "+path+".part; the next call resumes: "+
			"write "+path+".part: "+syscall.ENOSPC.Error())
		require.ErrorIs(t, err, syscall.ENOSPC)

		s.reset()
		got, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
		require.NoError(t, err)
		assert.Equal(t, int64(300), got.Resumed)
		requireComplete(t, path, s.object)
	})
}

// After a failed sync nobody knows what is on the disk, and the next sync may
// claim that all is well.
func TestFileDoesNotTrustThePartAfterAFailedSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		broken := errors.New("input/output error")
		failed := false
		bad := &disk{fail: func(_ int, op string) error {
			if op == "sync .part" && !failed {
				failed = true
				return broken
			}
			return nil
		}}
		s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			return trickle(s, w, r, 100, 400*time.Millisecond)
		}
		_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{FS: bad})
		require.ErrorIs(t, err, broken)
		require.ErrorContains(t, err, "the next call starts over")
		assert.Less(t, len(readLog(t, path)), 2, "no line tells of the bytes")

		s.reset()
		got, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
		require.NoError(t, err)
		assert.Zero(t, got.Resumed)
		requireComplete(t, path, s.object)
	})
}

func TestErrorsSayWhereTheNextCallResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		interrupt(t, s, path, 300)
		s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool { return s.stall(200, w, r) }
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		// The last checkpoint fails.
		bad := dieBefore("write .part.log")
		_, err := transfer.File(ctx, s.source(t), path, transfer.Options{FS: bad})
		require.EqualError(t, err, "fetched 500 of 1000 bytes to "+path+".part; the next call resumes at 300: context deadline exceeded")
	})
}

// interrupt fetches n more bytes in one call.
func interrupt(t *testing.T, s *storage, path string, n int) {
	t.Helper()
	s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool { return s.stall(n, w, r) }
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := transfer.File(ctx, s.source(t), path, transfer.Options{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	s.seen()
	s.reset()
}

func readLog(t *testing.T, path string) []string {
	t.Helper()
	f, err := durable.OS{}.OpenLocked(path + ".part.log")
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	var lines []string
	_, err = durable.OpenLog(f, func(line []byte) error {
		lines = append(lines, string(line))
		return nil
	})
	require.NoError(t, err)
	return lines
}

func writeLog(t *testing.T, path string, lines []string) {
	t.Helper()
	if lines == nil {
		return
	}
	f, err := durable.OS{}.OpenLocked(path + ".part.log")
	require.NoError(t, err)
	log, err := durable.CreateLog(f)
	require.NoError(t, err)
	for _, line := range lines {
		require.NoError(t, log.Append([]byte(line)))
	}
	require.NoError(t, f.Close())
}

func hashState(t *testing.T, data []byte) []byte {
	t.Helper()
	h := sha256.New()
	h.Write(data)
	state, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	require.NoError(t, err)
	return state
}

// Nobody knows that all has come when storage does not tell a size and hangs. The
// next call finds out.
func TestResumeWhereNothingIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			s.all(w, true)
			<-r.Context().Done()
			return true
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := transfer.File(ctx, s.source(t), path, transfer.Options{})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		s.answer = nil
		got, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
		require.NoError(t, err)
		assert.Equal(t, transfer.Result{Size: 1000, SHA256: sumOf(s.object), Resumed: 1000}, got)
		requireComplete(t, path, s.object)
	})
}

// An object that was put there this very second may be replaced by another one of
// the same date.
func TestADateIsNoValidatorBeforeItsSecondIsOver(t *testing.T) {
	for _, age := range []time.Duration{0, time.Second} {
		t.Run(age.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 1000)
				path := target(t)
				s.etag, s.modified = "", time.Now().UTC().Format(http.TimeFormat)
				time.Sleep(age)
				s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool { return n == 1 && s.cut(500, w, r) }
				_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{Concurrency: 1})
				require.NoError(t, err)
				second := map[time.Duration]string{0: "bytes=0-", time.Second: "bytes=500-"}[age]
				assert.Equal(t, []string{"bytes=0-", second}, []string{s.seen()[0].Get("Range"), s.seen()[1].Get("Range")})
				requireComplete(t, path, s.object)
			})
		})
	}
}
