package ghmigrate_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// migrationPage returns a list of copies of GitHub's example migration, with
// copies of its repository, without white space as GitHub sends it.
func migrationPage(tb testing.TB, migrations, repositories int) []byte {
	tb.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", "get-status-for-org.json"))
	require.NoError(tb, err)
	var migration map[string]json.RawMessage
	require.NoError(tb, json.Unmarshal(body, &migration))
	var one []json.RawMessage
	require.NoError(tb, json.Unmarshal(migration["repositories"], &one))
	many := make([]json.RawMessage, repositories)
	for i := range many {
		many[i] = one[0]
	}
	migration["repositories"], err = json.Marshal(many)
	require.NoError(tb, err)
	whole := make([]any, migrations)
	for i := range whole {
		whole[i] = migration
	}
	text, err := json.Marshal(whole)
	require.NoError(tb, err)
	return text
}

// compare measures two functions in turns, so that other load affects both alike.
// It reports the ratio of the first to the second.
func compare(b *testing.B, ours, bare func() error) {
	b.Helper()
	for _, warm := range []func() error{ours, bare, ours, bare} {
		require.NoError(b, warm())
	}
	var took [2]time.Duration
	var allocated, bytes [2]uint64
	var before, after runtime.MemStats
	const batch = 50
	b.ReportAllocs()
	for b.Loop() {
		for side, call := range []func() error{ours, bare} {
			runtime.ReadMemStats(&before)
			start := time.Now()
			for range batch {
				if err := call(); err != nil {
					b.Fatal(err)
				}
			}
			took[side] += time.Since(start)
			runtime.ReadMemStats(&after)
			allocated[side] += after.Mallocs - before.Mallocs
			bytes[side] += after.TotalAlloc - before.TotalAlloc
		}
	}
	b.ReportMetric(float64(took[0])/float64(took[1]), "time/bare")
	b.ReportMetric(float64(allocated[0])/float64(allocated[1]), "allocs/bare")
	b.ReportMetric(float64(bytes[0])/float64(bytes[1]), "bytes/bare")
	b.ReportMetric(float64(took[0].Nanoseconds())/float64(b.N*batch), "ns/call")
	b.ReportMetric(float64(allocated[0])/float64(b.N*batch), "allocs/call")
}

// BenchmarkCall compares a call with the same request by net/http and
// encoding/json.
func BenchmarkCall(b *testing.B) {
	for name, repositories := range map[string]int{"WithoutRepositories": 0, "With1Repository": 1, "With20Repositories": 20} {
		b.Run(name, func(b *testing.B) {
			body := migrationPage(b, 1, repositories)
			server := httptest.NewServer(handlerLikeGitHub(body[1 : len(body)-1]))
			defer server.Close()
			client, err := ghmigrate.NewClient(ghmigrate.WithBaseURL(server.URL), ghmigrate.WithToken(secretToken),
				ghmigrate.WithHTTPClient(&http.Client{Transport: &http.Transport{}}))
			require.NoError(b, err)
			defer client.CloseIdleConnections()
			bare := &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
			defer bare.CloseIdleConnections()
			compare(b,
				func() error {
					_, err := client.OrgMigrations.Get(b.Context(), "octo-org", 79, nil)
					return err
				},
				func() error { return bareCall(b, bare, server.URL+"/orgs/octo-org/migrations/79") })
		})
	}
}

// handlerLikeGitHub returns a handler that sends the body with GitHub's headers.
func handlerLikeGitHub(body []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "application/json; charset=utf-8")
		h.Set("Content-Length", strconv.Itoa(len(body)))
		h.Set("X-Ratelimit-Limit", "5000")
		h.Set("X-Ratelimit-Remaining", "4999")
		h.Set("X-Ratelimit-Used", "1")
		h.Set("X-Ratelimit-Reset", "1377013266")
		h.Set("X-Ratelimit-Resource", "core")
		h.Set("X-Github-Request-Id", "A214:55543D:FA68EEBE:4D0FD2F056")
		_, _ = w.Write(body)
	})
}

// bareCall does a call with net/http and encoding/json.
func bareCall(b *testing.B, client *http.Client, url string) error {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("X-Github-Api-Version", "2022-11-28")
	req.Header.Set("User-Agent", "ghmigrate")
	req.Header.Set("Authorization", "Bearer "+secretToken)
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", res.StatusCode)
	}
	return json.NewDecoder(res.Body).Decode(new(ghmigrate.Migration))
}

// BenchmarkDecodeMigrations decodes a page of GitHub's default size.
func BenchmarkDecodeMigrations(b *testing.B) {
	body := migrationPage(b, 30, 20)
	last := http.Header{"Link": {`<https://api.github.com/orgs/octo-org/migrations?page=1>; rel="first"`}}
	client := clientWithTransport(b, func(req *http.Request) (*http.Response, error) {
		res := respond(req, http.StatusOK, last, "")
		res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		return res, nil
	})
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		migrations, err := ghmigrate.Collect(client.OrgMigrations.List(b.Context(), "octo-org", nil))
		if err != nil || len(migrations) != 30 || len(migrations[29].Repositories) != 20 {
			b.Fatal(len(migrations), err)
		}
	}
}

// BenchmarkDownload compares a download of 1 GiB, or of 16 MiB with -short, with
// an io.Copy of the same archive to a file that is synced, in turns. It also
// reports the peak of the heap in use, including the heap of the fake GitHub.
func BenchmarkDownload(b *testing.B) {
	server := ghmigratetest.NewServer(ghmigratetest.WithExportDuration(0), ghmigratetest.WithURLLifetime(time.Hour))
	defer server.Close()
	payload := int64(1 << 30)
	if testing.Short() {
		payload = 16 << 20
	}
	server.AddRepository("octo-org/large", ghmigratetest.Payload(payload))
	client, err := ghmigrate.NewClient(ghmigrate.WithBaseURL(server.URL()), ghmigrate.WithToken(server.Token()),
		ghmigrate.WithHTTPClient(server.Client()))
	require.NoError(b, err)
	m, err := client.OrgMigrations.Start(b.Context(), "octo-org", ghmigrate.StartMigrationRequest{Repositories: []string{"octo-org/large"}})
	require.NoError(b, err)

	path := filepath.Join(b.TempDir(), "archive.tar.gz")
	var size int64
	ours := func() error {
		result, err := client.OrgMigrations.DownloadArchive(b.Context(), "octo-org", m.ID, path, nil)
		if err == nil {
			size = result.Size
		}
		return err
	}
	bare := func() error {
		signed, err := client.OrgMigrations.ArchiveURL(b.Context(), "octo-org", m.ID)
		if err != nil {
			return err
		}
		return bareDownload(b, server.Client(), signed.Reveal(), path)
	}
	require.NoError(b, ours()) // the fake GitHub builds the archive when it is first asked for
	idle := heapInUse()
	var took [2]time.Duration
	var peak uint64
	b.SetBytes(2 * size)
	for b.Loop() {
		for side, download := range []func() error{ours, bare} {
			require.NoError(b, os.Remove(path))
			stop := watchHeap()
			start := time.Now()
			require.NoError(b, download())
			took[side] += time.Since(start)
			if highest := stop(); side == 0 {
				peak = max(peak, highest)
			}
		}
	}
	rate := func(took time.Duration) float64 { return float64(size) * float64(b.N) / took.Seconds() / 1e6 }
	b.ReportMetric(rate(took[0]), "MB/s-ours")
	b.ReportMetric(rate(took[1]), "MB/s-bare")
	b.ReportMetric(rate(took[0])/rate(took[1]), "rate/bare")
	b.ReportMetric(float64(max(peak, idle)-idle)/(1<<20), "peak-MiB")
}

// bareDownload downloads a URL with net/http and io.Copy.
func bareDownload(b *testing.B, client *http.Client, url, path string) error {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := io.Copy(file, res.Body); err != nil {
		return err
	}
	return file.Sync()
}

func heapInUse() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapInuse + stats.StackInuse
}

// watchHeap measures the heap every ten milliseconds until it is stopped. Stop
// returns the highest measurement.
func watchHeap() (stop func() uint64) {
	highest, done := uint64(0), make(chan struct{})
	var work sync.WaitGroup
	work.Go(func() {
		for tick := time.NewTicker(10 * time.Millisecond); ; {
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			highest = max(highest, stats.HeapInuse+stats.StackInuse)
			select {
			case <-tick.C:
			case <-done:
				tick.Stop()
				return
			}
		}
	})
	return func() uint64 {
		close(done)
		work.Wait()
		return highest
	}
}
