package ghmigratetest_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// However a caller mounts the handler, all URLs in responses lead back to it,
// and an archive can be fetched by its signed URL.
func TestHandlerBehindOthers(t *testing.T) {
	hosts := func(hs *httptest.Server, alias ...string) *http.Client {
		hc := hs.Client()
		transport, ok := hc.Transport.(*http.Transport)
		require.True(t, ok)
		transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			for _, a := range alias {
				if addr == a {
					addr = hs.Listener.Addr().String()
				}
			}
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
		return hc
	}
	for _, test := range []struct {
		name    string
		opts    []ghmigratetest.Option
		mount   func(t *testing.T, srv *ghmigratetest.Server) (base string, hc *http.Client)
		storage string // what signed URLs begin with, after the base without /api/v3
	}{
		{"a TLS server", nil, func(t *testing.T, srv *ghmigratetest.Server) (string, *http.Client) {
			hs := httptest.NewTLSServer(srv.Handler())
			t.Cleanup(hs.Close)
			return hs.URL, hs.Client()
		}, "/storage/migration/"},
		{"HTTP/2", nil, func(t *testing.T, srv *ghmigratetest.Server) (string, *http.Client) {
			hs := httptest.NewUnstartedServer(srv.Handler())
			hs.EnableHTTP2 = true
			hs.StartTLS()
			t.Cleanup(hs.Close)
			return hs.URL, hs.Client()
		}, "/storage/migration/"},
		{"a TLS server with GHES", []ghmigratetest.Option{ghmigratetest.WithGHES()}, func(t *testing.T, srv *ghmigratetest.Server) (string, *http.Client) {
			hs := httptest.NewTLSServer(srv.Handler())
			t.Cleanup(hs.Close)
			return hs.URL, hs.Client()
		}, "/storage/migrations/"},
		{"a path prefix", nil, func(t *testing.T, srv *ghmigratetest.Server) (string, *http.Client) {
			mux := http.NewServeMux()
			mux.Handle("/fakes/one/", http.StripPrefix("/fakes/one", srv.Handler()))
			hs := httptest.NewServer(mux)
			t.Cleanup(hs.Close)
			return hs.URL + "/fakes/one", hs.Client()
		}, "/storage/migration/"},
		{"two hosts", []ghmigratetest.Option{ghmigratetest.WithStorageHost("objects.example.com")}, func(t *testing.T, srv *ghmigratetest.Server) (string, *http.Client) {
			hs := httptest.NewTLSServer(srv.Handler())
			t.Cleanup(hs.Close)
			return "https://example.com", hosts(hs, "example.com:443", "objects.example.com:443")
		}, "https://objects.example.com/migration/"},
		{"a reverse proxy with TLS and a prefix", nil, func(t *testing.T, srv *ghmigratetest.Server) (string, *http.Client) {
			target, err := url.Parse(strings.TrimSuffix(srv.URL(), "/api/v3"))
			require.NoError(t, err)
			proxy := &httputil.ReverseProxy{
				Transport: srv.Client().Transport,
				Rewrite: func(r *httputil.ProxyRequest) {
					r.SetURL(target)
					r.SetXForwarded()
					r.Out.Header.Set("X-Forwarded-Prefix", "/github")
				},
			}
			hs := httptest.NewTLSServer(http.StripPrefix("/github", proxy))
			t.Cleanup(hs.Close)
			return hs.URL + "/github", hs.Client()
		}, "/storage/migration/"},
	} {
		t.Run(test.name, func(t *testing.T) {
			// On sockets: a ReverseProxy breaks if its target answers before the write of a request returns.
			srv := ghmigratetest.NewServer(test.opts...)
			t.Cleanup(srv.Close)
			srv.AddRepository("octo/hello")
			srv.AddRepository("octo/other")
			base, hc := test.mount(t, srv)
			hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			do := func(method, target, body string) answer {
				if strings.HasPrefix(target, "/") {
					target = base + "/api/v3" + target
				}
				req, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
				require.NoError(t, err)
				if strings.HasPrefix(target, base+"/api/") {
					req.Header.Set("Authorization", "Bearer "+srv.Token())
					req.Header.Set("Accept", "application/vnd.github+json")
					req.Header.Set("X-GitHub-Api-Version", "2022-11-28")
				}
				res, err := hc.Do(req)
				require.NoError(t, err)
				defer res.Body.Close()
				data, err := io.ReadAll(res.Body)
				require.NoError(t, err)
				return answer{res.StatusCode, res.Header, string(data)}
			}
			a := do("POST", "/orgs/octo/migrations", `{"repositories":["octo/hello","octo/other"]}`)
			require.Equal(t, http.StatusCreated, a.status, a.body)
			self := base + "/api/v3/orgs/octo/migrations/79"
			assert.Equal(t, self, a.header.Get("Location"))
			assert.Equal(t, self, a.object(t)["url"])
			assert.NotContains(t, a.body, srv.URL())
			srv.Clock().Advance(time.Minute)
			a = do("GET", "/orgs/octo/migrations/79/repositories?per_page=1", "")
			next, _, _ := strings.Cut(strings.TrimPrefix(a.header.Get("Link"), "<"), ">")
			assert.True(t, strings.HasPrefix(next, base+"/api/v3/organizations/"), next)
			assert.Equal(t, "octo/other", do("GET", next, "").list(t)[0]["full_name"])

			a = do("GET", "/orgs/octo/migrations/79/archive", "")
			require.Equal(t, http.StatusFound, a.status, a.body)
			location := a.header.Get("Location")
			assert.Equal(t, location, a.body)
			want := test.storage
			if strings.HasPrefix(want, "/") {
				want = base + want
			}
			assert.True(t, strings.HasPrefix(location, want), location)
			archive := do("GET", location, "")
			assert.Equal(t, http.StatusOK, archive.status, archive.body)
			assert.Equal(t, "application/x-gzip", archive.header.Get("Content-Type"))
			assert.Equal(t, http.StatusForbidden, do("GET", location+"0", "").status, "the signature counts")

			srv.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, Times: 2, Status: 307, Header: http.Header{"Location": {"{elsewhere}"}, "X-Connection": {"{connection}"}}})
			a = do("GET", location, "")
			assert.NotEmpty(t, a.header.Get("X-Connection"))
			at, err := url.Parse(location)
			require.NoError(t, err)
			there, err := at.Parse(a.header.Get("Location"))
			require.NoError(t, err)
			assert.Equal(t, archive.body, do("GET", there.String(), "").body)

			var origins []ghmigratetest.Origin
			for _, r := range srv.Requests() {
				origins = append(origins, r.Origin)
			}
			const api, storage = ghmigratetest.API, ghmigratetest.Storage
			assert.Equal(t, []ghmigratetest.Origin{api, api, api, api, storage, storage, storage, storage}, origins)
		})
	}
}

// Each proxy may append to the headers of the one before. Hosts have no case.
func TestHandlerBehindTwoProxies(t *testing.T) {
	srv := ghmigratetest.NewServer(ghmigratetest.WithStorageHost("storage.example.com"))
	defer srv.Close()
	srv.AddRepository("octo/hello")
	ask := func(method, url, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		r.Header = http.Header{
			"User-Agent": {"test"}, "Accept": {"application/json"}, "X-Github-Api-Version": {"2022-11-28"},
			"X-Forwarded-Proto": {"https, http"}, "X-Forwarded-Host": {r.Host + ", proxy.test"}, "X-Forwarded-Prefix": {"/github, /x"},
		}
		if r.Host == "github.test" {
			r.Header.Set("Authorization", "Bearer "+srv.Token())
		}
		w := httptest.NewRecorder()
		srv.Handler().ServeHTTP(w, r)
		return w
	}
	started := ask("POST", "http://github.test/api/v3/orgs/octo/migrations", hello)
	require.Equal(t, http.StatusCreated, started.Code)
	assert.Equal(t, "https://github.test/github/api/v3/orgs/octo/migrations/79", started.Header().Get("Location"))
	srv.Clock().Advance(time.Minute)
	location := ask("GET", "http://github.test/api/v3/orgs/octo/migrations/79/archive", "").Header().Get("Location")
	require.Contains(t, location, "https://storage.example.com/")
	assert.Equal(t, http.StatusOK, ask("GET", strings.Replace(location, "storage.example.com", "Storage.Example.COM", 1), "").Code)
}

// A middleware may pass on a request that it has made itself.
func TestHandlerTakesARequestWithoutABody(t *testing.T) {
	srv := ghmigratetest.NewServer()
	defer srv.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL()+"/user", nil)
	require.NoError(t, err)
	w := httptest.NewRecorder()
	srv.Handler().ServeHTTP(w, r)
	assert.Equal(t, http.StatusForbidden, w.Code, "it has no User-Agent")
}
