package ghmigrate_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// bubble runs a test in virtual time, against a fake GitHub in memory.
func bubble(t *testing.T, test func(t *testing.T, server *ghmigratetest.Server), opts ...ghmigratetest.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server := ghmigratetest.NewServer(append([]ghmigratetest.Option{ghmigratetest.InMemory()}, opts...)...)
		t.Cleanup(server.Close)
		test(t, server)
	})
}

// newClient makes a client of the fake GitHub. Whatever the test does with it,
// the test fails if a credential leaves the API's origin or reaches the log.
func newClient(t *testing.T, server *ghmigratetest.Server, opts ...ghmigrate.Option) *ghmigrate.Client {
	t.Helper()
	client, err := ghmigrate.NewClient(append([]ghmigrate.Option{
		ghmigrate.WithBaseURL(server.URL()),
		ghmigrate.WithToken(server.Token()),
		ghmigrate.WithHTTPClient(guarded(t, server)),
		ghmigrate.WithLogger(guardedLogger(t, server.Token())),
	}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// guarded is the fake GitHub's http.Client with a guard in the one place of an
// http.Transport that sees every request, of its clones too.
func guarded(t *testing.T, server *ghmigratetest.Server) *http.Client {
	t.Helper()
	transport := server.Client().Transport.(*http.Transport).Clone()
	transport.Proxy = guard(t, server.URL(), server.Token())
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// guard fails the test if a request to another origin than the API's carries a
// credential.
func guard(t *testing.T, api, token string) func(*http.Request) (*url.URL, error) {
	t.Helper()
	home, err := url.Parse(api)
	require.NoError(t, err)
	return func(req *http.Request) (*url.URL, error) {
		if req.URL.Scheme == home.Scheme && req.URL.Host == home.Host {
			return nil, nil
		}
		for _, name := range []string{"Authorization", "Cookie", "Referer", "X-Github-Api-Version"} {
			assert.Emptyf(t, req.Header.Values(name), "%s sent to %s", name, req.URL.Host)
		}
		if strings.Contains(fmt.Sprint(req.Header, req.URL), token) {
			t.Errorf("the token was sent to %s", req.URL.Host)
			return nil, errors.New("guarded")
		}
		return nil, nil
	}
}

// guardedLogger fails the test if a secret was logged by its end.
func guardedLogger(t *testing.T, secrets ...string) *slog.Logger {
	t.Helper()
	log := &lockedBuffer{}
	t.Cleanup(func() { assertNoSecret(t, log.String(), secrets...) })
	return slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// importPassword is the password of every import of the tests.
const importPassword = "correct-horse-battery-staple"

// assertNoSecret fails the test if a text has a secret in it: one of those
// given, a signed query, an import's password.
func assertNoSecret(t *testing.T, text string, secrets ...string) {
	t.Helper()
	for _, secret := range append(secrets, "X-Amz-Signature", "X-Amz-Credential", "Signature=", importPassword) {
		if secret != "" && strings.Contains(text, secret) {
			t.Errorf("a secret (%.9s…) is in:\n%s", secret, text)
		}
	}
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
