package partfile_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/durable/partfile"
)

func compressed(t *testing.T, data []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err := z.Write(data)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return packed.Bytes()
}

// TestIsGzip checks IsGzip, which takes minutes for a large part, and ends with its
// context.
func TestIsGzip(t *testing.T) {
	t.Parallel()
	packed := compressed(t, make([]byte, 1<<20))
	size := int64(len(packed))
	file, err := os.Create(filepath.Join(t.TempDir(), "archive.tar.gz.part"))
	require.NoError(t, err)
	defer file.Close()
	_, err = file.Write(packed)
	require.NoError(t, err)

	part := &partfile.Part{File: file}
	for end, want := range map[int64]bool{size: true, size - 1: false, 5: false, 0: false} {
		whole, err := part.IsGzip(t.Context(), end)
		require.NoError(t, err)
		assert.Equal(t, want, whole, end)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = part.IsGzip(ctx, size)
	require.ErrorIs(t, err, context.Canceled)
}

func TestGzipProof(t *testing.T) {
	t.Parallel()
	whole := string(compressed(t, []byte("archive")))
	for text, want := range map[string]bool{whole: true, whole[:len(whole)-1]: false, whole + "x": false, "no gzip at all": false, "": false} {
		proof := partfile.NewGzipProof()
		for _, b := range []byte(text) {
			_, err := proof.Write([]byte{b})
			require.NoError(t, err)
		}
		assert.Equal(t, want, proof.End(), "%q", text)
		assert.False(t, proof.End())
	}
}
