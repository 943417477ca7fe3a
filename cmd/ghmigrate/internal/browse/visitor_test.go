package browse_test

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/browse"
)

// A visitor sends requests to a server.
type visitor struct {
	t      *testing.T
	server *browse.Server
}

// openLibrary opens archives with a new cache folder.
func openLibrary(t *testing.T, archives ...string) *browse.Library {
	t.Helper()
	l, err := browse.Open(t.Context(), browse.Options{Archives: archives, Cache: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

// visit serves unpacked archives until the test ends.
func visit(t *testing.T, archives ...string) visitor {
	t.Helper()
	l := openLibrary(t, archives...)
	require.NoError(t, l.Wait(t.Context()))
	return serve(t, l)
}

// serve serves a library until the test ends.
func serve(t *testing.T, l *browse.Library) visitor {
	t.Helper()
	server, err := l.Listen(t.Context(), 0, nil)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
	})
	return visitor{t, server}
}

// A response is a response of the server, without the body.
type response struct {
	StatusCode int
	Header     http.Header
}

// get returns the response to a GET of a path, and its body.
func (v visitor) get(path string) (response, string) {
	v.t.Helper()
	return v.do(http.MethodGet, v.server.URL()+path, nil)
}

// do returns the response to a request, and its body. Change may change the request.
func (v visitor) do(method, address string, change func(*http.Request)) (response, string) {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), method, address, nil)
	require.NoError(v.t, err)
	if change != nil {
		change(req)
	}
	resp, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(req)
	require.NoError(v.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(v.t, err)
	return response{resp.StatusCode, resp.Header}, string(body)
}

// page returns the page at a path. It fails the test if there is no page.
func (v visitor) page(path string) string {
	v.t.Helper()
	resp, body := v.get(path)
	require.Equal(v.t, http.StatusOK, resp.StatusCode, "%s: %s", path, body)
	return body
}
