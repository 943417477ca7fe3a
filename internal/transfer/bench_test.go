package transfer_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

// The two benchmarks fetch the same body from the same server and sync it to
// the same disk: compare their rates. TMPDIR chooses the disk.

const benchSize = 1 << 30

func BenchmarkFile(b *testing.B) {
	server := benchServer(b)
	source := transfer.Source{
		Locate: func(context.Context) (transfer.Location, error) {
			return transfer.Location{URL: server.URL + "/archive?X-Amz-Signature=secret"}, nil
		},
		Client:   server.Client(),
		Identity: "bench",
	}
	path := filepath.Join(b.TempDir(), "archive.tar.gz")
	peak := peakHeap(b)
	b.SetBytes(benchSize)
	for b.Loop() {
		_, err := transfer.File(b.Context(), source, path, transfer.Options{})
		require.NoError(b, err)
		b.StopTimer()
		require.NoError(b, os.Remove(path))
		b.StartTimer()
	}
	b.ReportMetric(float64(peak())/(1<<20), "peak-MiB")
}

func BenchmarkCopy(b *testing.B) {
	server := benchServer(b)
	path := filepath.Join(b.TempDir(), "archive.tar.gz")
	peak := peakHeap(b)
	b.SetBytes(benchSize)
	for b.Loop() {
		req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, server.URL, http.NoBody)
		require.NoError(b, err)
		resp, err := server.Client().Do(req)
		require.NoError(b, err)
		f, err := os.Create(path)
		require.NoError(b, err)
		_, err = io.Copy(f, resp.Body)
		require.NoError(b, err)
		require.NoError(b, f.Sync())
		require.NoError(b, f.Close())
		require.NoError(b, resp.Body.Close())
		b.StopTimer()
		require.NoError(b, os.Remove(path))
		b.StartTimer()
	}
	b.ReportMetric(float64(peak())/(1<<20), "peak-MiB")
}

func BenchmarkStream(b *testing.B) {
	server := benchServer(b)
	source := transfer.Source{
		Locate: func(context.Context) (transfer.Location, error) {
			return transfer.Location{URL: server.URL + "/archive?X-Amz-Signature=secret"}, nil
		},
		Client:   server.Client(),
		Identity: "bench",
	}
	b.SetBytes(benchSize)
	for b.Loop() {
		stream, err := transfer.Open(b.Context(), source)
		require.NoError(b, err)
		_, err = io.Copy(io.Discard, stream)
		require.NoError(b, err)
		require.NoError(b, stream.Close())
	}
}

func benchServer(b *testing.B) *httptest.Server {
	b.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Etag", `"bench"`)
		w.Header().Set("Content-Type", "application/x-gzip")
		http.ServeContent(w, r, "", time.Time{}, io.NewSectionReader(repeated(archive(1<<20)), 0, benchSize))
	}))
	b.Cleanup(server.Close)
	return server
}

// repeated is the same bytes over and over.
type repeated []byte

func (r repeated) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		n += copy(p[n:], r[(off+int64(n))%int64(len(r)):])
	}
	return n, nil
}

// peakHeap watches the heap until the returned function is called, which tells
// how far it rose.
func peakHeap(b *testing.B) func() uint64 {
	b.Helper()
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	idle := stats.HeapInuse
	stop, peak := make(chan struct{}), make(chan uint64)
	go func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		highest := idle
		for {
			select {
			case <-tick.C:
				var stats runtime.MemStats
				runtime.ReadMemStats(&stats)
				highest = max(highest, stats.HeapInuse)
			case <-stop:
				peak <- highest - idle
				return
			}
		}
	}()
	return func() uint64 {
		close(stop)
		return <-peak
	}
}
