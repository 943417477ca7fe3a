package ghmigratetest_test

import (
	"fmt"
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

func TestOddValuesInTheTrueResponse(t *testing.T) {
	for _, test := range []struct {
		name   string
		fault  ghmigratetest.Fault
		target string
		want   map[string]any // values in the response, by path
	}{
		{"a string for a number", ghmigratetest.Fault{Set: map[string]any{"/id": "79"}}, "", map[string]any{"id": "79", "state": "pending"}},
		{"a fraction", ghmigratetest.Fault{Set: map[string]any{"/id": 79.5}}, "", map[string]any{"id": 79.5}},
		{"null", ghmigratetest.Fault{Set: map[string]any{"/repositories": nil}}, "", map[string]any{"repositories": nil}},
		{"an object for a string", ghmigratetest.Fault{Set: map[string]any{"/state": map[string]any{"name": "x"}}}, "",
			map[string]any{"state": map[string]any{"name": "x"}}},
		{"a Unix time", ghmigratetest.Fault{Set: map[string]any{"/created_at": 1438107152}}, "", map[string]any{"created_at": 1438107152.0}},
		{"within every element", ghmigratetest.Fault{Set: map[string]any{"/repositories/*/owner": "octo"}}, "",
			map[string]any{"repositories.0.owner": "octo", "repositories.1.owner": "octo", "owner.login": "octo"}},
		{"within one element", ghmigratetest.Fault{Set: map[string]any{"/repositories/1/name": []any{"a", "b"}}}, "",
			map[string]any{"repositories.0.name": "hello", "repositories.1.name": []any{"a", "b"}}},
		{"every property", ghmigratetest.Fault{Set: map[string]any{"/*": 1}}, "", map[string]any{"id": 1.0, "guid": 1.0}},
		{"a new property", ghmigratetest.Fault{Set: map[string]any{"/a~1b": true, "/none/deeper": 1}}, "", map[string]any{"a/b": true, "none": nil}},
		{"properties removed", ghmigratetest.Fault{Remove: []string{"/id", "/repositories/0", "/owner/*"}}, "",
			map[string]any{"id": nil, "repositories.0.name": "other", "repositories.1": nil, "owner": map[string]any{}}},
		{"elements removed", ghmigratetest.Fault{Remove: []string{"/repositories/0", "/repositories/1", "/repositories/2"}}, "",
			map[string]any{"repositories": []any{}}},
		{"an element removed, another changed", ghmigratetest.Fault{Remove: []string{"/repositories/0"}, Set: map[string]any{"/repositories/1/name": 7}}, "",
			map[string]any{"repositories.0.name": 7.0, "repositories.1": nil}},
		{"a property removed, all others changed", ghmigratetest.Fault{Remove: []string{"/id"}, Set: map[string]any{"/*": 1}}, "",
			map[string]any{"id": nil, "guid": 1.0}},
		{"a list replaced", ghmigratetest.Fault{Remove: []string{"/repositories/*"}, Set: map[string]any{"/repositories/-": 1}}, "",
			map[string]any{"repositories": []any{1.0}}},
		{"in a list", ghmigratetest.Fault{Set: map[string]any{"/*/state": 7}}, "list", map[string]any{"0.state": 7.0}},
		{"custom properties", ghmigratetest.Fault{Set: map[string]any{"/*/custom_properties/tier": []any{"a"}}}, "/repositories",
			map[string]any{"0.custom_properties.tier": []any{"a"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newServer(t, ghmigratetest.WithExportDuration(time.Hour))
			c.AddRepository("octo/hello")
			c.AddRepository("octo/other")
			id := c.start("/orgs/octo", `{"repositories":["octo/hello","octo/other"]}`)
			target := c.path(id) + test.target
			if test.target == "list" {
				target = "/orgs/octo/migrations"
			}
			before := c.do("GET", target, "")
			c.Inject(test.fault)
			res := c.do("GET", target, "", "If-None-Match", before.header.Get("ETag"))
			assert.Equal(t, http.StatusOK, res.status)
			for path, want := range test.want {
				assert.Equal(t, want, dig(decode[any](t, res.body), path), path)
			}
			assert.NotEqual(t, before.header.Get("ETag"), res.header.Get("ETag"))
			assert.Equal(t, before.body, c.do("GET", target, "", "If-None-Match", res.header.Get("ETag")).body, "the fault is over")
		})
	}
}

// An edited response has its own ETag. A request with this ETag gets 304, and does not
// count against the rate limit.
func TestEditedResponsesHaveTheirOwnETag(t *testing.T) {
	c := newServer(t)
	c.Inject(ghmigratetest.Fault{Times: -1, Set: map[string]any{"/login": 1}})
	etag := c.do("GET", "/user", "").header.Get("ETag")
	for range 2 {
		res := c.do("GET", "/user", "", "If-None-Match", etag)
		assert.Equal(t, http.StatusNotModified, res.status)
		assert.Equal(t, "1", res.header.Get("X-RateLimit-Used"))
		assert.Equal(t, "4999", res.header.Get("X-RateLimit-Remaining"))
	}
	assert.Equal(t, "2", c.do("GET", "/user", "").header.Get("X-RateLimit-Used"))
	assert.Equal(t, "3", c.do("GET", "/user", "", "If-None-Match", `"x"`).header.Get("X-RateLimit-Used"))

	// Storage does not send JSON.
	_, location := c.stored("0123456789")
	res := c.do("GET", location, "")
	assert.Equal(t, "10", res.header.Get("Content-Length"))
	assert.Regexp(t, `^"`, res.header.Get("ETag"), "a strong ETag")
}

// dig returns the value at a path such as "repositories.0.name".
func dig(v any, path string) any {
	for token := range strings.SplitSeq(path, ".") {
		switch node := v.(type) {
		case map[string]any:
			v = node[token]
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i >= len(node) {
				return nil
			}
			v = node[i]
		}
	}
	return v
}

func TestAnotherBodyWithTheTrueStatus(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	for _, test := range []struct {
		name  string
		fault ghmigratetest.Fault
		body  string
		typ   string
	}{
		{"an empty object", ghmigratetest.Fault{Body: "{}"}, "{}", "application/json; charset=utf-8"},
		{"null", ghmigratetest.Fault{Set: map[string]any{"": nil}}, "null", "application/json; charset=utf-8"},
		{"a message", ghmigratetest.Fault{Set: map[string]any{"": map[string]any{"message": "accepted"}}}, `{"message":"accepted"}`, "application/json; charset=utf-8"},
		{"an empty body", ghmigratetest.Fault{Body: ghmigratetest.NoBody}, "", "application/json; charset=utf-8"},
		{"a login page", ghmigratetest.Fault{Body: "<html><body>Log in</body></html>"}, "<html><body>Log in</body></html>", "text/html; charset=utf-8"},
		{"a truncated body", ghmigratetest.Fault{Body: `{"id":7`}, `{"id":7`, "application/json; charset=utf-8"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c.ClearFaults()
			before := len(c.Migrations())
			test.fault.Times = -1
			c.Inject(test.fault)
			res := c.do("POST", "/orgs/octo/migrations", hello)
			assert.Equal(t, http.StatusCreated, res.status)
			assert.Equal(t, test.body, res.body)
			assert.Equal(t, test.typ, res.header.Get("Content-Type"))
			assert.NotEmpty(t, res.header.Get("Location"), "the other headers are those of the true response")
			assert.Len(t, c.Migrations(), before+1, "the start took effect")
			res = c.do("GET", "/orgs/octo/migrations", "")
			assert.Equal(t, http.StatusOK, res.status)
			assert.Equal(t, test.body, res.body)
		})
	}
	c.ClearFaults()
	c.Inject(ghmigratetest.HTMLError(0))
	res := c.do("GET", "/user", "")
	assert.Equal(t, http.StatusOK, res.status)
	assert.Contains(t, res.body, "Unicorn")
	assert.Empty(t, res.header.Get("ETag"))
}

// A fault with a status alone has the body that GitHub or storage sends with it.
func TestDefaultBodies(t *testing.T) {
	c := newServer(t)
	_, location := c.stored("0123456789")
	for status, body := range map[int]string{
		401: `{"message":"Bad credentials","documentation_url":"https://docs.github.com/rest/migrations","status":"401"}`,
		403: `"Must have admin rights to Repository."`,
		404: `{"message":"Not Found",`,
		408: `{"message":"Request Timeout",`,
		422: `{"message":"Validation failed, or the endpoint has been spammed.",`,
		429: `{"message":"You have exceeded a secondary rate limit.`,
		451: `{"block":{"created_at":"2019-02-26T19:26:49Z","html_url":"https://github.com/github/dmca/`,
		502: `{"message":"Server Error",`,
		521: `{"message":"Server Error",`,
	} {
		c.Inject(ghmigratetest.Fault{Operation: "users/*", Status: status})
		res := c.do("GET", "/user", "")
		assert.Equal(t, status, res.status)
		assert.Contains(t, res.body, body)
		assert.Equal(t, http.StatusOK, c.do("GET", "/user", "").status, "the fault affects one request")
	}
	for status, code := range map[int]string{
		400: "InvalidRequest", 403: "AccessDenied", 404: "NoSuchKey", 405: "MethodNotAllowed", 412: "PreconditionFailed",
		416: "InvalidRange", 500: "InternalError", 501: "NotImplemented", 503: "SlowDown",
	} {
		c.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, Status: status})
		res := c.do("GET", location, "")
		assert.Equal(t, status, res.status)
		assert.Contains(t, res.body, "<Code>"+code+"</Code>")
		assert.Equal(t, "application/xml", res.header.Get("Content-Type"))
	}
	c.Inject(ghmigratetest.Fault{Status: 502, Body: ghmigratetest.NoBody})
	assert.Empty(t, c.do("GET", "/user", "").body)
}

func TestAMigrationThatAppearsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newServer(t)
		c.AddRepository("octo/hello")
		c.Inject(ghmigratetest.Fault{Migration: 80, Method: "POST", Hidden: 5 * time.Second})
		one, two := c.start("/orgs/octo", hello), c.start("/orgs/octo", hello)
		assert.Equal(t, 200, c.do("GET", c.path(one), "").status)
		assert.Equal(t, 404, c.do("GET", c.path(two), "").status)
		assert.Len(t, c.do("GET", "/orgs/octo/migrations", "").list(t), 1)
		time.Sleep(5 * time.Second)
		assert.Equal(t, 200, c.do("GET", c.path(two), "").status)
		assert.Len(t, c.do("GET", "/orgs/octo/migrations", "").list(t), 2)
		c.Close()
	})
}

func TestAnArchiveThatAppearsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newServer(t)
		c.AddRepository("octo/hello")
		c.Inject(ghmigratetest.Fault{Operation: "migrations/start-for-org", Fate: &ghmigratetest.Fate{
			Duration: time.Minute, ArchiveAfter: 30 * time.Second,
		}})
		id := c.start("/orgs/octo", hello)
		time.Sleep(time.Minute)
		m := c.do("GET", c.path(id), "").object(t)
		assert.Equal(t, "exported", m["state"])
		assert.NotEmpty(t, m["archive_url"])
		assert.Equal(t, 404, c.do("GET", c.path(id)+"/archive", "").status)
		time.Sleep(30 * time.Second)
		assert.Equal(t, 302, c.do("GET", c.path(id)+"/archive", "").status)
		c.Close()
	})
}

func TestFateOfAFault(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	c.AddRepository("octo/bad")
	c.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate { return ghmigratetest.Fate{Duration: -1} })
	c.Inject(ghmigratetest.Fault{Repository: "octo/bad", Times: -1, Fate: &ghmigratetest.Fate{Fails: true}})
	good, bad := c.start("/orgs/octo", hello), c.start("/orgs/octo", `{"repositories":["octo/hello","octo/bad"]}`)
	c.Clock().Advance(time.Hour)
	assert.Equal(t, "exporting", c.Migration(good).State)
	assert.Equal(t, "failed", c.Migration(bad).State)

	c.ClearFaults()
	c.Inject(
		ghmigratetest.Fault{Continue: true, Fate: &ghmigratetest.Fate{Fails: true}},
		ghmigratetest.Fault{Fate: &ghmigratetest.Fate{Duration: -1}},
	)
	bad = c.start("/orgs/octo", hello)
	c.Clock().Advance(time.Hour)
	assert.Equal(t, "failed", c.Migration(bad).State, "the first Fate counts")
}

func TestAStartSucceedsAlthoughTheConnectionBreaks(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	c.Inject(ghmigratetest.Fault{Operation: "migrations/start-*", Applied: true})
	_, err := c.send("POST", "/orgs/octo/migrations", hello)
	require.Error(t, err)
	assert.Len(t, c.do("GET", "/orgs/octo/migrations", "").list(t), 1)
}

func TestRateLimitsInAllForms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newServer(t)
		now := c.Clock().Now()
		limit := ghmigratetest.PrimaryRateLimit(10 * time.Minute)
		limit.Header.Set("Retry-After", "60")
		for _, test := range []struct {
			name  string
			fault ghmigratetest.Fault
			want  map[string]string
		}{
			{"Retry-After beside quota 0", limit, map[string]string{
				"Retry-After": "60", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": unix(now.Add(10 * time.Minute)),
			}},
			{"a reset in the past", ghmigratetest.Fault{Status: 429, Header: http.Header{
				"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {"{now-1m}"},
			}}, map[string]string{"X-RateLimit-Reset": unix(now.Add(-time.Minute))}},
			{"a reset now", ghmigratetest.Fault{Status: 429, Header: http.Header{"X-Ratelimit-Reset": {"{now}"}}},
				map[string]string{"X-RateLimit-Reset": unix(now), "Date": now.Format(http.TimeFormat)}},
			{"an HTTP date", ghmigratetest.Fault{Status: 429, Header: http.Header{"Retry-After": {"{date+90s}"}}},
				map[string]string{"Retry-After": now.Add(90 * time.Second).Format(http.TimeFormat)}},
			{"an absurd number", ghmigratetest.Fault{Status: 429, Header: http.Header{"Retry-After": {"1e99"}}}, map[string]string{"Retry-After": "1e99"}},
			{"only the message", ghmigratetest.SecondaryRateLimit(), map[string]string{"Retry-After": "", "X-RateLimit-Remaining": ""}},
		} {
			c.Inject(test.fault)
			res := c.do("GET", "/user", "")
			assert.Contains(t, res.body, "rate limit", test.name)
			for name, value := range test.want {
				assert.Equal(t, value, res.header.Get(name), "%s: %s", test.name, name)
			}
		}
		c.Close()
	})
}

func unix(t time.Time) string { return fmt.Sprint(t.Unix()) }

func TestRedirectsOfTheAPI(t *testing.T) {
	c := newServer(t)
	c.Inject(
		ghmigratetest.Fault{Status: 302, Header: http.Header{"Location": {"/login"}}},
		ghmigratetest.Fault{Path: "/user/", Times: -1, Status: 301, Header: http.Header{"Location": {"{elsewhere}"}}},
	)
	assert.Equal(t, "/login", c.do("GET", "/user", "").header.Get("Location"))
	for range 2 {
		res := c.do("GET", "/user/migrations?per_page=5", "")
		assert.Equal(t, 301, res.status)
		res = c.do("GET", strings.TrimSuffix(c.URL(), "/api/v3")+res.header.Get("Location"), "")
		assert.Equal(t, 200, res.status, "the strict server accepts the URL")
		assert.Equal(t, "[]", res.body)
	}
}
