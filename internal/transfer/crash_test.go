package transfer_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/durable/simdisk"
	"github.com/ghmigrate/ghmigrate/internal/race"
	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

func TestTheOrderOfOperations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		disk := &disk{}
		s.respond = inOrder(func(w http.ResponseWriter, r *http.Request) bool {
			s.serveFirst(300, w, r)
			_ = http.NewResponseController(w).Flush()
			pause(r, 1500*time.Millisecond)
			return hangUp(w, r)
		})
		requireFetched(t, s, target(t), transfer.Options{FS: disk})
		changes := slices.DeleteFunc(disk.ops, func(op string) bool {
			return strings.HasPrefix(op, "look") || strings.HasPrefix(op, "stat") || strings.HasPrefix(op, "read")
		})
		assert.Equal(t, []string{
			"lock .part.log", "lock .part",
			// The old log is emptied and synced before the part is changed.
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

// A process dies after any operation. At all times path holds the old file or the new
// file, and the next process completes the new file.
func TestFileSurvivesDeathAtAnyOperation(t *testing.T) {
	for n := 0; ; n++ {
		completed := false
		run(t, fmt.Sprintf("after %d operations", n), func(t *testing.T) {
			s := newStorage(t, 2000)
			path := target(t)
			old := []byte("the last backup")
			require.NoError(t, os.WriteFile(path, old, 0o600))
			s.respond = always(func(w http.ResponseWriter, r *http.Request) bool {
				s.serveFirst(500, w, r)
				_ = http.NewResponseController(w).Flush()
				pause(r, 1200*time.Millisecond)
				return hangUp(w, r)
			})
			_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{FS: dieAt(n)})
			if completed = err == nil; completed {
				return
			}
			require.ErrorIs(t, err, errDead)
			before, err := os.ReadFile(path)
			require.NoError(t, err)
			require.True(t, bytes.Equal(before, old) || bytes.Equal(before, s.object))

			s.reset()
			got := requireFetched(t, s, path, transfer.Options{})
			assert.Equal(t, 2000-got.Resumed, s.sentBytes())
		})
		if completed {
			assert.Greater(t, n, 30)
			return
		}
	}
}

// A power cut stops a transfer at each of its operations. The transfer rewrites its
// log. The next call completes the file, whatever the power cut has lost.
func TestAPowerCutAtEveryOperation(t *testing.T) {
	const path, slow, fast = "/data/backup.tar.gz", 2 << 10, 1 << 20
	fetch := func(t *testing.T, disk *simdisk.Disk, piece int) (*storage, error) {
		t.Helper()
		s := newStorage(t, 40_000)
		s.respond = always(s.trickling(piece, 500*time.Millisecond))
		_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{Concurrency: 2, MinChunk: minChunk, FS: disk})
		return s, err
	}
	var operations, rewrites int
	synctest.Test(t, func(t *testing.T) {
		disk := simdisk.New(0, "/data")
		disk.Fail(func(op simdisk.Op) error {
			if op.Kind == simdisk.Rename && op.Name == path+".part.log.new" {
				rewrites++
			}
			return nil
		})
		_, err := fetch(t, disk, slow)
		require.NoError(t, err)
		operations = disk.Ops()
	})
	require.Positive(t, rewrites)
	seeds := uint64(2)
	if race.Enabled {
		seeds = 1
	}
	for stop := range operations + 8 { // the number of operations varies a little
		for seed := range seeds {
			seed += uint64(stop) << 8
			synctest.Test(t, func(t *testing.T) {
				disk := simdisk.New(seed, "/data")
				disk.StopAfter(stop)
				s, err := fetch(t, disk, slow)
				disk = disk.PowerCut(seed)
				inPlace, missing := disk.ReadFile(path)
				if err == nil || missing == nil {
					require.Equal(t, s.object, inPlace, "stopped after %d operations, seed %d: %v", stop, seed, err)
				}
				_, err = fetch(t, disk, fast)
				require.NoError(t, err, "stopped after %d operations, seed %d", stop, seed)
				disk = disk.PowerCut(seed)
				inPlace, err = disk.ReadFile(path)
				require.NoError(t, err)
				require.Equal(t, s.object, inPlace, "stopped after %d operations, seed %d", stop, seed)
				require.Equal(t, []string{"backup.tar.gz"}, disk.Names("/data"))
			})
		}
	}
	t.Logf("%d operations, the log rewritten %d times", operations, rewrites)
}
