package ghmigratetest_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// A fact is a test of a response that GitHub or storage was recorded or is
// documented to send.
type fact struct {
	opts  []ghmigratetest.Option
	fault *ghmigratetest.Fault
	ask   func(c client) response
	want  []string // patterns that match the text of the response
}

// asText returns a response in the format of HTTP/1.1, with header names in lower
// case.
func (res response) asText() string {
	var b strings.Builder
	fmt.Fprintf(&b, "status: %d\n", res.status)
	for _, name := range slices.Sorted(maps.Keys(res.header)) {
		fmt.Fprintf(&b, "%s: %s\n", strings.ToLower(name), strings.Join(res.header[name], ", "))
	}
	return b.String() + "\n" + res.body
}

func get(target string) func(client) response {
	return func(c client) response { return c.do("GET", target, "") }
}

// afterExport returns a function that calls ask after the export of octo/hello as
// migration 79.
func afterExport(ask func(c client) response) func(client) response {
	return func(c client) response {
		c.exported(helloLocked)
		return ask(c)
	}
}

func fromStorage(header ...string) func(client) response {
	return afterExport(func(c client) response { return c.do("GET", c.signed(79), "", header...) })
}

func facts() map[string]fact {
	const list, one = "/orgs/octo/migrations", "/orgs/octo/migrations/79"
	start := func(c client) response { return c.do("POST", list, hello) }
	fault := func(f ghmigratetest.Fault) *ghmigratetest.Fault { return &f }
	body := func(status int, text string) *ghmigratetest.Fault {
		return &ghmigratetest.Fault{Status: status, Body: text}
	}
	header := func(status int, pairs ...string) *ghmigratetest.Fault {
		f := &ghmigratetest.Fault{Status: status, Header: http.Header{}}
		for i := 0; i < len(pairs); i += 2 {
			f.Header.Set(pairs[i], pairs[i+1])
		}
		return f
	}
	storage := func(f ghmigratetest.Fault) *ghmigratetest.Fault {
		f.Origin = ghmigratetest.Storage
		return &f
	}
	ghes := []ghmigratetest.Option{ghmigratetest.WithGHES()}
	imports := []ghmigratetest.Option{ghmigratetest.WithSourceImports()}
	startImport := func(c client) response {
		return c.do("PUT", "/repos/octo/hello/import", `{"vcs_url":"https://svn.example.com","vcs":"subversion"}`)
	}
	return map[string]fact{
		"A 201 has Location": {ask: start, want: []string{`status: 201\n`, `location: http.*/orgs/octo/migrations/79\n`}},
		"Status and lists have a weak ETag and max-age 60": {ask: get(list), want: []string{
			`etag: W/"`, `cache-control: private, max-age=60\n`,
		}},
		"A known ETag gets 304": {ask: func(c client) response {
			return c.do("GET", list, "", "If-None-Match", c.do("GET", list, "").header.Get("ETag"))
		}, want: []string{`status: 304\n`}},
		"Links of an organization go to its ID": {ask: func(c client) response {
			start(c)
			start(c)
			return c.do("GET", list+"?per_page=1", "")
		}, want: []string{`link: <http.*/organizations/\d+/migrations\?page=2&per_page=1>; rel="next"`}},
		"Lists are newest first": {ask: func(c client) response {
			start(c)
			start(c)
			return c.do("GET", list+"?exclude=repositories", "")
		}, want: []string{`(?s)"id":80,.*"id":79,`}},
		"Time stamps with a numeric zone": {ask: func(c client) response { c.AddImport("octo", "x"); start(c); start(c); return c.do("GET", list, "") },
			want: []string{`"created_at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d-07:00"`}},
		"Time stamps with milliseconds": {ask: start, want: []string{`"created_at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000\+02:00"`}},
		"Time stamps in UTC": {ask: func(c client) response { start(c); return start(c) },
			want: []string{`"created_at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"`}},
		"No archive_url while pending": {ask: start, want: []string{`"state":"pending"`, `"updated_at":"[^"]*"}$`}},
		"archive_url and lock_repositories when exported": {ask: afterExport(get(one)), want: []string{
			`"state":"exported"`, `"lock_repositories":true`, `"archive_url":"http.*/migrations/79/archive"`,
		}},
		"Imports in an organization's list": {ask: func(c client) response { c.AddImport("octo", "imported"); return c.do("GET", list, "") },
			want: []string{`"state":"imported".*"repositories":\[\]`}},
		"Version 2026-03-10 has simple repositories": {ask: func(c client) response {
			c.do("POST", list, hello)
			return c.do("GET", one+"/repositories", "", "X-GitHub-Api-Version", "2026-03-10")
		}, want: []string{`x-github-api-version-selected: 2026-03-10\n`, `"full_name":"octo/hello"`}},
		"An unsupported version is 410": {ask: func(c client) response { return c.do("GET", list, "", "X-GitHub-Api-Version", "1999-01-01") },
			want: []string{`status: 410\n`}},
		"GHES 3.19 does not have version 2026-03-10": {opts: ghes, ask: func(c client) response { return c.do("GET", list, "", "X-GitHub-Api-Version", "2026-03-10") },
			want: []string{`status: 410\n`, `x-github-enterprise-version: 3\.19\.`}},

		"The archive is a 302 with a signed URL": {ask: afterExport(get(one + "/archive")), want: []string{
			`status: 302\n`, `content-type: text/html;charset=utf-8\n`,
			`location: http.*\?X-Amz-Algorithm=AWS4-HMAC-SHA256&.*X-Amz-Date=\d{8}T\d{6}Z&X-Amz-Expires=300&`, `\n\nhttp`,
		}},
		"The archive of GHES has a token in its URL": {opts: ghes, ask: afterExport(get(one + "/archive")), want: []string{
			`location: http.*/storage/migrations/79/archive/[0-9a-f-]+\?token=`,
		}},
		"No archive yet, or no longer, is 404": {opts: []ghmigratetest.Option{ghmigratetest.WithExportDuration(time.Hour)}, ask: func(c client) response { start(c); return c.do("GET", one+"/archive", "") }, want: []string{
			`status: 404\n`, `^(?s).*\{"message":"Not Found","documentation_url":"https://docs\.github\.com/`,
		}},
		"An archive is deleted after seven days": {ask: afterExport(func(c client) response {
			c.Clock().Advance(7 * 24 * time.Hour)
			return c.do("GET", one+"/archive", "")
		}), want: []string{`status: 404\n`}},
		"Storage sends ranges and validators": {ask: fromStorage("Range", "bytes=0-1"), want: []string{
			`status: 206\n`, `accept-ranges: bytes\n`, `content-length: 2\n`, `content-range: bytes 0-1/\d+\n`,
			`etag: "[0-9a-f]{32}"\n`, `last-modified: `, `content-type: application/x-gzip\n`,
		}},
		"Storage refuses an Authorization header": {ask: fromStorage("Authorization", "Bearer x"), want: []string{
			`status: 400\n`, `<Code>InvalidArgument</Code><Message>Only one auth mechanism allowed`,
		}},
		"An expired URL is 403 AccessDenied": {ask: afterExport(func(c client) response {
			location := c.signed(79)
			c.Clock().Advance(time.Hour)
			return c.do("GET", location, "")
		}), want: []string{`status: 403\n`, `content-type: application/xml\n`, `<Code>AccessDenied</Code><Message>Request has expired</Message>`}},
		"Azure's format of an expired URL": {
			fault: storage(ghmigratetest.Fault{Status: 403, Body: `<?xml version="1.0"?><Error><Code>AuthenticationFailed</Code></Error>`}),
			ask:   fromStorage(), want: []string{`status: 403\n`, `content-type: application/xml\n`, `AuthenticationFailed`},
		},

		"Bad credentials are 401": {ask: func(c client) response { return c.do("GET", list, "", "Authorization", "Bearer ghp_x") },
			want: []string{`status: 401\n`, `"message":"Bad credentials"`}},
		"No token is 401": {ask: func(c client) response { return c.do("GET", list, "", "Authorization", "") },
			want: []string{`status: 401\n`, `"message":"Requires authentication"`}},
		"SSO is 403 with X-GitHub-SSO": {ask: func(c client) response { c.RequireSSO("octo"); return c.do("GET", list, "") },
			want: []string{`status: 403\n`, `x-github-sso: required; url=https://`}},
		"Organizations missing from a list for SSO": {fault: header(0, "X-GitHub-SSO", "partial-results; organizations=21955855,20582480"),
			ask: get("/user/migrations"), want: []string{`status: 200\n`, `x-github-sso: partial-results; organizations=`}},
		"Missing scopes are 403 with both headers": {opts: []ghmigratetest.Option{ghmigratetest.WithScopes("repo")}, ask: get(list), want: []string{
			`status: 403\n`, `x-oauth-scopes: repo\n`, `x-accepted-oauth-scopes: admin:org\n`,
		}},
		"Missing access is 404": {ask: func(c client) response { c.SetRole("octo", "member"); return c.do("GET", list, "") }, want: []string{`status: 404\n`}},
		"Fine-grained tokens are 403": {opts: []ghmigratetest.Option{ghmigratetest.WithToken("github_pat_x")}, ask: get(list), want: []string{
			`status: 403\n`, `Resource not accessible by personal access token`,
		}},
		"Tokens of GitHub Apps are 403": {opts: []ghmigratetest.Option{ghmigratetest.WithToken("ghs_x")}, ask: get(list), want: []string{
			`status: 403\n`, `Resource not accessible by integration`,
		}},
		"A token's expiry is a header": {opts: []ghmigratetest.Option{ghmigratetest.WithTokenExpiry(time.Date(2099, 1, 2, 3, 4, 5, 0, time.UTC))},
			ask: get(list), want: []string{`github-authentication-token-expiration: 2099-01-02 03:04:05 UTC\n`}},

		"The primary limit, 403": {opts: []ghmigratetest.Option{ghmigratetest.WithRateLimit(0)}, ask: get(list), want: []string{
			`status: 403\n`, `x-ratelimit-remaining: 0\n`, `x-ratelimit-reset: \d+\n`, `API rate limit exceeded`,
		}},
		"The primary limit, 429": {fault: header(429, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "{now+1h}"), ask: get(list), want: []string{
			`status: 429\n`, `x-ratelimit-remaining: 0\n`, `x-ratelimit-reset: \d+\n`,
		}},
		"The secondary limit, by its message": {fault: fault(ghmigratetest.SecondaryRateLimit()), ask: get(list), want: []string{
			`status: 403\n`, `You have exceeded a secondary rate limit`,
		}},
		"The secondary limit, by Retry-After": {fault: fault(ghmigratetest.SecondaryRateLimitAfter(time.Minute)), ask: get(list), want: []string{
			`status: 403\n`, `retry-after: 60\n`, `secondary-rate-limits"`,
		}},
		"Retry-After beside quota 0": {fault: header(403, "Retry-After", "60", "X-RateLimit-Remaining", "0"), ask: get(list), want: []string{
			`retry-after: 60\n`, `x-ratelimit-remaining: 0\n`,
		}},
		"A reset in the past": {fault: header(429, "X-RateLimit-Reset", "{now-1m}"), ask: get(list), want: []string{`x-ratelimit-reset: \d+\n`}},
		"Retry-After as a date, a fraction or nonsense": {fault: header(429, "Retry-After", "{date+1m}"), ask: get(list), want: []string{
			`retry-after: \w{3}, \d\d \w{3} \d{4} [\d:]+ GMT\n`,
		}},
		"GHES has no rate limit headers": {opts: ghes, ask: func(c client) response {
			res := c.do("GET", list, "")
			assert.Empty(c.t, res.header.Get("X-RateLimit-Limit"))
			return res
		}, want: []string{`x-github-enterprise-version: 3\.19\.0\n`}},
		"GHES lacks operations for users": {opts: ghes, ask: get("/user/migrations/79"), want: []string{`status: 404\n`}},

		"Unknown repositories are 422 with an index": {ask: func(c client) response { return c.do("POST", list, `{"repositories":["octo/none"]}`) }, want: []string{
			`status: 422\n`, `"errors":\[\{"resource":"Migration","field":"repositories","index":0,"code":"invalid_value"\},` +
				`\{"resource":"Migration","field":"repositories","code":"missing_field"\}\]`,
		}},
		"Errors as bare strings": {fault: body(422, `{"message":"Validation Failed","errors":["Could not find repository"]}`), ask: start,
			want: []string{`"errors":\["Could`}},
		"Errors as a string or an object": {fault: body(422, `{"message":"Validation Failed","errors":"too many"}`), ask: start, want: []string{`"errors":"too many"`}},
		"A value in an error":             {fault: body(422, `{"errors":[{"code":"custom","value":7}]}`), ask: start, want: []string{`"value":7`}},
		"error in place of message":       {fault: body(400, `{"error":"bad request"}`), ask: start, want: []string{`status: 400\n`, `\{"error":`}},
		"The endpoint was spammed":        {fault: fault(ghmigratetest.Fault{Status: 422}), ask: start, want: []string{`status: 422\n`, `endpoint has been spammed`}},
		"A repository that was taken down is 451": {ask: func(c client) response { c.UpdateRepository("octo/hello", ghmigratetest.TakenDown()); return start(c) },
			want: []string{`status: 451\n`, `"block":\{`}},
		"A failed export gives no reason": {fault: fault(ghmigratetest.Fault{Fate: &ghmigratetest.Fate{Fails: true}}), ask: afterExport(get(one)), want: []string{
			`status: 200\n`, `"state":"failed"`,
		}},
		"A start that succeeded although it got 502": {fault: fault(ghmigratetest.Fault{Applied: true, Status: 502, Hidden: time.Second}), ask: func(c client) response {
			assert.Equal(c.t, 502, start(c).status)
			c.Clock().Advance(time.Second)
			return c.do("GET", one, "")
		}, want: []string{`status: 200\n`}},

		"Properties change type":                  {fault: fault(ghmigratetest.Fault{Set: map[string]any{"/state": []int{1}}}), ask: start, want: []string{`"state":\[1\]`}},
		"200 and 202 with an empty object":        {fault: body(202, "{}"), ask: get(list), want: []string{`status: 202\n`, `\n\n\{\}$`}},
		"A gateway's page with 200":               {fault: fault(ghmigratetest.HTMLError(0)), ask: get(list), want: []string{`status: 200\n`, `content-type: text/html`, `<html>`}},
		"A web site's redirect to its login":      {fault: header(302, "Location", "/login"), ask: get(list), want: []string{`status: 302\n`, `location: /login\n`}},
		"A stray 401 for a valid token":           {fault: fault(ghmigratetest.Fault{Status: 401}), ask: get(list), want: []string{`status: 401\n`, `Bad credentials`}},
		"A stray 404 for a migration that exists": {fault: fault(ghmigratetest.Fault{Status: 404}), ask: get(list), want: []string{`status: 404\n`}},
		"A 404 for a new migration":               {fault: fault(ghmigratetest.Fault{Hidden: time.Hour}), ask: func(c client) response { start(c); return c.do("GET", one, "") }, want: []string{`status: 404\n`}},
		"408 and 520 to 530 from CDNs":            {fault: fault(ghmigratetest.Fault{Status: 520}), ask: get(list), want: []string{`status: 520\n`}},
		"Maintenance is 503":                      {fault: fault(ghmigratetest.Fault{Until: time.Hour, Status: 503}), ask: get(list), want: []string{`status: 503\n`}},
		"A proxy that requires a login":           {fault: fault(ghmigratetest.Fault{Status: 407}), ask: get(list), want: []string{`status: 407\n`}},
		"Storage that refuses ranges":             {fault: storage(ghmigratetest.Fault{HasHeader: "Range", Status: 501}), ask: fromStorage("Range", "bytes=0-1"), want: []string{`status: 501\n`}},
		"Another ETag on each connection":         {fault: storage(ghmigratetest.Fault{Header: http.Header{"ETag": {`"{connection}"`}}}), ask: fromStorage(), want: []string{`etag: "\d+"\n`}},
		"An archive labelled as encoded":          {fault: storage(ghmigratetest.Fault{Header: http.Header{"Content-Encoding": {"gzip"}}}), ask: fromStorage("Accept-Encoding", "identity"), want: []string{`content-encoding: gzip\n`}},
		"Content-Range without a total":           {fault: storage(ghmigratetest.Fault{Header: http.Header{"Content-Range": {"bytes 0-1/*"}}}), ask: fromStorage("Range", "bytes=0-1"), want: []string{`content-range: bytes 0-1/\*\n`}},
		"Storage that redirects":                  {fault: storage(ghmigratetest.Fault{Status: 307, Header: http.Header{"Location": {"{elsewhere}"}}}), ask: fromStorage(), want: []string{`status: 307\n`, `location: /migration/`}},
		"No Content-Length": {fault: storage(ghmigratetest.Fault{Header: http.Header{"Content-Length": nil}}), ask: func(c client) response {
			res := fromStorage()(c)
			assert.Empty(c.t, res.header.Get("Content-Length"))
			return res
		}, want: []string{`status: 200\n`}},

		"Source imports are retired, 410": {ask: get("/repos/octo/hello/import"), want: []string{`status: 410\n`}},
		"Source imports are 503":          {opts: imports, fault: fault(ghmigratetest.Fault{Status: 503}), ask: get("/repos/octo/hello/import"), want: []string{`status: 503\n`}},
		"use_lfs is a boolean":            {opts: imports, ask: startImport, want: []string{`status: 201\n`, `"use_lfs":false`}},
		"use_lfs is a string": {opts: append(imports, ghmigratetest.WithLFSStrings()), ask: startImport,
			want: []string{`"use_lfs":"undecided"`}},
	}
}

// TestFidelity checks that the fake can send every response that GitHub is known to
// send. docs/fake.md lists these facts.
func TestFidelity(t *testing.T) {
	for name, fact := range facts() {
		t.Run(name, func(t *testing.T) {
			c := newServer(t, fact.opts...)
			c.AddRepository("octo/hello")
			if fact.fault != nil {
				c.Inject(*fact.fault)
			}
			text := fact.ask(c).asText()
			for _, want := range fact.want {
				assert.Regexp(t, want, text)
			}
		})
	}
}

func TestFidelityIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/fake.md")
	require.NoError(t, err)
	_, table, ok := strings.Cut(string(text), "\n## What GitHub sends")
	require.True(t, ok)
	table, _, _ = strings.Cut(table, "\n## ")
	var documented []string
	for _, row := range regexp.MustCompile(`(?m)^\| ([^|]+) \|`).FindAllStringSubmatch(table, -1) {
		if row[1] != "fact" && row[1] != "---" {
			documented = append(documented, row[1])
		}
	}
	assert.ElementsMatch(t, slices.Collect(maps.Keys(facts())), documented)
}

// TestDocumentedStatuses gets each documented status of each documented operation.
func TestDocumentedStatuses(t *testing.T) {
	const importing = "/repos/octo/hello/import"
	for _, operation := range []struct {
		method, path, body string
		statuses           []int
	}{
		{"GET", "/orgs/octo/migrations", "", []int{200}},
		{"POST", "/orgs/octo/migrations", hello, []int{201, 404, 422}},
		{"GET", "/orgs/octo/migrations/79", "", []int{200, 404}},
		{"GET", "/orgs/octo/migrations/79/archive", "", []int{302, 404}},
		{"GET", "/orgs/octo/migrations/79/repositories", "", []int{200, 404}},
		{"DELETE", "/orgs/octo/migrations/79/archive", "", []int{204, 404}},
		{"DELETE", "/orgs/octo/migrations/79/repos/hello/lock", "", []int{204, 404}},
		{"GET", "/user/migrations", "", []int{200, 304, 401, 403}},
		{"POST", "/user/migrations", `{"repositories":["octocat/mine"]}`, []int{201, 304, 401, 403, 422}},
		{"GET", "/user/migrations/80", "", []int{200, 304, 401, 403, 404}},
		{"GET", "/user/migrations/80/archive", "", []int{302, 304, 401, 403}},
		{"GET", "/user/migrations/80/repositories", "", []int{200, 404}},
		{"DELETE", "/user/migrations/80/archive", "", []int{204, 304, 401, 403, 404}},
		{"DELETE", "/user/migrations/80/repos/mine/lock", "", []int{204, 304, 401, 403, 404}},
		{"GET", importing, "", []int{200, 404, 503}},
		{"PUT", importing, `{"vcs_url":"https://svn.example.com"}`, []int{201, 404, 422, 503}},
		{"PATCH", importing, `{}`, []int{200, 503}},
		{"GET", importing + "/authors", "", []int{200, 404, 503}},
		{"PATCH", importing + "/authors/2268557", `{"name":"x"}`, []int{200, 404, 422, 503}},
		{"GET", importing + "/large_files", "", []int{200, 503}},
		{"PATCH", importing + "/lfs", `{"use_lfs":"opt_in"}`, []int{200, 422, 503}},
		{"DELETE", importing, "", []int{204, 503}},
	} {
		for i, status := range operation.statuses {
			t.Run(fmt.Sprint(operation.method, operation.path, status), func(t *testing.T) {
				c := newServer(t, ghmigratetest.WithSourceImports())
				c.AddRepository("octo/hello")
				c.AddRepository("octocat/mine")
				c.start("/orgs/octo", helloLocked)
				c.start("/user", `{"repositories":["octocat/mine"],"lock_repositories":true}`)
				if operation.method != "PUT" {
					require.Equal(t, 201, c.do("PUT", importing, `{"vcs_url":"https://svn.example.com/large"}`).status)
				}
				c.Clock().Advance(time.Minute)
				if i > 0 { // the first status is the success
					c.Inject(ghmigratetest.Fault{Status: status})
				}
				res := c.do(operation.method, operation.path, operation.body)
				assert.Equal(t, status, res.status, res.body)
			})
		}
	}
}
