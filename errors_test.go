package ghmigrate_test

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

// apiErrorFor returns the APIError for a response.
func apiErrorFor(t *testing.T, status int, header http.Header, body string, opts ...ghmigrate.Option) *ghmigrate.APIError {
	t.Helper()
	return apiErrorAt(t, "/orgs/octo-org/migrations", status, header, body, opts...)
}

// apiErrorAt returns the APIError for a response to a request for path.
func apiErrorAt(t *testing.T, path string, status int, header http.Header, body string, opts ...ghmigrate.Option) *ghmigrate.APIError {
	t.Helper()
	client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
		return respond(req, status, header, body), nil
	}, append(opts, ghmigrate.WithMaxRetries(0), ghmigrate.WithMaxRateLimitWait(0))...)
	_, err := client.Do(t.Context(), http.MethodPost, path, nil, nil)
	var failure *ghmigrate.APIError
	require.ErrorAs(t, err, &failure)
	return failure
}

func TestAPIErrorFields(t *testing.T) {
	t.Parallel()
	failure := apiErrorAt(t, "/orgs/octo%20org/migrations?page=2", http.StatusTooManyRequests, http.Header{
		"Date":                    {"Wed, 21 Oct 2015 07:28:00 GMT"},
		"Retry-After":             {"Wed, 21 Oct 2015 07:30:00 GMT"},
		"X-Github-Request-Id":     {"A214:55543D:FA68EEBE:4D0FD2F056"},
		"X-Oauth-Scopes":          {"repo, admin:org", "gist"},
		"X-Accepted-Oauth-Scopes": {"repo,  admin:org"},
	}, `{
		"message": "You have exceeded a secondary rate limit.",
		"documentation_url": "https://docs.github.com/rest",
		"errors": [
			{"resource": "Migration", "field": "repositories", "code": "missing", "message": "octo/none does not exist", "index": 3},
			"Repository is locked",
			{"resource": "Migration", "code": "custom"},
			{"code": 7},
			12
		],
		"status": "429"
	}`)
	shown := *failure
	assert.Equal(t, "POST /orgs/octo%20org/migrations: 429 You have exceeded a secondary rate limit.: "+
		`octo/none does not exist, Repository is locked, Migration custom, 7, 12: rate limited for 2m0s (request A214:55543D:FA68EEBE:4D0FD2F056)`, shown.Error())
	assertFields(t, ghmigrate.APIError{
		StatusCode:       429,
		Method:           "POST",
		Path:             "/orgs/octo%20org/migrations",
		RequestID:        "A214:55543D:FA68EEBE:4D0FD2F056",
		Message:          "You have exceeded a secondary rate limit.",
		DocumentationURL: "https://docs.github.com/rest",
		Errors: []ghmigrate.ErrorDetail{
			{Resource: "Migration", Field: "repositories", Code: "missing", Message: "octo/none does not exist", Index: new(3)},
			{Message: "Repository is locked"},
			{Resource: "Migration", Code: "custom"},
			{Code: "7"},
			{Message: "12"},
		},
		RetryAfter:     2 * time.Minute,
		TokenScopes:    []string{"repo", "admin:org", "gist"},
		AcceptedScopes: []string{"repo", "admin:org"},
	}, failure)
}

// assertFields compares the exported fields of an APIError.
func assertFields(t *testing.T, want ghmigrate.APIError, got *ghmigrate.APIError) {
	t.Helper()
	assert.Equal(t, want, ghmigrate.APIError{
		StatusCode: got.StatusCode, Method: got.Method, Path: got.Path, RequestID: got.RequestID,
		Message: got.Message, DocumentationURL: got.DocumentationURL, Errors: got.Errors,
		RetryAfter: got.RetryAfter, TokenScopes: got.TokenScopes, AcceptedScopes: got.AcceptedScopes, SSOURL: got.SSOURL,
	})
}

func TestAPIErrorsOfTheFakeGitHub(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		server.AddRepository("octo-org/hello")
		server.RequireSSO("octo-org")
		client := testclient.New(t, server)
		_, err := client.OrgMigrations.Get(t.Context(), "octo-org", 79, nil)
		var failure *ghmigrate.APIError
		require.ErrorAs(t, err, &failure)
		assert.NotEmpty(t, failure.RequestID)
		assertFields(t, ghmigrate.APIError{
			StatusCode: http.StatusForbidden,
			Method:     http.MethodGet,
			Path:       "/orgs/octo-org/migrations/79",
			RequestID:  failure.RequestID,
			Message: "Resource protected by organization SAML enforcement. " +
				"You must grant your Personal Access token access to this organization.",
			DocumentationURL: "https://docs.github.com/rest/migrations",
			TokenScopes:      []string{"admin:org", "repo"},
			AcceptedScopes:   []string{"admin:org", "repo"},
			SSOURL:           failure.SSOURL,
		}, failure)
		assert.Regexp(t, `^https://github\.com/orgs/octo-org/sso\?authorization_request=\w+$`, failure.SSOURL)
		assert.Equal(t, "GET /orgs/octo-org/migrations/79: 403 "+failure.Message+
			": authorize the token for single sign-on (request "+failure.RequestID+")", err.Error())

		_, err = client.UserMigrations.Start(t.Context(), ghmigrate.StartMigrationRequest{Repositories: []string{"octocat/none"}})
		require.ErrorIs(t, err, ghmigrate.ErrValidation)
		require.ErrorAs(t, err, &failure)
		assert.Equal(t, []ghmigrate.ErrorDetail{
			{Resource: "Migration", Field: "repositories", Code: "invalid_value", Index: new(0), Value: "octocat/none"},
			{Resource: "Migration", Field: "repositories", Code: "missing_field"},
		}, failure.Errors)
		assert.Equal(t, "POST /user/migrations: 422 Validation Failed: Migration repositories invalid_value at index 0: octocat/none, Migration repositories missing_field (request "+
			failure.RequestID+")", err.Error())
	})
}

func TestTextsOfAPIErrors(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		status int
		header http.Header
		body   string
		want   string // after "POST /orgs/octo-org/migrations: "
	}{
		"message":                {404, nil, `{"message": "Not Found"}`, "404 Not Found"},
		"no body":                {404, nil, "", "404 Not Found"},
		"no body, no known text": {599, nil, "", "599"},
		"empty object":           {502, nil, `{}`, "502 Bad Gateway"},
		"blank message":          {502, nil, `{"message": "  "}`, "502 Bad Gateway"},
		"null":                   {502, nil, `null`, "502 Bad Gateway"},
		"unicorn": {
			502, nil,
			"<!DOCTYPE html>\n<html>\n<head><title>Unicorn! &middot; GitHub</title></head><body>We had issues</body></html>",
			"502 Unicorn! · GitHub",
		},
		"page without a title": {502, nil, "<html><body>" + strings.Repeat("x", 500), "502 Bad Gateway"},
		"plain text":           {503, nil, "upstream connect error\r\nreset reason: overflow", "503 upstream connect error"},
		"long text":            {503, nil, strings.Repeat("é", 300), "503 " + strings.Repeat("é", 200) + "…"},
		"bytes":                {503, nil, "\x00\xff\x1b[31mred\x07", "503 [31mred"},
		"broken JSON":          {422, nil, `{"message": "Validation`, `422 {"message": "Validation`},
		"a bare string":        {400, nil, `"Problems"`, `400 "Problems"`},
		"errors of odd type":   {422, nil, `{"message": "Validation Failed", "errors": {"a": "b"}}`, `422 Validation Failed: {"a":"b"}`},
		"message of odd type":  {422, nil, `{"message": 7, "errors": ["too large"]}`, "422 7: too large"},
		"details without a message": {
			422, nil,
			`{"message": "Validation Failed", "errors": [{"resource": "Migration", "field": "repositories", "code": "invalid"}, {"field": "exclude", "code": "invalid"}]}`,
			"422 Validation Failed: Migration repositories invalid, exclude invalid",
		},
		"control characters": {
			422, nil, `{"message": "one\n\u001b[2Jtwo", "errors": ["three\r\nfour"]}`,
			"422 one [2Jtwo: three  four",
		},
		"error instead of message":  {400, nil, `{"error": "Problems"}`, "400 Problems"},
		"error that is an object":   {400, nil, `{"error": {"message": "Problems", "code": 7}}`, "400 Problems"},
		"error and message":         {400, nil, `{"message": "Bad Request", "error": "too many names"}`, "400 Bad Request: too many names"},
		"errors that are a string":  {422, nil, `{"message": "Validation Failed", "errors": "too large"}`, "422 Validation Failed: too large"},
		"errors that are an object": {422, nil, `{"message": "Validation Failed", "errors": {"code": "missing", "field": "name"}}`, "422 Validation Failed: name missing"},
		"message that is an object": {422, nil, `{"message": {"message": "No"}}`, "422 No"},
		"message that is a list":    {422, nil, `{"message": ["No", "never"]}`, `422 ["No","never"]`},
		"list instead of an object": {500, nil, `["broken"]`, `500 ["broken"]`},
		"documentation of odd type": {404, nil, `{"message": "Not Found", "documentation_url": 7}`, "404 Not Found"},
		"unknown properties only":   {400, nil, `{"detail": "x"}`, "400 Bad Request"},
		"page in capitals":          {502, nil, "<HTML><HEAD><TITLE class=x>\nBad Gateway\n</TITLE>", "502 Bad Gateway"},
		"page of an unknown login":  {407, nil, "<html><title>Login</title>", "407 Login"},
		"a repository was taken down": {
			451, nil,
			`{"message": "Repository access blocked", "block": {"reason": "dmca", "created_at": "2026-01-01T00:00:00Z", "html_url": "https://github.com/github/dmca/1.md"}}`,
			"451 Repository access blocked: blocked: dmca, see https://github.com/github/dmca/1.md",
		},
		"block that is a string": {451, nil, `{"message": "Repository access blocked", "block": "tos"}`, "451 Repository access blocked: blocked: tos"},
		"repositories that GitHub does not know": {
			422, nil,
			`{"message": "Validation Failed", "errors": [{"resource": "Migration", "field": "repositories", "index": 1, "code": "invalid_value", "value": "octo-org/typo"}, ` +
				`{"resource": "Migration", "field": "repositories", "code": "missing_field"}]}`,
			"422 Validation Failed: Migration repositories invalid_value at index 1: octo-org/typo, Migration repositories missing_field",
		},
		"a fine-grained token": {
			403, nil, `{"message": "Resource not accessible by personal access token"}`,
			"403 Resource not accessible by personal access token: migrations need a personal access token (classic)",
		},
		"an App's token": {
			403, nil, `{"message": "Resource not accessible by integration"}`,
			"403 Resource not accessible by integration: migrations need a personal access token (classic)",
		},
		"request": {
			500, http.Header{"X-Github-Request-Id": {"A:1"}}, "",
			"500 Internal Server Error (request A:1)",
		},
		"rate limit": {
			429, http.Header{"Retry-After": {"90"}}, `{"message": "Slow down"}`,
			"429 Slow down: rate limited for 1m30s",
		},
		"missing scope": {
			403, http.Header{"X-Oauth-Scopes": {"gist, repo:status"}, "X-Accepted-Oauth-Scopes": {"admin:org, repo"}}, `{"message": "Must have admin rights"}`,
			`403 Must have admin rights: the token has the scopes ["gist" "repo:status"], one of ["admin:org" "repo"] is needed`,
		},
		"missing scope behind a 404": {
			404, http.Header{"X-Oauth-Scopes": {""}, "X-Accepted-Oauth-Scopes": {"admin:org"}}, "",
			`404 Not Found: the token has the scopes [], one of ["admin:org"] is needed`,
		},
		"single sign-on": {
			403, http.Header{"X-Github-Sso": {"required; url=https://github.com/orgs/o/sso?authorization_request=A"}}, "",
			"403 Forbidden: authorize the token for single sign-on",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, "POST /orgs/octo-org/migrations: "+test.want, apiErrorFor(t, test.status, test.header, test.body).Error())
		})
	}
}

var sentinels = map[string]error{
	"ErrUnauthorized":         ghmigrate.ErrUnauthorized,
	"ErrForbidden":            ghmigrate.ErrForbidden,
	"ErrSSORequired":          ghmigrate.ErrSSORequired,
	"ErrMissingScope":         ghmigrate.ErrMissingScope,
	"ErrNotFound":             ghmigrate.ErrNotFound,
	"ErrValidation":           ghmigrate.ErrValidation,
	"ErrRateLimited":          ghmigrate.ErrRateLimited,
	"ErrMigrationFailed":      ghmigrate.ErrMigrationFailed,
	"ErrArchiveNotReady":      ghmigrate.ErrArchiveNotReady,
	"ErrArchiveGone":          ghmigrate.ErrArchiveGone,
	"ErrArchiveChanged":       ghmigrate.ErrArchiveChanged,
	"ErrImportFailed":         ghmigrate.ErrImportFailed,
	"ErrImportNeedsAction":    ghmigrate.ErrImportNeedsAction,
	"ErrSourceImportsRetired": ghmigrate.ErrSourceImportsRetired,
}

// assertIs compares the names of the sentinels that an error matches.
func assertIs(t *testing.T, err error, want ...string) {
	t.Helper()
	var is []string
	for name, sentinel := range sentinels {
		if errors.Is(err, sentinel) {
			is = append(is, name)
		}
	}
	assert.ElementsMatch(t, want, is, "%v", err)
}

func TestSentinelsThatAPIErrorsMatch(t *testing.T) {
	t.Parallel()
	sso := http.Header{"X-Github-Sso": {"required; url=https://github.com/orgs/o/sso"}}
	scopes := func(has, accepted string) http.Header {
		return http.Header{"X-Oauth-Scopes": {has}, "X-Accepted-Oauth-Scopes": {accepted}}
	}
	for name, test := range map[string]struct {
		status int
		header http.Header
		want   []string
	}{
		"400":                              {400, nil, nil},
		"401":                              {401, nil, []string{"ErrUnauthorized"}},
		"401 with sign-on":                 {401, sso, []string{"ErrUnauthorized"}},
		"402":                              {402, nil, nil},
		"403":                              {403, nil, []string{"ErrForbidden"}},
		"403 with sign-on":                 {403, sso, []string{"ErrForbidden", "ErrSSORequired"}},
		"403 with partial sign-on":         {403, http.Header{"X-Github-Sso": {"partial-results; organizations=21955855"}}, []string{"ErrForbidden"}},
		"403 with the scope":               {403, scopes("repo, admin:org", "admin:org"), []string{"ErrForbidden"}},
		"403 without the scope":            {403, scopes("repo", "admin:org"), []string{"ErrForbidden", "ErrMissingScope"}},
		"403 with no scope":                {403, scopes("", "admin:org"), []string{"ErrForbidden", "ErrMissingScope"}},
		"403 that needs no scope":          {403, scopes("repo", ""), []string{"ErrForbidden"}},
		"403 without the token's scopes":   {403, http.Header{"X-Accepted-Oauth-Scopes": {"repo"}}, []string{"ErrForbidden"}},
		"403 with Retry-After":             {403, http.Header{"Retry-After": {"5"}}, []string{"ErrRateLimited"}},
		"403 with no quota":                {403, http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {"1"}}, []string{"ErrRateLimited"}},
		"403 with quota":                   {403, http.Header{"X-Ratelimit-Remaining": {"1"}, "X-Ratelimit-Reset": {"9999999999"}}, []string{"ErrForbidden"}},
		"404":                              {404, nil, []string{"ErrNotFound"}},
		"404 without the scope":            {404, scopes("gist", "repo"), []string{"ErrNotFound", "ErrForbidden", "ErrMissingScope"}},
		"404 with the scope":               {404, scopes("repo", "repo"), []string{"ErrNotFound"}},
		"409":                              {409, nil, nil},
		"410":                              {410, nil, nil},
		"422":                              {422, nil, []string{"ErrValidation"}},
		"422 without the scope":            {422, scopes("gist", "repo"), []string{"ErrValidation"}},
		"429":                              {429, nil, []string{"ErrRateLimited"}},
		"429 with Retry-After":             {429, http.Header{"Retry-After": {"5"}}, []string{"ErrRateLimited"}},
		"500":                              {500, nil, nil},
		"501":                              {501, nil, nil},
		"503 with Retry-After is no limit": {503, http.Header{"Retry-After": {"5"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failure := apiErrorFor(t, test.status, test.header, "")
			assertIs(t, failure, test.want...)
			assertIs(t, fmt.Errorf("wrapped: %w", failure), test.want...)
		})
	}
}

func TestScopesThatIncludeOthers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		has, accepted string
		lacks         bool
	}{
		{"repo", "repo", false},
		{"repo", "public_repo, repo:status", false},
		{"repo", "repo_deployment", false},
		{"repo", "security_events", false},
		{"repo:status", "repo", true},
		{"public_repo", "repo", true},
		{"admin:org", "read:org", false},
		{"admin:org", "write:org", false},
		{"write:org", "read:org", false},
		{"write:org", "admin:org", true},
		{"read:org", "write:org", true},
		{"admin:org", "admin:org_hook", true},
		{"admin:org_hook", "admin:org", true},
		{"admin:repo_hook", "read:repo_hook", false},
		{"user", "read:user", false},
		{"user", "user:email", false},
		{"user:email", "user", true},
		{"project", "read:project", false},
		{"read:project", "project", true},
		{"gist", "repo", true},
		{"gist, repo", "admin:org, repo", false},
	} {
		header := http.Header{"X-Oauth-Scopes": {test.has}, "X-Accepted-Oauth-Scopes": {test.accepted}}
		assert.Equal(t, test.lacks, errors.Is(apiErrorFor(t, http.StatusForbidden, header, ""), ghmigrate.ErrMissingScope), "%s for %s", test.has, test.accepted)
	}
}

func FuzzAPIError(f *testing.F) {
	f.Add(404, []byte(`{"message":"Not Found","documentation_url":"https://docs.github.com"}`), "", "", "", "")
	f.Add(422, []byte(`{"message":"Validation Failed","errors":[{"code":"x"},"y",null,[]]}`), "", "", "", "")
	f.Add(502, []byte("<html><title>Unicorn!</title>"), "A:1", "", "", "")
	f.Add(403, []byte("{}"), "A:1", "0", "9223372036854775807", "required; url=x")
	f.Add(429, []byte("\x1b]0;\x07\xff{"), "", "-1", "1", ";;url=")
	f.Add(403, []byte(`{"message":"rate limit","errors":7}`), "\x00", "Wed, 21 Oct 2015 07:28:00 GMT", "-9223372036854775808", "")
	f.Fuzz(func(t *testing.T, status int, body []byte, requestID, retryAfter, reset, sso string) {
		status = 400 + (status%200+200)%200
		failure := apiErrorFor(t, status, http.Header{
			"X-Github-Request-Id":   {requestID},
			"Retry-After":           {retryAfter},
			"X-Ratelimit-Remaining": {"0"},
			"X-Ratelimit-Reset":     {reset},
			"X-Github-Sso":          {sso},
		}, string(body))
		assert.Equal(t, status, failure.StatusCode)
		text := failure.Error()
		assert.LessOrEqual(t, len(text), 3*(64<<10)+len(requestID)*3+1000)
		for _, r := range text {
			assert.True(t, unicode.IsPrint(r), "%q", text)
		}
		assert.GreaterOrEqual(t, failure.RetryAfter, time.Duration(0))
		assert.Equal(t, failure.RetryAfter > 0, errors.Is(failure, ghmigrate.ErrRateLimited))
		assert.False(t, errors.Is(failure, ghmigrate.ErrRateLimited) && errors.Is(failure, ghmigrate.ErrForbidden))
		assert.Equal(t, status == http.StatusForbidden && failure.RetryAfter == 0, errors.Is(failure, ghmigrate.ErrForbidden))
	})
}

// Gateways' pages have other encodings than UTF-8.
func TestATitleIsFoundInAnyEncoding(t *testing.T) {
	t.Parallel()
	for _, before := range []string{"", "\xe9\xe8\xfc", "\u023a", "\u0130\u212a"} {
		body := "<html>" + strings.Repeat(before, 100) + "<TITLE lang=de>\n Nicht gefunden &amp; weg\n</Title>"
		assert.Equal(t, "Nicht gefunden & weg", apiErrorFor(t, http.StatusNotFound, nil, body).Message)
	}
}

func TestAnInvalidIndexIsDropped(t *testing.T) {
	t.Parallel()
	for _, index := range []string{"-1", "1e300", "1e400", "9223372036854775808", `"1"`, "null"} {
		failure := apiErrorFor(t, http.StatusUnprocessableEntity, nil, `{"message": "no", "errors": [{"code": "invalid", "index": `+index+`}]}`)
		require.Len(t, failure.Errors, 1, index)
		assert.Equal(t, "invalid", failure.Errors[0].Code)
		if index == "1e400" {
			continue // no float64
		}
		assert.Nil(t, failure.Errors[0].Index, index)
	}
}

// The test is not parallel, since it measures the memory of the process.
func TestTheMemoryForNestedErrorsIsLimited(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	body := strings.Repeat("[", 9000) + strings.Repeat("1,", 20000) + "1" + strings.Repeat("]", 9000)
	failure := apiErrorFor(t, http.StatusUnprocessableEntity, nil, `{"errors": `+body+`}`)
	runtime.ReadMemStats(&after)
	assert.Len(t, failure.Errors, 20001)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<30))
}
