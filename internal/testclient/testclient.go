// Package testclient gives tests a client of the fake GitHub. Its transport
// fails the test when a credential leaves the API's origin, and its log fails
// the test when a secret is logged.
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

// Bubble runs a test in virtual time, against a fake GitHub in memory.
func Bubble(t *testing.T, test func(t *testing.T, server *ghmigratetest.Server), opts ...ghmigratetest.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server := ghmigratetest.NewServer(append([]ghmigratetest.Option{ghmigratetest.InMemory()}, opts...)...)
		t.Cleanup(server.Close)
		test(t, server)
	})
}

// New returns a client of the fake GitHub with its token, on an [HTTPClient]
// and with a [Logger].
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

// HTTPClient returns the fake GitHub's http.Client with a guard, which fails
// the test when a request to another origin than the API's has a credential. It
// is for a client with other options than [New] gives it.
func HTTPClient(tb testing.TB, server *ghmigratetest.Server) *http.Client {
	tb.Helper()
	transport, ok := server.Client().Transport.(*http.Transport)
	require.True(tb, ok)
	transport = transport.Clone()
	// The one place of an http.Transport that sees every request, of its clones too.
	transport.Proxy = guard(tb, server.URL(), server.Token())
	tb.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func guard(tb testing.TB, api, token string) func(*http.Request) (*url.URL, error) {
	tb.Helper()
	home, err := url.Parse(api)
	require.NoError(tb, err)
	return func(req *http.Request) (*url.URL, error) {
		if req.URL.Scheme == home.Scheme && req.URL.Host == home.Host {
			return nil, nil
		}
		for _, name := range []string{"Authorization", "Cookie", "Referer", "X-Github-Api-Version"} {
			assert.Emptyf(tb, req.Header.Values(name), "%s sent to %s", name, req.URL.Host)
		}
		if strings.Contains(fmt.Sprint(req.Header, req.URL), token) {
			tb.Errorf("the token was sent to %s", req.URL.Host)
			return nil, errors.New("guarded")
		}
		return nil, nil
	}
}

// Logger returns a logger of every level that fails the test when a secret is
// logged: one of those given, or one that [AssertNoSecret] knows.
func Logger(tb testing.TB, secrets ...string) *slog.Logger {
	tb.Helper()
	return slog.New(slog.NewJSONHandler(&censor{tb, secrets}, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// A censor reads what is logged.
type censor struct {
	tb      testing.TB
	secrets []string
}

func (c *censor) Write(line []byte) (int, error) {
	c.tb.Helper()
	AssertNoSecret(c.tb, string(line), c.secrets...)
	return len(line), nil
}

// Password is the password of every source import of the tests.
const Password = "correct-horse-battery-staple"

// AssertNoSecret fails the test if a text has a secret in it: one of those
// given, a part of a signed query, or [Password].
func AssertNoSecret(tb testing.TB, text string, secrets ...string) {
	tb.Helper()
	for _, secret := range append([]string{"X-Amz-Signature", "X-Amz-Credential", "Signature=", Password}, secrets...) {
		if secret != "" && strings.Contains(text, secret) {
			tb.Errorf("a secret (%.9s…) is in:\n%s", secret, text)
		}
	}
}
