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

// archiveBytes makes up an archive of n bytes, one for each seed.
func archiveBytes(n int, seed byte) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(data)
	copy(data, "\x1f\x8b\x08") // as gzip begins
	return data
}

// exported has octo-org/hello exported as migration 79, with an archive of
// these bytes.
func exported(t *testing.T, server *ghmigratetest.Server, client *ghmigrate.Client, data []byte) {
	t.Helper()
	startExports(t, server, client, 1)
	server.Clock().Advance(time.Hour)
	server.SetArchive(79, data)
}

// firstRange is what DownloadArchive asks for before it knows anything of an
// archive.
const firstRange = "bytes=0-"

// fetches are the offsets from which storage was asked for bytes, in the
// requests after the first n.
func fetches(t *testing.T, server *ghmigratetest.Server, n int) []int64 {
	t.Helper()
	var all []int64
	for _, r := range server.Requests()[n:] {
		if r.Origin != ghmigratetest.Storage {
			continue
		}
		asked, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes=")
		from, _, _ := strings.Cut(asked, "-")
		offset, err := strconv.ParseInt(from, 10, 64)
		require.True(t, ok && err == nil, "Range %q", r.Header.Get("Range"))
		all = append(all, offset)
	}
	return all
}

// located is how often the API was asked where an archive is.
func located(server *ghmigratetest.Server) int {
	n := 0
	for _, r := range server.Requests() {
		if r.Path == polled+"/archive" {
			n++
		}
	}
	return n
}

// requireFile fails the test unless path has these bytes, is its owner's
// alone, and is alone in its folder.
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
	assert.Len(t, entries, 1, "nothing is left beside the file")
}

func TestDownloadArchive(t *testing.T) {
	for name, opts := range map[string][]ghmigratetest.Option{"GitHub.com": nil, "GHES": {ghmigratetest.WithGHES()}} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server, ghmigrate.WithUserAgent("backup/1.0"))
				data := archiveBytes(3<<20+17, 1)
				exported(t, server, client, data)
				path := filepath.Join(t.TempDir(), "archive.tar.gz")

				result, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, nil)
				require.NoError(t, err)
				assert.Equal(t, &ghmigrate.DownloadResult{Path: path, Size: int64(len(data)), SHA256: sha256Of(data)}, result)
				requireFile(t, path, data)
				assert.Equal(t, []int64{0}, fetches(t, server, 0), "the first request is the first part, not a probe")
				assert.Equal(t, 1, located(server))
				for _, r := range server.Requests() {
					if r.Origin == ghmigratetest.Storage {
						assert.Equal(t, http.Header{
							"Accept-Encoding": {"identity"}, "Range": {firstRange}, "User-Agent": {"backup/1.0"},
						}, r.Header, "and nothing else")
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
		exported(t, server, first, data)
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
		assert.NoFileExists(t, path, "nothing less than the whole file has its name")
		assert.FileExists(t, path+".part")
		assert.FileExists(t, path+".part.log")

		asked := len(server.Requests())
		var progress []int64
		result, err = testclient.New(t, server).OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, &ghmigrate.DownloadOptions{Progress: func(w, total int64) {
			progress = append(progress, w)
			assert.Equal(t, int64(len(data)), total)
		}})
		require.NoError(t, err)
		assert.Equal(t, &ghmigrate.DownloadResult{Path: path, Size: int64(len(data)), SHA256: sha256Of(data), Resumed: written}, result)
		requireFile(t, path, data)
		assert.Equal(t, []int64{written}, fetches(t, server, asked), "only the rest is fetched")
		assert.Greater(t, progress[0], written-1, "what was there counts")

		// A complete file is not a part: the next call fetches all of it anew.
		asked = len(server.Requests())
		result, err = first.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, nil)
		require.NoError(t, err)
		assert.Zero(t, result.Resumed)
		assert.Equal(t, []int64{0}, fetches(t, server, asked))
		requireFile(t, path, data)
	}, ghmigratetest.WithStorageRate(1<<20))
}

// What one migration left is of no use to another.
func TestDownloadArchiveResumesOnlyItsOwn(t *testing.T) {
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
		asked := len(server.Requests())
		result, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 80, path, nil)
		require.NoError(t, err)
		assert.Zero(t, result.Resumed)
		assert.Equal(t, []int64{0}, fetches(t, server, asked))
		requireFile(t, path, data)
	}, ghmigratetest.WithStorageRate(1<<20))
}

// Nor where storage keeps both at the same address, with the same validator.
func TestDownloadArchiveResumesOnlyItsOwnWhereverItIs(t *testing.T) {
	data := archiveBytes(1<<20, 1)
	var asked []string
	var stop context.CancelFunc
	client := offline(t, "https://ghes.example.com/api/v3", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Host == "ghes.example.com" {
			http.Redirect(w, r, "https://media.example.com/latest?token=AAAA", http.StatusFound)
			return
		}
		asked = append(asked, r.Header.Get("Range"))
		w.Header().Set("ETag", `"1"`)
		switch len(asked) {
		case 1:
			r.Header.Set("Range", "bytes=0-999")
		case 2, 3:
			stop()
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	})
	path := filepath.Join(t.TempDir(), "archive.tar.gz")
	stopped := func(id int64) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		stop = cancel
		_, err := client.OrgMigrations.DownloadArchive(ctx, "octo-org", id, path, nil)
		require.ErrorIs(t, err, context.Canceled)
	}
	stopped(79)
	stopped(79)
	result, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 80, path, nil)
	require.NoError(t, err)
	assert.Zero(t, result.Resumed)
	requireFile(t, path, data)
	assert.Equal(t, []string{
		firstRange, "bytes=1000-",
		"bytes=1000-", // the same one goes on
		firstRange,    // another one does not
	}, asked)
}

// storageTrouble is what storage does to an archive on its way, none of which
// is seen by who fetches it.
func storageTrouble() map[string][]ghmigratetest.Fault {
	fault := func(f ghmigratetest.Fault) ghmigratetest.Fault {
		f.Origin = ghmigratetest.Storage
		return f
	}
	xml := func(code string) string {
		return `<?xml version="1.0" encoding="UTF-8"?><Error><Code>` + code + `</Code><Message>Please try again.</Message></Error>`
	}
	return map[string][]ghmigratetest.Fault{
		"connections are cut": {
			fault(ghmigratetest.Fault{CutAfter: 100_000}), fault(ghmigratetest.Fault{CutAfter: ghmigratetest.AfterHeader}), fault(ghmigratetest.Fault{Reset: true}),
		},
		"a connection falls silent":  {fault(ghmigratetest.Fault{StallAfter: 100_000})},
		"there is no answer":         {fault(ghmigratetest.Fault{Stall: true})},
		"storage is overloaded":      {fault(ghmigratetest.Fault{Status: http.StatusServiceUnavailable, Body: xml("SlowDown"), Times: 3})},
		"storage has a fault":        {fault(ghmigratetest.Fault{Status: http.StatusInternalServerError, Body: xml("InternalError")})},
		"storage is asked too often": {fault(ghmigratetest.Fault{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"90"}}})},
		"a proxy has a bad day":      {fault(ghmigratetest.HTMLError(http.StatusBadGateway))},
		"a URL is refused once":      {fault(ghmigratetest.Fault{Status: http.StatusForbidden, Body: xml("AccessDenied")})},
	}
}

func TestDownloadArchiveSurvivesTroubleAtStorage(t *testing.T) {
	for name, faults := range storageTrouble() {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server)
				data := archiveBytes(1<<20, 1)
				exported(t, server, client, data)
				for _, f := range faults {
					server.Inject(f)
				}
				path := filepath.Join(t.TempDir(), "archive.tar.gz")
				result, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, nil)
				require.NoError(t, err)
				assert.Equal(t, sha256Of(data), result.SHA256)
				assert.Zero(t, result.Resumed, "that is for what an earlier call left")
				requireFile(t, path, data)
			})
		})
	}
}

// A signed URL lives for five minutes, an archive takes its time.
func TestDownloadArchiveRenewsURLs(t *testing.T) {
	t.Run("one that is known to have died", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			client := testclient.New(t, server)
			data := archiveBytes(1<<20, 1)
			exported(t, server, client, data)
			server.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, CutAfter: 1 << 19}) // after half a minute
			path := filepath.Join(t.TempDir(), "archive.tar.gz")
			_, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, nil)
			require.NoError(t, err)
			requireFile(t, path, data)
			assert.Equal(t, []int64{0, 1 << 19}, fetches(t, server, 0), "it is not tried again")
			assert.Equal(t, 2, located(server))
		}, ghmigratetest.WithStorageRate(1<<20/60), ghmigratetest.WithURLLifetime(20*time.Second))
	})
	t.Run("one that died unexpectedly", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			client := testclient.New(t, server)
			data := archiveBytes(1<<20, 1)
			exported(t, server, client, data)
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
			assert.Equal(t, 2, located(server))
			assert.Len(t, fetches(t, server, 0), 3, "the first, the one that is refused, the rest")
		})
	})
	t.Run("our clock is wrong", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			server.Clock().Advance(-24 * time.Hour) // by ours, every URL has been dead for a day
			client := testclient.New(t, server)
			data := archiveBytes(1<<20, 1)
			exported(t, server, client, data)
			server.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, CutAfter: 1 << 19})
			path := filepath.Join(t.TempDir(), "archive.tar.gz")
			_, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, nil)
			require.NoError(t, err)
			requireFile(t, path, data)
			assert.Equal(t, 1, located(server), "the URL's life is measured by the clock that signed it")
		})
	})
	t.Run("during an outage of the API", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			client := testclient.New(t, server, ghmigrate.WithMaxRetries(0))
			data := archiveBytes(1<<20, 1)
			exported(t, server, client, data)
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
	t.Run("but not before there is anything to lose", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			client := testclient.New(t, server, ghmigrate.WithMaxRetries(0))
			exported(t, server, client, archiveBytes(1<<20, 1))
			server.Inject(ghmigratetest.ServerError(http.StatusBadGateway))
			began := time.Now()
			_, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, filepath.Join(t.TempDir(), "archive.tar.gz"), nil)
			failure, ok := errors.AsType[*ghmigrate.APIError](err)
			require.True(t, ok, "%v", err)
			assert.Equal(t, http.StatusBadGateway, failure.StatusCode)
			assert.Equal(t, began, time.Now())
		})
	})
	t.Run("its archive is deleted meanwhile", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			client := testclient.New(t, server)
			exported(t, server, client, archiveBytes(1<<20, 1))
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

func TestDownloadsWaitRateLimitsOut(t *testing.T) {
	for name, fault := range map[string]ghmigratetest.Fault{
		"primary":                      ghmigratetest.PrimaryRateLimit(time.Hour),
		"secondary":                    ghmigratetest.SecondaryRateLimitAfter(10 * time.Minute),
		"secondary without any header": ghmigratetest.SecondaryRateLimit(),
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server, ghmigrate.WithMaxRateLimitWait(0))
				data := archiveBytes(1<<20, 1)
				exported(t, server, client, data)
				fault.Path, fault.Times = polled+"/archive", 3
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
				require.ErrorIs(t, err, ghmigrate.ErrRateLimited, "a call of its own waits as long as it is told")
				_, err = client.OrgMigrations.ArchiveURL(t.Context(), "octo-org", 79)
				require.ErrorIs(t, err, ghmigrate.ErrRateLimited)

				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err = client.OrgMigrations.OpenArchive(ctx, "octo-org", 79)
				require.ErrorIs(t, err, context.DeadlineExceeded, "only the context bounds it")
			})
		})
	}
}

func TestDownloadArchiveOfAnArchiveThatChanges(t *testing.T) {
	versions := [][]byte{archiveBytes(1<<20, 1), archiveBytes(1<<20+1, 2), archiveBytes(1<<20+2, 3), archiveBytes(1<<20+3, 4)}
	// Each request that is served gets less than all; the archive is another
	// one before the second, and before the fourth.
	changing := func(server *ghmigratetest.Server, changes int) {
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
	t.Run("once: it is fetched from the start", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			client := testclient.New(t, server)
			exported(t, server, client, versions[0])
			changing(server, 1)
			path := filepath.Join(t.TempDir(), "archive.tar.gz")
			result, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, nil)
			require.NoError(t, err)
			assert.Equal(t, &ghmigrate.DownloadResult{Path: path, Size: int64(len(versions[1])), SHA256: sha256Of(versions[1])}, result)
			requireFile(t, path, versions[1])
			assert.Equal(t, []int64{0, 1 << 19, 0}, fetches(t, server, 0))
		})
	})
	t.Run("twice: that is an error", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			client := testclient.New(t, server)
			exported(t, server, client, versions[0])
			changing(server, 2)
			path := filepath.Join(t.TempDir(), "archive.tar.gz")
			result, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, nil)
			assert.Equal(t, []error{ghmigrate.ErrArchiveChanged}, sentinelsOf(err), "%v", err)
			assert.Nil(t, result)
			assert.NoFileExists(t, path)
			assert.Equal(t, []int64{0, 1 << 19, 0, 1 << 19}, fetches(t, server, 0))
		})
	})
	t.Run("once, between two calls", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			client := testclient.New(t, server)
			exported(t, server, client, versions[0])
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
	t.Run("a stream cannot start over", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			client := testclient.New(t, server)
			exported(t, server, client, versions[0])
			changing(server, 1)
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

func TestDownloadArchiveLooksWhereItWrites(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(t *testing.T, path string)
		err     error // nil: no particular one
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
				exported(t, server, client, archiveBytes(1<<20, 1))
				path := filepath.Join(t.TempDir(), "archive.tar.gz")
				test.prepare(t, path)
				asked := len(server.Requests())
				_, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, nil)
				require.Error(t, err)
				if test.err != nil {
					require.ErrorIs(t, err, test.err)
				}
				require.ErrorContains(t, err, "archive.tar.gz")
				assert.Len(t, server.Requests(), asked, "nothing is asked for that cannot be written")
				assert.NoFileExists(t, filepath.Join(filepath.Dir(path), "elsewhere"))
			})
		})
	}
}

func TestDownloadArchiveReplacesAFileOnlyByAWholeOne(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		data := archiveBytes(2<<20, 1)
		exported(t, server, client, data)
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

func TestDownloadArchiveIsDoneByOneAtATime(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		data := archiveBytes(2<<20, 1)
		exported(t, server, client, data)
		path := filepath.Join(t.TempDir(), "archive.tar.gz")
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, nil)
			assert.NoError(t, err)
		})
		time.Sleep(time.Second)
		asked := len(server.Requests())
		_, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, nil)
		require.ErrorContains(t, err, "archive.tar.gz")
		assert.Len(t, server.Requests(), asked)
		wg.Wait()
		requireFile(t, path, data)
	}, ghmigratetest.WithStorageRate(1<<20))
}

func TestDownloadArchiveTellsItsProgress(t *testing.T) {
	type call struct {
		at             time.Time
		written, total int64
	}
	for name, cut := range map[string]bool{"to the end": false, "to where it stopped": true} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server)
				data := archiveBytes(3<<20, 1)
				exported(t, server, client, data)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var calls []call
				var running atomic.Int32
				_, err := client.OrgMigrations.DownloadArchive(ctx, "octo-org", 79, filepath.Join(t.TempDir(), "archive.tar.gz"), &ghmigrate.DownloadOptions{
					Progress: func(written, total int64) {
						assert.Equal(t, int32(1), running.Add(1), "from one goroutine")
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
					assert.Greater(t, len(calls), 20, "3 s long")
					assert.LessOrEqual(t, len(calls), 32)
				}
				for i, c := range calls {
					if last.total == int64(len(data)) && c.total != -1 {
						assert.Equal(t, last.total, c.total)
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
