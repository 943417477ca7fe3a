package ghmigratetest_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// TestHandlerBehindOtherServers checks that all URLs in responses lead to the server
// in front of the handler, and that an archive has a valid signed URL there.
func TestHandlerBehindOtherServers(t *testing.T) {
	// aliased returns a client that reaches hs at other addresses, too.
	aliased := func(hs *httptest.Server, aliases ...string) *http.Client {
		hc := hs.Client()
		transport, ok := hc.Transport.(*http.Transport)
		require.True(t, ok)
		transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if slices.Contains(aliases, addr) {
				addr = hs.Listener.Addr().String()
			}
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
		return hc
	}
	mountTLS := func(t *testing.T, srv *ghmigratetest.Server) (string, *http.Client) {
		t.Helper()
		hs := httptest.NewTLSServer(srv.Handler())
		t.Cleanup(hs.Close)
		return hs.URL, hs.Client()
	}
	twoHosts := ghmigratetest.WithStorageHost("objects.example.com")
	mountTwoHosts := func(t *testing.T, srv *ghmigratetest.Server) (string, *http.Client) {
		t.Helper()
		hs := httptest.NewTLSServer(srv.Handler())
		t.Cleanup(hs.Close)
		return "https://example.com", aliased(hs, "example.com:443", "objects.example.com:443")
	}
	for _, test := range []struct {
		name    string
		opts    []ghmigratetest.Option
		mount   func(t *testing.T, srv *ghmigratetest.Server) (base string, hc *http.Client)
		storage string // beginning of signed URLs; a path is relative to base
	}{
		{"a TLS server", nil, mountTLS, "/storage/migration/"},
		{"HTTP/2", nil, func(t *testing.T, srv *ghmigratetest.Server) (string, *http.Client) {
			hs := httptest.NewUnstartedServer(srv.Handler())
			hs.EnableHTTP2 = true
			hs.StartTLS()
			t.Cleanup(hs.Close)
			return hs.URL, hs.Client()
		}, "/storage/migration/"},
		{"a TLS server with GHES", []ghmigratetest.Option{ghmigratetest.WithGHES()}, mountTLS, "/storage/migrations/"},
		{"a path prefix", nil, func(t *testing.T, srv *ghmigratetest.Server) (string, *http.Client) {
			mux := http.NewServeMux()
			mux.Handle("/fakes/one/", http.StripPrefix("/fakes/one", srv.Handler()))
			hs := httptest.NewServer(mux)
			t.Cleanup(hs.Close)
			return hs.URL + "/fakes/one", hs.Client()
		}, "/storage/migration/"},
		{"two hosts", []ghmigratetest.Option{twoHosts}, mountTwoHosts, "https://objects.example.com/migration/"},
		{"two hosts with GHES", []ghmigratetest.Option{twoHosts, ghmigratetest.WithGHES()}, mountTwoHosts, "https://objects.example.com/storage/migrations/"},
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
			// The server needs sockets: a ReverseProxy fails if its target responds before the write of the request returns.
			srv := ghmigratetest.NewServer(test.opts...)
			t.Cleanup(srv.Close)
			srv.AddRepository("octo/hello")
			srv.AddRepository("octo/other")
			base, hc := test.mount(t, srv)
			c := client{srv, t, base + "/api/v3", hc}
			res := c.do("POST", "/orgs/octo/migrations", `{"repositories":["octo/hello","octo/other"]}`)
			require.Equal(t, http.StatusCreated, res.status, res.body)
			self := base + "/api/v3/orgs/octo/migrations/79"
			assert.Equal(t, self, res.header.Get("Location"))
			assert.Equal(t, self, res.object(t)["url"])
			assert.NotContains(t, res.body, srv.URL())
			srv.Clock().Advance(time.Minute)
			res = c.do("GET", "/orgs/octo/migrations/79/repositories?per_page=1", "")
			next, _, _ := strings.Cut(strings.TrimPrefix(res.header.Get("Link"), "<"), ">")
			assert.True(t, strings.HasPrefix(next, base+"/api/v3/organizations/"), next)
			assert.Equal(t, "octo/other", c.do("GET", next, "").list(t)[0]["full_name"])

			res = c.do("GET", "/orgs/octo/migrations/79/archive", "")
			require.Equal(t, http.StatusFound, res.status, res.body)
			location := res.header.Get("Location")
			assert.Equal(t, location, res.body)
			want := test.storage
			if strings.HasPrefix(want, "/") {
				want = base + want
			}
			assert.True(t, strings.HasPrefix(location, want), location)
			archive := c.do("GET", location, "")
			assert.Equal(t, http.StatusOK, archive.status, archive.body)
			assert.Equal(t, "application/x-gzip", archive.header.Get("Content-Type"))
			assert.Equal(t, http.StatusForbidden, c.do("GET", location+"0", "").status, "a wrong signature")

			srv.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, Times: 2, Status: 307, Header: http.Header{"Location": {"{elsewhere}"}, "X-Connection": {"{connection}"}}})
			res = c.do("GET", location, "")
			assert.NotEmpty(t, res.header.Get("X-Connection"))
			signed, err := url.Parse(location)
			require.NoError(t, err)
			redirected, err := signed.Parse(res.header.Get("Location"))
			require.NoError(t, err)
			assert.Equal(t, archive.body, c.do("GET", redirected.String(), "").body)

			var origins []ghmigratetest.Origin
			for _, r := range srv.Requests() {
				origins = append(origins, r.Origin)
			}
			const api, storage = ghmigratetest.API, ghmigratetest.Storage
			assert.Equal(t, []ghmigratetest.Origin{api, api, api, api, storage, storage, storage, storage}, origins)
		})
	}
}

// Each proxy may append to the X-Forwarded headers of the previous proxy. Host names
// are case-insensitive.
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

// A middleware may pass on a request that it made, which may have a nil Body.
func TestHandlerTakesARequestWithoutABody(t *testing.T) {
	srv := ghmigratetest.NewServer()
	defer srv.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL()+"/user", nil)
	require.NoError(t, err)
	w := httptest.NewRecorder()
	srv.Handler().ServeHTTP(w, r)
	assert.Equal(t, http.StatusForbidden, w.Code, "the request has no User-Agent")
}

// The writer of a middleware may be unable to flush.
func TestHandlerSendsSlowlyBehindATimeoutHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newServer(t)
		c.Inject(ghmigratetest.Fault{Rate: 10})
		begun := time.Now()
		w := httptest.NewRecorder()
		http.TimeoutHandler(c.Handler(), time.Hour, "").ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, c.URL()+"/user", nil))
		assert.Contains(t, w.Body.String(), "Request forbidden")
		assert.Equal(t, time.Duration(w.Body.Len())*time.Second/10, time.Since(begun))
		c.Close()
	})
}
