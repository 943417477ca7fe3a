package transfer_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

// BenchmarkFile and BenchmarkCopy fetch the same body from the same server and
// sync it to the same disk: compare their rates. TMPDIR chooses the disk.

var benchMiB = flag.Int64("bench-mib", 256, "size of the archive of the benchmarks in `MiB`; 8 with -short")

func benchSize() int64 {
	if testing.Short() {
		return 8 << 20
	}
	return *benchMiB << 20
}

func BenchmarkFile(b *testing.B) {
	for _, line := range benchLines() {
		for _, ranges := range []int{0, 1, 8, 16} {
			b.Run(fmt.Sprintf("%s/%d ranges", line.name, ranges), func(b *testing.B) {
				server := line.server(b)
				source := benchSource(server)
				path := filepath.Join(b.TempDir(), "archive.tar.gz")
				peak := peakHeap(b)
				b.SetBytes(benchSize())
				for b.Loop() {
					_, err := transfer.File(b.Context(), source, path, transfer.Options{Concurrency: ranges})
					require.NoError(b, err)
					b.StopTimer()
					require.NoError(b, os.Remove(path))
					b.StartTimer()
				}
				b.ReportMetric(float64(peak())/(1<<20), "peak-MiB")
				b.ReportMetric(float64(line.sent.Swap(0))/float64(b.N)/float64(benchSize()), "sent/size")
			})
		}
	}
}

func BenchmarkCopy(b *testing.B) {
	for _, line := range benchLines() {
		b.Run(line.name, func(b *testing.B) {
			server := line.server(b)
			path := filepath.Join(b.TempDir(), "archive.tar.gz")
			b.SetBytes(benchSize())
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
		})
	}
}

func BenchmarkStream(b *testing.B) {
	source := benchSource(benchLines()[0].server(b))
	b.SetBytes(benchSize())
	for b.Loop() {
		stream, err := transfer.Open(b.Context(), source)
		require.NoError(b, err)
		_, err = io.Copy(io.Discard, stream)
		require.NoError(b, err)
		require.NoError(b, stream.Close())
	}
}

func benchSource(server *httptest.Server) transfer.Source {
	return transfer.Source{
		Locate: func(context.Context) (transfer.Location, error) {
			return transfer.Location{URL: server.URL + "/archive?X-Amz-Signature=secret"}, nil
		},
		Client:   server.Client(),
		Identity: "bench",
	}
}

// A benchLine is a line to storage with a rate and a latency.
type benchLine struct {
	name    string
	rate    int64         // bytes a second; 0 for no limit
	latency time.Duration // to the first byte of a response
	sent    atomic.Int64
}

func benchLines() []*benchLine {
	return []*benchLine{
		{name: "unthrottled"},
		{name: "25 MB a second", rate: 25e6},
		{name: "25 MB a second, 80 ms", rate: 25e6, latency: 80 * time.Millisecond},
	}
}

func (l *benchLine) server(b *testing.B) *httptest.Server {
	b.Helper()
	object := repeated(archive(1 << 20))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if l.latency > 0 {
			<-time.NewTimer(l.latency).C
		}
		w.Header().Set("Etag", `"bench"`)
		w.Header().Set("Content-Type", "application/x-gzip")
		body := io.NewSectionReader(object, 0, benchSize())
		http.ServeContent(&benchWriter{ResponseWriter: w, line: l, began: time.Now()}, r, "", time.Time{}, body)
	}))
	server.Client().Transport.(*http.Transport).MaxIdleConnsPerHost = 16
	b.Cleanup(server.Close)
	return server
}

type benchWriter struct {
	http.ResponseWriter
	line  *benchLine
	began time.Time
	n     int64
}

func (w *benchWriter) Write(p []byte) (int, error) {
	if w.line.rate > 0 {
		due := w.began.Add(time.Duration(float64(w.n) / float64(w.line.rate) * float64(time.Second)))
		if wait := time.Until(due); wait > 0 {
			<-time.NewTimer(wait).C
		}
	}
	n, err := w.ResponseWriter.Write(p)
	w.n += int64(n)
	w.line.sent.Add(int64(n))
	return n, err
}

// A repeated reads as the same bytes again and again.
type repeated []byte

func (r repeated) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		n += copy(p[n:], r[(off+int64(n))%int64(len(r)):])
	}
	return n, nil
}

// peakHeap watches the heap until the returned function is called. That function
// returns how much the heap has grown at most.
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
