package ghmigratetest_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

const digits = "0123456789"

// TestRefusalsOfStorage has refusals that storage and its proxies were recorded to
// send, each with the fault that sends it.
func TestRefusalsOfStorage(t *testing.T) {
	for _, test := range []struct {
		name   string
		fault  ghmigratetest.Fault
		header []string // of the first request
		status int
		body   string
		then   int // status of a second request, without the header
	}{
		{"refuses ranges", ghmigratetest.Fault{HasHeader: "Range", Status: 501},
			[]string{"Range", "bytes=0-3"}, 501, "<Code>NotImplemented</Code>", 200},
		{"refuses ranges as a proxy does", ghmigratetest.Fault{HasHeader: "Range", Status: 403, Body: "<html>Blocked</html>"},
			[]string{"Range", "bytes=0-3"}, 403, "<html>", 200},
		{"refuses If-Match", ghmigratetest.Fault{HasHeader: "If-Match", Status: 412},
			[]string{"If-Match", "*"}, 412, "<Code>PreconditionFailed</Code>", 200},
		{"serves a page first", ghmigratetest.Fault{Times: 1, Body: "<!DOCTYPE html><p>Wait"}, nil, 200, "<!DOCTYPE html>", 200},
		{"serves a page in place of a 304", ghmigratetest.Fault{Times: 1, Body: "<!DOCTYPE html><p>Wait"},
			[]string{"If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"}, 200, "<!DOCTYPE html>", 200},
		{"wants a login", ghmigratetest.Fault{Status: 407, Times: 1}, nil, 407, "Proxy Authentication Required", 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newServer(t)
			_, location := c.stored(digits)
			if test.fault.Origin = ghmigratetest.Storage; test.fault.Times == 0 {
				test.fault.Times = -1
			}
			c.Inject(test.fault)
			res := c.do("GET", location, "", test.header...)
			assert.Equal(t, test.status, res.status)
			assert.Contains(t, res.body, test.body)
			res = c.do("GET", location, "")
			assert.Equal(t, test.then, res.status)
			assert.Equal(t, digits, res.body)
		})
	}
}

func TestStorageThatSendsAContentEncoding(t *testing.T) {
	c := newServer(t)
	_, location := c.stored(digits)
	c.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, Header: http.Header{"Content-Encoding": {"gzip"}}})
	res := c.do("GET", location, "", "Accept-Encoding", "identity")
	assert.Equal(t, "gzip", res.header.Get("Content-Encoding"))
	assert.Equal(t, digits, res.body)
}

func TestStorageThatSendsNoLength(t *testing.T) {
	c := newServer(t)
	_, location := c.stored(digits)
	c.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, Times: 2, Header: http.Header{"Content-Length": nil}})
	res := c.do("GET", location, "")
	assert.Empty(t, res.header.Get("Content-Length"))
	assert.Equal(t, digits, res.body)

	c.ClearFaults()
	c.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, Header: http.Header{"Content-Range": {"bytes 0-3/*"}}})
	assert.Equal(t, "bytes 0-3/*", c.do("GET", location, "", "Range", "bytes=0-3").header.Get("Content-Range"))
}

// In a bubble, a busy machine cannot keep net/http from using a connection again.
func TestStorageWithAnotherETagOnEachConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newServer(t)
		_, location := c.stored(digits)
		c.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, Times: -1, Header: http.Header{"ETag": {`"node-{connection}"`}}})
		one := c.do("GET", location, "").header.Get("ETag")
		assert.Regexp(t, `^"node-\d+"$`, one)
		same := c.do("GET", location, "", "If-Match", one, "Range", "bytes=2-3")
		assert.Equal(t, http.StatusPartialContent, same.status, "the same connection")
		assert.Equal(t, one, same.header.Get("ETag"))

		c.Client().CloseIdleConnections()
		assert.Equal(t, http.StatusPreconditionFailed, c.do("GET", location, "", "If-Match", one).status)
		other := c.do("GET", location, "")
		assert.NotEqual(t, one, other.header.Get("ETag"))
		assert.Equal(t, digits, other.body)
	})
}

func TestStorageThatRedirects(t *testing.T) {
	c := newServer(t)
	_, location := c.stored(digits)
	c.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, Times: -1, Status: 307, Header: http.Header{"Location": {"{elsewhere}"}}})
	for range 2 {
		res := c.do("GET", location, "")
		require.Equal(t, http.StatusTemporaryRedirect, res.status)
		res = c.do("GET", c.StorageURL()+res.header.Get("Location"), "", "Range", "bytes=2-3")
		assert.Equal(t, http.StatusPartialContent, res.status)
		assert.Equal(t, "23", res.body)
	}
}

func TestStorageThatIsSlowOnOneConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newServer(t)
		_, location := c.stored(strings.Repeat(digits, 10))
		c.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, WholeConnections: true, After: 1, Rate: 10})
		var took []time.Duration
		for range 3 {
			for range 2 {
				begun := time.Now()
				assert.Len(t, c.do("GET", location, "").body, 100)
				took = append(took, time.Since(begun))
			}
			c.Client().CloseIdleConnections()
		}
		assert.Equal(t, []time.Duration{0, 0, 10 * time.Second, 10 * time.Second, 0, 0}, took)
		c.Close()
	})
}

func TestStorageOfOneMigration(t *testing.T) {
	c := newServer(t)
	one, first := c.stored(digits)
	two := c.exported(hello)
	c.SetArchive(two, []byte("abc"))
	c.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, Migration: two, Times: -1, Status: 503})
	assert.Equal(t, http.StatusOK, c.do("GET", first, "").status)
	assert.Equal(t, http.StatusServiceUnavailable, c.do("GET", c.signed(two), "").status)
	requests := c.Requests()
	assert.Equal(t, two, requests[len(requests)-1].Migration)
	assert.NotEqual(t, one, two)
}
