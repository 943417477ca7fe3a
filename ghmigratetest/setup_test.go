package ghmigratetest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// A client sends requests to a server without a client library, as curl would.
type client struct {
	*ghmigratetest.Server
	t    *testing.T
	api  string // base URL of the API
	http *http.Client
}

// newServer starts a server in memory. The server is closed when the test ends.
func newServer(t *testing.T, opts ...ghmigratetest.Option) client {
	t.Helper()
	srv := ghmigratetest.NewServer(append([]ghmigratetest.Option{ghmigratetest.InMemory()}, opts...)...)
	t.Cleanup(srv.Close)
	return clientOf(t, srv)
}

// clientOf returns a client that uses the server's own URL and HTTP client.
func clientOf(t *testing.T, srv *ghmigratetest.Server) client {
	t.Helper()
	return client{srv, t, srv.URL(), srv.Client()}
}

// A response is a response whose body has been read.
type response struct {
	status int
	header http.Header
	body   string
}

// send sends a request with the headers of a valid request. header has names and
// values of headers to replace; an empty value removes the header. send does not
// follow redirects.
func (c client) send(method, target, body string, header ...string) (response, error) {
	c.t.Helper()
	if strings.HasPrefix(target, "/") {
		target = c.api + target
	}
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, target, reader)
	require.NoError(c.t, err)
	if strings.HasPrefix(target, c.api) {
		req.Header.Set("Authorization", "Bearer "+c.Token())
		req.Header.Set("Accept", "application/vnd.github+json")
		req.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	}
	req.Header.Set("User-Agent", "test")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i+1] == "" && header[i] != "User-Agent" { // an empty User-Agent keeps net/http from adding one
			req.Header.Del(header[i])
		}
	}
	hc := *c.http
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := hc.Do(req)
	if err != nil {
		return response{}, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	return response{res.StatusCode, res.Header, string(data)}, err
}

// do is send for a request that must get a response.
func (c client) do(method, target, body string, header ...string) response {
	c.t.Helper()
	res, err := c.send(method, target, body, header...)
	require.NoError(c.t, err)
	return res
}

// start starts a migration of an account, such as "/orgs/octo", and returns its ID.
func (c client) start(account, body string) int64 {
	c.t.Helper()
	res := c.do("POST", account+"/migrations", body)
	require.Equal(c.t, http.StatusCreated, res.status, res.body)
	return int64(res.object(c.t)["id"].(float64))
}

// exported starts a migration of the organization octo, and advances the clock
// until the export has ended.
func (c client) exported(body string) int64 {
	c.t.Helper()
	id := c.start("/orgs/octo", body)
	c.Clock().Advance(time.Minute)
	return id
}

func (res response) object(t *testing.T) map[string]any {
	t.Helper()
	return decode[map[string]any](t, res.body)
}

func (res response) list(t *testing.T) []map[string]any {
	t.Helper()
	return decode[[]map[string]any](t, res.body)
}

func decode[T any](t *testing.T, body string) T {
	t.Helper()
	var v T
	require.NoError(t, json.Unmarshal([]byte(body), &v), body)
	return v
}

// Bodies that start an export of octo/hello.
const (
	hello       = `{"repositories":["octo/hello"]}`
	helloLocked = `{"repositories":["octo/hello"],"lock_repositories":true}`
)

// path returns the path of a migration of the organization octo.
func (c client) path(id int64) string { return "/orgs/octo/migrations/" + itoa(id) }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
