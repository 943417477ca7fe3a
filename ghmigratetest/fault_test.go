package ghmigratetest_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

func TestSelectionAndCounts(t *testing.T) {
	const list = "/orgs/octo/migrations"
	for _, test := range []struct {
		name  string
		fault ghmigratetest.Fault
		want  []int // statuses of GET list, GET list, GET the user's list, POST list, GET storage
	}{
		{"the next", ghmigratetest.Fault{}, []int{500, 200, 200, 201, 403}},
		{"two", ghmigratetest.Fault{Times: 2}, []int{500, 500, 200, 201, 403}},
		{"all", ghmigratetest.Fault{Times: -1}, []int{500, 500, 500, 500, 500}},
		{"the second", ghmigratetest.Fault{After: 1}, []int{200, 500, 200, 201, 403}},
		{"all from the third", ghmigratetest.Fault{After: 2, Times: -1}, []int{200, 200, 500, 500, 500}},
		{"of a method", ghmigratetest.Fault{Method: "POST", Times: -1}, []int{200, 200, 200, 500, 403}},
		{"of a path", ghmigratetest.Fault{Path: list, Times: -1}, []int{500, 500, 200, 500, 403}},
		{"of a pattern", ghmigratetest.Fault{Path: "/*/migrations", Times: -1}, []int{200, 200, 500, 201, 403}},
		{"below a path", ghmigratetest.Fault{Path: "/orgs/", Times: -1}, []int{500, 500, 200, 500, 403}},
		{"of the API", ghmigratetest.Fault{Origin: ghmigratetest.API, After: 3, Times: -1}, []int{200, 200, 200, 500, 403}},
		{"of storage", ghmigratetest.Fault{Origin: ghmigratetest.Storage, Times: -1}, []int{200, 200, 200, 201, 500}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newServer(t)
			c.AddRepository("octo/hello")
			test.fault.Status = http.StatusInternalServerError
			c.Inject(test.fault)
			assert.Equal(t, test.want, []int{
				c.do("GET", list, "").status,
				c.do("GET", list, "").status,
				c.do("GET", "/user/migrations", "").status,
				c.do("POST", list, hello).status,
				c.do("GET", c.StorageURL()+"/x", "").status,
			})
			c.ClearFaults()
			assert.Equal(t, http.StatusOK, c.do("GET", list, "").status)
		})
	}
}

func TestFaultsComeOneAfterAnother(t *testing.T) {
	c := newServer(t)
	c.Inject(ghmigratetest.Fault{Status: 500})
	c.Inject(ghmigratetest.Fault{Status: 502})
	var got []int
	for range 3 {
		got = append(got, c.do("GET", "/user/migrations", "").status)
	}
	assert.Equal(t, []int{500, 502, 200}, got)
}

func TestInjectFunc(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	var asked []string
	c.InjectFunc(func(r ghmigratetest.Request, before int) (ghmigratetest.Fault, bool) {
		asked = append(asked, r.Method+" "+r.Path+" "+strconv.Itoa(before)+" "+string(r.Body))
		return ghmigratetest.Fault{Method: "PUT", Continue: true, Applied: true, Status: 502 + before}, r.Method == http.MethodPost && before < 2
	})
	c.Inject(ghmigratetest.Fault{Method: "POST", After: 1, Status: 500})
	var got []int
	for range 4 {
		got = append(got, c.do("POST", "/orgs/octo/migrations", hello).status)
	}
	got = append(got, c.do("GET", "/orgs/octo/migrations", "").status)
	assert.Equal(t, []int{502, 500, 503, 201, 200}, got)
	assert.Len(t, c.Migrations(), 3)
	assert.Equal(t, []string{
		"POST /orgs/octo/migrations 0 " + hello,
		"POST /orgs/octo/migrations 1 " + hello,
		"POST /orgs/octo/migrations 2 " + hello,
		"GET /orgs/octo/migrations 0 ",
	}, asked, "a fault of Inject takes precedence")

	c.ClearFaults()
	c.do("GET", "/orgs/octo/migrations", "")
	assert.Len(t, asked, 4)
}

func TestFaultsOfResponses(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	for _, test := range []struct {
		name   string
		fault  ghmigratetest.Fault
		status int
		header map[string]string
		body   string
	}{
		{"a status with header and body", ghmigratetest.Fault{Status: 418, Header: http.Header{"X-Pot": {"tea"}}, Body: `{"a":1}`},
			418, map[string]string{"X-Pot": "tea", "Content-Type": "application/json; charset=utf-8"}, `{"a":1}`},
		{"a header on the true response", ghmigratetest.Fault{Header: http.Header{"Date": {"Sat, 01 Jan 2000 00:00:00 GMT"}, "Etag": nil}},
			200, map[string]string{"Date": "Sat, 01 Jan 2000 00:00:00 GMT", "ETag": "", "Cache-Control": "private, max-age=60"}, "[]"},
		{"no Date and no Content-Type", ghmigratetest.Fault{Header: http.Header{"date": nil, "Content-Type": {}}},
			200, map[string]string{"Date": "", "Content-Type": ""}, "[]"},
		{"no Content-Type with another body", ghmigratetest.Fault{Status: 502, Body: "<html>", Header: http.Header{"Content-Type": nil}},
			502, map[string]string{"Content-Type": ""}, "<html>"},
		{"a handler", ghmigratetest.Fault{Handler: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			r.Header.Del("Authorization")
			next.ServeHTTP(w, r)
		}}, 401, nil, "Requires authentication"},
		{"a primary rate limit", ghmigratetest.PrimaryRateLimit(90 * time.Second),
			403, map[string]string{"X-RateLimit-Remaining": "0", "Retry-After": ""}, "API rate limit exceeded"},
		{"a secondary rate limit without a header", ghmigratetest.SecondaryRateLimit(),
			403, map[string]string{"X-RateLimit-Remaining": "", "Retry-After": ""}, "You have exceeded a secondary rate limit"},
		{"a secondary rate limit with Retry-After", ghmigratetest.SecondaryRateLimitAfter(59500 * time.Millisecond),
			403, map[string]string{"Retry-After": "60"}, "secondary-rate-limits"},
		{"a server error", ghmigratetest.ServerError(503), 503, nil, `"Server Error"`},
		{"an HTML error", ghmigratetest.HTMLError(502),
			502, map[string]string{"Content-Type": "text/html; charset=utf-8"}, "<!DOCTYPE html>"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c.Inject(test.fault)
			res := c.do("GET", "/orgs/octo/migrations", "")
			assert.Equal(t, test.status, res.status)
			assert.Contains(t, res.body, test.body)
			for name, value := range test.header {
				assert.Equal(t, value, res.header.Get(name), name)
			}
			requests := c.Requests()
			assert.Equal(t, test.status, requests[len(requests)-1].Status)
		})
	}

	c.Clock().Advance(1000 * time.Hour)
	c.Inject(ghmigratetest.PrimaryRateLimit(90 * time.Second))
	reset, err := strconv.ParseInt(c.do("GET", "/user/migrations", "").header.Get("X-RateLimit-Reset"), 10, 64)
	require.NoError(t, err)
	assert.WithinDuration(t, c.Clock().Now().Add(90*time.Second), time.Unix(reset, 0), 5*time.Second)
}

// A failed response of storage has the headers of S3, and one request ID.
func TestFaultsOfStorageHaveTheHeadersOfS3(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	signed := c.signed(c.exported(hello))
	c.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, Status: 503})
	res := c.do("GET", signed, "")
	assert.Equal(t, 503, res.status)
	assert.Equal(t, "AmazonS3", res.header.Get("Server"))
	assert.Empty(t, res.header.Get("X-GitHub-Request-Id"))
	require.NotEmpty(t, res.header.Get("X-Amz-Request-Id"))
	assert.Contains(t, res.body, "<RequestId>"+res.header.Get("X-Amz-Request-Id")+"</RequestId>")
}

func TestAppliedFaultsHaveTheirEffect(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	c.Inject(ghmigratetest.Fault{Method: "POST", Applied: true, Status: 502})
	c.Inject(ghmigratetest.Fault{Method: "POST", Applied: true, Reset: true})
	c.Inject(ghmigratetest.Fault{Method: "POST", Applied: true, CutAfter: 5})
	assert.Equal(t, 502, c.do("POST", "/orgs/octo/migrations", hello).status)
	for range 2 {
		_, err := c.send("POST", "/orgs/octo/migrations", hello)
		require.Error(t, err)
	}
	assert.Len(t, c.Migrations(), 3)
	assert.Zero(t, c.Requests()[1].Status)
}

func TestFaultsOfConnections(t *testing.T) {
	srv := ghmigratetest.NewServer()
	defer srv.Close()
	c := clientOf(t, srv)

	// net/http does not retry a POST.
	c.Inject(ghmigratetest.Fault{Reset: true})
	_, err := c.send("POST", "/user/migrations", `{}`)
	require.Error(t, err)

	_, location := c.stored("0123456789")
	for _, test := range []struct {
		name  string
		fault ghmigratetest.Fault
		body  string
		err   error
	}{
		{"cut", ghmigratetest.Fault{CutAfter: 4}, "0123", io.ErrUnexpectedEOF},
		{"cut after the header", ghmigratetest.Fault{CutAfter: ghmigratetest.AfterHeader}, "", io.ErrUnexpectedEOF},
		{"cut behind the end", ghmigratetest.Fault{CutAfter: 11}, "0123456789", nil},
		{"cut before the stall", ghmigratetest.Fault{CutAfter: 4, StallAfter: 5}, "0123", io.ErrUnexpectedEOF},
	} {
		t.Run(test.name, func(t *testing.T) {
			c.Inject(test.fault)
			res, err := c.send("GET", location, "")
			assert.Equal(t, 200, res.status)
			assert.Equal(t, test.body, res.body)
			require.ErrorIs(t, err, test.err)
		})
	}
}

func TestFaultsInTime(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault ghmigratetest.Fault
		body  string
		takes time.Duration // the client times out after a minute
	}{
		{"delay", ghmigratetest.Fault{Delay: 10 * time.Second}, "0123456789", 10 * time.Second},
		{"stall", ghmigratetest.Fault{Stall: true}, "", time.Minute},
		{"stall after the header", ghmigratetest.Fault{StallAfter: ghmigratetest.AfterHeader}, "", time.Minute},
		{"stall in the body", ghmigratetest.Fault{StallAfter: 4}, "0123", time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newServer(t)
				_, location := c.stored("0123456789")
				c.Client().Timeout = time.Minute
				begun := time.Now()
				c.Inject(test.fault)
				res, err := c.send("GET", location, "")
				assert.Equal(t, test.body, res.body)
				assert.Equal(t, len(test.body) < 10, err != nil, "%v", err)
				assert.Equal(t, test.takes, time.Since(begun))
				c.Close()
			})
		})
	}
}

// TestWrongResponsesOfStorage has wrong responses of storage, each with the fault that
// sends it.
func TestWrongResponsesOfStorage(t *testing.T) {
	without := func(header string) func(http.ResponseWriter, *http.Request, http.Handler) {
		return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			r.Header.Del(header)
			next.ServeHTTP(w, r)
		}
	}
	for _, test := range []struct {
		name         string
		fault        ghmigratetest.Fault
		header       []string
		status       int
		body         string
		contentRange string
		validators   string // the ETag without its digits, and whether there is a Last-Modified
	}{
		{"none", ghmigratetest.Fault{}, nil, 206, "345", "bytes 3-5/10", `"" true`},
		{"ignored range", ghmigratetest.Fault{Handler: without("Range")}, nil, 200, "0123456789", "", `"" true`},
		{"wrong Content-Range", ghmigratetest.Fault{Header: http.Header{"Content-Range": {"bytes 4-6/11"}}}, nil, 206, "345", "bytes 4-6/11", `"" true`},
		{"ignored If-Match", ghmigratetest.Fault{Handler: without("If-Match")}, []string{"If-Match", `"x"`}, 206, "345", "bytes 3-5/10", `"" true`},
		{"no validators", ghmigratetest.Fault{Header: http.Header{"ETag": nil, "Last-Modified": nil}}, nil, 206, "345", "bytes 3-5/10", ` false`},
		{"a weak ETag", ghmigratetest.Fault{Header: http.Header{"ETag": {`W/"0"`}}}, nil, 206, "345", "bytes 3-5/10", `W/"" true`},
		{"too much", ghmigratetest.Fault{
			Header: http.Header{"Content-Length": nil},
			Handler: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				next.ServeHTTP(w, r)
				_, _ = io.WriteString(w, "67")
			},
		}, nil, 206, "34567", "bytes 3-5/10", `"" true`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newServer(t)
			_, location := c.stored("0123456789")
			test.fault.Origin, test.fault.Times = ghmigratetest.Storage, -1
			c.Inject(test.fault)
			for range 2 {
				res := c.do("GET", location, "", append([]string{"Range", "bytes=3-5"}, test.header...)...)
				assert.Equal(t, test.status, res.status)
				if test.status < 300 {
					assert.Equal(t, test.body, res.body)
				}
				assert.Equal(t, test.contentRange, res.header.Get("Content-Range"))
				etag := strings.Trim(res.header.Get("ETag"), "W/\"")
				validators := strings.Replace(res.header.Get("ETag"), etag, "", 1)
				assert.Equal(t, test.validators, validators+" "+strconv.FormatBool(res.header.Get("Last-Modified") != ""))
			}
			assert.Equal(t, 200, c.do("GET", "/user/migrations", "").status, "the API is not affected")
		})
	}
}
