package transfer_test

import (
	"bytes"
	"io/fs"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/durable"
	"github.com/ghmigrate/ghmigrate/internal/durable/simdisk"
	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

// When a disk refuses an operation, the error says which operation, how much
// was fetched and what the next call does. The file at path stays, and so do
// parts that are of use.
func TestADiskThatRefuses(t *testing.T) {
	const path = "/data/backup.tar.gz"
	cases := []struct {
		name    string
		kind    simdisk.Kind
		of      string
		after   int // operations of that kind that go well
		refusal error
		want    string
		resumed int64
	}{
		{"read-only", simdisk.Create, ".part.log", 0, syscall.EROFS, "create " + path + ".part.log: " + syscall.EROFS.Error(), 0},
		{"no room for the log", simdisk.Write, ".part.log", 0, syscall.ENOSPC, "append to log: write " + path + ".part.log: " + syscall.ENOSPC.Error(), 0},
		{"no room for the part", simdisk.Write, ".part", 20, syscall.ENOSPC,
			"fetched N of 1000000 bytes to " + path + ".part; the next call resumes: write " + path + ".part: " + syscall.ENOSPC.Error(), 100_000},
		{"may not be put in place", simdisk.Rename, ".part", 0, syscall.EPERM,
			"fetched 1000000 of 1000000 bytes to " + path + ".part; the next call finishes: rename " + path + ".part: " + syscall.EPERM.Error(), 1_000_000},
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 1_000_000)
				disk := simdisk.New(1, "/data")
				disk.WriteFile(path, []byte("the last backup"))
				seen := 0
				disk.Fail(func(op simdisk.Op) error {
					if op.Kind == tt.kind && op.Name == path+tt.of {
						if seen++; seen > tt.after {
							return tt.refusal
						}
					}
					return nil
				})
				opts := transfer.Options{Concurrency: 4, MinChunk: 16 << 10, FS: disk}
				_, err := transfer.File(t.Context(), s.source(t), path, opts)
				require.ErrorIs(t, err, tt.refusal)
				assert.Regexp(t, "^"+strings.Replace(regexp.QuoteMeta(tt.want), "fetched N of", "fetched [0-9]+ of", 1)+"$", err.Error())
				kept, err := disk.ReadFile(path)
				require.NoError(t, err)
				assert.Equal(t, "the last backup", string(kept))

				disk.Fail(nil)
				disk = disk.PowerCut(1)
				opts.FS = disk
				s.seen() // storage is done
				s.reset()
				got, err := transfer.File(t.Context(), s.source(t), path, opts)
				require.NoError(t, err)
				assert.GreaterOrEqual(t, got.Resumed, tt.resumed)
				assert.Equal(t, int64(1_000_000)-got.Resumed, s.sentBytes())
				assert.Equal(t, []string{"backup.tar.gz"}, disk.Names("/data"))
			})
		})
	}
}

func TestAPartOfAnotherUserIsRefused(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs a user who can give files away")
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
			assert.Empty(t, s.seen(), "before any request")
			kept, err := os.ReadFile(path + suffix)
			require.NoError(t, err)
			assert.Equal(t, "theirs", string(kept))
		})
	}
}

// The transfer succeeds although the folder cannot be opened or synced: all
// bytes are on the disk.
func TestAFolderThatCannotBeSyncedIsAWarning(t *testing.T) {
	for _, refusal := range []error{syscall.EACCES, syscall.EINVAL, syscall.ENOSYS} {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 1000)
			path := target(t)
			source := s.source(t)
			var log bytes.Buffer
			source.Logger = slog.New(slog.NewTextHandler(&log, nil))
			disk := &disk{fail: func(_ int, op string) error {
				if op == "sync folder" {
					return &fs.PathError{Op: "open", Path: path, Err: refusal}
				}
				return nil
			}}
			_, err := transfer.File(t.Context(), source, path, transfer.Options{FS: disk})
			require.NoError(t, err)
			requireComplete(t, path, s.object)
			assert.Contains(t, log.String(), `level=WARN msg="folder cannot be synced"`)
		})
	}
}

// Without locks two calls could write to one file.
func TestASystemWithoutLocksIsRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		disk := &disk{fail: func(_ int, op string) error {
			if strings.HasPrefix(op, "lock") {
				return &fs.PathError{Op: "lock", Path: path + ".part.log", Err: durable.ErrNoLocks}
			}
			return nil
		}}
		_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{FS: disk})
		require.EqualError(t, err, "lock "+path+".part.log: no file locks here: choose a folder on a local disk")
		assert.Empty(t, s.seen(), "before the first request")
	})
}
