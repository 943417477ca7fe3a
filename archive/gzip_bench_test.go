package archive_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"testing"

	kgzip "github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"
)

// BenchmarkGzip compares klauspost/compress with the standard library. The ratio
// says whether the dependency is worth its size: see CONTRIBUTING.md.
func BenchmarkGzip(b *testing.B) {
	for name, create := range map[string]func(*testing.B, int) (string, int64){"records": jsonArchive, "packs": packArchive} {
		b.Run(name, func(b *testing.B) {
			path, size := create(b, benchSize(*jsonMiB))
			packed, err := os.ReadFile(path)
			require.NoError(b, err)
			var unpacked bytes.Buffer
			plain, err := gzip.NewReader(bytes.NewReader(packed))
			require.NoError(b, err)
			_, err = unpacked.ReadFrom(plain)
			require.NoError(b, err)

			b.Run("unpack", func(b *testing.B) {
				compare(b, size,
					func() {
						r, err := kgzip.NewReader(bytes.NewReader(packed))
						require.NoError(b, err)
						drain(b, r)
					},
					func() {
						r, err := gzip.NewReader(bytes.NewReader(packed))
						require.NoError(b, err)
						drain(b, r)
					})
			})
			b.Run("pack", func(b *testing.B) {
				compare(b, size,
					func() { fill(b, kgzip.NewWriter(io.Discard), unpacked.Bytes()) },
					func() { fill(b, gzip.NewWriter(io.Discard), unpacked.Bytes()) })
			})
		})
	}
}

// drain reads r like the Reader of package archive, without WriteTo.
func drain(b *testing.B, r io.Reader) {
	b.Helper()
	_, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r}, make([]byte, 128<<10))
	require.NoError(b, err)
}

func fill(b *testing.B, w io.WriteCloser, data []byte) {
	b.Helper()
	_, err := w.Write(data)
	require.NoError(b, err)
	require.NoError(b, w.Close())
}
