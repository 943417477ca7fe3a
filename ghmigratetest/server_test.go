package ghmigratetest_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

func TestOriginsAreTwoHosts(t *testing.T) {
	for name, opt := range map[string]ghmigratetest.Option{
		"in memory":                   ghmigratetest.InMemory(),
		"on a given address":          ghmigratetest.WithAddr("127.0.0.1:0"),
		"on another loopback address": ghmigratetest.WithAddr("[::1]:0"),
		"on all interfaces":           ghmigratetest.WithAddr(":0"),
	} {
		t.Run(name, func(t *testing.T) {
			if l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "[::1]:0"); err == nil {
				require.NoError(t, l.Close())
			} else if name == "on another loopback address" {
				t.Skip(err)
			}
			srv := ghmigratetest.NewServer(opt)
			defer srv.Close()
			c := clientOf(t, srv)
			srv.AddRepository("octo/hello")
			api, err := url.Parse(srv.URL())
			require.NoError(t, err)
			storage, err := url.Parse(srv.StorageURL())
			require.NoError(t, err)
			assert.Equal(t, "/api/v3", api.Path)
			assert.Empty(t, storage.Path)
			assert.NotEqual(t, api.Hostname(), storage.Hostname())

			id := c.exported(hello)
			redirect := c.do("GET", c.path(id)+"/archive", "")
			assert.Equal(t, http.StatusFound, redirect.status)
			assert.Equal(t, http.StatusOK, c.do("GET", redirect.header.Get("Location"), "").status)
		})
	}
}

// net/http drops the token in a redirect to another host, so that a plain client gets
// the archive.
func TestPlainClientFollowsTheRedirectToTheArchive(t *testing.T) {
	srv := ghmigratetest.NewServer(ghmigratetest.WithExportDuration(0))
	defer srv.Close()
	srv.AddRepository("octo/hello")
	c := clientOf(t, srv)
	id := c.start("/orgs/octo", hello)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL()+c.path(id)+"/archive", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+srv.Token())
	req.Header.Set("Accept", "application/json")
	req.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	res, err := srv.Client().Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	assert.Equal(t, http.StatusOK, res.StatusCode)
	assert.Equal(t, "application/x-gzip", res.Header.Get("Content-Type"))
}

func TestNewServerPanicsIfItCannotListen(t *testing.T) {
	assert.Panics(t, func() { ghmigratetest.NewServer(ghmigratetest.WithAddr("203.0.113.1:1")) })
}

func TestClientInMemoryReachesOnlyItsServer(t *testing.T) {
	c := newServer(t)
	_, err := c.send("GET", "http://127.0.0.3:8000/", "")
	require.ErrorContains(t, err, "not an origin of this ghmigratetest server")
	c.Close()
	c.Close()
	_, err = c.send("GET", "/user/migrations", "")
	require.Error(t, err)
}

// The server does not keep virtual time from advancing, and all of its goroutines end
// at Close. Otherwise synctest.Test fails.
func TestWaitsTakeNoTimeInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := ghmigratetest.NewServer(ghmigratetest.InMemory(), ghmigratetest.WithExportDuration(time.Hour))
		defer srv.Close()
		srv.AddRepository("octo/hello")
		c := clientOf(t, srv)
		id := c.start("/orgs/octo", hello)
		var states []string
		for range 5 {
			states = append(states, c.do("GET", c.path(id), "").object(t)["state"].(string))
			time.Sleep(18 * time.Minute)
		}
		assert.Equal(t, []string{"pending", "exporting", "exporting", "exporting", "exported"}, states)

		// The connections of a clone of the transport stay idle.
		clone := &http.Client{Transport: srv.Client().Transport.(*http.Transport).Clone()}
		redirect := c.do("GET", c.path(id)+"/archive", "")
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, redirect.header.Get("Location"), nil)
		require.NoError(t, err)
		res, err := clone.Do(req)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		time.Sleep(24 * time.Hour)
	})
}

func TestCloseEndsStalledRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newServer(t)
		c.Inject(ghmigratetest.Fault{Stall: true})
		c.Inject(ghmigratetest.Fault{Delay: time.Hour})
		failed := make(chan error)
		for range 2 {
			go func() {
				_, err := c.send("GET", "/user/migrations", "")
				failed <- err
			}()
		}
		synctest.Wait()
		c.Close()
		require.Error(t, <-failed)
		require.Error(t, <-failed)
	})
}

func TestRequestsAreRecorded(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	c.Clock().Advance(time.Hour)
	c.do("POST", "/orgs/octo/migrations", hello, "X-Extra", "1")
	c.do("GET", "/orgs/a%2Fb/migrations?per_page=1", "")
	c.do("GET", c.URL()[:len(c.URL())-len("/api/v3")]+"/orgs/octo", "")
	c.do("GET", c.StorageURL()+"/migration/1/2?X-Amz-Signature=3", "", "Cookie", "a=b")

	type line struct {
		Origin ghmigratetest.Origin
		Line   string
		Query  string
		Body   string
		Status int
	}
	var got []line
	for _, r := range c.Requests() {
		got = append(got, line{r.Origin, r.Method + " " + r.Path, r.Query.Encode(), string(r.Body), r.Status})
		assert.WithinDuration(t, time.Now().Add(time.Hour), r.Time, time.Minute)
	}
	assert.Equal(t, []line{
		{ghmigratetest.API, "POST /orgs/octo/migrations", "", hello, 201},
		{ghmigratetest.API, "GET /orgs/a%2Fb/migrations", "per_page=1", "", 404},
		{ghmigratetest.API, "GET /orgs/octo", "", "", 404},
		{ghmigratetest.Storage, "GET /migration/1/2", "X-Amz-Signature=3", "", 403},
	}, got)
	assert.Equal(t, "1", c.Requests()[0].Header.Get("X-Extra"))
	assert.Equal(t, "a=b", c.Requests()[3].Header.Get("Cookie"))

	c.Requests()[0].Header.Set("X-Extra", "2")
	assert.Equal(t, "1", c.Requests()[0].Header.Get("X-Extra"), "a copy")
}

func TestRequestsWithALargeBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newServer(t)
		body := strings.Repeat("x", 10<<20)
		res := c.do("POST", "/orgs/octo/migrations", body+"x")
		assert.Equal(t, http.StatusRequestEntityTooLarge, res.status)
		assert.Equal(t, "Request Entity Too Large", res.object(t)["message"])
		for _, body := range []string{body, body + "x"} {
			w := httptest.NewRecorder()
			c.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/storage/x", strings.NewReader(body)))
			assert.Equal(t, len(body) > 10<<20, strings.Contains(w.Body.String(), "<Message>Request Entity Too Large</Message>"))
		}
		var got []string
		for _, r := range c.Requests() {
			got = append(got, r.Method+" "+strconv.Itoa(r.Status)+" "+strconv.Itoa(len(r.Body)))
		}
		assert.Equal(t, []string{"POST 413 10485760", "PUT 403 10485760", "PUT 413 10485760"}, got)
		c.Close()
	})
}

func TestRequestLog(t *testing.T) {
	paths := func(c client) []string {
		var all []string
		for _, r := range c.Requests() {
			all = append(all, r.Path)
		}
		return all
	}
	for limit, want := range map[int][]string{0: nil, 2: {"/b", "/c"}, 5: {"/a", "/b", "/c"}} {
		c := newServer(t, ghmigratetest.WithRequestLog(limit))
		for _, p := range []string{"/a", "/b", "/c"} {
			c.do("GET", p, "")
		}
		assert.Equal(t, want, paths(c))
		c.ClearRequests()
		assert.Empty(t, c.Requests())
	}
}

func TestServerTakesItsTimeFromTheClock(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	c.Clock().Advance(1000 * time.Hour)
	res := c.do("POST", "/orgs/octo/migrations", hello)
	date, err := http.ParseTime(res.header.Get("Date"))
	require.NoError(t, err)
	assert.WithinDuration(t, c.Clock().Now(), date, 5*time.Second)
	created, err := time.Parse(time.RFC3339, res.object(t)["created_at"].(string))
	require.NoError(t, err)
	assert.WithinDuration(t, c.Clock().Now(), created, 5*time.Second)
}

func TestBadArgumentsPanic(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	for _, name := range []string{"hello", "octo/", "/hello", "octo/he llo", "octo/..", "octo/hello/x", "OCTO/Hello"} {
		assert.Panics(t, func() { c.AddRepository(name) }, name)
	}
	assert.Panics(t, func() { c.AddRepository("octo/git", ghmigratetest.FromGit(t.TempDir())) })
	assert.Panics(t, func() { c.RequireSSO("nobody") })
	assert.Panics(t, func() { c.SetArchive(1, nil) })
	assert.Panics(t, func() { c.Inject(ghmigratetest.Fault{Path: "["}) })
}
