package transfer_test

import (
	"errors"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/durable"
	"github.com/ghmigrate/ghmigrate/internal/durable/simdisk"
	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

// When a disk operation fails, the error says which operation, how many bytes are fetched and
// what the next call does. The file at path and the fetched bytes stay.
func TestADiskOperationFails(t *testing.T) {
	const path = "/data/backup.tar.gz"
	const size = 8_000_000 // more than 20 writes, however long the Reads are
	cases := []struct {
		name    string
		kind    simdisk.Kind
		suffix  string
		after   int // operations of the kind that succeed
		err     error
		want    string
		resumed int64
	}{
		{"read-only", simdisk.Create, ".part.log", 0, syscall.EROFS, "create " + path + ".part.log: " + syscall.EROFS.Error(), 0},
		{"no room for the log", simdisk.Write, ".part.log", 0, syscall.ENOSPC, "append to log: write " + path + ".part.log: " + syscall.ENOSPC.Error(), 0},
		{"no room for the part", simdisk.Write, ".part", 20, syscall.ENOSPC,
			"fetched N of 8000000 bytes to " + path + ".part; the next call resumes: write " + path + ".part: " + syscall.ENOSPC.Error(), 100_000},
		{"no permission to rename", simdisk.Rename, ".part", 0, syscall.EPERM,
			"fetched 8000000 of 8000000 bytes to " + path + ".part; the next call finishes: rename " + path + ".part: " + syscall.EPERM.Error(), size},
	}
	for _, tt := range cases {
		run(t, tt.name, func(t *testing.T) {
			s := newStorage(t, size)
			disk := simdisk.New(1, "/data")
			disk.WriteFile(path, []byte("the last backup"))
			seen := 0
			disk.Fail(func(op simdisk.Op) error {
				if op.Kind == tt.kind && op.Name == path+tt.suffix {
					if seen++; seen > tt.after {
						return tt.err
					}
				}
				return nil
			})
			opts := transfer.Options{Concurrency: 4, MinChunk: 16 << 10, FS: disk}
			_, err := transfer.File(t.Context(), s.source(t), path, opts)
			require.ErrorIs(t, err, tt.err)
			assert.Regexp(t, "^"+strings.Replace(regexp.QuoteMeta(tt.want), "fetched N of", "fetched [0-9]+ of", 1)+"$", err.Error())
			kept, err := disk.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, "the last backup", string(kept))

			disk.Fail(nil)
			disk = disk.PowerCut(1)
			opts.FS, opts.Concurrency = disk, 1 // one worker reads every response to its end
			synctest.Wait()                     // until the handlers have returned
			s.reset()
			got, err := transfer.File(t.Context(), s.source(t), path, opts)
			require.NoError(t, err)
			assert.Equal(t, sumOf(s.object), got.SHA256)
			assert.GreaterOrEqual(t, got.Resumed, tt.resumed)
			assert.Equal(t, int64(size)-got.Resumed, s.sentBytes())
			assert.Equal(t, []string{"backup.tar.gz"}, disk.Names("/data"))
		})
	}
}

func TestFileKeepsThePartWhenTheDiskIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		interrupt(t, s, path, 300)
		full := failAt("write .part", &fs.PathError{Op: "write", Path: path + ".part", Err: syscall.ENOSPC})
		_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{FS: full})
		require.EqualError(t, err, "fetched 300 of 1000 bytes to "+path+".part; the next call resumes: "+
			"write "+path+".part: "+syscall.ENOSPC.Error())
		require.ErrorIs(t, err, syscall.ENOSPC)

		s.reset()
		got := requireFetched(t, s, path, transfer.Options{})
		assert.Equal(t, int64(300), got.Resumed)
	})
}

// After a failed sync the content of the disk is unknown, and the next sync may
// succeed.
func TestFileDoesNotLogBytesAfterAFailedSync(t *testing.T) {
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
		s.respond = always(s.trickling(100, 400*time.Millisecond))
		_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{FS: bad})
		require.ErrorIs(t, err, broken)
		require.ErrorContains(t, err, "the next call starts over")
		assert.Less(t, len(readLog(t, path)), 2, "no line names the bytes")

		s.reset()
		got := requireFetched(t, s, path, transfer.Options{})
		assert.Zero(t, got.Resumed)
	})
}

func TestAPartOfAnotherUserIsRefused(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can change the owner of a file")
	}
	for _, suffix := range []string{".part", ".part.log"} {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 1000)
			path := target(t)
			require.NoError(t, os.WriteFile(path+suffix, []byte("theirs"), 0o600))
			require.NoError(t, os.Chown(path+suffix, 12345, 12345))
			_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
			require.ErrorIs(t, err, durable.ErrForeign)
			require.ErrorContains(t, err, path+suffix+": belongs to another user")
			assert.Empty(t, s.requestHeaders(), "no request is sent")
			kept, err := os.ReadFile(path + suffix)
			require.NoError(t, err)
			assert.Equal(t, "theirs", string(kept))
		})
	}
}

// If the folder cannot be opened or synced, the transfer succeeds: all bytes are on the
// disk.
func TestAFolderThatCannotBeSyncedIsAWarning(t *testing.T) {
	for _, failure := range []error{syscall.EACCES, syscall.EINVAL, syscall.ENOSYS} {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 1000)
			path := target(t)
			disk := failAt("sync folder", &fs.PathError{Op: "open", Path: path, Err: failure})
			log := requireLogged(t, s, path, transfer.Options{FS: disk})
			assert.Contains(t, log, `level=WARN msg="folder cannot be synced"`)
		})
	}
}

// Without locks, two calls could write to one file.
func TestFileFailsWithoutLocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		disk := failAt("lock .part.log", &fs.PathError{Op: "lock", Path: path + ".part.log", Err: durable.ErrNoLocks})
		_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{FS: disk})
		require.EqualError(t, err, "lock "+path+".part.log: no file locks here: choose a folder on a local disk")
		assert.Empty(t, s.requestHeaders(), "no request is sent")
	})
}

// A call renames a part only if the names of the part and the log still lead to its own
// files.
func TestFileDoesNotRenameAPartThatAnotherProgramReplaced(t *testing.T) {
	for name, remove := range map[string][]string{
		"the part was removed": {".part"}, "the log was removed": {".part.log"}, "both were removed": {".part", ".part.log"},
	} {
		run(t, name, func(t *testing.T) {
			s := newStorage(t, 100_000)
			path := target(t)
			s.respond = always(s.trickling(10_000, time.Second))
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
			requireFetched(t, s, path, transfer.Options{})
		})
	}
	run(t, "another call has the part as its path", func(t *testing.T) {
		s, other := newStorage(t, 100_000), newStorage(t, 5_000)
		path := target(t)
		s.respond = always(s.trickling(10_000, time.Second))
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
}

// Another program truncates the part after all bytes are fetched and hashed.
func TestATruncatedPartIsNotRenamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 100_000)
		path := target(t)
		disk := &disk{}
		truncated := false
		disk.fail = func(_ int, op string) error {
			if op == "stat .part" && slices.Contains(disk.ops, "write .part") { // the check in Finish
				truncated = true
				return os.Truncate(path+".part", 99_999)
			}
			return nil
		}
		_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{FS: disk})
		require.ErrorContains(t, err, path+".part was truncated by another program")
		require.True(t, truncated)
		require.NoFileExists(t, path)

		s.reset()
		requireFetched(t, s, path, transfer.Options{})
	})
}
