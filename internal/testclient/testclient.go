// Package testclient makes clients for the fake GitHub in tests. The transport of
// a client fails the test when a credential is sent to another origin than the
// API's. The logger of a client fails the test when a secret is logged.
package testclient

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// Bubble runs a test in virtual time, with a fake GitHub in memory.
func Bubble(t *testing.T, test func(t *testing.T, server *ghmigratetest.Server), opts ...ghmigratetest.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server := ghmigratetest.NewServer(append([]ghmigratetest.Option{ghmigratetest.InMemory()}, opts...)...)
		t.Cleanup(server.Close)
		test(t, server)
	})
}

// New returns a client for the fake GitHub with the fake's token, an [HTTPClient]
// and a [Logger].
func New(tb testing.TB, server *ghmigratetest.Server, opts ...ghmigrate.Option) *ghmigrate.Client {
	tb.Helper()
	client, err := ghmigrate.NewClient(append([]ghmigrate.Option{
		ghmigrate.WithBaseURL(server.URL()),
		ghmigrate.WithToken(server.Token()),
		ghmigrate.WithHTTPClient(HTTPClient(tb, server)),
		ghmigrate.WithLogger(Logger(tb, server.Token())),
	}, opts...)...)
	require.NoError(tb, err)
	tb.Cleanup(client.CloseIdleConnections)
	return client
}

// HTTPClient returns the fake GitHub's http.Client with a guard, which fails the
// test when a credential is sent to another origin than the API's. It is for tests
// that need other options than [New] sets.
func HTTPClient(tb testing.TB, server *ghmigratetest.Server) *http.Client {
	tb.Helper()
	transport, ok := server.Client().Transport.(*http.Transport)
	require.True(tb, ok)
	transport = transport.Clone()
	// Only Proxy sees every request of an http.Transport and of its clones.
	transport.Proxy = guard(tb, server.URL(), server.Token())
	tb.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// guard returns a function for http.Transport.Proxy that checks requests. It
// selects no proxy.
func guard(tb testing.TB, api, token string) func(*http.Request) (*url.URL, error) {
	tb.Helper()
	origin, err := url.Parse(api)
	require.NoError(tb, err)
	return func(req *http.Request) (*url.URL, error) {
		if req.URL.Scheme == origin.Scheme && req.URL.Host == origin.Host {
			return nil, nil
		}
		for _, name := range []string{"Authorization", "Cookie", "Referer", "X-Github-Api-Version"} {
			assert.Emptyf(tb, req.Header.Values(name), "%s sent to %s", name, req.URL.Host)
		}
		if strings.Contains(fmt.Sprint(req.Header, req.URL), token) {
			tb.Errorf("the token was sent to %s", req.URL.Host)
			return nil, errors.New("the request has the token")
		}
		return nil, nil
	}
}

// Logger returns a logger for all levels. It checks every line with
// [AssertNoSecret] and the secrets.
func Logger(tb testing.TB, secrets ...string) *slog.Logger {
	tb.Helper()
	return slog.New(slog.NewJSONHandler(&secretFinder{tb, secrets}, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// A secretFinder is a writer that fails the test when a line has a secret.
type secretFinder struct {
	tb      testing.TB
	secrets []string
}

func (f *secretFinder) Write(line []byte) (int, error) {
	f.tb.Helper()
	AssertNoSecret(f.tb, string(line), f.secrets...)
	return len(line), nil
}

// Password is the password of every source import in tests.
const Password = "correct-horse-battery-staple"

// AssertNoSecret fails the test if a text contains one of the secrets, a parameter
// of a signed URL, or [Password].
func AssertNoSecret(tb testing.TB, text string, secrets ...string) {
	tb.Helper()
	for _, secret := range append([]string{"X-Amz-Signature", "X-Amz-Credential", "Signature=", Password}, secrets...) {
		if secret != "" && strings.Contains(text, secret) {
			tb.Errorf("a secret (%.9s…) is in:\n%s", secret, text)
		}
	}
}
