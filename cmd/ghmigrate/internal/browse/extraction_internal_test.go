package browse

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestInterruptedExtraction interrupts the unpacking of an archive with a fault. The
// next unpacking begins again.
func TestInterruptedExtraction(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "archive.tar.gz")
	f, err := os.Create(path)
	require.NoError(t, err)
	z := gzip.NewWriter(f)
	w := tar.NewWriter(z)
	require.NoError(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: "attachments/1/link", Linkname: "/etc"}))
	require.NoError(t, errors.Join(w.Close(), z.Close(), f.Close()))
	l, err := Open(t.Context(), Options{Archives: []string{path}, Cache: t.TempDir()})
	require.NoError(t, err)
	defer l.Close()
	require.NoError(t, l.Wait(t.Context()))

	x := l.files
	result := x.dir(0) + ".json"
	require.NoError(t, os.Remove(result))
	ctx, cancel := context.WithCancel(t.Context())
	opts := Options{Progress: func(string) func(int64, int64) {
		return func(bytes, size int64) {
			if bytes == size {
				cancel()
			}
		}
	}}
	require.ErrorIs(t, x.extract(ctx, 0, opts.withDefaults()), context.Canceled)
	assert.NoFileExists(t, result)

	require.NoError(t, x.extract(t.Context(), 0, Options{}.withDefaults()))
	require.FileExists(t, result)
	faults, _, _ := x.faults()
	assert.Contains(t, faults[0], "attachments/1/link")
}
