package ghmigrate_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

func TestDoTakesPathsRelativeToTheRoot(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/meta":                        "/api/v3/meta",
		"meta":                         "/api/v3/meta",
		"/orgs/octo/repos?page=2":      "/api/v3/orgs/octo/repos?page=2",
		"/orgs/octo/repos?b=2&a=1&b=1": "/api/v3/orgs/octo/repos?a=1&b=2&b=1",
		"/search?q=a%20b%2Bc%26d":      "/api/v3/search?q=a+b%2Bc%26d",
		"/search?q=a+b":                "/api/v3/search?q=a+b",
		"/search?q":                    "/api/v3/search?q=",
		"/search?q=:/@?":               "/api/v3/search?q=%3A%2F%40%3F",
		"/meta?":                       "/api/v3/meta",
		"/repos/a%2fb/c":               "/api/v3/repos/a%2fb/c",
		"/repos/a%3Fb/c%23d":           "/api/v3/repos/a%3Fb/c%23d",
		"/repos/a b/é":                 "/api/v3/repos/a%20b/%C3%A9",
		"/repos/a;b/c,d=e":             "/api/v3/repos/a;b/c,d=e",
		"/repos/a:b":                   "/api/v3/repos/a:b",
		"/repos/...":                   "/api/v3/repos/...",
		"/repos/":                      "/api/v3/repos/",
		"/":                            "/api/v3/",
		"/graphql":                     "/api/graphql",
		"graphql?a=1":                  "/api/graphql?a=1",
		"/graphql/x":                   "/api/v3/graphql/x",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			var uri string
			client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
				uri = req.URL.RequestURI()
				assert.Equal(t, "ghes.example.com", req.URL.Host)
				return respond(req, http.StatusOK, nil, `{}`), nil
			}, ghmigrate.WithHost("ghes.example.com"))
			_, err := client.Do(t.Context(), http.MethodGet, path, nil, nil)
			require.NoError(t, err)
			assert.Equal(t, want, uri)
		})
	}
}

func TestDoRefusesPathsOutsideOfTheAPI(t *testing.T) {
	t.Parallel()
	client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
		t.Errorf("unexpected request for %s", req.URL)
		return respond(req, http.StatusOK, nil, `{}`), nil
	}, ghmigrate.WithHost("ghes.example.com"))
	for path, want := range map[string]string{
		"":                              "ghmigrate: path is empty",
		"?page=2":                       "ghmigrate: path is empty",
		"https://ghes.example.com/meta": "ghmigrate: path is not relative to the API root",
		"//evil.example.com/meta":       "ghmigrate: path is not relative to the API root",
		"///evil.example.com/meta":      "ghmigrate: path is not relative to the API root",
		"mailto:octocat@example.com":    "ghmigrate: path is not relative to the API root",
		"/meta#top":                     "ghmigrate: path has a fragment",
		"/meta#":                        "ghmigrate: path has a fragment",
		"/%zz":                          "ghmigrate: path is not an escaped path",
		"/a\nb":                         "ghmigrate: path is not an escaped path",
		"/orgs/../user":                 `ghmigrate: path has a ".." in it`,
		"/orgs/%2e%2E/user":             `ghmigrate: path has a ".." in it`,
		"/orgs/..%2fuser":               `ghmigrate: path has a ".." in it`,
		"..":                            `ghmigrate: path has a ".." in it`,
		"/orgs/./user":                  `ghmigrate: path has a "." in it`,
		"/meta?a=%zz":                   "ghmigrate: path has a malformed query",
		"/meta?a=1;b=2":                 "ghmigrate: path has a malformed query",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			header, err := client.Do(t.Context(), http.MethodGet, path, nil, nil)
			require.EqualError(t, err, want)
			assert.Nil(t, header)
		})
	}
}

func FuzzDoStaysBelowTheRoot(f *testing.F) {
	for _, seed := range []string{"/meta", "//x/y", "/a/../b", "/%2e%2e/x", "?x", "/a?b#c", "\\\\x", "/a%00", "https:x", "/a%2f..%2fb"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
			assert.Equal(t, "https", req.URL.Scheme)
			assert.Equal(t, "ghes.example.com", req.URL.Host)
			assert.Nil(t, req.URL.User)
			assert.True(t, strings.HasPrefix(req.URL.EscapedPath(), "/api/v3/"), req.URL.EscapedPath())
			for segment := range strings.SplitSeq(req.URL.Path, "/") {
				assert.NotEqual(t, "..", segment)
			}
			return respond(req, http.StatusOK, nil, `{}`), nil
		}, ghmigrate.WithHost("ghes.example.com"))
		_, _ = client.Do(t.Context(), http.MethodGet, path, nil, nil)
	})
}

func TestDoRefusesOtherArguments(t *testing.T) {
	t.Parallel()
	client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
		t.Errorf("unexpected request for %s", req.URL)
		return respond(req, http.StatusOK, nil, `{}`), nil
	})
	for _, method := range []string{"", "get", "OPTIONS", "TRACE", "CONNECT", "GET\n"} {
		_, err := client.Do(t.Context(), method, "/meta", nil, nil)
		require.EqualError(t, err, fmt.Sprintf("ghmigrate: method is %q: want GET, HEAD, POST, PUT, PATCH or DELETE", method))
	}
	_, err := client.Do(t.Context(), http.MethodPost, "/meta", make(chan int), nil)
	require.EqualError(t, err, "POST /meta: encode the request: json: unsupported type: chan int")
	for _, out := range []any{struct{}{}, (*struct{})(nil), map[string]any{}} {
		_, err = client.Do(t.Context(), http.MethodGet, "/meta", nil, out)
		require.EqualError(t, err, fmt.Sprintf("ghmigrate: out is a %T: want a pointer that is not nil", out))
	}
	var none context.Context
	_, err = client.Do(none, http.MethodGet, "/meta", nil, nil)
	require.EqualError(t, err, "ghmigrate: ctx is nil")
	_, err = client.OrgMigrations.Get(none, "octo-org", 79, nil)
	require.EqualError(t, err, "ghmigrate: ctx is nil")
	_, err = ghmigrate.Collect(client.UserMigrations.List(none, nil))
	require.EqualError(t, err, "ghmigrate: ctx is nil")
}

func TestDoSendsInAndDecodesOut(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		respondWith(server, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Answer", r.Method)
			if r.Method == http.MethodDelete {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, `{"name": "hello", "others": [1, 2]}`)
		})
		type thing struct {
			Name   string
			Others []int
		}
		client := testclient.New(t, server)
		for _, test := range []struct {
			method  string
			in, out any
			want    any
			body    string
		}{
			{http.MethodGet, nil, &thing{}, &thing{"hello", []int{1, 2}}, ""},
			{http.MethodGet, nil, nil, nil, ""},
			{http.MethodHead, nil, &thing{Name: "kept"}, &thing{Name: "kept"}, ""},
			{http.MethodDelete, nil, &thing{Name: "kept"}, &thing{Name: "kept"}, ""},
			{http.MethodDelete, map[string]int{"id": 1}, nil, nil, `{"id":1}`},
			{http.MethodPost, thing{"<é>", nil}, &thing{}, &thing{"hello", []int{1, 2}}, "{\"Name\":\"\\u003cé\\u003e\",\"Others\":null}"},
			{http.MethodPut, []string{}, &map[string]any{}, &map[string]any{"name": "hello", "others": []any{1.0, 2.0}}, "[]"},
			{http.MethodPatch, 7, nil, nil, "7"},
			{http.MethodPost, nil, nil, nil, ""},
		} {
			header, err := client.Do(t.Context(), test.method, "/things?q=1", test.in, test.out)
			require.NoError(t, err)
			assert.Equal(t, test.method, header.Get("X-Answer"))
			assert.Equal(t, test.want, test.out)
			sent := server.Requests()[len(server.Requests())-1]
			assert.Equal(t, test.method+" /things", sent.Method+" "+sent.Path)
			assert.Equal(t, url.Values{"q": {"1"}}, sent.Query)
			assert.Equal(t, test.body, string(sent.Body))
			wantType := ""
			if test.in != nil {
				wantType = "application/json"
			}
			assert.Equal(t, wantType, sent.Header.Get("Content-Type"))
		}
	})
}

func TestDoReturnsTheHeaderWithAnAPIError(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server, ghmigrate.WithMaxRetries(0))
		for _, status := range []int{http.StatusFound, http.StatusNotModified, http.StatusNotFound, http.StatusTooManyRequests, http.StatusBadGateway} {
			server.Inject(ghmigratetest.Fault{Status: status, Header: http.Header{"X-Answer": {"7"}, "Retry-After": {"3600"}}})
			header, err := client.Do(t.Context(), http.MethodGet, "/things", nil, nil)
			var failure *ghmigrate.APIError
			require.ErrorAs(t, err, &failure)
			assert.Equal(t, status, failure.StatusCode)
			assert.Equal(t, "7", header.Get("X-Answer"))
		}
		server.Inject(ghmigratetest.Fault{Stall: true})
		header, err := client.Do(t.Context(), http.MethodGet, "/things", nil, nil)
		require.Error(t, err)
		assert.Nil(t, header)
	})
}

func TestAResponseThatIsNotTheObjectIsAnError(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		for body, want := range map[string]string{
			`{"id": 79`:    `status 200 with malformed JSON: "{\"id\": 79"`,
			"":             `status 200 with an empty body`,
			"<html>":       `status 200 with a web page, maybe of a proxy or a login`,
			`{"id": "79"}`: `status 200 with no migration ID: "{\"id\": \"79\"}"`,
		} {
			before := len(server.Requests())
			server.Inject(ghmigratetest.Fault{Status: http.StatusOK, Body: body})
			migration, err := client.UserMigrations.Get(t.Context(), 79, nil)
			require.EqualError(t, err, "GET /user/migrations/79: unexpected answer: "+want)
			require.ErrorIs(t, err, ghmigrate.ErrUnexpectedAnswer)
			assert.Nil(t, migration)
			assert.Len(t, server.Requests(), before+1, "the request is not retried")
		}
	})
}

// A RoundTripper that is not a Transport may leave out most fields.
func TestAResponseWithoutItsRequestAndLengthIsRead(t *testing.T) {
	t.Parallel()
	client := clientWithTransport(t, func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(`{"id": 79}`))}, nil
	})
	m, err := client.OrgMigrations.Get(t.Context(), "octo-org", 79, nil)
	require.NoError(t, err)
	assert.Equal(t, int64(79), m.ID)
}

func TestAResponseThatIsTooLargeIsNotRead(t *testing.T) {
	t.Parallel()
	requests := 0
	client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
		requests++
		res := respond(req, http.StatusOK, nil, "")
		res.Body = io.NopCloser(unreadable{t})
		res.ContentLength = 256<<20 + 1
		return res, nil
	})
	_, err := client.Do(t.Context(), http.MethodGet, "/things", nil, &map[string]any{})
	require.EqualError(t, err, "GET /things: read the response: the response is larger than 256 MiB")
	assert.Equal(t, 1, requests)
}

// An unreadable body fails the test when it is read.
type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func TestHost(t *testing.T) {
	t.Parallel()
	for want, opts := range map[string][]ghmigrate.Option{
		"api.github.com":        nil,
		"api.octocorp.ghe.com":  {ghmigrate.WithHost("octocorp.ghe.com")},
		"ghes.example.com:8443": {ghmigrate.WithHost("ghes.example.com:8443")},
		"127.0.0.1:8000":        {ghmigrate.WithBaseURL("http://127.0.0.1:8000/api/v3")},
	} {
		client, err := ghmigrate.NewClient(opts...)
		require.NoError(t, err)
		assert.Equal(t, want, client.Host())
	}
}
