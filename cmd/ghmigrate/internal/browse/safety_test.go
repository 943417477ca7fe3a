package browse_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestSafety checks that the server refuses requests that another site caused, that name
// another host, that lack the token, or that are not reads.
func TestSafety(t *testing.T) {
	t.Parallel()
	v := visit(t, sampleArchive(t))
	address := v.server.URL()
	token := strings.Split(address, "/")[3]
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for name, test := range map[string]struct {
		method, address string
		change          func(*http.Request)
		status          int
	}{
		"GET":                    {http.MethodGet, address, nil, 200},
		"HEAD":                   {http.MethodHead, address, nil, 200},
		"no token":               {http.MethodGet, strings.TrimSuffix(address, token+"/"), nil, 404},
		"another token":          {http.MethodGet, strings.Replace(address, token, strings.Repeat("0", 32), 1), nil, 404},
		"POST":                   {http.MethodPost, address, nil, 405},
		"DELETE":                 {http.MethodDelete, address, nil, 405},
		"DNS rebinding":          {http.MethodGet, address, func(r *http.Request) { r.Host = "evil.example" }, 403},
		"another port":           {http.MethodGet, address, func(r *http.Request) { r.Host = "127.0.0.1:1" }, 403},
		"localhost":              {http.MethodGet, address, func(r *http.Request) { r.Host = strings.Replace(r.Host, "127.0.0.1", "localhost", 1) }, 200},
		"another origin":         {http.MethodGet, address, header("Origin", "https://evil.example"), 403},
		"no origin":              {http.MethodGet, address, header("Origin", "null"), 403},
		"another site":           {http.MethodGet, address, header("Sec-Fetch-Site", "cross-site"), 403},
		"another port's page":    {http.MethodGet, address, header("Sec-Fetch-Site", "same-site"), 403},
		"its own page":           {http.MethodGet, address, header("Sec-Fetch-Site", "same-origin"), 200},
		"a typed address":        {http.MethodGet, address, header("Sec-Fetch-Site", "none"), 200},
		"push":                   {http.MethodGet, address + "octo-org/app.git/info/refs?service=git-receive-pack", nil, 403},
		"push, second step":      {http.MethodPost, address + "octo-org/app.git/git-receive-pack", nil, 405},
		"dumb protocol":          {http.MethodGet, address + "octo-org/app.git/info/refs", nil, 403},
		"file of a repository":   {http.MethodGet, address + "octo-org/app.git/HEAD", nil, 404},
		"repository outside":     {http.MethodGet, address + "..%2F..%2Fetc/x.git/info/refs?service=git-upload-pack", nil, 404},
		"repository not in here": {http.MethodGet, address + "octo-org/empty.git/info/refs?service=git-upload-pack", nil, 404},
	} {
		resp, body := v.do(test.method, test.address, test.change)
		assert.Equal(t, test.status, resp.StatusCode, name)
		assert.Equal(t, "nosniff", resp.Header.Get("X-Content-Type-Options"), name)
		assert.Equal(t, "no-referrer", resp.Header.Get("Referrer-Policy"), name)
		policy := resp.Header.Get("Content-Security-Policy")
		assert.Contains(t, policy, "default-src 'none'", name)
		assert.NotContains(t, policy, "script-src", name)
		assert.NotContains(t, policy, "unsafe", name)
		if test.status >= 400 && !strings.Contains(body, "<html") {
			assert.NotContains(t, body, token, name)
		}
	}
}
