package testclient_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

// A recorder records the failures of a test.
type recorder struct {
	testing.TB
	failures []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) text() string { return strings.Join(r.failures, "\n") }

func TestACredentialToAnotherOriginFailsTheTest(t *testing.T) {
	for name, test := range map[string]struct {
		leak func(r *http.Request, token string)
		want string
	}{
		"the token": {
			func(r *http.Request, token string) { r.Header.Set("Authorization", "Bearer "+token) },
			"Authorization sent to",
		},
		"another password": {
			func(r *http.Request, _ string) { r.SetBasicAuth("octocat", "secret") },
			"Authorization sent to",
		},
		"the token in another header": {
			func(r *http.Request, token string) { r.Header.Set("X-Token", token) },
			"the token was sent to",
		},
		"the token in the query": {
			func(r *http.Request, token string) { r.URL.RawQuery = "access_token=" + token },
			"the token was sent to",
		},
		"a cookie": {
			func(r *http.Request, _ string) { r.AddCookie(&http.Cookie{Name: "session", Value: "private"}) },
			"Cookie sent to",
		},
		"the referer of a redirect": {
			func(r *http.Request, _ string) { r.Header.Set("Referer", "https://storage.example.com/?sig=AAAA") },
			"Referer sent to",
		},
		"no credential": {func(*http.Request, string) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				r := &recorder{TB: t}
				clone := testclient.HTTPClient(r, server)
				clone.Transport = clone.Transport.(*http.Transport).Clone()
				defer clone.CloseIdleConnections()
				for origin, want := range map[string]string{server.StorageURL(): test.want, server.URL(): ""} {
					r.failures = nil
					req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, origin, http.NoBody)
					require.NoError(t, err)
					test.leak(req, server.Token())
					if res, err := clone.Do(req); err == nil {
						res.Body.Close()
					}
					if want == "" {
						assert.Empty(t, r.failures)
					} else {
						assert.Contains(t, r.text(), want)
					}
				}
			})
		})
	}
}

func TestASecretInTheLogFailsTheTest(t *testing.T) {
	for text, want := range map[string]int{
		"ghp_given":                           1,
		"https://example.com?X-Amz-Signature": 1,
		testclient.Password:                   1,
		"no secret":                           0,
	} {
		r := &recorder{TB: t}
		testclient.Logger(r, "ghp_given", "").DebugContext(t.Context(), "request", "text", text)
		assert.Len(t, r.failures, want, text)
	}
}
