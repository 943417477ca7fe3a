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

// TestVerifyFindsEveryChangeOfTheFile truncates, lengthens and changes a small archive.
// Verify must report each change, unless the standard library still unpacks the file to
// the same tar.
func TestVerifyFindsEveryChangeOfTheFile(t *testing.T) {
	t.Parallel()
	collectLess(t)
	whole := smallArchive(t)
	_, err := archive.Verify(t.Context(), bytes.NewReader(whole), nil)
	require.NoError(t, err)
	tar, err := unpack(whole)
	require.NoError(t, err)
	sum := sha256.Sum256(whole)
	d := &damage{tar: tar, sha256: hex.EncodeToString(sum[:])}

	t.Run("every proper prefix", func(t *testing.T) {
		t.Parallel()
		for n := 0; n < len(whole); n += stride(9) {
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
	const ways = 9 // each byte is changed in one of them, or in all
	for way := range ways {
		d.flip(t, whole, way, stride(ways))
	}

	t.Cleanup(func() {
		t.Logf("of %d changes to %d bytes, %d were harmless: %d in the gzip header, %d in the encoding of the same bytes",
			d.all, len(whole), d.header+d.encoding, d.header, d.encoding)
	})
}

// stride returns the distance between the bytes of a file that a test damages: n, or 1
// with -exhaustive.
func stride(n int) int {
	if *exhaustive {
		return 1
	}
	return n
}

// A damage checks changed archives, and counts the changes.
type damage struct {
	tar    []byte // the tar of the unchanged archive
	sha256 string // of the unchanged archive

	mu               sync.Mutex
	all              int
	header, encoding int // harmless changes, by the place of the change
}

// flip changes every step-th byte in one of nine ways: one of the eight bits, or all.
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

// harmless counts a change that the unpacked tar does not show.
func (d *damage) harmless(at int) {
	const headerSize = 10
	d.mu.Lock()
	defer d.mu.Unlock()
	if at < headerSize {
		d.header++
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
			t.Errorf("%s: no fault, two faults of the whole archive, or a wrong size: %v", fmt.Sprintf(what, args...), faults.Faults)
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
		t.Errorf("%s: Verify does not see that the tar has changed (%v)", what, err)
		return false
	}
	_, err = archive.Verify(t.Context(), bytes.NewReader(changed), &archive.VerifyOptions{SHA256: d.sha256})
	if _, ok := errors.AsType[*archive.FaultError](err); !ok {
		t.Errorf("%s: the SHA-256 has changed, and Verify returns %v", what, err)
	}
	return true
}

// collectLess makes the garbage collector run less often. Otherwise it takes most of the
// time of tests with thousands of small archives.
func collectLess(t *testing.T) {
	t.Helper()
	percent := debug.SetGCPercent(1000)
	t.Cleanup(func() { debug.SetGCPercent(percent) })
}

// TestVerifyFindsEveryChangeInGit changes the files of a bare repository that have a
// checksum, as if the damage had happened before GitHub packed the archive.
func TestVerifyFindsEveryChangeInGit(t *testing.T) {
	t.Parallel()
	collectLess(t)
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
			var harmless int
			step := 1
			if race.Enabled {
				step = 11 // uses each of the nine masks
			}
			for i := start; i < start+len(m.body); i += step {
				mask := cmp.Or(byte(1<<(i%9)), 0xFF) // each of eight bits, or all
				unpacked[i] ^= mask
				_, err := archive.Verify(t.Context(), bytes.NewReader(storedOf(t, unpacked)), nil)
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

// sameObject reports whether two loose objects inflate to the same content.
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

// FuzzVerify checks that any tar either has faults or passes.
func FuzzVerify(f *testing.F) {
	whole, err := unpack(smallArchive(f))
	require.NoError(f, err)
	f.Add(whole)
	f.Fuzz(func(t *testing.T, unpacked []byte) {
		file := storedOf(t, unpacked)
		summary, err := archive.Verify(t.Context(), bytes.NewReader(file), &archive.VerifyOptions{
			Limits:       archive.Limits{RecordSize: 1 << 16, UnpackedSize: 1 << 20, Entries: 100},
			Repositories: []string{"octocat/app"},
		})
		require.NotNil(t, summary)
		require.Equal(t, int64(len(file)), summary.Size)
		if err != nil {
			faults := faultsOf(t, err)
			require.NotEmpty(t, faults.Faults)
			require.NotEmpty(t, err.Error())
		}
	})
}
