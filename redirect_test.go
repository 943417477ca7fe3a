package ghmigrate_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

// redirect makes the API of the fake GitHub respond to the next request with
// a redirect.
func redirect(server *ghmigratetest.Server, status int, location string) {
	server.Inject(ghmigratetest.Fault{
		Origin: ghmigratetest.API,
		Status: status,
		Header: http.Header{"Location": {location}},
		Body:   "<html>" + location + "</html>",
	})
}

// fakeHosts are two servers, with and without TLS, that receive the requests to
// every host.
type fakeHosts struct {
	transport *http.Transport
	mu        sync.Mutex
	received  []string // "METHOD https://host:port/path token cookie"
}

func newFakeHosts(t *testing.T, handler http.HandlerFunc) *fakeHosts {
	t.Helper()
	h := &fakeHosts{}
	record := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme := "http"
		if r.TLS != nil {
			scheme = "https"
		}
		h.mu.Lock()
		h.received = append(h.received, strings.TrimSpace(fmt.Sprintf("%s %s://%s%s %s %s",
			r.Method, scheme, r.Host, r.URL.Path, r.Header.Get("Authorization"), r.Header.Get("Cookie"))))
		h.mu.Unlock()
		handler(w, r)
	})
	secure, plain := httptest.NewTLSServer(record), httptest.NewServer(record)
	t.Cleanup(secure.Close)
	t.Cleanup(plain.Close)
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	h.transport = &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "example.com", MinVersion: tls.VersionTLS13},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			to := secure
			if strings.HasSuffix(addr, ":80") {
				to = plain
			}
			return new(net.Dialer).DialContext(ctx, network, to.Listener.Addr().String())
		},
	}
	t.Cleanup(h.transport.CloseIdleConnections)
	return h
}

func (h *fakeHosts) requests() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.received
}

func TestTheTokenNeverFollowsARedirectToAnotherOrigin(t *testing.T) {
	t.Parallel()
	for name, origin := range map[string]string{
		"other host":       "https://evil.example.net",
		"subdomain":        "https://media.ghes.example.com",
		"parent domain":    "https://example.com",
		"other port":       "https://ghes.example.com:8443",
		"https to http":    "http://ghes.example.com",
		"http on port 443": "http://ghes.example.com:443",
		"host with a dot":  "https://ghes.example.com.",
		"name before an @": "https://ghes.example.com@evil.example.net",
		"other scheme":     "ftp://ghes.example.com",
		"without a scheme": "//evil.example.net",
		"without slashes":  "https:evil.example.net",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status := 0
			web := newFakeHosts(t, func(w http.ResponseWriter, r *http.Request) {
				if r.TLS == nil || r.Host != "ghes.example.com" {
					return
				}
				http.SetCookie(w, &http.Cookie{Name: "session", Value: "cookiesecret", Domain: "example.com", Path: "/elsewhere"})
				w.Header().Set("Location", origin+"/elsewhere?X-Amz-Signature=signaturesecret")
				w.WriteHeader(status)
			})
			jar, err := cookiejar.New(nil)
			require.NoError(t, err)
			client, err := ghmigrate.NewClient(
				ghmigrate.WithHost("ghes.example.com"), ghmigrate.WithToken(secretToken),
				ghmigrate.WithHTTPClient(&http.Client{
					Transport:     web.transport,
					Jar:           jar,
					CheckRedirect: func(*http.Request, []*http.Request) error { return nil },
				}))
			require.NoError(t, err)
			var want []string
			for _, status = range []int{301, 302, 303, 307, 308} {
				for _, method := range []string{http.MethodGet, http.MethodDelete, http.MethodPost} {
					header, err := client.Do(t.Context(), method, "/things", nil, nil)
					var failure *ghmigrate.APIError
					require.ErrorAs(t, err, &failure)
					assert.Equal(t, status, failure.StatusCode)
					assert.Contains(t, failure.Message, "redirect refused: ")
					assert.NotNil(t, header)
					testclient.AssertNoSecret(t, fmt.Sprintf("%v %+v %#v", err, err, failure), secretToken, "signaturesecret", "cookiesecret")
					want = append(want, method+" https://ghes.example.com/api/v3/things Bearer "+secretToken)
				}
			}
			assert.Equal(t, want, web.requests(), "no other host got a request")
		})
	}
}

func TestARefusedRedirectNamesItsTarget(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		redirect(server, http.StatusFound, "https://evil.example.net:8443/archive/7?X-Amz-Signature=f00#part")
		_, err := client.Do(t.Context(), http.MethodGet, "/things", nil, nil)
		failure := &ghmigrate.APIError{}
		require.ErrorAs(t, err, &failure)
		failure.RequestID = ""
		require.EqualError(t, failure, "GET /things: 302 redirect refused: it leads to another origin, https://evil.example.net:8443")

		redirect(server, http.StatusMovedPermanently, server.URL()+"/elsewhere")
		_, err = client.Do(t.Context(), http.MethodDelete, "/things", nil, nil)
		require.ErrorAs(t, err, &failure)
		failure.RequestID = ""
		require.EqualError(t, failure, "DELETE /things: 301 redirect refused: it would turn the DELETE into a GET")
		assert.Equal(t, []sent{{Method: "GET", Path: "/things"}, {Method: "DELETE", Path: "/things"}}, sentSince(server, 0))
	})
}

func TestRedirectsWithinTheOriginAreFollowed(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		for _, test := range []struct {
			method   string
			statuses []int
		}{
			{http.MethodGet, []int{301, 302, 303, 307, 308}},
			{http.MethodHead, []int{301, 302, 303, 307, 308}},
			{http.MethodPost, []int{307, 308}},
			{http.MethodPut, []int{307, 308}},
			{http.MethodPatch, []int{307, 308}},
			{http.MethodDelete, []int{307, 308}},
		} {
			for _, status := range test.statuses {
				before := len(server.Requests())
				redirect(server, status, server.URL()+"/repositories/7?page=2")
				server.Inject(ghmigratetest.Fault{Status: http.StatusOK, Body: `{"id": 7}`})
				var in, out any
				body := ""
				if test.method != http.MethodGet && test.method != http.MethodHead {
					in, body = map[string]string{"name": "hello"}, `{"name":"hello"}`
				}
				_, err := client.Do(t.Context(), test.method, "/repos/o/r", in, &out)
				require.NoError(t, err, "%s %d", test.method, status)
				if test.method != http.MethodHead {
					assert.Equal(t, map[string]any{"id": 7.0}, out)
				}
				sent := server.Requests()[before:]
				require.Len(t, sent, 2)
				assert.Equal(t, "/repos/o/r", sent[0].Path)
				assert.Equal(t, "/repositories/7", sent[1].Path)
				assert.Equal(t, url.Values{"page": {"2"}}, sent[1].Query)
				for _, r := range sent {
					assert.Equal(t, test.method, r.Method)
					assert.Equal(t, body, string(r.Body))
				}
				assert.Equal(t, "Bearer "+server.Token(), sent[0].Header.Get("Authorization"))
				assert.Equal(t, sent[0].Header, sent[1].Header)
			}
		}
	})
}

func TestRedirectsThatChangeTheMethodAreRefused(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		server.AddRepository("octo-org/hello")
		for _, status := range []int{301, 302, 303} {
			for method, call := range map[string]func() error{
				http.MethodDelete: func() error { return client.OrgMigrations.UnlockRepository(t.Context(), "octo-org", 79, "hello") },
				http.MethodPost: func() error {
					_, err := client.OrgMigrations.Start(t.Context(), "octo-org", ghmigrate.StartMigrationRequest{Repositories: []string{"octo-org/hello"}})
					return err
				},
				http.MethodPut: func() error {
					_, err := client.SourceImports.Start(t.Context(), "octo-org", "hello", ghmigrate.StartImportRequest{VCSURL: "https://svn.example.com"})
					return err
				},
				http.MethodPatch: func() error {
					_, err := client.SourceImports.Update(t.Context(), "octo-org", "hello", ghmigrate.UpdateImportRequest{})
					return err
				},
			} {
				before := len(server.Requests())
				redirect(server, status, server.URL()+"/user/migrations")
				err := call()
				var failure *ghmigrate.APIError
				require.ErrorAs(t, err, &failure, "%s %d", method, status)
				assert.Equal(t, status, failure.StatusCode)
				assert.Equal(t, "redirect refused: it would turn the "+method+" into a GET", failure.Message)
				assert.Len(t, server.Requests(), before+1)
			}
		}
	})
}

func TestLocationsAreResolvedAgainstTheRequestURL(t *testing.T) {
	t.Parallel()
	for location, want := range map[string]string{
		"https://ghes.example.com/api/v3/x":     "https://ghes.example.com/api/v3/x",
		"https://GHES.example.com/api/v3/x":     "https://GHES.example.com/api/v3/x",
		"https://ghes.example.com:443/api/v3/x": "https://ghes.example.com:443/api/v3/x",
		"//ghes.example.com/api/v3/x":           "https://ghes.example.com/api/v3/x",
		"/api/v3/x?page=2":                      "https://ghes.example.com/api/v3/x?page=2",
		"x":                                     "https://ghes.example.com/api/v3/orgs/x",
		"../x":                                  "https://ghes.example.com/api/v3/x",
		"?page=2":                               "https://ghes.example.com/api/v3/orgs/octo?page=2",
	} {
		t.Run(location, func(t *testing.T) {
			t.Parallel()
			var went []string
			client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
				went = append(went, req.URL.String()+" "+req.Header.Get("Authorization"))
				if len(went) == 1 {
					return respond(req, http.StatusFound, http.Header{"Location": {location}}, ""), nil
				}
				return respond(req, http.StatusOK, nil, `{}`), nil
			}, ghmigrate.WithHost("ghes.example.com"), ghmigrate.WithToken(secretToken))
			_, err := client.Do(t.Context(), http.MethodGet, "/orgs/octo", nil, nil)
			require.NoError(t, err)
			assert.Equal(t, []string{"https://ghes.example.com/api/v3/orgs/octo Bearer " + secretToken, want + " Bearer " + secretToken}, went)
		})
	}
}

func TestRedirectsWithoutAValidLocationAreRefused(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		server.Inject(ghmigratetest.Fault{Status: http.StatusFound})
		_, err := client.Do(t.Context(), http.MethodGet, "/things", nil, nil)
		var failure *ghmigrate.APIError
		require.ErrorAs(t, err, &failure)
		assert.Equal(t, "redirect refused: it has no valid Location", failure.Message)

		redirect(server, http.StatusFound, "https://ghes.example.com:x/?X-Amz-Signature=f00")
		_, err = client.Do(t.Context(), http.MethodGet, "/things", nil, nil)
		require.EqualError(t, err, "GET /things: redirect to a malformed Location")
		assert.Len(t, server.Requests(), 2, "no request is retried")
	})
}

func TestRedirectsAreLimited(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		respondWith(server, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path+"x", http.StatusTemporaryRedirect)
		})
		client := testclient.New(t, server)
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			before := len(server.Requests())
			_, err := client.Do(t.Context(), method, "/things", nil, nil)
			var failure *ghmigrate.APIError
			require.ErrorAs(t, err, &failure)
			assert.Equal(t, http.StatusTemporaryRedirect, failure.StatusCode)
			assert.Equal(t, "redirect refused: it is the 11th in a row", failure.Message)
			assert.Len(t, server.Requests(), before+11)
		}
	})
}
