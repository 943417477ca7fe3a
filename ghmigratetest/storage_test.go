package ghmigratetest_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/xml"
	"io"
	"net/http"
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

// stored makes a migration with data as its archive, and returns the migration's ID
// and a signed URL of the archive.
func (c client) stored(data string) (int64, string) {
	c.t.Helper()
	c.AddRepository("octo/hello")
	id := c.exported(hello)
	c.SetArchive(id, []byte(data))
	return id, c.signed(id)
}

// signed returns a signed URL of the archive of a migration.
func (c client) signed(id int64) string {
	c.t.Helper()
	res := c.do("GET", c.path(id)+"/archive", "")
	require.Equal(c.t, http.StatusFound, res.status, res.body)
	return res.header.Get("Location")
}

func TestRedirectToTheArchive(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	id := c.exported(hello)
	res := c.do("GET", c.path(id)+"/archive", "")
	location := res.header.Get("Location")
	assert.Equal(t, location, res.body)
	assert.Equal(t, "text/html;charset=utf-8", res.header.Get("Content-Type"))
	u, err := url.Parse(location)
	require.NoError(t, err)
	assert.Equal(t, c.StorageURL(), u.Scheme+"://"+u.Host)
	q := u.Query()
	assert.Equal(t, "AWS4-HMAC-SHA256", q.Get("X-Amz-Algorithm"))
	assert.Equal(t, "300", q.Get("X-Amz-Expires"))
	assert.Equal(t, "host", q.Get("X-Amz-SignedHeaders"))
	assert.NotEmpty(t, q.Get("X-Amz-Credential"))
	assert.Contains(t, u.RawQuery, "response-content-disposition=filename%3D"+c.Migration(id).GUID+".tar.gz")
	signed, err := time.Parse("20060102T150405Z", q.Get("X-Amz-Date"))
	require.NoError(t, err)
	assert.WithinDuration(t, c.Clock().Now(), signed, 5*time.Second)

	res = c.do("GET", location, "")
	assert.Equal(t, http.StatusOK, res.status)
	assert.Equal(t, "application/x-gzip", res.header.Get("Content-Type"))
	assert.Equal(t, "filename="+c.Migration(id).GUID+".tar.gz", res.header.Get("Content-Disposition"))
	assert.Equal(t, "bytes", res.header.Get("Accept-Ranges"))
	assert.Equal(t, strconv.Itoa(len(res.body)), res.header.Get("Content-Length"))
	assert.Regexp(t, `^"[0-9a-f]{32}"$`, res.header.Get("ETag"))
	assert.NotEmpty(t, res.header.Get("Last-Modified"))
	assert.Equal(t, res, c.do("GET", c.signed(id), "", "X-Again", "1").withIDs(res), "every request gets the same bytes")
}

// withIDs returns the response with the request ID and the date of another response.
func (res response) withIDs(of response) response {
	for _, name := range []string{"X-Amz-Request-Id", "Date"} {
		res.header.Set(name, of.header.Get(name))
	}
	return res
}

func TestStorageRefusals(t *testing.T) {
	for _, test := range []struct {
		name    string
		method  string
		change  func(c client, u *url.URL, q url.Values)
		header  []string
		status  int
		code    string
		message string
	}{
		{name: "an Authorization header", header: []string{"Authorization", "Bearer x"},
			status: 400, code: "InvalidArgument", message: "Only one auth mechanism allowed"},
		{name: "no signature", change: func(_ client, _ *url.URL, q url.Values) { q.Del("X-Amz-Signature") },
			status: 403, code: "AccessDenied", message: "Access Denied"},
		{name: "a wrong signature", change: func(_ client, _ *url.URL, q url.Values) { q.Set("X-Amz-Signature", "00") },
			status: 403, code: "SignatureDoesNotMatch", message: "does not match the signature you provided"},
		{name: "a longer lifetime than signed", change: func(_ client, _ *url.URL, q url.Values) { q.Set("X-Amz-Expires", "3000") },
			status: 403, code: "SignatureDoesNotMatch", message: "does not match"},
		{name: "another archive than signed", change: func(_ client, u *url.URL, _ url.Values) { u.Path += "0" },
			status: 403, code: "SignatureDoesNotMatch", message: "does not match"},
		{name: "another method than signed", method: "PUT",
			status: 403, code: "SignatureDoesNotMatch", message: "does not match"},
		{name: "HEAD", method: "HEAD", status: 403},
		{name: "an expired URL", change: func(c client, _ *url.URL, _ url.Values) { c.Clock().Advance(5 * time.Minute) },
			status: 403, code: "AccessDenied", message: "Request has expired"},
		{name: "a deleted archive", change: func(c client, _ *url.URL, _ url.Values) { c.do("DELETE", c.path(79)+"/archive", "") },
			status: 404, code: "NoSuchKey", message: "The specified key does not exist"},
		{name: "another ETag", header: []string{"If-Match", `"0"`},
			status: 412, code: "PreconditionFailed", message: "pre-conditions"},
		{name: "an earlier date", header: []string{"If-Unmodified-Since", "Sat, 01 Jan 2000 00:00:00 GMT"},
			status: 412, code: "PreconditionFailed", message: "pre-conditions"},
		{name: "a range after the end", header: []string{"Range", "bytes=10-"},
			status: 416, code: "InvalidRange", message: "not satisfiable"},
		{name: "the last 0 bytes", header: []string{"Range", "bytes=-0"},
			status: 416, code: "InvalidRange", message: "not satisfiable"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newServer(t)
			_, location := c.stored("0123456789")
			u, err := url.Parse(location)
			require.NoError(t, err)
			if test.change != nil {
				q := u.Query()
				test.change(c, u, q)
				u.RawQuery = q.Encode()
			}
			method := test.method
			if method == "" {
				method = "GET"
			}
			res := c.do(method, u.String(), "", test.header...)
			assert.Equal(t, test.status, res.status, res.body)
			if test.status == http.StatusRequestedRangeNotSatisfiable {
				assert.Equal(t, "bytes */10", res.header.Get("Content-Range"))
			}
			if method == "HEAD" {
				assert.Empty(t, res.body)
				return
			}
			assert.Equal(t, "application/xml", res.header.Get("Content-Type"))
			var body struct{ Code, Message string }
			require.NoError(t, xml.Unmarshal([]byte(res.body), &body), res.body)
			assert.Equal(t, test.code, body.Code)
			assert.Contains(t, body.Message, test.message)
		})
	}
}

func TestRanges(t *testing.T) {
	c := newServer(t)
	id, location := c.stored("0123456789")
	whole := c.do("GET", location, "")
	etag, modified := whole.header.Get("ETag"), whole.header.Get("Last-Modified")
	for _, test := range []struct {
		name         string
		header       []string
		status       int
		contentRange string
		body         string
	}{
		{"from the start", []string{"Range", "bytes=0-3"}, 206, "bytes 0-3/10", "0123"},
		{"to the end", []string{"Range", "bytes=7-"}, 206, "bytes 7-9/10", "789"},
		{"beyond the end", []string{"Range", "bytes=7-99"}, 206, "bytes 7-9/10", "789"},
		{"the last bytes", []string{"Range", "bytes=-2"}, 206, "bytes 8-9/10", "89"},
		{"more bytes than exist", []string{"Range", "bytes=-20"}, 206, "bytes 0-9/10", "0123456789"},
		{"several", []string{"Range", "bytes=0-1,3-4"}, 200, "", "0123456789"},
		{"backwards", []string{"Range", "bytes=3-1"}, 200, "", "0123456789"},
		{"in another unit", []string{"Range", "lines=0-1"}, 200, "", "0123456789"},
		{"nonsense", []string{"Range", "bytes=a-b"}, 200, "", "0123456789"},
		{"more nonsense", []string{"Range", "bytes=-b"}, 200, "", "0123456789"},
		{"with its ETag", []string{"Range", "bytes=0-0", "If-Match", `"x", ` + etag}, 206, "bytes 0-0/10", "0"},
		{"with any ETag", []string{"Range", "bytes=0-0", "If-Match", "*"}, 206, "bytes 0-0/10", "0"},
		{"with its date", []string{"Range", "bytes=0-0", "If-Unmodified-Since", modified}, 206, "bytes 0-0/10", "0"},
		{"If-Range with its ETag", []string{"Range", "bytes=0-0", "If-Range", etag}, 206, "bytes 0-0/10", "0"},
		{"If-Range with another ETag", []string{"Range", "bytes=0-0", "If-Range", `"x"`}, 200, "", "0123456789"},
		{"If-None-Match with its ETag", []string{"If-None-Match", etag}, 304, "", ""},
		{"If-None-Match with a weak ETag", []string{"Range", "bytes=0-0", "If-None-Match", `"x", W/` + etag}, 304, "", ""},
		{"If-None-Match with any ETag", []string{"If-None-Match", "*", "If-Match", etag}, 304, "", ""},
		{"If-None-Match with another ETag", []string{"Range", "bytes=0-0", "If-None-Match", `"x"`, "If-Modified-Since", modified}, 206, "bytes 0-0/10", "0"},
		{"If-Modified-Since with its date", []string{"If-Modified-Since", modified}, 304, "", ""},
		{"If-Modified-Since with an earlier date", []string{"If-Modified-Since", "Sat, 01 Jan 2000 00:00:00 GMT"}, 200, "", "0123456789"},
		{"If-Modified-Since with nonsense", []string{"If-Modified-Since", "today"}, 200, "", "0123456789"},
	} {
		t.Run(test.name, func(t *testing.T) {
			res := c.do("GET", location, "", test.header...)
			assert.Equal(t, test.status, res.status)
			assert.Equal(t, test.contentRange, res.header.Get("Content-Range"))
			assert.Equal(t, test.body, res.body)
			assert.Equal(t, etag, res.header.Get("ETag"))
			assert.Equal(t, modified, res.header.Get("Last-Modified"))
			assert.Equal(t, test.status == 304, res.header.Get("Content-Type") == "")
		})
	}

	c.SetArchive(id, []byte("abcdefghij"))
	assert.Equal(t, http.StatusPreconditionFailed, c.do("GET", location, "", "Range", "bytes=5-", "If-Match", etag).status)
	assert.NotEqual(t, etag, c.do("GET", location, "").header.Get("ETag"))
	c.SetArchive(id, []byte("0123456789"))
	assert.Equal(t, etag, c.do("GET", location, "").header.Get("ETag"), "the ETag depends on the content")
	c.SetArchive(id, nil)
	assert.Equal(t, http.StatusRequestedRangeNotSatisfiable, c.do("GET", location, "", "Range", "bytes=0-").status)
	assert.Equal(t, http.StatusRequestedRangeNotSatisfiable, c.do("GET", location, "", "Range", "bytes=-1").status)
	assert.Empty(t, c.do("GET", location, "").body)
}

// Storage serves ranges of an archive that the server made, which is in a file.
func TestRangesOfAnExport(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello", ghmigratetest.Payload(1<<20))
	location := c.signed(c.exported(hello))
	whole := c.do("GET", location, "")
	middle := c.do("GET", location, "", "Range", "bytes=500000-599999", "If-Match", whole.header.Get("ETag"))
	assert.Equal(t, http.StatusPartialContent, middle.status)
	assert.Equal(t, sha256.Sum256([]byte(whole.body[500000:600000])), sha256.Sum256([]byte(middle.body)))
}

// The signature covers the host, as X-Amz-SignedHeaders says.
func TestSignatureCoversTheHost(t *testing.T) {
	c := newServer(t)
	_, location := c.stored("0123456789")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, location, nil)
	require.NoError(t, err)
	req.Host = "api.github.com" // the host of the redirected request
	res, err := c.Client().Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	assert.Equal(t, http.StatusForbidden, res.StatusCode)
}

func TestURLLifetime(t *testing.T) {
	c := newServer(t, ghmigratetest.WithURLLifetime(time.Minute))
	id, location := c.stored("0123456789")
	c.Clock().Advance(58 * time.Second)
	assert.Equal(t, http.StatusOK, c.do("GET", location, "").status)
	c.Clock().Advance(2 * time.Second)
	assert.Equal(t, http.StatusForbidden, c.do("GET", location, "").status)
	assert.Equal(t, http.StatusOK, c.do("GET", c.signed(id), "").status)
}

func TestStorageOfGHES(t *testing.T) {
	c := newServer(t, ghmigratetest.WithGHES())
	id, location := c.stored("0123456789")
	guid := c.Migration(id).GUID
	assert.Regexp(t, `^`+c.StorageURL()+`/storage/migrations/79/archive/`+guid+`\?token=`, location)
	assert.True(t, strings.HasPrefix(c.URL(), c.StorageURL()+"/"), "one host")
	assert.Equal(t, "789", c.do("GET", location, "", "Range", "bytes=7-").body)
	assert.Equal(t, http.StatusBadRequest, c.do("GET", location, "", "Authorization", "Bearer x").status)
	assert.Equal(t, http.StatusForbidden, c.do("GET", location+"0", "").status)
	assert.Equal(t, http.StatusForbidden, c.do("GET", strings.Replace(location, "token=", "token=9", 1), "").status)
	last := c.Requests()[len(c.Requests())-1]
	assert.Equal(t, ghmigratetest.Storage, last.Origin)
	assert.Equal(t, "/storage/migrations/79/archive/"+guid, last.Path)
	c.Clock().Advance(time.Hour)
	assert.Contains(t, c.do("GET", location, "").body, "Request has expired")
}

func TestStorageRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newServer(t, ghmigratetest.WithStorageRate(1000))
		_, location := c.stored(strings.Repeat("x", 5000))
		begun := time.Now()
		assert.Len(t, c.do("GET", location, "").body, 5000)
		assert.Equal(t, 5*time.Second, time.Since(begun))
		c.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, Body: "<p>Wait</p>"})
		begun = time.Now()
		assert.Equal(t, "<p>Wait</p>", c.do("GET", location, "").body)
		assert.Equal(t, 11*time.Millisecond, time.Since(begun), "the fault drops the archive")
		c.Close()
	})
}

func TestArchiveCanChangeWhileItIsDownloaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newServer(t, ghmigratetest.WithStorageRate(1000))
		id, location := c.stored(strings.Repeat("x", 5000))
		time.AfterFunc(2*time.Second, func() { c.SetArchive(id, bytes.Repeat([]byte("y"), 6000)) })
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, location, nil)
		require.NoError(t, err)
		res, err := c.Client().Do(req)
		require.NoError(t, err)
		defer res.Body.Close()
		data, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		assert.Equal(t, strings.Repeat("x", 5000), string(data), "a download that has begun continues")
		assert.Len(t, c.do("GET", location, "").body, 6000)
		c.Close()
	})
}
