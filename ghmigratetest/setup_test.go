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

// A client speaks to a server as curl would.
type client struct {
	*ghmigratetest.Server
	t *testing.T
}

// newServer starts a server in memory, which ends with the test.
func newServer(t *testing.T, opts ...ghmigratetest.Option) client {
	t.Helper()
	srv := ghmigratetest.NewServer(append([]ghmigratetest.Option{ghmigratetest.InMemory()}, opts...)...)
	t.Cleanup(srv.Close)
	return client{srv, t}
}

type answer struct {
	status int
	header http.Header
	body   string
}

// send sends a request with the headers of a good one, but for those given as
// name and value; an empty value leaves the header out. No redirect is
// followed.
func (c client) send(method, target, body string, header ...string) (answer, error) {
	c.t.Helper()
	if strings.HasPrefix(target, "/") {
		target = c.URL() + target
	}
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, target, reader)
	require.NoError(c.t, err)
	if strings.HasPrefix(target, c.URL()) {
		req.Header.Set("Authorization", "Bearer "+c.Token())
		req.Header.Set("Accept", "application/vnd.github+json")
		req.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	}
	req.Header.Set("User-Agent", "test")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i+1] == "" && header[i] != "User-Agent" { // which net/http would fill in
			req.Header.Del(header[i])
		}
	}
	hc := *c.Client()
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := hc.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(data)}, err
}

func (c client) do(method, target, body string, header ...string) answer {
	c.t.Helper()
	a, err := c.send(method, target, body, header...)
	require.NoError(c.t, err)
	return a
}

// start starts a migration and returns its id.
func (c client) start(account, body string) int64 {
	c.t.Helper()
	a := c.do("POST", account+"/migrations", body)
	require.Equal(c.t, http.StatusCreated, a.status, a.body)
	return int64(a.object(c.t)["id"].(float64))
}

// exported starts a migration of octo/hello and lets the time pass that it
// takes.
func (c client) exported(body string) int64 {
	c.t.Helper()
	id := c.start("/orgs/octo", body)
	c.Clock().Advance(time.Minute)
	return id
}

func (a answer) object(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	require.NoError(t, json.Unmarshal([]byte(a.body), &v), a.body)
	return v
}

func (a answer) list(t *testing.T) []map[string]any {
	t.Helper()
	var v []map[string]any
	require.NoError(t, json.Unmarshal([]byte(a.body), &v), a.body)
	return v
}

const hello = `{"repositories":["octo/hello"]}`

func (c client) path(id int64) string { return "/orgs/octo/migrations/" + itoa(id) }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func decoded(t *testing.T, body string) any {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal([]byte(body), &v), body)
	return v
}
