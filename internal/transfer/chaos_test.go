package transfer_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/durable/simdisk"
	"github.com/ghmigrate/ghmigrate/internal/race"
	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

// TestMain has flags for longer runs of the chaos tests:
//
//	go test ./internal/transfer -run Chaos -chaos.runs 100000
//
// A failure names its seed. The flags -chaos.seed 123 -chaos.runs 1 repeat it, unless
// the order of goroutines matters.
func TestMain(m *testing.M) {
	runs := 125
	if race.Enabled {
		runs = 30
	}
	flag.Int("chaos.runs", runs, "how many `seeds` each chaos test tries")
	flag.Uint64("chaos.seed", 0, "the first `seed`")
	flag.Parse()
	os.Exit(m.Run())
}

// eachSeed runs a test with each seed.
func eachSeed(t *testing.T, test func(t *testing.T, seed uint64)) {
	t.Helper()
	option := func(name string) uint64 {
		n, err := strconv.ParseUint(flag.Lookup(name).Value.String(), 10, 64)
		require.NoError(t, err)
		return n
	}
	first := option("chaos.seed")
	for seed := first; seed < first+option("chaos.runs"); seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { test(t, seed) })
		})
	}
}

// Storage and disk fail in random ways, and the process or the machine dies at random
// times. In the end the right file is in place. A wrong file never is.
func TestChaosOfFiles(t *testing.T) {
	t.Parallel()
	eachSeed(t, func(t *testing.T, seed uint64) {
		chaosOfFiles(t, newStorm(t, seed, 0).chaos)
	})
}

// A stream returns the right bytes, and io.EOF only after the last byte.
func TestChaosOfStreams(t *testing.T) {
	t.Parallel()
	eachSeed(t, func(t *testing.T, seed uint64) {
		chaosOfStreams(t, newStorm(t, seed, 1).chaos)
	})
}

// A chaos is storage that fails in random ways, and the objects that it may have.
type chaos struct {
	seed    uint64
	random  *rand.Rand
	source  func(t *testing.T) transfer.Source
	storm   func(on bool) // switches the failures on and off
	objects [][]byte
	sums    []string
	changes bool // whether the object changes
	// unreliable reports that the promises of errors do not hold: storage has sent a
	// wrong description of the object, or a sync has failed.
	unreliable atomic.Bool
}

// addObject adds an object that storage may have.
func (c *chaos) addObject(object []byte) {
	c.objects, c.sums = append(c.objects, object), append(c.sums, sumOf(object))
}

// addChanges adds the objects that storage will have after changes.
func (c *chaos) addChanges() {
	size := len(c.objects[0])
	for range 3 {
		next := archive(size)
		if c.random.IntN(3) == 0 {
			next = archive(2 + c.random.IntN(200_000))
		}
		for i := 2; i < len(next); i++ {
			next[i] ^= byte(len(c.objects))
		}
		c.addObject(next)
	}
}

// chaosOfFiles calls File until it succeeds.
func chaosOfFiles(t *testing.T, c *chaos) {
	t.Helper()
	const path, maxCalls = "/data/backup.tar.gz", 12
	random, old := c.random, []byte("the last backup")
	disk := simdisk.New(c.seed, "/data")
	disk.WriteFile(path, old)
	right := func(disk *simdisk.Disk, when string, call int, err error) bool {
		inPlace, readErr := disk.ReadFile(path)
		require.NoError(t, readErr, "%s of call %d the file is gone: %v", when, call, err)
		sum := sumOf(inPlace)
		require.Contains(t, append(c.sums, sumOf(old)), sum, "%s of call %d a wrong file is in place: %v", when, call, err)
		return sum != sumOf(old)
	}
	var promised int64
	for call := 0; ; call++ {
		require.Less(t, call, maxCalls+2, "the transfer never succeeds")
		// An object this small arrives in minutes, or the transfer fails. Storage asks for
		// waits of an hour at most.
		patient := random.IntN(4) == 0
		limit := time.Duration(1+random.IntN(600)) * time.Second
		if patient {
			limit = 6 * time.Hour
		}
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		c.storm(true)
		calm := call >= maxCalls || promised > 0 && random.IntN(2) == 0 || random.IntN(8) == 0
		if calm {
			cancel()
			ctx, cancel = context.WithCancel(t.Context())
			c.storm(false)
		} else {
			c.injectFaults(disk)
		}
		got, err := transfer.File(ctx, c.source(t), path, transfer.Options{
			Concurrency: []int{0, 1, 2, 3, 8, 16}[random.IntN(6)],
			MinChunk:    int64(1+random.IntN(16)) << 10,
			FS:          disk,
		})
		require.False(t, patient && errors.Is(err, context.DeadlineExceeded), "the call hangs: %v", err)
		cancel()
		synctest.Wait() // until the handlers have returned
		complete := right(disk, "at the end", call, err)
		require.True(t, !calm || err == nil, "storage and disk do not fail, but the call does: %v", err)
		if err == nil {
			if calm && !c.changes && !c.unreliable.Load() {
				require.GreaterOrEqual(t, got.Resumed, promised, "an earlier call promised these bytes")
			}
			require.True(t, complete)
			require.Equal(t, []string{"backup.tar.gz"}, disk.Names("/data"))
			disk = disk.PowerCut(random.Uint64())
			require.True(t, right(disk, "after a power cut at the end", call, nil), "a complete file survives a power cut")
			inPlace, err := disk.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, transfer.Result{Size: int64(len(inPlace)), SHA256: sumOf(inPlace), Resumed: got.Resumed}, got)
			return
		}
		requireNoSecret(t, err.Error())
		require.NotErrorIs(t, err, os.ErrClosed)
		promised = promise(err)
		if complete {
			promised = 0 // the call died when the file was complete
		}
		switch random.IntN(3) {
		case 0:
			disk = disk.PowerCut(random.Uint64())
			right(disk, "after a power cut at the end", call, err)
		default:
			disk = disk.Kill()
		}
	}
}

// promise returns how many bytes the next call does not fetch again, by an error.
func promise(err error) int64 {
	match := regexp.MustCompile(`^fetched (\d+) of \d+ bytes to .*; the next call (finishes|resumes( at (\d+))?):`).FindStringSubmatch(err.Error())
	if match == nil {
		return 0
	}
	n, err := strconv.ParseInt(cmp.Or(match[4], match[1]), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// chaosOfStreams reads one stream.
func chaosOfStreams(t *testing.T, c *chaos) {
	t.Helper()
	random := c.random
	c.storm(true)
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+random.IntN(3000))*time.Second)
	defer cancel()
	stream, err := transfer.Open(ctx, c.source(t))
	if err != nil {
		requireNoSecret(t, err.Error())
		return
	}
	got, err := io.ReadAll(&slowReader{stream, random})
	require.NoError(t, stream.Close())
	if err != nil {
		requireNoSecret(t, err.Error())
		require.NotErrorIs(t, err, os.ErrClosed)
		require.True(t, slices.ContainsFunc(c.objects, func(o []byte) bool {
			return len(got) <= len(o) && slices.Equal(o[:len(got)], got)
		}), "wrong bytes before %v", err)
		return
	}
	require.Contains(t, c.sums, sumOf(got))
	require.Equal(t, sumOf(got), stream.SHA256())
}

// A slowReader reads pieces of random sizes, and sometimes waits before a piece.
type slowReader struct {
	reader io.Reader
	random *rand.Rand
}

func (r *slowReader) Read(p []byte) (int, error) {
	if r.random.IntN(20) == 0 {
		time.Sleep(time.Duration(r.random.IntN(200)) * time.Second)
	}
	return r.reader.Read(p[:1+r.random.IntN(len(p))])
}

// injectFaults makes the disk stop, or fail at random operations.
func (c *chaos) injectFaults(disk *simdisk.Disk) {
	switch c.random.IntN(5) {
	case 0, 1:
		disk.StopAfter(c.random.IntN(8 << c.random.IntN(7)))
	case 2:
		random, rare := rand.New(rand.NewPCG(c.random.Uint64(), 0)), 1+c.random.IntN(200)
		failure := []error{syscall.ENOSPC, syscall.EIO, syscall.EROFS}[c.random.IntN(3)]
		disk.Fail(func(op simdisk.Op) error {
			if random.IntN(rare) > 0 || op.Kind == simdisk.Lstat && errors.Is(failure, syscall.ENOSPC) {
				return nil
			}
			if op.Kind == simdisk.Sync {
				c.unreliable.Store(true)
			}
			return failure
		})
	case 3:
		random := rand.New(rand.NewPCG(c.random.Uint64(), 0))
		disk.Fail(func(op simdisk.Op) error {
			if op.Kind == simdisk.Sync && random.IntN(3) == 0 {
				c.unreliable.Store(true)
				return syscall.EIO
			}
			return nil
		})
	}
}
