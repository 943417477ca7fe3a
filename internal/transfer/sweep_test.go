package transfer_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/durable/simdisk"
	"github.com/ghmigrate/ghmigrate/internal/race"
	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

// One transfer, in which the log is written anew, is stopped at each of its
// operations by a power cut. What is left is completed, whatever the cut has taken.
func TestAPowerCutAtEveryOperation(t *testing.T) {
	const path, slow, fast = "/data/backup.tar.gz", 2 << 10, 1 << 20
	fetch := func(t *testing.T, disk *simdisk.Disk, piece int) (*storage, error) {
		t.Helper()
		s := newStorage(t, 40_000)
		s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			return trickle(s, w, r, piece, 500*time.Millisecond)
		}
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
	for stop := range operations + 8 { // a few more or fewer in each run
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
	t.Logf("%d operations, %d times written anew", operations, rewrites)
}
