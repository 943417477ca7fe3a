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

// More runs than a usual test has time for:
//
//	go test ./internal/transfer -run Chaos -chaos.runs 100000
//
// A failure names its seed: -chaos.seed 123 -chaos.runs 1 repeats it, as far as
// goroutines that race repeat.
func TestMain(m *testing.M) {
	runs := 125
	if race.Enabled {
		runs = 30
	}
	flag.Int("chaos.runs", runs, "how many `seeds` the chaos tests try")
	flag.Uint64("chaos.seed", 0, "the first `seed`")
	flag.Parse()
	os.Exit(m.Run())
}

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
			synctest.Test(t, func(t *testing.T) { test(t, seed) })
		})
	}
}

// Whatever storage and the disk do, and whenever the process or the machine
// dies, in the end the right file is in place, and at no time a wrong one.
func TestChaosOfFiles(t *testing.T) {
	eachSeed(t, func(t *testing.T, seed uint64) {
		chaosOfFiles(t, newStorm(t, seed, 0).chaos)
	})
}

// A stream gives the right bytes, and io.EOF after all of them and nowhere else.
func TestChaosOfStreams(t *testing.T) {
	eachSeed(t, func(t *testing.T, seed uint64) {
		chaosOfStreams(t, newStorm(t, seed, 1).chaos)
	})
}

// A chaos is storage that has had better days, and what it has had.
type chaos struct {
	seed    uint64
	random  *rand.Rand
	source  func(t *testing.T) transfer.Source
	storm   func(on bool) // all is well while it is off
	objects [][]byte
	sums    []string
	changes bool
	// moot is what errors promise when storage has lied about the object, or the
	// disk has failed to sync and let it be read all the same.
	moot atomic.Bool
}

func (c *chaos) has(object []byte) {
	c.objects, c.sums = append(c.objects, object), append(c.sums, sumOf(object))
}

// become makes up what the object will be later.
func (c *chaos) become() {
	size := len(c.objects[0])
	for range 3 {
		next := archive(size)
		if c.random.IntN(3) == 0 {
			next = archive(2 + c.random.IntN(200_000))
		}
		for i := 2; i < len(next); i++ {
			next[i] ^= byte(len(c.objects))
		}
		c.has(next)
	}
}

func chaosOfFiles(t *testing.T, c *chaos) {
	t.Helper()
	const path, patience = "/data/backup.tar.gz", 12
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
		require.Less(t, call, patience+2, "it never ends")
		// What is so small has come in a few minutes or never will, however often
		// storage asks for time, up to an hour.
		patient := random.IntN(4) == 0
		limit := time.Duration(1+random.IntN(600)) * time.Second
		if patient {
			limit = 6 * time.Hour
		}
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		c.storm(true)
		calm := call >= patience || promised > 0 && random.IntN(2) == 0 || random.IntN(8) == 0
		if calm {
			cancel()
			ctx, cancel = context.WithCancel(t.Context())
			c.storm(false)
		} else {
			c.hurt(disk)
		}
		got, err := transfer.File(ctx, c.source(t), path, transfer.Options{
			Concurrency: []int{0, 1, 2, 3, 8, 16}[random.IntN(6)],
			MinChunk:    int64(1+random.IntN(16)) << 10,
			FS:          disk,
		})
		require.False(t, patient && errors.Is(err, context.DeadlineExceeded), "it hangs: %v", err)
		cancel()
		synctest.Wait() // storage is done
		complete := right(disk, "at the end", call, err)
		require.True(t, !calm || err == nil, "there is no reason for %v", err)
		if err == nil {
			if calm && !c.changes && !c.moot.Load() {
				require.GreaterOrEqual(t, got.Resumed, promised, "an earlier call has promised as much")
			}
			require.True(t, complete)
			require.Equal(t, []string{"backup.tar.gz"}, disk.Names("/data"))
			disk = disk.PowerCut(random.Uint64())
			require.True(t, right(disk, "after a power cut at the end", call, nil), "it was there for good")
			inPlace, err := disk.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, transfer.Result{Size: int64(len(inPlace)), SHA256: sumOf(inPlace), Resumed: got.Resumed}, got)
			return
		}
		requireNoSecret(t, err.Error())
		require.NotErrorIs(t, err, os.ErrClosed)
		promised = promise(err)
		if complete {
			promised = 0 // it died when nothing was left to be done
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

// promise is how many bytes the next call needs not fetch, as an error tells.
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

// hurt lets the disk stop, or fail now and then.
func (c *chaos) hurt(disk *simdisk.Disk) {
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
				c.moot.Store(true)
			}
			return failure
		})
	case 3:
		random := rand.New(rand.NewPCG(c.random.Uint64(), 0))
		disk.Fail(func(op simdisk.Op) error {
			if op.Kind == simdisk.Sync && random.IntN(3) == 0 {
				c.moot.Store(true)
				return syscall.EIO
			}
			return nil
		})
	}
}
