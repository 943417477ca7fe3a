package ghmigrate_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

const loginPage = "<!DOCTYPE html>\n<html><head><title>Sign in &middot; GitHub Enterprise</title></head><body>a form</body></html>"

// unexpectedResponses are bodies that are not the response to any request of this
// package.
var unexpectedResponses = map[string]string{
	"an empty object":       `{}`,
	"null":                  `null`,
	"a message":             `{"message": "Service temporarily degraded"}`,
	"a page":                loginPage,
	"a page in lower case":  "<html><title>login</title>",
	"a text":                "upstream connect error",
	"an empty body":         "",
	"white space":           " \n",
	"half an object":        `{"id": 79, "state": "pend`,
	"a string":              `"79"`,
	"a number":              `79`,
	"another object":        `{"id": 80, "state": "exported", "archive_url": "https://example.com"}`,
	"an object without id":  `{"state": "exported", "guid": "0b989ba4-242f-11e5-81e1-c7b6966d2516"}`,
	"an object with id 0":   `{"id": 0, "state": "exported"}`,
	"an id beyond int64":    `{"id": 99999999999999999999, "state": "exported"}`,
	"a list in a list":      `[[]]`,
	"an envelope":           `{"data": {"id": 79, "state": "exported"}}`,
	"an object in a string": `"{\"id\": 79}"`,
}

// isExpected reports whether one of unexpectedResponses is a valid response to
// a call.
func isExpected(call, response string) bool {
	switch response {
	case "a list in a list":
		return strings.Contains(call, "List") // the odd element is dropped
	case "an empty body", "white space":
		return strings.Contains(call, "Delete") || strings.Contains(call, "Unlock") || strings.Contains(call, "Cancel")
	case "another object":
		return call == "OrgMigrations.Start" // the ID of the new migration is not known
	}
	return false
}

// isWait reports whether a call polls, and so takes an unexpected response for an
// outage.
func isWait(call string) bool {
	return strings.Contains(call, "Wait") || strings.Contains(call, "Watch")
}

func TestEveryMethodRefusesAnUnexpectedResponse(t *testing.T) {
	t.Parallel()
	for _, each := range namedCalls() {
		if isWait(each.method) {
			continue
		}
		for name, body := range unexpectedResponses {
			if isExpected(each.method, name) {
				continue
			}
			for _, status := range []int{http.StatusOK, http.StatusCreated, http.StatusAccepted} {
				requests := 0
				client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
					requests++
					return respond(req, status, http.Header{"Content-Type": {"text/html"}}, body), nil
				}, ghmigrate.WithHost("ghes.example.com"))
				err := each.call(t, client, "hello")
				context := fmt.Sprintf("%s, %d with %s", each.method, status, name)
				require.ErrorIs(t, err, ghmigrate.ErrUnexpectedAnswer, context)
				require.ErrorContains(t, err, fmt.Sprintf("status %d with ", status), context)
				assert.Equal(t, 1, requests, context)
				assert.NotContains(t, err.Error(), "\n", context)
			}
		}
	}
}

func TestErrUnexpectedAnswerDescribesTheResponse(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		opts   []ghmigrate.Option
		body   string
		header http.Header
		want   string
	}{
		"a page of a GHES without /api/v3": {
			[]ghmigrate.Option{ghmigrate.WithBaseURL("https://ghes.example.com")}, loginPage, nil,
			`a web page; the API of a GitHub Enterprise Server is below /api/v3: "Sign in · GitHub Enterprise"`,
		},
		"a page of a gateway": {
			[]ghmigrate.Option{ghmigrate.WithHost("ghes.example.com")}, loginPage, nil,
			`a web page, maybe of a proxy or a login: "Sign in · GitHub Enterprise"`,
		},
		"a page without a title": {nil, "<html><body>" + strings.Repeat("x", 5000), nil, `a web page, maybe of a proxy or a login`},
		"a message":              {nil, `{"message": "degraded"}`, nil, `no migration ID: "{\"message\": \"degraded\"}"`},
		"another migration":      {nil, `{"id": 80}`, nil, `migration 80 instead of 79: "{\"id\": 80}"`},
		"a long text":            {nil, strings.Repeat("é", 300), nil, `malformed JSON: "` + strings.Repeat("é", 200) + `…"`},
		"text of several lines":  {nil, "one\ntwo", nil, `malformed JSON: "one"`},
		"a temporary token": {
			nil, `{"id":80,"repositories":[{"temp_clone_token":"AABBCC"}]}`, nil,
			`migration 80 instead of 79: "{\"id\":80,\"repositories\":[{\"temp_clone_token\":\"REDACTED\"}]}"`,
		},
		"a list":                   {nil, `[]`, nil, `array instead of object: "[]"`},
		"a text with a signed URL": {nil, "go to https://s3.example.com/a?X-Amz-Signature=abcdefgh now", nil, `malformed JSON: "go to https://s3.example.com/a?REDACTED now"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
				return respond(req, http.StatusOK, test.header, test.body), nil
			}, test.opts...)
			_, err := client.OrgMigrations.Get(t.Context(), "octo-org", 79, nil)
			require.EqualError(t, err, "GET /orgs/octo-org/migrations/79: unexpected answer: status 200 with "+test.want)
		})
	}
}

func TestAStartWithAnUnexpectedResponseMayHaveSucceeded(t *testing.T) {
	t.Parallel()
	client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
		return respond(req, http.StatusCreated, nil, `{}`), nil
	})
	_, err := client.OrgMigrations.Start(t.Context(), "octo-org", ghmigrate.StartMigrationRequest{Repositories: []string{"octo-org/hello"}})
	require.EqualError(t, err, `POST /orgs/octo-org/migrations: unexpected answer: status 201 with no migration ID: "{}"; the migration may exist nevertheless`)
	require.NotErrorIs(t, err, ghmigrate.ErrNotSent)
	_, err = client.SourceImports.Start(t.Context(), "octocat", "socm", ghmigrate.StartImportRequest{VCSURL: "https://svn.example.com"})
	require.ErrorIs(t, err, ghmigrate.ErrUnexpectedAnswer)
	require.ErrorContains(t, err, "the import may exist nevertheless")
}

func TestWaitsTakeAnUnexpectedResponseForAnOutage(t *testing.T) {
	for _, each := range namedCalls() {
		if !isWait(each.method) {
			continue
		}
		for name, body := range unexpectedResponses {
			if strings.Contains(each.method, "Watch") && name == "a list in a list" {
				continue
			}
			t.Run(each.method+", "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					began := time.Now()
					client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
						return respond(req, http.StatusOK, nil, body), nil
					}, ghmigrate.WithMaxOutage(10*time.Minute), ghmigrate.WithLogger(testclient.Logger(t)))
					ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
					defer cancel()
					err := each.call(t, client, "hello")
					require.NoError(t, ctx.Err())
					require.ErrorIs(t, err, ghmigrate.ErrUnexpectedAnswer)
					require.ErrorContains(t, err, "polls have failed for 1")
					assert.GreaterOrEqual(t, time.Since(began), 10*time.Minute)
				})
			})
		}
	}
}

// Do refuses a web page even if the caller ignores the body.
func TestDoRefusesPages(t *testing.T) {
	t.Parallel()
	client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
		return respond(req, http.StatusOK, nil, loginPage), nil
	})
	header, err := client.Do(t.Context(), http.MethodDelete, "/orgs/octo-org/migrations/79/archive", nil, nil)
	require.ErrorIs(t, err, ghmigrate.ErrUnexpectedAnswer)
	assert.NotNil(t, header)
}

func TestAStartWithATruncatedResponseMayHaveSucceeded(t *testing.T) {
	t.Parallel()
	client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
		res := respond(req, http.StatusCreated, nil, "")
		res.ContentLength, res.Body = -1, io.NopCloser(broken{})
		return res, nil
	})
	_, err := client.OrgMigrations.Start(t.Context(), "octo-org", ghmigrate.StartMigrationRequest{Repositories: []string{"octo-org/hello"}})
	require.EqualError(t, err, "POST /orgs/octo-org/migrations: read the response: connection reset; the migration may exist nevertheless")
	require.NotErrorIs(t, err, ghmigrate.ErrNotSent)
}
