package archive_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"compress/zlib"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"runtime/debug"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
	"github.com/ghmigrate/ghmigrate/internal/race"
)

// TestVerifyFindsEveryChangeOfTheFile cuts, lengthens and changes a small
// archive in every place. Each time Verify must report it, or the file must
// still unpack to the very same tar, by another program's reckoning.
func TestVerifyFindsEveryChangeOfTheFile(t *testing.T) {
	t.Parallel()
	relax(t)
	whole := smallArchive(t)
	_, err := archive.Verify(t.Context(), bytes.NewReader(whole), nil)
	require.NoError(t, err)
	tar, err := unpack(whole)
	require.NoError(t, err)
	sum := sha256.Sum256(whole)
	d := &damage{tar: tar, sha256: hex.EncodeToString(sum[:])}

	t.Run("every proper prefix", func(t *testing.T) {
		t.Parallel()
		step := 1
		if race.Enabled {
			step = 9
		}
		for n := 0; n < len(whole); n += step {
			assert.False(t, d.check(t, whole[:n], "the first %d bytes", n), n)
		}
	})
	t.Run("every byte after the end", func(t *testing.T) {
		t.Parallel()
		for b := range 256 {
			assert.False(t, d.check(t, append(bytes.Clone(whole), byte(b)), "%#02x appended", b))
		}
		for _, n := range []int{2, 8, 511, 512, 10240, 1 << 20} {
			assert.False(t, d.check(t, append(bytes.Clone(whole), make([]byte, n)...), "%d zeros appended", n))
		}
		assert.False(t, d.check(t, append(bytes.Clone(whole), whole...), "two archives"))
		var empty bytes.Buffer
		require.NoError(t, gzip.NewWriter(&empty).Close())
		assert.False(t, d.check(t, append(bytes.Clone(whole), empty.Bytes()...), "an empty member appended"))
	})
	// With the race detector, which sees the same each time, each byte is changed
	// in one way.
	const ways = 9
	for way := range ways {
		if race.Enabled {
			d.flip(t, whole, way, ways)
		} else {
			d.flip(t, whole, way, 1)
		}
	}

	t.Cleanup(func() {
		t.Logf("of %d changes to %d bytes, %d were harmless: %d in what gzip notes of time and system, %d to how the same bytes are encoded",
			d.all, len(whole), d.notes+d.encoding, d.notes, d.encoding)
	})
}

// damage counts what damaged archives were taken for.
type damage struct {
	tar    []byte // what the whole archive unpacks to
	sha256 string // of the whole archive

	mu              sync.Mutex
	all             int
	notes, encoding int // harmless changes
}

// flip changes every step-th byte in one of nine ways: one bit, or all.
func (d *damage) flip(t *testing.T, whole []byte, way, step int) {
	t.Helper()
	mask := cmp.Or(byte(1<<way), 0xFF)
	t.Run(fmt.Sprintf("every byte xor %#02x", mask), func(t *testing.T) {
		t.Parallel()
		damaged := bytes.Clone(whole)
		for i := way % step; i < len(damaged); i += step {
			damaged[i] ^= mask
			if d.check(t, damaged, "byte %d xor %#02x", i, mask) {
				d.harmless(i)
			}
			damaged[i] ^= mask
		}
	})
}

// harmless counts a change that did no harm.
func (d *damage) harmless(at int) {
	const header = 10
	d.mu.Lock()
	defer d.mu.Unlock()
	if at < header {
		d.notes++
	} else {
		d.encoding++
	}
}

// check verifies a changed archive, and reports whether the change is harmless.
func (d *damage) check(t *testing.T, changed []byte, what string, args ...any) bool {
	t.Helper()
	summary, err := archive.Verify(t.Context(), bytes.NewReader(changed), nil)
	d.mu.Lock()
	d.all++
	d.mu.Unlock()
	if faults, ok := errors.AsType[*archive.FaultError](err); ok {
		whole := 0
		for _, fault := range faults.Faults {
			if fault.Entry == "" {
				whole++
			}
		}
		if len(faults.Faults) == 0 || whole > 1 || int64(len(changed)) != summary.Size {
			t.Errorf("%s: no fault is told, or one twice, or the size is wrong: %v", fmt.Sprintf(what, args...), faults.Faults)
		}
		return false
	}
	what = fmt.Sprintf(what, args...)
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return false
	}
	tar, err := unpack(changed)
	if err != nil || !bytes.Equal(tar, d.tar) {
		t.Errorf("%s: Verify does not see that the tar is another (%v)", what, err)
		return false
	}
	_, err = archive.Verify(t.Context(), bytes.NewReader(changed), &archive.VerifyOptions{SHA256: d.sha256})
	if _, ok := errors.AsType[*archive.FaultError](err); !ok {
		t.Errorf("%s: the SHA-256 is another, and Verify says %v", what, err)
	}
	return true
}

// relax makes the garbage collector run less often, which thousands of small
// archives would otherwise keep busy.
func relax(t *testing.T) {
	t.Helper()
	percent := debug.SetGCPercent(1000)
	t.Cleanup(func() { debug.SetGCPercent(percent) })
}

// TestVerifyFindsEveryChangeInGit changes the files of a bare repository that
// carry a checksum, as if that had happened before they were packed.
func TestVerifyFindsEveryChangeInGit(t *testing.T) {
	t.Parallel()
	relax(t)
	small := smallArchive(t)
	whole, err := unpack(small)
	require.NoError(t, err)
	l := readLayout(t, small)
	const packs = "repositories/octocat/app.git/objects/pack/"
	for _, m := range []*member{l.find(packs, ".pack"), l.find(packs, ".idx"), l.find(packs, ".rev"), l.loose()} {
		start := bytes.Index(whole, m.body)
		require.Positive(t, start)
		require.Equal(t, -1, bytes.Index(whole[start+1:], m.body), "found more than once")
		t.Run(path.Base(m.name), func(t *testing.T) {
			t.Parallel()
			unpacked := bytes.Clone(whole)
			var file bytes.Buffer
			var harmless int
			z := storer(t)
			step := 1
			if race.Enabled {
				step = 11 // each of the nine masks has its turn
			}
			for i := start; i < start+len(m.body); i += step {
				mask := cmp.Or(byte(1<<(i%9)), 0xFF) // each of eight bits, or all
				unpacked[i] ^= mask
				store(t, z, &file, unpacked)
				_, err := archive.Verify(t.Context(), &file, nil)
				faults, ok := errors.AsType[*archive.FaultError](err)
				switch {
				case ok && faults.Faults[0].Entry == m.name:
				case err == nil && sameObject(m.body, unpacked[start:start+len(m.body)]):
					harmless++
				default:
					t.Errorf("byte %d xor %#02x: %v", i-start, mask, err)
				}
				unpacked[i] ^= mask
			}
			t.Logf("%d bytes, %d harmless changes", len(m.body), harmless)
		})
	}
}

// sameObject tells whether two loose objects inflate to the same.
func sameObject(a, b []byte) bool {
	inflate := func(p []byte) []byte {
		z, err := zlib.NewReader(bytes.NewReader(p))
		if err != nil {
			return nil
		}
		object, err := io.ReadAll(z)
		if err != nil {
			return nil
		}
		return object
	}
	object := inflate(a)
	return object != nil && bytes.Equal(object, inflate(b))
}

// storer returns what store needs, and what takes long to make.
func storer(tb testing.TB) *gzip.Writer {
	tb.Helper()
	z, err := gzip.NewWriterLevel(nil, gzip.NoCompression)
	require.NoError(tb, err)
	return z
}

// store puts a tar into a gzip member without compressing it.
func store(tb testing.TB, z *gzip.Writer, into *bytes.Buffer, unpacked []byte) {
	tb.Helper()
	into.Reset()
	z.Reset(into)
	_, err := z.Write(unpacked)
	require.NoError(tb, err)
	require.NoError(tb, z.Close())
}

// FuzzVerify looks for tars that make Verify fail in another way than it may.
func FuzzVerify(f *testing.F) {
	whole, err := unpack(smallArchive(f))
	require.NoError(f, err)
	f.Add(whole)
	z := storer(f)
	f.Fuzz(func(t *testing.T, unpacked []byte) {
		var file bytes.Buffer
		store(t, z, &file, unpacked)
		size := file.Len()
		summary, err := archive.Verify(t.Context(), &file, &archive.VerifyOptions{
			Limits:       archive.Limits{RecordSize: 1 << 16, UnpackedSize: 1 << 20, Entries: 100},
			Repositories: []string{"octocat/app"},
		})
		require.NotNil(t, summary)
		require.Equal(t, int64(size), summary.Size)
		if err != nil {
			faults := faultsOf(t, err)
			require.NotEmpty(t, faults.Faults)
			require.NotEmpty(t, err.Error())
		}
	})
}
