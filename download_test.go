package ghmigrate_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

// archiveBytes returns an archive of n random bytes, which the seed determines.
func archiveBytes(n int, seed byte) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(data)
	copy(data, "\x1f\x8b\x08") // the start of gzip
	return data
}

// prepareArchive exports octo-org/hello as migration 79, whose archive has these
// bytes.
func prepareArchive(t *testing.T, server *ghmigratetest.Server, client *ghmigrate.Client, data []byte) {
	t.Helper()
	startExports(t, server, client, 1)
	server.Clock().Advance(time.Hour)
	server.SetArchive(79, data)
}

// firstRange is the Range of the first request for an archive.
const firstRange = "bytes=0-"

// offsets returns the first offset of each request to storage. It skips the first
// n requests to the server.
func offsets(t *testing.T, server *ghmigratetest.Server, n int) []int64 {
	t.Helper()
	var all []int64
	for _, r := range server.Requests()[n:] {
		if r.Origin != ghmigratetest.Storage {
			continue
		}
		bounds, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes=")
		from, _, _ := strings.Cut(bounds, "-")
		offset, err := strconv.ParseInt(from, 10, 64)
		require.True(t, ok && err == nil, "Range %q", r.Header.Get("Range"))
		all = append(all, offset)
	}
	return all
}

// archiveURLRequests counts the requests for the URL of the archive.
func archiveURLRequests(server *ghmigratetest.Server) int {
	n := 0
	for _, r := range server.Requests() {
		if r.Path == exportPath+"/archive" {
			n++
		}
	}
	return n
}

// requireFile fails the test unless the file at path has these bytes, only its
// owner can read it, and it is alone in its folder.
func requireFile(t *testing.T, path string, data []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, got), "the file has other bytes")
	if runtime.GOOS != "windows" {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, entries, 1, "other files are left")
}

func TestDownloadArchive(t *testing.T) {
	for name, opts := range map[string][]ghmigratetest.Option{"GitHub.com": nil, "GHES": {ghmigratetest.WithGHES()}} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server, ghmigrate.WithUserAgent("backup/1.0"))
				data := archiveBytes(3<<20+17, 1)
				prepareArchive(t, server, client, data)
				path := filepath.Join(t.TempDir(), "archive.tar.gz")

				result, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, nil)
				require.NoError(t, err)
				assert.Equal(t, &ghmigrate.DownloadResult{Path: path, Size: int64(len(data)), SHA256: sha256Of(data)}, result)
				requireFile(t, path, data)
				assert.Equal(t, []int64{0}, offsets(t, server, 0), "the first request fetches bytes and is not a probe")
				assert.Equal(t, 1, archiveURLRequests(server))
				for _, r := range server.Requests() {
					if r.Origin == ghmigratetest.Storage {
						assert.Equal(t, http.Header{
							"Accept-Encoding": {"identity"}, "Range": {firstRange}, "User-Agent": {"backup/1.0"},
						}, r.Header, "no other header is sent")
						assert.Equal(t, http.MethodGet, r.Method)
					}
				}
			}, opts...)
		})
	}
}

func TestDownloadArchiveResumesInAnotherClient(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		first := testclient.New(t, server)
		data := archiveBytes(4<<20, 1)
		prepareArchive(t, server, first, data)
		path := filepath.Join(t.TempDir(), "archive.tar.gz")
		reason := errors.New("killed")
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)

		var written int64
		result, err := first.OrgMigrations.DownloadArchive(ctx, "octo-org", 79, path, &ghmigrate.DownloadOptions{Progress: func(w, _ int64) {
			if written = w; w > 3<<20 {
				cancel(reason)
			}
		}})
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, reason)
		require.ErrorContains(t, err, "download archive of migration 79: ")
		assert.Nil(t, result)
		assert.NoFileExists(t, path, "the file is not complete")
		assert.FileExists(t, path+".part")
		assert.FileExists(t, path+".part.log")

		before := len(server.Requests())
		var progress []int64
		result, err = testclient.New(t, server).OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, &ghmigrate.DownloadOptions{Progress: func(w, total int64) {
			progress = append(progress, w)
			assert.Equal(t, int64(len(data)), total)
		}})
		require.NoError(t, err)
		assert.Equal(t, &ghmigrate.DownloadResult{Path: path, Size: int64(len(data)), SHA256: sha256Of(data), Resumed: written}, result)
		requireFile(t, path, data)
		assert.Equal(t, []int64{written}, offsets(t, server, before), "only the rest is fetched")
		assert.Greater(t, progress[0], written-1, "the bytes of the first call count")

		// If the file is complete, the next call fetches the whole archive again.
		before = len(server.Requests())
		result, err = first.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, nil)
		require.NoError(t, err)
		assert.Zero(t, result.Resumed)
		assert.Equal(t, []int64{0}, offsets(t, server, before))
		requireFile(t, path, data)
	}, ghmigratetest.WithStorageRate(1<<20))
}

func TestDownloadArchiveDoesNotResumeAnotherMigration(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		startExports(t, server, client, 2)
		server.Clock().Advance(time.Hour)
		data := archiveBytes(2<<20, 1)
		server.SetArchive(79, data)
		server.SetArchive(80, data) // the same bytes, the same ETag
		path := filepath.Join(t.TempDir(), "archive.tar.gz")
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		_, err := client.OrgMigrations.DownloadArchive(ctx, "octo-org", 79, path, nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		before := len(server.Requests())
		result, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 80, path, nil)
		require.NoError(t, err)
		assert.Zero(t, result.Resumed)
		assert.Equal(t, []int64{0}, offsets(t, server, before))
		requireFile(t, path, data)
	}, ghmigratetest.WithStorageRate(1<<20))
}

func TestDownloadArchiveDoesNotResumeAnotherMigrationAtTheSameURL(t *testing.T) {
	data := archiveBytes(1<<20, 1)
	var ranges []string
	var stop context.CancelFunc
	client := clientWithHandler(t, "https://ghes.example.com/api/v3", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Host == "ghes.example.com" {
			http.Redirect(w, r, "https://media.example.com/latest?token=AAAA", http.StatusFound)
			return
		}
		ranges = append(ranges, r.Header.Get("Range"))
		w.Header().Set("ETag", `"1"`)
		switch len(ranges) {
		case 1:
			r.Header.Set("Range", "bytes=0-999")
		case 2, 3:
			stop()
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	})
	path := filepath.Join(t.TempDir(), "archive.tar.gz")
	download := func(id int64) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		stop = cancel
		_, err := client.OrgMigrations.DownloadArchive(ctx, "octo-org", id, path, nil)
		require.ErrorIs(t, err, context.Canceled)
	}
	download(79)
	download(79)
	result, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 80, path, nil)
	require.NoError(t, err)
	assert.Zero(t, result.Resumed)
	requireFile(t, path, data)
	assert.Equal(t, []string{
		firstRange, "bytes=1000-",
		"bytes=1000-", // migration 79 again
		firstRange,    // migration 80
	}, ranges)
}

// temporaryStorageFailures are failures of storage after which a download retries.
func temporaryStorageFailures() map[string][]ghmigratetest.Fault {
	fault := func(f ghmigratetest.Fault) ghmigratetest.Fault {
		f.Origin = ghmigratetest.Storage
		return f
	}
	xml := func(code string) string {
		return `<?xml version="1.0" encoding="UTF-8"?><Error><Code>` + code + `</Code><Message>Please try again.</Message></Error>`
	}
	return map[string][]ghmigratetest.Fault{
		"broken connections": {
			fault(ghmigratetest.Fault{CutAfter: 100_000}), fault(ghmigratetest.Fault{CutAfter: ghmigratetest.AfterHeader}), fault(ghmigratetest.Fault{Reset: true}),
		},
		"a connection that stalls": {fault(ghmigratetest.Fault{StallAfter: 100_000})},
		"no response":              {fault(ghmigratetest.Fault{Stall: true})},
		"storage is overloaded":    {fault(ghmigratetest.Fault{Status: http.StatusServiceUnavailable, Body: xml("SlowDown"), Times: 3})},
		"storage has an error":     {fault(ghmigratetest.Fault{Status: http.StatusInternalServerError, Body: xml("InternalError")})},
		"storage limits requests":  {fault(ghmigratetest.Fault{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"90"}}})},
		"a proxy has an error":     {fault(ghmigratetest.HTMLError(http.StatusBadGateway))},
		"a URL is refused once":    {fault(ghmigratetest.Fault{Status: http.StatusForbidden, Body: xml("AccessDenied")})},
	}
}

func TestDownloadArchiveRetriesAfterTemporaryStorageFailures(t *testing.T) {
	for name, faults := range temporaryStorageFailures() {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server)
				data := archiveBytes(1<<20, 1)
				prepareArchive(t, server, client, data)
				for _, f := range faults {
					server.Inject(f)
				}
				path := filepath.Join(t.TempDir(), "archive.tar.gz")
				result, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, nil)
				require.NoError(t, err)
				assert.Equal(t, sha256Of(data), result.SHA256)
				assert.Zero(t, result.Resumed, "no earlier call fetched bytes")
				requireFile(t, path, data)
			})
		})
	}
}

func TestDownloadArchiveRenewsURLs(t *testing.T) {
	t.Run("after the URL has expired", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			client := testclient.New(t, server)
			data := archiveBytes(1<<20, 1)
			prepareArchive(t, server, client, data)
			server.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, CutAfter: 1 << 19}) // after half a minute
			path := filepath.Join(t.TempDir(), "archive.tar.gz")
			_, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, nil)
			require.NoError(t, err)
			requireFile(t, path, data)
			assert.Equal(t, []int64{0, 1 << 19}, offsets(t, server, 0), "the expired URL is not used")
			assert.Equal(t, 2, archiveURLRequests(server))
		}, ghmigratetest.WithStorageRate(1<<20/60), ghmigratetest.WithURLLifetime(20*time.Second))
	})
	t.Run("when storage refuses the URL before its expiry", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			client := testclient.New(t, server)
			data := archiveBytes(1<<20, 1)
			prepareArchive(t, server, client, data)
			server.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, CutAfter: 1 << 19})
			path := filepath.Join(t.TempDir(), "archive.tar.gz")
			advanced := false
			_, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, &ghmigrate.DownloadOptions{Progress: func(int64, int64) {
				if !advanced {
					server.Clock().Advance(10 * time.Minute)
					advanced = true
				}
			}})
			require.NoError(t, err)
			requireFile(t, path, data)
			assert.Equal(t, 2, archiveURLRequests(server))
			assert.Len(t, offsets(t, server, 0), 3, "the first request, the refused request, and the request for the rest")
		})
	})
	t.Run("not because the local clock is wrong", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			server.Clock().Advance(-24 * time.Hour) // by the local clock, every URL expired a day ago
			client := testclient.New(t, server)
			data := archiveBytes(1<<20, 1)
			prepareArchive(t, server, client, data)
			server.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, CutAfter: 1 << 19})
			path := filepath.Join(t.TempDir(), "archive.tar.gz")
			_, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, nil)
			require.NoError(t, err)
			requireFile(t, path, data)
			assert.Equal(t, 1, archiveURLRequests(server), "the expiry is measured by the server's clock")
		})
	})
	t.Run("during an outage of the API", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			client := testclient.New(t, server, ghmigrate.WithMaxRetries(0))
			data := archiveBytes(1<<20, 1)
			prepareArchive(t, server, client, data)
			server.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, CutAfter: 1 << 19})
			server.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, Status: http.StatusForbidden})
			for range 8 {
				server.Inject(ghmigratetest.Fault{Path: "/orgs/octo-org/migrations/79/archive", After: 1, Status: http.StatusBadGateway})
			}
			path := filepath.Join(t.TempDir(), "archive.tar.gz")
			_, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, nil)
			require.NoError(t, err)
			requireFile(t, path, data)
		})
	})
	for name, fault := range map[string]ghmigratetest.Fault{
		"despite a stray 404":          {Status: http.StatusNotFound, Body: `{"message":"Not Found"}`},
		"despite two 401s":             {Status: http.StatusUnauthorized, Body: `{"message":"Bad credentials"}`, Times: 2},
		"despite a redirect to logins": {Status: http.StatusMovedPermanently, Header: http.Header{"Location": {"https://login.example.com/"}}, Times: 3},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server)
				data := archiveBytes(1<<20, 1)
				prepareArchive(t, server, client, data)
				time.Sleep(time.Hour)
				server.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, CutAfter: 1 << 19}) // after half a minute
				fault.Path, fault.After = "/orgs/octo-org/migrations/79/archive", 1
				server.Inject(fault)
				path := filepath.Join(t.TempDir(), "archive.tar.gz")
				_, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, nil)
				require.NoError(t, err)
				requireFile(t, path, data)
			}, ghmigratetest.WithStorageRate(1<<20/60), ghmigratetest.WithURLLifetime(20*time.Second))
		})
	}
	t.Run("not after 404s that persist", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			client := testclient.New(t, server)
			prepareArchive(t, server, client, archiveBytes(1<<20, 1))
			time.Sleep(time.Hour)
			server.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, CutAfter: 1 << 19})
			server.Inject(ghmigratetest.Fault{Path: "/orgs/octo-org/migrations/79/archive", After: 1, Times: -1, Status: http.StatusNotFound, Body: `{"message":"Not Found"}`})
			began := time.Now()
			_, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, filepath.Join(t.TempDir(), "archive.tar.gz"), nil)
			require.ErrorIs(t, err, ghmigrate.ErrNotFound)
			assert.Less(t, time.Since(began), 2*time.Minute, "half a minute of data, and of 404s")
		}, ghmigratetest.WithStorageRate(1<<20/60), ghmigratetest.WithURLLifetime(20*time.Second))
	})
	t.Run("an outage of the API before the first byte is an error", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			client := testclient.New(t, server, ghmigrate.WithMaxRetries(0))
			prepareArchive(t, server, client, archiveBytes(1<<20, 1))
			server.Inject(ghmigratetest.ServerError(http.StatusBadGateway))
			began := time.Now()
			_, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, filepath.Join(t.TempDir(), "archive.tar.gz"), nil)
			failure, ok := errors.AsType[*ghmigrate.APIError](err)
			require.True(t, ok, "%v", err)
			assert.Equal(t, http.StatusBadGateway, failure.StatusCode)
			assert.Equal(t, began, time.Now())
		})
	})
	t.Run("not after the archive was deleted", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			client := testclient.New(t, server)
			prepareArchive(t, server, client, archiveBytes(1<<20, 1))
			server.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, CutAfter: 1 << 19})
			path := filepath.Join(t.TempDir(), "archive.tar.gz")
			_, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, &ghmigrate.DownloadOptions{Progress: func(int64, int64) {
				_ = client.OrgMigrations.DeleteArchive(t.Context(), "octo-org", 79)
			}})
			assert.Equal(t, []error{ghmigrate.ErrArchiveGone, ghmigrate.ErrNotFound}, sentinelsOf(err), "%v", err)
			assert.NoFileExists(t, path)
		})
	})
}

func TestDownloadsWaitForRateLimits(t *testing.T) {
	for name, fault := range map[string]ghmigratetest.Fault{
		"primary":                      ghmigratetest.PrimaryRateLimit(time.Hour),
		"secondary":                    ghmigratetest.SecondaryRateLimitAfter(10 * time.Minute),
		"secondary without any header": ghmigratetest.SecondaryRateLimit(),
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server, ghmigrate.WithMaxRateLimitWait(0))
				data := archiveBytes(1<<20, 1)
				prepareArchive(t, server, client, data)
				fault.Path, fault.Times = exportPath+"/archive", 3
				server.Inject(fault)
				path := filepath.Join(t.TempDir(), "archive.tar.gz")
				_, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, nil)
				require.NoError(t, err)
				requireFile(t, path, data)

				server.Inject(fault)
				stream, err := client.OrgMigrations.OpenArchive(t.Context(), "octo-org", 79)
				require.NoError(t, err)
				require.NoError(t, stream.Close())

				server.Inject(fault)
				_, err = client.OrgMigrations.ArchiveURL(t.Context(), "octo-org", 79)
				require.ErrorIs(t, err, ghmigrate.ErrRateLimited, "a single call waits no longer than WithMaxRateLimitWait")
				_, err = client.OrgMigrations.ArchiveURL(t.Context(), "octo-org", 79)
				require.ErrorIs(t, err, ghmigrate.ErrRateLimited)

				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err = client.OrgMigrations.OpenArchive(ctx, "octo-org", 79)
				require.ErrorIs(t, err, context.DeadlineExceeded, "only the context limits the wait")
			})
		})
	}
}

func TestDownloadArchiveOfAnArchiveThatChanges(t *testing.T) {
	versions := [][]byte{archiveBytes(1<<20, 1), archiveBytes(1<<20+1, 2), archiveBytes(1<<20+2, 3), archiveBytes(1<<20+3, 4)}
	// The first 2*changes responses are cut. The archive changes before every second
	// one of them.
	changeArchive := func(server *ghmigratetest.Server, changes int) {
		n := 0
		server.Inject(ghmigratetest.Fault{
			Origin: ghmigratetest.Storage, Times: 2 * changes, CutAfter: 1 << 19,
			Handler: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if n++; n%2 == 0 {
					server.SetArchive(79, versions[n/2])
				}
				next.ServeHTTP(w, r)
			},
		})
	}
	t.Run("once: the download starts over", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			client := testclient.New(t, server)
			prepareArchive(t, server, client, versions[0])
			changeArchive(server, 1)
			path := filepath.Join(t.TempDir(), "archive.tar.gz")
			result, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, nil)
			require.NoError(t, err)
			assert.Equal(t, &ghmigrate.DownloadResult{Path: path, Size: int64(len(versions[1])), SHA256: sha256Of(versions[1])}, result)
			requireFile(t, path, versions[1])
			assert.Equal(t, []int64{0, 1 << 19, 0}, offsets(t, server, 0))
		})
	})
	t.Run("twice: the download fails", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			client := testclient.New(t, server)
			prepareArchive(t, server, client, versions[0])
			changeArchive(server, 2)
			path := filepath.Join(t.TempDir(), "archive.tar.gz")
			result, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, nil)
			assert.Equal(t, []error{ghmigrate.ErrArchiveChanged}, sentinelsOf(err), "%v", err)
			assert.Nil(t, result)
			assert.NoFileExists(t, path)
			assert.Equal(t, []int64{0, 1 << 19, 0, 1 << 19}, offsets(t, server, 0))
		})
	})
	t.Run("between two calls: the second call starts over", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			client := testclient.New(t, server)
			prepareArchive(t, server, client, versions[0])
			path := filepath.Join(t.TempDir(), "archive.tar.gz")
			ctx, cancel := context.WithCancel(t.Context())
			server.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, StallAfter: 1 << 19})
			time.AfterFunc(5*time.Second, cancel)
			_, err := client.OrgMigrations.DownloadArchive(ctx, "octo-org", 79, path, nil)
			require.ErrorIs(t, err, context.Canceled)
			server.SetArchive(79, versions[1])
			result, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, nil)
			require.NoError(t, err)
			assert.Zero(t, result.Resumed)
			requireFile(t, path, versions[1])
		})
	})
	t.Run("a stream fails", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			client := testclient.New(t, server)
			prepareArchive(t, server, client, versions[0])
			changeArchive(server, 1)
			stream, err := client.OrgMigrations.OpenArchive(t.Context(), "octo-org", 79)
			require.NoError(t, err)
			defer stream.Close()
			got, err := io.ReadAll(stream)
			assert.Equal(t, []error{ghmigrate.ErrArchiveChanged}, sentinelsOf(err), "%v", err)
			assert.True(t, bytes.Equal(versions[0][:1<<19], got))
			assert.Empty(t, stream.SHA256())
			_, again := stream.Read(make([]byte, 1))
			assert.Equal(t, err.Error(), again.Error(), "the error stays")
		})
	})
}

func TestDownloadArchiveChecksThePathFirst(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(t *testing.T, path string)
		err     error // may be nil
	}{
		"a folder":            {func(t *testing.T, path string) { t.Helper(); require.NoError(t, os.Mkdir(path, 0o700)) }, nil},
		"a link":              {func(t *testing.T, path string) { t.Helper(); require.NoError(t, os.Symlink("elsewhere", path)) }, nil},
		"a link for the part": {func(t *testing.T, path string) { t.Helper(); require.NoError(t, os.Symlink("elsewhere", path+".part")) }, nil},
		"a link for the log": {func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.Symlink("elsewhere", path+".part.log"))
		}, nil},
		"a folder that is missing": {func(t *testing.T, path string) { t.Helper(); require.NoError(t, os.Remove(filepath.Dir(path))) }, fs.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server)
				prepareArchive(t, server, client, archiveBytes(1<<20, 1))
				path := filepath.Join(t.TempDir(), "archive.tar.gz")
				test.prepare(t, path)
				before := len(server.Requests())
				_, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, nil)
				require.Error(t, err)
				if test.err != nil {
					require.ErrorIs(t, err, test.err)
				}
				require.ErrorContains(t, err, "archive.tar.gz")
				assert.Len(t, server.Requests(), before, "the path is checked before any request")
				assert.NoFileExists(t, filepath.Join(filepath.Dir(path), "elsewhere"))
			})
		})
	}
}

func TestDownloadArchiveReplacesAFileOnlyByACompleteOne(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		data := archiveBytes(2<<20, 1)
		prepareArchive(t, server, client, data)
		path := filepath.Join(t.TempDir(), "archive.tar.gz")
		require.NoError(t, os.WriteFile(path, []byte("yesterday's"), 0o600))

		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		_, err := client.OrgMigrations.DownloadArchive(ctx, "octo-org", 79, path, nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		old, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, "yesterday's", string(old))

		_, err = client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, nil)
		require.NoError(t, err)
		requireFile(t, path, data)
	}, ghmigratetest.WithStorageRate(1<<20))
}

func TestASecondDownloadToTheSamePathFails(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		data := archiveBytes(2<<20, 1)
		prepareArchive(t, server, client, data)
		path := filepath.Join(t.TempDir(), "archive.tar.gz")
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, nil)
			assert.NoError(t, err)
		})
		time.Sleep(time.Second)
		before := len(server.Requests())
		_, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, nil)
		require.ErrorIs(t, err, ghmigrate.ErrInUse)
		require.ErrorContains(t, err, "archive.tar.gz")
		assert.Len(t, server.Requests(), before)
		wg.Wait()
		requireFile(t, path, data)
	}, ghmigratetest.WithStorageRate(1<<20))
}

func TestDownloadArchiveReportsProgress(t *testing.T) {
	type call struct {
		at             time.Time
		written, total int64
	}
	for name, cut := range map[string]bool{"complete": false, "canceled": true} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server)
				data := archiveBytes(3<<20, 1)
				prepareArchive(t, server, client, data)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var calls []call
				var running atomic.Int32
				_, err := client.OrgMigrations.DownloadArchive(ctx, "octo-org", 79, filepath.Join(t.TempDir(), "archive.tar.gz"), &ghmigrate.DownloadOptions{
					Progress: func(written, total int64) {
						assert.Equal(t, int32(1), running.Add(1), "called from one goroutine")
						calls = append(calls, call{time.Now(), written, total})
						if cut && written > 1<<20 {
							cancel()
						}
						running.Add(-1)
					},
				})
				assert.Equal(t, cut, err != nil)
				last := calls[len(calls)-1]
				if !cut {
					assert.Equal(t, int64(len(data)), last.written)
					assert.Greater(t, len(calls), 20, "the download takes 3 s")
					assert.LessOrEqual(t, len(calls), 32)
				}
				for i, c := range calls {
					if c.total != -1 { // the size is known
						assert.Equal(t, int64(len(data)), c.total)
					}
					if i > 0 {
						assert.GreaterOrEqual(t, c.written, calls[i-1].written)
					}
					if i > 0 && i < len(calls)-1 {
						assert.GreaterOrEqual(t, c.at.Sub(calls[i-1].at), 100*time.Millisecond, "call %d", i)
					}
				}
			}, ghmigratetest.WithStorageRate(1<<20))
		})
	}
}
