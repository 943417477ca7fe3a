package ghmigrate_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

// A Transport that was used with HTTP/2 offers it again, unless its TLS config is
// changed.
func TestRequestsToStorageUseHTTP1WhateverTheCallersTransportUses(t *testing.T) {
	data := archiveBytes(1<<20, 1)
	var mu sync.Mutex
	protocols := map[string]string{}
	var server *httptest.Server
	server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		protocols[r.URL.Path] = r.Proto
		mu.Unlock()
		switch r.URL.Path {
		case "/api/v3/orgs/octo-org/migrations/79/archive":
			http.Redirect(w, r, server.URL+"/storage/79?token=AAAA", http.StatusFound)
		case "/storage/79":
			assert.Empty(t, r.Header.Get("Authorization"))
			assert.Equal(t, "identity", r.Header.Get("Accept-Encoding"))
			w.Header().Set("ETag", `"1"`)
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
		default:
			_, _ = io.WriteString(w, `{"id":79,"state":"exported"}`)
		}
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	warmUp, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/warm-up", http.NoBody)
	require.NoError(t, err)
	res, err := server.Client().Do(warmUp)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, "HTTP/2.0", protocols["/warm-up"], "the server has HTTP/2")

	for name, hc := range map[string]*http.Client{
		"a transport that used HTTP/2":    server.Client(),
		"a transport that may use HTTP/2": {Transport: server.Client().Transport.(*http.Transport).Clone()},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := ghmigrate.NewClient(ghmigrate.WithBaseURL(server.URL+"/api/v3"), ghmigrate.WithToken(secretToken), ghmigrate.WithHTTPClient(hc))
			require.NoError(t, err)
			defer client.CloseIdleConnections()
			_, err = client.OrgMigrations.Get(t.Context(), "octo-org", 79, nil)
			require.NoError(t, err)
			path := filepath.Join(t.TempDir(), "archive.tar.gz")
			_, err = client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, nil)
			require.NoError(t, err)
			requireFile(t, path, data)
			assert.Equal(t, "HTTP/2.0", protocols["/api/v3/orgs/octo-org/migrations/79"])
			assert.Equal(t, "HTTP/1.1", protocols["/storage/79"])
		})
	}
}

func TestStorageErrorsAreRedacted(t *testing.T) {
	for name, test := range map[string]struct {
		fault ghmigratetest.Fault
		texts []string
		urls  int // requests for a signed URL; 0 means any number
	}{
		"a URL that is refused twice": {ghmigratetest.Fault{Status: http.StatusForbidden, Body: `<Error><Code>SignatureDoesNotMatch</Code>` +
			`<Message>The request signature we calculated does not match</Message><RequestId>4442587FB7D0A2F9</RequestId></Error>`},
			[]string{"403", "SignatureDoesNotMatch", "does not match", "4442587FB7D0A2F9"}, 2},
		"an archive that storage lacks": {ghmigratetest.Fault{Status: http.StatusNotFound, Body: `<Error><Code>NoSuchKey</Code></Error>`},
			[]string{"404", "NoSuchKey"}, 2},
		"a request that storage rejects": {ghmigratetest.Fault{Status: http.StatusBadRequest, Body: `<Error><Code>InvalidArgument</Code></Error>`},
			[]string{"400", "InvalidArgument"}, 1},
		"a web page instead of the archive": {ghmigratetest.HTMLError(http.StatusOK), []string{"not a gzip archive", "no progress"}, 0},
		"a message that quotes the URL": {ghmigratetest.Fault{Handler: func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprintf(w, "<Error><Code>InvalidURI</Code><Message>%s</Message></Error>", strings.ReplaceAll(r.URL.String(), "&", "&amp;"))
		}}, []string{"400", "InvalidURI"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server)
				prepareArchive(t, server, client, archiveBytes(1<<20, 1))
				test.fault.Origin, test.fault.Times = ghmigratetest.Storage, -1
				server.Inject(test.fault)
				path := filepath.Join(t.TempDir(), "archive.tar.gz")

				_, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, nil)
				if test.urls > 0 {
					assert.Equal(t, test.urls, archiveURLRequests(server))
				}
				_, openErr := client.OrgMigrations.OpenArchive(t.Context(), "octo-org", 79)
				for _, err := range []error{err, openErr} {
					require.ErrorContains(t, err, "download archive of migration 79: ")
					for _, text := range test.texts {
						require.ErrorContains(t, err, text)
					}
					_, isAPI := errors.AsType[*ghmigrate.APIError](err)
					assert.False(t, isAPI, "the error is a StorageError")
					assert.Empty(t, sentinelsOf(err), "%v", err)
					for e := err; e != nil; e = errors.Unwrap(e) {
						testclient.AssertNoSecret(t, fmt.Sprintf("%v %+v %#v", e, e, e), server.Token(), "X-Amz-")
					}
				}
				assert.NoFileExists(t, path)
				entries, err := os.ReadDir(filepath.Dir(path))
				require.NoError(t, err)
				assert.Empty(t, entries, "no file is left if no byte arrived")
			})
		})
	}
}

// Package export gives up an archive after a StorageError, and resumes after another
// error.
func TestAnOutageOfStorageIsNotAStorageError(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		data := archiveBytes(1<<20, 1)
		prepareArchive(t, server, client, data)
		server.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, CutAfter: 1 << 19})
		server.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, Times: -1, Status: http.StatusServiceUnavailable})
		path := filepath.Join(t.TempDir(), "archive.tar.gz")
		_, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, nil)
		require.ErrorContains(t, err, "the next call resumes: no progress: less than 1 MiB in five minutes: storage responded 503 ")
		_, final := errors.AsType[*ghmigrate.StorageError](err)
		assert.False(t, final)

		server.ClearFaults()
		result, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, nil)
		require.NoError(t, err)
		assert.EqualValues(t, 1<<19, result.Resumed)
		requireFile(t, path, data)
	})
}

// The Timeout and cookies of the caller's http.Client are only for the API.
func TestDownloadArchiveUsesNeitherTimeoutNorCookiesOfTheCaller(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		hc := testclient.HTTPClient(t, server)
		hc.Timeout = 10 * time.Second
		jar, err := cookiejar.New(nil)
		require.NoError(t, err)
		for _, origin := range []string{server.URL(), server.StorageURL()} {
			u, err := url.Parse(origin)
			require.NoError(t, err)
			jar.SetCookies(u, []*http.Cookie{{Name: "session", Value: "private", Path: "/"}})
		}
		hc.Jar = jar
		client, err := ghmigrate.NewClient(ghmigrate.WithBaseURL(server.URL()), ghmigrate.WithToken(server.Token()), ghmigrate.WithHTTPClient(hc))
		require.NoError(t, err)
		defer client.CloseIdleConnections()
		data := archiveBytes(1<<20, 1)
		prepareArchive(t, server, client, data)
		began := time.Now()
		path := filepath.Join(t.TempDir(), "archive.tar.gz")
		_, err = client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, path, nil)
		require.NoError(t, err)
		requireFile(t, path, data)
		assert.Greater(t, time.Since(began), 55*time.Second)
		assert.Equal(t, []int64{0}, offsets(t, server, 0))
		for _, r := range server.Requests() {
			want := []string{"session=private"}
			if r.Origin == ghmigratetest.Storage {
				want = nil
			}
			assert.Equal(t, want, r.Header["Cookie"])
		}
		assert.Equal(t, 10*time.Second, hc.Timeout, "the caller's client is not changed")
		assert.Nil(t, hc.CheckRedirect)
	}, ghmigratetest.WithStorageRate(1<<20/60))
}

// A redirect of storage is followed without a Referer, and not from https to http.
func TestRedirectsOfStorage(t *testing.T) {
	data := archiveBytes(1<<20, 1)
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a request went over plain http")
	}))
	defer plain.Close()
	var target string
	var server *httptest.Server
	server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/v3/orgs/octo-org/migrations/79/archive":
			http.Redirect(w, r, server.URL+"/storage/79?X-Amz-Signature=AAAA", http.StatusFound)
		case "/storage/79":
			http.Redirect(w, r, target, http.StatusTemporaryRedirect)
		case "/bucket/79":
			assert.Empty(t, r.Header.Get("Authorization"))
			assert.Empty(t, r.Header.Get("Referer"))
			assert.Equal(t, firstRange, r.Header.Get("Range"))
			w.Header().Set("ETag", `"1"`)
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
		}
	}))
	defer server.Close()
	client, err := ghmigrate.NewClient(ghmigrate.WithBaseURL(server.URL+"/api/v3"), ghmigrate.WithToken(secretToken), ghmigrate.WithHTTPClient(server.Client()))
	require.NoError(t, err)
	defer client.CloseIdleConnections()
	dir := t.TempDir()

	target = server.URL + "/bucket/79?sig=BBBB"
	_, err = client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, filepath.Join(dir, "archive.tar.gz"), nil)
	require.NoError(t, err)
	requireFile(t, filepath.Join(dir, "archive.tar.gz"), data)

	for name, to := range map[string]string{
		"to plain http": plain.URL + "/79?sig=BBBB",
		"to itself":     server.URL + "/storage/79?X-Amz-Signature=AAAA",
	} {
		target = to
		_, err = client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, filepath.Join(dir, "other.tar.gz"), nil)
		require.Error(t, err, name)
		require.ErrorContains(t, err, "307", name)
		testclient.AssertNoSecret(t, fmt.Sprintf("%v %+v %#v", err, err, err), "AAAA", "BBBB", "sig=")
		assert.NoFileExists(t, filepath.Join(dir, "other.tar.gz"))
	}
}
