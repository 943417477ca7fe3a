package ghmigrate_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

// GitHub sometimes sends a stray 401 to a valid token.
func TestAStray401IsRetriedOnce(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodDelete, http.MethodPost, http.MethodPut, http.MethodPatch} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				tokens := &countedTokens{token: server.Token()}
				client, err := ghmigrate.NewClient(ghmigrate.WithBaseURL(server.URL()), ghmigrate.WithTokenSource(tokens),
					ghmigrate.WithHTTPClient(testclient.HTTPClient(t, server)), ghmigrate.WithMaxRetries(0))
				require.NoError(t, err)
				server.Inject(ghmigratetest.ServerError(http.StatusUnauthorized))
				took, err := do(t, client, method)
				require.ErrorIs(t, err, ghmigrate.ErrNotFound, "/things do not exist")
				assert.Equal(t, time.Second, took)
				assert.Equal(t, 2, tokens.requests, "the token may have been replaced")

				fault := ghmigratetest.ServerError(http.StatusUnauthorized)
				fault.Times = -1
				server.Inject(fault)
				before := len(server.Requests())
				_, err = do(t, client, method)
				require.ErrorIs(t, err, ghmigrate.ErrUnauthorized)
				assert.Len(t, server.Requests(), before+2)
			})
		})
	}
}

func TestA401WithoutATokenIsFinal(t *testing.T) {
	t.Parallel()
	requests := 0
	client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
		requests++
		return respond(req, http.StatusUnauthorized, nil, `{"message": "Requires authentication"}`), nil
	})
	_, err := do(t, client, http.MethodGet)
	require.ErrorIs(t, err, ghmigrate.ErrUnauthorized)
	assert.Equal(t, 1, requests)
}

type countedTokens struct {
	token    string
	requests int
}

func (c *countedTokens) Token() (*oauth2.Token, error) {
	c.requests++
	return &oauth2.Token{AccessToken: c.token}, nil
}

func TestErrNotSent(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close()) // so that connections are refused
	refused, err := ghmigrate.NewClient(ghmigrate.WithBaseURL("http://"+listener.Addr().String()), ghmigrate.WithMaxRetries(0))
	require.NoError(t, err)
	start := ghmigrate.StartMigrationRequest{Repositories: []string{"octo-org/hello"}}

	_, err = refused.OrgMigrations.Start(t.Context(), "octo-org", start)
	require.ErrorIs(t, err, ghmigrate.ErrNotSent, "the connection was refused")
	_, err = refused.OrgMigrations.Start(t.Context(), "octo/org", start)
	require.ErrorIs(t, err, ghmigrate.ErrNotSent, "the argument was refused")
	_, err = refused.Do(t.Context(), http.MethodPost, "/things", func() {}, nil)
	require.ErrorIs(t, err, ghmigrate.ErrNotSent, "the body cannot be encoded")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = refused.OrgMigrations.Start(ended, "octo-org", start)
	require.ErrorIs(t, err, ghmigrate.ErrNotSent, "the context had ended")
	require.ErrorIs(t, err, context.Canceled)
	withoutToken, err := ghmigrate.NewClient(ghmigrate.WithTokenSource(failingTokens{}))
	require.NoError(t, err)
	_, err = withoutToken.OrgMigrations.Start(t.Context(), "octo-org", start)
	require.ErrorIs(t, err, ghmigrate.ErrNotSent, "there was no token")

	untraced := clientWithTransport(t, func(*http.Request) (*http.Response, error) { return nil, errors.New("broken") })
	_, err = untraced.OrgMigrations.Start(t.Context(), "octo-org", start)
	require.NotErrorIs(t, err, ghmigrate.ErrNotSent, "a RoundTripper that does not report to the trace may have sent the request")
}

type failingTokens struct{}

func (failingTokens) Token() (*oauth2.Token, error) { return nil, errors.New("vault is sealed") }

func TestErrNotSentIsNotReturnedAfterASend(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		for _, fault := range []ghmigratetest.Fault{{Reset: true}, {Applied: true}, {Stall: true}, ghmigratetest.ServerError(502), ghmigratetest.ServerError(422)} {
			server.Inject(fault)
			_, err := do(t, client, http.MethodPost)
			require.Error(t, err)
			require.NotErrorIs(t, err, ghmigrate.ErrNotSent)
		}
		// The first attempt may have been carried out, and the retry has no token.
		tokens := &limitedTokens{token: server.Token(), left: 1}
		withOneToken, err := ghmigrate.NewClient(ghmigrate.WithBaseURL(server.URL()), ghmigrate.WithTokenSource(tokens),
			ghmigrate.WithHTTPClient(testclient.HTTPClient(t, server)))
		require.NoError(t, err)
		server.Inject(ghmigratetest.ServerError(502))
		_, err = do(t, withOneToken, http.MethodDelete)
		require.ErrorContains(t, err, "token source")
		require.NotErrorIs(t, err, ghmigrate.ErrNotSent)
	})
}

// GitHub rejects a request because of a rate limit, and the context ends in the pause.
func TestErrNotSentIsReturnedAfterARateLimit(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		server.Inject(ghmigratetest.SecondaryRateLimitAfter(time.Minute))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := testclient.New(t, server).Do(ctx, http.MethodPost, "/things", nil, nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, ghmigrate.ErrNotSent)
	})
}

// limitedTokens is a TokenSource that fails after a number of tokens.
type limitedTokens struct {
	token string
	left  int
}

func (l *limitedTokens) Token() (*oauth2.Token, error) {
	if l.left--; l.left < 0 {
		return nil, errors.New("vault is sealed")
	}
	return &oauth2.Token{AccessToken: l.token}, nil
}

func TestDoReturnsNoHeaderForADeleteWhoseResponseWasLost(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		respondWith(server, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
		header, err := client.Do(t.Context(), http.MethodDelete, "/things", nil, nil)
		require.NoError(t, err)
		assert.NotNil(t, header)

		server.ClearFaults()
		server.Inject(ghmigratetest.ServerError(http.StatusBadGateway))
		header, err = client.Do(t.Context(), http.MethodDelete, "/things", nil, nil)
		require.NoError(t, err, "the retry got 404")
		assert.Nil(t, header)
	})
}

func TestTheErrorOfADeadlineIncludesTheLastFailure(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault ghmigratetest.Fault
		is    error
		text  string
	}{
		"a server error":        {ghmigratetest.ServerError(503), nil, "503 Server Error"},
		"a rate limit":          {limitFault(403, http.Header{"Retry-After": {"3600"}}, `{}`), ghmigrate.ErrRateLimited, "rate limited for 1h0m0s"},
		"a broken connection":   {ghmigratetest.Fault{Reset: true}, nil, "GET /things: "},
		"an attempt that hangs": {ghmigratetest.Fault{Stall: true}, nil, "no complete response within 1m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				test.fault.Times = -1
				server.Inject(test.fault)
				client := testclient.New(t, server, ghmigrate.WithMaxRetries(1000), ghmigrate.WithMaxRateLimitWait(10*time.Hour))
				cause := errors.New("the night is over")
				ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Minute, cause)
				defer cancel()
				_, err := client.Do(ctx, http.MethodGet, "/things", nil, nil)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.ErrorIs(t, err, cause)
				require.ErrorContains(t, err, test.text)
				if test.is != nil {
					require.ErrorIs(t, err, test.is)
				}
			})
		})
	}
}

func TestABodyThatIgnoresItsContextIsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
			res := respond(req, http.StatusOK, nil, "")
			reader, _ := io.Pipe() // without a writer
			res.Body, res.ContentLength = reader, -1
			return res, nil
		}, ghmigrate.WithMaxRetries(0))
		began := time.Now()
		_, err := do(t, client, http.MethodGet)
		require.ErrorContains(t, err, "no complete response within 1m0s")
		assert.Equal(t, time.Minute, time.Since(began))

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = client.Do(ctx, http.MethodGet, "/things", nil, nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// If the client or the server refuses the other's certificate, or a proxy requires
// a login, every retry would fail too.
func TestFailuresToConnectThatPersistAreNotRetried(t *testing.T) {
	tlsServer := httptest.NewUnstartedServer(http.NotFoundHandler())
	tlsServer.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12}
	tlsServer.Config.ErrorLog = log.New(io.Discard, "", 0)
	tlsServer.StartTLS()
	defer tlsServer.Close()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	defer proxy.Close()
	proxyURL, err := url.Parse(proxy.URL)
	require.NoError(t, err)

	trusting := func(maxVersion uint16) *http.Transport {
		transport := tlsServer.Client().Transport.(*http.Transport).Clone()
		transport.TLSClientConfig.MaxVersion = maxVersion
		return transport
	}
	proxied := trusting(0)
	proxied.Proxy = http.ProxyURL(proxyURL)
	old := trusting(tls.VersionTLS11)
	old.TLSClientConfig.MinVersion = tls.VersionTLS10
	for name, test := range map[string]struct {
		transport *http.Transport
		baseURL   string
		want      string
	}{
		"a client certificate is missing, TLS 1.2": {trusting(tls.VersionTLS12), tlsServer.URL, "tls: "},
		"the CA is unknown":                        {&http.Transport{}, tlsServer.URL, "certificate signed by unknown authority"},
		"a proxy requires a login":                 {proxied, tlsServer.URL, "the proxy requires a login: Proxy Authentication Required"},
		"the TLS version is too old":               {old, tlsServer.URL, "protocol version not supported"},
	} {
		t.Run(name, func(t *testing.T) {
			var attempts atomic.Int32
			client, err := ghmigrate.NewClient(ghmigrate.WithBaseURL(test.baseURL), ghmigrate.WithToken(secretToken),
				ghmigrate.WithHTTPClient(&http.Client{Transport: counted{test.transport, &attempts}}))
			require.NoError(t, err)
			_, err = do(t, client, http.MethodGet)
			require.ErrorContains(t, err, test.want)
			assert.Equal(t, int32(1), attempts.Load())
		})
	}
}

// A counted RoundTripper counts its requests.
type counted struct {
	http.RoundTripper
	n *atomic.Int32
}

func (c counted) RoundTrip(req *http.Request) (*http.Response, error) {
	c.n.Add(1)
	return c.RoundTripper.RoundTrip(req)
}

// A caller's DialTLSContext may negotiate HTTP/2.
func TestStorageUsesTheProtocolThatACallersDialNegotiates(t *testing.T) {
	t.Parallel()
	for _, protocols := range [][]string{{"h2", "http/1.1"}, {"http/1.1"}, nil} {
		t.Run(fmt.Sprint(protocols), func(t *testing.T) {
			t.Parallel()
			archive := append([]byte{0x1f, 0x8b}, make([]byte, 5000)...)
			var protocol atomic.Int32
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/archive") {
					w.Header().Set("Location", "https://"+r.Host+"/storage/79?token=abcdefgh")
					w.WriteHeader(http.StatusFound)
					return
				}
				protocol.Store(int32(r.ProtoMajor))
				w.Header().Set("Etag", `"1"`)
				http.ServeContent(w, r, "79.tar.gz", time.Time{}, bytes.NewReader(archive))
			}))
			server.EnableHTTP2 = true
			server.StartTLS()
			defer server.Close()
			config := server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
			config.NextProtos = protocols
			transport := &http.Transport{ForceAttemptHTTP2: true, DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				return (&tls.Dialer{Config: config}).DialContext(ctx, network, address)
			}}
			defer transport.CloseIdleConnections()
			client, err := ghmigrate.NewClient(ghmigrate.WithBaseURL(server.URL), ghmigrate.WithHTTPClient(&http.Client{Transport: transport}))
			require.NoError(t, err)
			defer client.CloseIdleConnections()
			result, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, filepath.Join(t.TempDir(), "79.tar.gz"), nil)
			require.NoError(t, err)
			assert.Equal(t, int64(len(archive)), result.Size)
			assert.Equal(t, map[bool]int32{true: 2, false: 1}[len(protocols) == 2], protocol.Load())
		})
	}
}
