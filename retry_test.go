package ghmigrate_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

// longWaitClient returns a client that waits up to a day for rate limits.
func longWaitClient(t *testing.T, server *ghmigratetest.Server, opts ...ghmigrate.Option) *ghmigrate.Client {
	t.Helper()
	return testclient.New(t, server, append([]ghmigrate.Option{ghmigrate.WithMaxRateLimitWait(24 * time.Hour)}, opts...)...)
}

// do requests /things and returns the duration of the call.
func do(t *testing.T, client *ghmigrate.Client, method string) (time.Duration, error) {
	t.Helper()
	start := time.Now()
	_, err := client.Do(t.Context(), method, "/things", nil, nil)
	return time.Since(start), err
}

func TestTheNumberOfAttemptsOfAFailingCall(t *testing.T) {
	t.Parallel()
	const (
		once      = 1
		twice     = 2
		fourTimes = 4 // three retries
	)
	failures := map[string]struct {
		fault      ghmigratetest.Fault
		repeatable int // attempts of a GET, HEAD or DELETE
		status     int // of the APIError; 0 for another error
	}{
		"500":                   {ghmigratetest.ServerError(500), fourTimes, 500},
		"502":                   {ghmigratetest.ServerError(502), fourTimes, 502},
		"502 with HTML":         {ghmigratetest.HTMLError(502), fourTimes, 502},
		"503":                   {ghmigratetest.ServerError(503), fourTimes, 503},
		"504":                   {ghmigratetest.ServerError(504), fourTimes, 504},
		"502 with a cut body":   {ghmigratetest.Fault{Status: 502, Body: `{"message": "Server Error"}`, CutAfter: 9}, fourTimes, 502},
		"reset before effect":   {ghmigratetest.Fault{Reset: true}, fourTimes, 0},
		"reset after effect":    {ghmigratetest.Fault{Applied: true}, fourTimes, 0},
		"header, then cut":      {ghmigratetest.Fault{Status: 200, Body: `{"id": 7}`, CutAfter: ghmigratetest.AfterHeader}, fourTimes, 0},
		"cut body":              {ghmigratetest.Fault{Status: 200, Body: `{"id": 7}`, CutAfter: 4}, fourTimes, 0},
		"no response":           {ghmigratetest.Fault{Stall: true}, fourTimes, 0},
		"body that stalls":      {ghmigratetest.Fault{Status: 200, Body: `{"id": 7}`, StallAfter: 4}, fourTimes, 0},
		"400":                   {ghmigratetest.ServerError(400), once, 400},
		"401":                   {ghmigratetest.ServerError(401), twice, 401},
		"403":                   {ghmigratetest.ServerError(403), once, 403},
		"404":                   {ghmigratetest.ServerError(404), once, 404},
		"404 with a cut body":   {ghmigratetest.Fault{Status: 404, Body: `{"message": "Not Found"}`, CutAfter: 9}, once, 404},
		"409":                   {ghmigratetest.ServerError(409), once, 409},
		"410":                   {ghmigratetest.ServerError(410), once, 410},
		"418":                   {ghmigratetest.ServerError(418), once, 418},
		"422":                   {ghmigratetest.ServerError(422), once, 422},
		"501":                   {ghmigratetest.ServerError(501), once, 501},
		"505":                   {ghmigratetest.ServerError(505), once, 505},
		"408":                   {ghmigratetest.ServerError(408), fourTimes, 408},
		"507":                   {ghmigratetest.ServerError(507), fourTimes, 507},
		"520":                   {ghmigratetest.ServerError(520), fourTimes, 520},
		"530":                   {ghmigratetest.ServerError(530), fourTimes, 530},
		"unconditional 304":     {ghmigratetest.Fault{Status: 304}, once, 304},
		"300":                   {ghmigratetest.Fault{Status: 300}, once, 300},
		"redirect to elsewhere": {ghmigratetest.Fault{Status: 307, Header: http.Header{"Location": {"https://evil.example.net"}}}, once, 307},
	}
	for name, failure := range failures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				failure.fault.Times = -1
				server.Inject(failure.fault)
				for method, want := range map[string]int{
					http.MethodGet:    failure.repeatable,
					http.MethodHead:   failure.repeatable,
					http.MethodDelete: failure.repeatable,
					http.MethodPost:   once,
					http.MethodPut:    once,
					http.MethodPatch:  once,
				} {
					if method == http.MethodHead && failure.fault.Status == http.StatusOK {
						continue // the response has no body to cut
					}
					client := testclient.New(t, server) // has no idle connection
					before := len(server.Requests())
					took, err := do(t, client, method)
					require.Error(t, err, method)
					if failure.status == http.StatusUnauthorized {
						want = twice // the server did not carry out the request
					}
					assert.Equal(t, want, len(server.Requests())-before, method)
					var apiError *ghmigrate.APIError
					if failure.status == 0 {
						assert.NotErrorAs(t, err, &apiError)
					} else if assert.ErrorAs(t, err, &apiError, method) {
						assert.Equal(t, failure.status, apiError.StatusCode)
					}
					if failure.fault.Stall || failure.fault.StallAfter > 0 {
						assert.GreaterOrEqual(t, took, time.Duration(want)*time.Minute)
						took -= time.Duration(want) * time.Minute
					}
					assert.Less(t, took, 4*time.Second)
					client.CloseIdleConnections()
				}
			})
		})
	}
}

func TestTemporaryFailuresAreRetried(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]ghmigratetest.Fault{
		"500":              ghmigratetest.ServerError(500),
		"502 with HTML":    ghmigratetest.HTMLError(502),
		"503":              ghmigratetest.ServerError(503),
		"504":              ghmigratetest.ServerError(504),
		"reset":            {Reset: true},
		"cut body":         {CutAfter: 5},
		"body that stalls": {StallAfter: 5},
		"no response":      {Stall: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				server.AddRepository("octo-org/hello")
				client := testclient.New(t, server)
				started, err := client.OrgMigrations.Start(t.Context(), "octo-org", ghmigrate.StartMigrationRequest{Repositories: []string{"octo-org/hello"}})
				require.NoError(t, err)
				client.CloseIdleConnections() // net/http itself retries after a reset of an idle connection
				fault.Times = 3
				server.Inject(fault)
				got, err := client.OrgMigrations.Get(t.Context(), "octo-org", started.ID, nil)
				require.NoError(t, err)
				assert.Equal(t, started.GUID, got.GUID)
				assert.Len(t, server.Requests(), 5)
			})
		})
	}
}

func TestMaxRetriesIsTheNumberOfRetries(t *testing.T) {
	t.Parallel()
	for retries, want := range map[int]int{0: 1, 1: 2, 3: 4, 5: 6, 20: 21} {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			fault := ghmigratetest.ServerError(http.StatusBadGateway)
			fault.Times = -1
			server.Inject(fault)
			for _, method := range []string{http.MethodGet, http.MethodDelete} {
				before := len(server.Requests())
				_, err := do(t, testclient.New(t, server, ghmigrate.WithMaxRetries(retries)), method)
				require.Error(t, err)
				assert.Len(t, server.Requests(), before+want)
			}
		})
	}
}

func TestAPostIsNeverSentTwice(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]ghmigratetest.Fault{
		"502, created":             {Applied: true, Status: http.StatusBadGateway},
		"504, created":             {Applied: true, Status: http.StatusGatewayTimeout},
		"response lost, created":   {Applied: true},
		"response cut, created":    {CutAfter: 20},
		"response stalls, created": {Applied: true, Stall: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				server.AddRepository("octo-org/hello")
				fault.Method = http.MethodPost
				server.Inject(fault)
				client := testclient.New(t, server, ghmigrate.WithMaxRetries(10))
				_, err := client.OrgMigrations.Get(t.Context(), "octo-org", 1, nil)
				require.ErrorIs(t, err, ghmigrate.ErrNotFound, "leaves an idle connection for the POST")
				m, err := client.OrgMigrations.Start(t.Context(), "octo-org", ghmigrate.StartMigrationRequest{Repositories: []string{"octo-org/hello"}})
				require.Error(t, err)
				assert.Nil(t, m)
				assert.Len(t, server.Migrations(), 1)
				assert.Len(t, server.Requests(), 2)
			})
		})
	}
}

// startLocked exports a repository that stays locked.
func startLocked(t *testing.T, server *ghmigratetest.Server, client *ghmigrate.Client) (id int64) {
	t.Helper()
	server.AddRepository("octo-org/hello")
	migration, err := client.OrgMigrations.Start(t.Context(), "octo-org", ghmigrate.StartMigrationRequest{
		Repositories: []string{"octo-org/hello"}, LockRepositories: true,
	})
	require.NoError(t, err)
	server.Clock().Advance(time.Hour)
	require.Equal(t, []string{"octo-org/hello"}, server.Migration(migration.ID).Locked)
	client.CloseIdleConnections()
	return migration.ID
}

func TestADeleteWhoseResponseWasLostSucceeds(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]ghmigratetest.Fault{
		"502":   {Applied: true, Status: http.StatusBadGateway},
		"503":   {Applied: true, Status: http.StatusServiceUnavailable},
		"reset": {Applied: true},
		"stall": {Applied: true, Stall: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server)
				id := startLocked(t, server, client)
				fault.Method = http.MethodDelete
				server.Inject(fault)
				before := len(server.Requests())
				require.NoError(t, client.OrgMigrations.UnlockRepository(t.Context(), "octo-org", id, "hello"))
				assert.Empty(t, server.Migration(id).Locked)
				requests := server.Requests()[before:]
				require.Len(t, requests, 2)
				assert.Equal(t, http.StatusNotFound, requests[1].Status)

				server.Inject(fault)
				require.NoError(t, client.OrgMigrations.DeleteArchive(t.Context(), "octo-org", id))
				assert.True(t, server.Migration(id).ArchiveDeleted)
			})
		})
	}
}

func TestADeleteThatWasNotCarriedOutFails(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := longWaitClient(t, server)
		id := startLocked(t, server, client)
		unlock := func() error { return client.OrgMigrations.UnlockRepository(t.Context(), "octo-org", id, "other") }
		require.ErrorIs(t, unlock(), ghmigrate.ErrNotFound, "at the first attempt")

		server.Inject(ghmigratetest.SecondaryRateLimit())
		require.ErrorIs(t, unlock(), ghmigrate.ErrNotFound, "after a rate limit")

		server.Inject(ghmigratetest.ServerError(http.StatusBadGateway))
		server.Inject(ghmigratetest.Fault{Status: http.StatusNotFound, Body: `{"message": "Not Found"}`, Header: http.Header{
			"X-Oauth-Scopes": {"gist"}, "X-Accepted-Oauth-Scopes": {"admin:org, repo"},
		}})
		require.ErrorIs(t, unlock(), ghmigrate.ErrMissingScope, "the token may not see the migration")

		server.Inject(ghmigratetest.ServerError(http.StatusBadGateway))
		server.Inject(ghmigratetest.ServerError(http.StatusForbidden))
		require.ErrorIs(t, unlock(), ghmigrate.ErrForbidden)

		server.Inject(ghmigratetest.ServerError(http.StatusBadGateway))
		_, err := client.Do(t.Context(), http.MethodGet, fmt.Sprintf("/orgs/octo-org/migrations/%d/archive/none", id), nil, nil)
		require.ErrorIs(t, err, ghmigrate.ErrNotFound, "the request is a GET")
	})
}

func TestADeleteAfterAFailedHandshakeFails(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, notFound)
	}))
	defer server.Close()
	transport := server.Client().Transport.(*http.Transport).Clone()
	dialed := 0
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if dialed++; dialed == 1 && err == nil {
			_ = conn.Close() // so that the handshake fails
		}
		return conn, err
	}
	client, err := ghmigrate.NewClient(ghmigrate.WithBaseURL(server.URL), ghmigrate.WithHTTPClient(&http.Client{Transport: transport}))
	require.NoError(t, err)
	defer client.CloseIdleConnections()
	require.ErrorIs(t, client.OrgMigrations.UnlockRepository(t.Context(), "octo-org", 79, "hello"), ghmigrate.ErrNotFound)
	assert.Equal(t, 2, dialed)
}

func TestTheErrorOfAnAttemptThatTakesTooLong(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		server.Inject(ghmigratetest.Fault{Stall: true})
		_, err := testclient.New(t, server).OrgMigrations.Start(t.Context(), "octo-org", ghmigrate.StartMigrationRequest{Repositories: []string{"octo-org/hello"}})
		require.EqualError(t, err, "POST /orgs/octo-org/migrations: no complete response within 1m0s")
	})
}

// A timeout of the Transport does not match context.DeadlineExceeded.
func TestTheErrorOfADialThatTakesTooLong(t *testing.T) {
	t.Parallel()
	transport := &http.Transport{DialContext: (&net.Dialer{Timeout: time.Nanosecond}).DialContext}
	client, err := ghmigrate.NewClient(
		ghmigrate.WithBaseURL("http://127.0.0.1:9"),
		ghmigrate.WithHTTPClient(&http.Client{Transport: transport}),
		ghmigrate.WithMaxRetries(0),
	)
	require.NoError(t, err)
	_, err = client.OrgMigrations.Get(t.Context(), "octo-org", 79, nil)
	require.EqualError(t, err, "GET /orgs/octo-org/migrations/79: dial tcp 127.0.0.1:9: i/o timeout")
	require.NotErrorIs(t, err, context.DeadlineExceeded)
}

func TestADeleteAfterABrokenConnectionSucceedsWith404(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
			if requests++; requests == 1 {
				return nil, &net.OpError{Op: "read", Net: "tcp", Err: errors.New("connection reset by peer")}
			}
			return respond(req, http.StatusNotFound, nil, notFound), nil
		})
		require.NoError(t, client.OrgMigrations.UnlockRepository(t.Context(), "octo-org", 79, "hello"))
		assert.Equal(t, 2, requests)
	})
}

// notFound is the body of GitHub's 404.
const notFound = `{"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}`

// A gateway that cannot reach GitHub sends a 404 too.
func TestADeleteWithTheNotFoundOfAGatewayFails(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "default backend - 404", "<html><title>404 Not Found</title></html>", `{}`,
		`{"message": "no Route matched with those values"}`, `{"status": 404, "error": "Not Found"}`} {
		synctest.Test(t, func(t *testing.T) {
			statuses := []int{http.StatusBadGateway, http.StatusNotFound}
			client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
				status := statuses[0]
				statuses = statuses[1:]
				return respond(req, status, nil, body), nil
			})
			require.ErrorIs(t, client.OrgMigrations.UnlockRepository(t.Context(), "octo-org", 79, "hello"), ghmigrate.ErrNotFound, body)
			assert.Empty(t, statuses)
		})
	}
}

func TestACancelOfARetiredImportFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		statuses := []int{http.StatusBadGateway, http.StatusNotFound}
		client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
			status := statuses[0]
			statuses = statuses[1:]
			return respond(req, status, nil, notFound), nil
		})
		err := client.SourceImports.Cancel(t.Context(), "octo-org", "hello")
		require.ErrorIs(t, err, ghmigrate.ErrSourceImportsRetired, "the first attempt cannot have canceled an import")
		assert.Empty(t, statuses)
	})
}

func TestADeleteAfterRefusedConnectionsFails(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		hc := testclient.HTTPClient(t, server)
		transport := hc.Transport.(*http.Transport)
		dial, dials := transport.DialContext, 0
		transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if dials++; dials <= 2 {
				return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
			}
			return dial(ctx, network, addr)
		}
		client, err := ghmigrate.NewClient(ghmigrate.WithBaseURL(server.URL()), ghmigrate.WithToken(server.Token()), ghmigrate.WithHTTPClient(hc))
		require.NoError(t, err)
		err = client.OrgMigrations.UnlockRepository(t.Context(), "octo-org", 79, "hello")
		require.ErrorIs(t, err, ghmigrate.ErrNotFound)
		assert.Equal(t, 3, dials)
	})
}

func TestRetriesBackOff(t *testing.T) {
	t.Parallel()
	firsts := map[time.Duration]bool{}
	for range 5 {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			fault := ghmigratetest.ServerError(http.StatusBadGateway)
			fault.Times = -1
			server.Inject(fault)
			_, err := do(t, testclient.New(t, server, ghmigrate.WithMaxRetries(10)), http.MethodGet)
			require.Error(t, err)
			gaps := gaps(server)
			require.Len(t, gaps, 10)
			firsts[gaps[0]] = true
			for i, gap := range gaps {
				most := min(500*time.Millisecond<<i, 30*time.Second)
				assert.GreaterOrEqual(t, gap, most/2, "retry %d", i+1)
				assert.Less(t, gap, most, "retry %d", i+1)
			}
		})
	}
	assert.Greater(t, len(firsts), 1, "the pauses have jitter")
}

// gaps lists the times between the requests to a server.
func gaps(server *ghmigratetest.Server) []time.Duration {
	var list []time.Duration
	requests := server.Requests()
	for i := 1; i < len(requests); i++ {
		list = append(list, requests[i].Time.Sub(requests[i-1].Time))
	}
	return list
}

func TestRetriesFollowRetryAfterWithinLimits(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status int
		value  func(server *ghmigratetest.Server) string
		want   time.Duration
	}{
		"seconds":          {503, func(*ghmigratetest.Server) string { return "7" }, 7 * time.Second},
		"a fraction":       {503, func(*ghmigratetest.Server) string { return "7.5" }, 7500 * time.Millisecond},
		"seconds of a 502": {502, func(*ghmigratetest.Server) string { return "7" }, 7 * time.Second},
		"an hour":          {503, func(*ghmigratetest.Server) string { return "3600" }, time.Minute},
		"a date": {503, func(s *ghmigratetest.Server) string {
			return s.Clock().Now().Add(9 * time.Second).Format(http.TimeFormat)
		}, 9 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				server.Clock().Advance(3 * time.Hour)
				server.Inject(ghmigratetest.Fault{Status: test.status, Header: http.Header{"Retry-After": {test.value(server)}}})
				_, err := do(t, testclient.New(t, server), http.MethodGet)
				require.ErrorIs(t, err, ghmigrate.ErrNotFound)
				assert.Equal(t, []time.Duration{test.want}, gaps(server))
			})
		})
	}
	for _, value := range []string{"0", "-5", "soon", "9223372036854775807", "99999999999999999999", "1e400", "NaN", "Thu, 01 Jan 1970 00:00:00 GMT"} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				server.Inject(ghmigratetest.Fault{Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {value}}})
				_, err := do(t, testclient.New(t, server), http.MethodGet)
				require.ErrorIs(t, err, ghmigrate.ErrNotFound)
				assert.Less(t, gaps(server)[0], 500*time.Millisecond)
			})
		})
	}
}

func TestTheMaintenanceOfSourceImportsIsNotRetried(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		fault := ghmigratetest.ServerError(http.StatusServiceUnavailable)
		fault.Times = -1
		server.Inject(fault)
		client := testclient.New(t, server)
		_, err := client.SourceImports.Get(t.Context(), "octo-org", "hello")
		require.Error(t, err)
		require.Error(t, client.SourceImports.Cancel(t.Context(), "octo-org", "hello"))
		_, err = client.Do(t.Context(), http.MethodGet, "/repos/octo-org/hello/import/authors", nil, nil)
		require.Error(t, err)
		assert.Len(t, server.Requests(), 3)
		server.ClearFaults()
		fault = ghmigratetest.ServerError(http.StatusBadGateway)
		server.Inject(fault)
		_, err = client.SourceImports.Get(t.Context(), "octo-org", "hello")
		require.ErrorIs(t, err, ghmigrate.ErrNotFound)
		assert.Len(t, server.Requests(), 5, "other failures are retried")
	}, ghmigratetest.WithSourceImports())
}

func TestCertificateErrorsAreNotRetried(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	handshakes := atomic.Int32{}
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		handshakes.Add(1)
		return nil, nil
	}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	known := x509.NewCertPool()
	known.AddCert(server.Certificate())
	for name, config := range map[string]*tls.Config{
		"unknown authority": {RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12},
		"other name":        {RootCAs: known, ServerName: "ghes.example.net", MinVersion: tls.VersionTLS12},
		"expired":           {RootCAs: known, Time: func() time.Time { return time.Now().AddDate(1000, 0, 0) }, MinVersion: tls.VersionTLS12},
	} {
		t.Run(name, func(t *testing.T) {
			transport := &http.Transport{TLSClientConfig: config}
			defer transport.CloseIdleConnections()
			client, err := ghmigrate.NewClient(ghmigrate.WithBaseURL(server.URL), ghmigrate.WithToken(secretToken),
				ghmigrate.WithHTTPClient(&http.Client{Transport: transport}))
			require.NoError(t, err)
			before := handshakes.Load()
			_, err = client.Do(t.Context(), http.MethodGet, "/things", nil, nil)
			var certificate *tls.CertificateVerificationError
			require.ErrorAs(t, err, &certificate)
			assert.Equal(t, int32(1), handshakes.Load()-before)
			testclient.AssertNoSecret(t, err.Error(), secretToken)
		})
	}
}

func TestTheEndOfTheContextEndsACall(t *testing.T) {
	t.Parallel()
	errOwn := errors.New("the caller's own reason")
	ends := map[string]struct {
		after func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc)
		is    []error
	}{
		"cancel": {
			func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(ctx)
				time.AfterFunc(d, cancel)
				return ctx, cancel
			},
			[]error{context.Canceled},
		},
		"cancel with a cause": {
			func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancelCause(ctx)
				time.AfterFunc(d, func() { cancel(errOwn) })
				return ctx, func() { cancel(nil) }
			},
			[]error{context.Canceled, errOwn},
		},
		"deadline": {
			context.WithTimeout,
			[]error{context.DeadlineExceeded},
		},
		"deadline with a cause": {
			func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
				return context.WithTimeoutCause(ctx, d, errOwn)
			},
			[]error{context.DeadlineExceeded, errOwn},
		},
	}
	moments := map[string]struct {
		faults []ghmigratetest.Fault
		when   time.Duration
	}{
		"before the request":       {nil, 0},
		"before the response":      {[]ghmigratetest.Fault{{Stall: true}}, 10 * time.Second},
		"in the body":              {[]ghmigratetest.Fault{{Status: 200, Body: `{"id": 7}`, StallAfter: 4}}, 10 * time.Second},
		"in the body of a failure": {[]ghmigratetest.Fault{{Status: 404, Body: `{"id": 7}`, StallAfter: 4}}, 10 * time.Second},
		"in a second attempt":      {[]ghmigratetest.Fault{ghmigratetest.ServerError(502), {Stall: true}}, 10 * time.Second},
		"between attempts":         {[]ghmigratetest.Fault{{Status: 503, Header: http.Header{"Retry-After": {"60"}}}}, 10 * time.Second},
		"in a rate limit":          {[]ghmigratetest.Fault{ghmigratetest.SecondaryRateLimitAfter(time.Minute)}, 10 * time.Second},
		"in a primary rate limit":  {[]ghmigratetest.Fault{ghmigratetest.PrimaryRateLimit(time.Minute)}, 10 * time.Second},
	}
	for end, how := range ends {
		for moment, at := range moments {
			t.Run(end+" "+moment, func(t *testing.T) {
				t.Parallel()
				testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
					for _, fault := range at.faults {
						server.Inject(fault)
					}
					ctx, cancel := how.after(t.Context(), at.when)
					defer cancel()
					if at.when == 0 {
						<-ctx.Done()
					}
					start := time.Now()
					_, err := testclient.New(t, server).Do(ctx, http.MethodGet, "/things", nil, nil)
					assert.Equal(t, at.when, time.Since(start))
					require.ErrorContains(t, err, "GET /things: ")
					for _, target := range how.is {
						require.ErrorIs(t, err, target)
					}
					require.ErrorIs(t, err, ctx.Err())
					require.ErrorIs(t, err, context.Cause(ctx))
					assert.Len(t, server.Requests(), len(at.faults))
				})
			})
		}
	}
}

func TestAnEndlessErrorBodyIsTruncated(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		sent := 0
		respondWith(server, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			for sent < 1<<20 {
				n, err := io.WriteString(w, strings.Repeat("no such thing, ", 100))
				if sent += n; err != nil {
					return
				}
			}
		})
		_, err := do(t, testclient.New(t, server), http.MethodGet)
		var failure *ghmigrate.APIError
		require.ErrorAs(t, err, &failure)
		assert.Equal(t, http.StatusNotFound, failure.StatusCode)
		assert.Less(t, len(err.Error()), 1000)
		synctest.Wait()
		assert.Less(t, sent, 1<<20)
	})
}
