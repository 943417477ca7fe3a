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

// A verdict is what would have been the failure of a test.
type verdict struct {
	testing.TB
	failures []string
}

func (v *verdict) Errorf(format string, args ...any) {
	v.failures = append(v.failures, fmt.Sprintf(format, args...))
}

func (v *verdict) text() string { return strings.Join(v.failures, "\n") }

func TestACredentialThatLeavesTheAPIFailsTheTest(t *testing.T) {
	for name, test := range map[string]struct {
		leak func(r *http.Request, token string)
		want string
	}{
		"the token": {
			func(r *http.Request, token string) { r.Header.Set("Authorization", "Bearer "+token) },
			"Authorization sent to",
		},
		"another's password": {
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
		"where a redirect came from": {
			func(r *http.Request, _ string) { r.Header.Set("Referer", "https://storage.example.com/?sig=AAAA") },
			"Referer sent to",
		},
		"nothing": {func(*http.Request, string) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				v := &verdict{TB: t}
				clone := testclient.HTTPClient(v, server)
				clone.Transport = clone.Transport.(*http.Transport).Clone()
				defer clone.CloseIdleConnections()
				for origin, want := range map[string]string{server.StorageURL(): test.want, server.URL(): ""} {
					v.failures = nil
					req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, origin, http.NoBody)
					require.NoError(t, err)
					test.leak(req, server.Token())
					if res, err := clone.Do(req); err == nil {
						res.Body.Close()
					}
					if want == "" {
						assert.Empty(t, v.failures)
					} else {
						assert.Contains(t, v.text(), want)
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
		"nothing to see":                      0,
	} {
		v := &verdict{TB: t}
		testclient.Logger(v, "ghp_given", "").DebugContext(t.Context(), "request", "text", text)
		assert.Len(t, v.failures, want, text)
	}
}
