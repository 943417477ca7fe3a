package ghmigrate_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

func TestErrorsOfOptionsNameTheOption(t *testing.T) {
	t.Parallel()
	const token = "ghp_optiontesttoken"
	source := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: token})
	type options = []ghmigrate.Option
	tests := map[string]struct {
		opts options
		want string // the whole text
	}{
		"nil option": {
			options{ghmigrate.WithUserAgent("test"), nil},
			"ghmigrate: option 2 is nil",
		},
		"no token": {
			options{ghmigrate.WithToken("")},
			"ghmigrate: WithToken: the token is empty",
		},
		"token with a newline": {
			options{ghmigrate.WithToken(token + "\n")},
			"ghmigrate: WithToken: the token has white space or control characters in it",
		},
		"token that adds a header": {
			options{ghmigrate.WithToken(token + "\r\nX-Other: 1")},
			"ghmigrate: WithToken: the token has white space or control characters in it",
		},
		"token with a space": {
			options{ghmigrate.WithToken(" " + token)},
			"ghmigrate: WithToken: the token has white space or control characters in it",
		},
		"no token source": {
			options{ghmigrate.WithTokenSource(nil)},
			"ghmigrate: WithTokenSource: the source is nil",
		},
		"two tokens": {
			options{ghmigrate.WithToken(token), ghmigrate.WithToken(token)},
			"ghmigrate: WithToken: a token was given already; give one WithToken or one WithTokenSource",
		},
		"token and token source": {
			options{ghmigrate.WithToken(token), ghmigrate.WithTokenSource(source)},
			"ghmigrate: WithTokenSource: a token was given already; give one WithToken or one WithTokenSource",
		},
		"token source and token": {
			options{ghmigrate.WithTokenSource(source), ghmigrate.WithToken(token)},
			"ghmigrate: WithToken: a token was given already; give one WithToken or one WithTokenSource",
		},
		"no http.Client": {
			options{ghmigrate.WithHTTPClient(nil)},
			"ghmigrate: WithHTTPClient: the client is nil",
		},
		"two http.Clients": {
			options{ghmigrate.WithHTTPClient(&http.Client{}), ghmigrate.WithHTTPClient(&http.Client{})},
			"ghmigrate: WithHTTPClient: given twice",
		},
		"http.Client that adds a token": {
			options{ghmigrate.WithHTTPClient(&http.Client{Transport: &oauth2.Transport{Source: source}})},
			"ghmigrate: WithHTTPClient: an *oauth2.Transport sends its token to any host; " +
				"give its Source to WithTokenSource and its Base to WithHTTPClient",
		},
		"http.Client of package oauth2": {
			options{ghmigrate.WithHTTPClient(oauth2.NewClient(t.Context(), source))},
			"ghmigrate: WithHTTPClient: an *oauth2.Transport sends its token to any host; " +
				"give its Source to WithTokenSource and its Base to WithHTTPClient",
		},
		"host and base URL": {
			options{ghmigrate.WithHost("ghes.example.com"), ghmigrate.WithBaseURL("https://ghes.example.com/api/v3")},
			"ghmigrate: WithBaseURL: a host was given already; give one WithHost or one WithBaseURL",
		},
		"base URL and host": {
			options{ghmigrate.WithBaseURL("https://ghes.example.com/api/v3"), ghmigrate.WithHost("ghes.example.com")},
			"ghmigrate: WithHost: a host was given already; give one WithHost or one WithBaseURL",
		},
		"two hosts": {
			options{ghmigrate.WithHost("github.com"), ghmigrate.WithHost("github.com")},
			"ghmigrate: WithHost: a host was given already; give one WithHost or one WithBaseURL",
		},
		"no version": {
			options{ghmigrate.WithAPIVersion("")},
			`ghmigrate: WithAPIVersion: "" is not a date such as 2022-11-28`,
		},
		"version that is not a date": {
			options{ghmigrate.WithAPIVersion("v3")},
			`ghmigrate: WithAPIVersion: "v3" is not a date such as 2022-11-28`,
		},
		"version with a newline": {
			options{ghmigrate.WithAPIVersion("2022-11-28\n")},
			`ghmigrate: WithAPIVersion: "2022-11-28\n" is not a date such as 2022-11-28`,
		},
		"no user agent": {
			options{ghmigrate.WithUserAgent("")},
			`ghmigrate: WithUserAgent: "" is not a valid header value`,
		},
		"blank user agent": {
			options{ghmigrate.WithUserAgent("  ")},
			`ghmigrate: WithUserAgent: "  " is not a valid header value`,
		},
		"user agent that adds a header": {
			options{ghmigrate.WithUserAgent("a\r\nb: c")},
			`ghmigrate: WithUserAgent: "a\r\nb: c" is not a valid header value`,
		},
		"no logger": {
			options{ghmigrate.WithLogger(nil)},
			"ghmigrate: WithLogger: the logger is nil",
		},
		"negative retries": {
			options{ghmigrate.WithMaxRetries(-1)},
			"ghmigrate: WithMaxRetries: -1 is negative",
		},
		"negative wait": {
			options{ghmigrate.WithMaxRateLimitWait(-time.Second)},
			"ghmigrate: WithMaxRateLimitWait: -1s is negative",
		},
		"polls without a pause": {
			options{ghmigrate.WithPollInterval(0, time.Minute)},
			"ghmigrate: WithPollInterval: 0s to 1m0s is not an interval: want 0 < min <= max",
		},
		"longest interval below the shortest": {
			options{ghmigrate.WithPollInterval(time.Minute, time.Second)},
			"ghmigrate: WithPollInterval: 1m0s to 1s is not an interval: want 0 < min <= max",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, err := ghmigrate.NewClient(test.opts...)
			require.EqualError(t, err, test.want)
			assert.Nil(t, client)
			testclient.AssertNoSecret(t, err.Error(), token)
		})
	}
}

func TestWithHostSetsTheRootOfTheAPI(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"github.com":            "https://api.github.com/meta",
		"GitHub.com":            "https://api.github.com/meta",
		"octocorp.ghe.com":      "https://api.octocorp.ghe.com/meta",
		"Octocorp.GHE.com":      "https://api.octocorp.ghe.com/meta",
		"ghes.example.com":      "https://ghes.example.com/api/v3/meta",
		"ghes.example.com:8443": "https://ghes.example.com:8443/api/v3/meta",
		"ghes":                  "https://ghes/api/v3/meta",
		"my-github.com":         "https://my-github.com/api/v3/meta",
		"192.0.2.7":             "https://192.0.2.7/api/v3/meta",
		"[2001:db8::7]:8443":    "https://[2001:db8::7]:8443/api/v3/meta",
	} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, want, urlOf(t, ghmigrate.WithHost(host)))
		})
	}
	assert.Equal(t, "https://api.github.com/meta", urlOf(t), "the default")
}

// urlOf returns the URL to which a client with these options sends GET /meta.
func urlOf(t *testing.T, opts ...ghmigrate.Option) string {
	t.Helper()
	var target string
	client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
		target = req.URL.String()
		return respond(req, http.StatusOK, nil, `{}`), nil
	}, opts...)
	_, err := client.Do(t.Context(), http.MethodGet, "/meta", nil, nil)
	require.NoError(t, err)
	return target
}

func TestInvalidHostsAreRefused(t *testing.T) {
	t.Parallel()
	for _, host := range []string{
		"",
		"https://ghes.example.com",
		"http://github.com",
		"https://api.github.com/",
		"ghes.example.com/api/v3",
		"ghes.example.com/",
		"ghes.example.com?x=1",
		"ghes.example.com#x",
		"ghes.example.com:",
		"ghes.example.com:port",
		":8443",
		"ghes example.com",
		"ghes.example.com\n",
		"ghes.example.com%00",
		"octocat@ghes.example.com",
		"octocat:" + testclient.Password + "@ghes.example.com",
		"api.github.com",
		"www.github.com",
		"API.GitHub.com",
		"uploads.github.com",
		"github.com:443",
		"github.com.",
		"ghe.com",
		"GHE.com",
		".ghe.com",
		"a.b.ghe.com",
		"api.octocorp.ghe.com",
		"octocorp.ghe.com:443",
		"octocorp.ghe.com.",
		"2001:db8::7",
		"ghés.example.com",
		"\xffocto.ghe.com",
	} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			client, err := ghmigrate.NewClient(ghmigrate.WithHost(host))
			require.ErrorContains(t, err, "ghmigrate: WithHost: ")
			assert.Nil(t, client)
			testclient.AssertNoSecret(t, err.Error())
		})
	}
}

func TestBaseURLsAreUsedAsTheyAre(t *testing.T) {
	t.Parallel()
	for rawURL, want := range map[string]string{
		"https://ghes.example.com/api/v3":    "https://ghes.example.com/api/v3/meta",
		"https://ghes.example.com/api/v3/":   "https://ghes.example.com/api/v3/meta",
		"https://ghes.example.com":           "https://ghes.example.com/meta",
		"https://ghes.example.com/":          "https://ghes.example.com/meta",
		"https://api.github.com":             "https://api.github.com/meta",
		"https://proxy.example.com/a%2fb/c":  "https://proxy.example.com/a%2fb/c/meta",
		"https://ghes.example.com:8443/x":    "https://ghes.example.com:8443/x/meta",
		"HTTPS://ghes.example.com/api/v3":    "https://ghes.example.com/api/v3/meta",
		"http://localhost:8000/api/v3":       "http://localhost:8000/api/v3/meta",
		"http://127.0.0.1:8000/api/v3":       "http://127.0.0.1:8000/api/v3/meta",
		"http://127.9.9.9":                   "http://127.9.9.9/meta",
		"http://[::1]:8000":                  "http://[::1]:8000/meta",
		"https://ghes.example.com/api%20v3/": "https://ghes.example.com/api%20v3/meta",
	} {
		t.Run(rawURL, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, want, urlOf(t, ghmigrate.WithBaseURL(rawURL)))
		})
	}
}

func TestBaseURLsThatLeakOrMisleadAreRefused(t *testing.T) {
	t.Parallel()
	for rawURL, problem := range map[string]string{
		"":                                 "absolute https URL",
		"/api/v3":                          "absolute https URL",
		"ghes.example.com/api/v3":          "absolute https URL",
		"ghes.example.com:8443/api/v3":     "absolute https URL",
		"https:///api/v3":                  "absolute https URL",
		"https://:8443/api/v3":             "absolute https URL",
		"https:ghes.example.com":           "absolute https URL",
		"ftp://ghes.example.com":           "absolute https URL",
		"https://ghes.example.com:a/":      "not a URL",
		"https://ghes.example.com/%zz":     "not a URL",
		"https://ghes.example.com/\n":      "not a URL",
		"https://octocat@ghes.example.com": "credentials",
		"https://octocat:" + testclient.Password + "@ghes.example.com":        "credentials",
		"http://octocat:" + testclient.Password + "@ghes.example.com":         "credentials",
		"http://ghes.example.com/api/v3":                                      "in the clear",
		"https://github.com":                                                  "github.com is the web site: want https://api.github.com",
		"http://ghes.example.com?password=" + testclient.Password:             "",
		"ghes.example.com?password=" + testclient.Password:                    "",
		"ftp://ghes.example.com#" + testclient.Password:                       "",
		"http://10.0.0.7:8000":                                                "in the clear",
		"http://localhost.example.com":                                        "in the clear",
		"http://127.0.0.1.example.com":                                        "in the clear",
		"http://0.0.0.0:8000":                                                 "in the clear",
		"https://ghes.example.com/api/v3?":                                    "query or a fragment",
		"https://ghes.example.com/api/v3?access_token=" + testclient.Password: "query or a fragment",
		"https://ghes.example.com/api/v3#":                                    "query or a fragment",
		"https://ghes.example.com/api/v3#top":                                 "query or a fragment",
	} {
		t.Run(rawURL, func(t *testing.T) {
			t.Parallel()
			client, err := ghmigrate.NewClient(ghmigrate.WithBaseURL(rawURL))
			require.ErrorContains(t, err, "ghmigrate: WithBaseURL: ")
			require.ErrorContains(t, err, problem)
			assert.Nil(t, client)
			testclient.AssertNoSecret(t, err.Error())
		})
	}
}

func FuzzWithHost(f *testing.F) {
	for _, seed := range []string{"github.com", "octocorp.ghe.com", "ghes.example.com:8443", "[::1]", "a.b.ghe.com", "x@y", "x/y", "x:", "x%41", "é.example"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, host string) {
		var target *url.URL
		transport := roundTripper(func(req *http.Request) (*http.Response, error) {
			target = req.URL
			return respond(req, http.StatusOK, nil, `{}`), nil
		})
		client, err := ghmigrate.NewClient(ghmigrate.WithHost(host), ghmigrate.WithHTTPClient(&http.Client{Transport: transport}))
		if err != nil {
			assert.True(t, strings.HasPrefix(err.Error(), "ghmigrate: WithHost: "), err)
			return
		}
		_, err = client.Do(t.Context(), http.MethodGet, "/meta", nil, nil)
		require.NoError(t, err)
		assert.Equal(t, "https", target.Scheme)
		assert.Nil(t, target.User)
		switch lower := strings.ToLower(host); {
		case lower == "github.com" || strings.HasSuffix(lower, ".ghe.com"):
			assert.Equal(t, "https://api."+lower+"/meta", target.String())
		default:
			assert.Equal(t, "/api/v3/meta", target.Path)
			assert.Equal(t, lower, target.Host)
		}
	})
}

func TestNewClientUsesNeitherTheNetworkNorTheEnvironment(t *testing.T) {
	for _, name := range []string{"GITHUB_TOKEN", "GH_TOKEN", "GH_ENTERPRISE_TOKEN"} {
		t.Setenv(name, "ghp_fromtheenvironment")
	}
	for _, name := range []string{"GH_HOST", "GITHUB_API_URL", "GITHUB_SERVER_URL"} {
		t.Setenv(name, "https://elsewhere.example.com")
	}
	requests := []string{}
	client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
		requests = append(requests, req.URL.String()+" "+req.Header.Get("Authorization"))
		return respond(req, http.StatusOK, nil, `{}`), nil
	})
	assert.Empty(t, requests)
	_, err := client.Do(t.Context(), http.MethodGet, "/meta", nil, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"https://api.github.com/meta "}, requests)
}

func TestTheCallersHTTPClientIsNeverMutated(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		jar, err := cookiejar.New(nil)
		require.NoError(t, err)
		transport := testclient.HTTPClient(t, server).Transport.(*http.Transport)
		transport.TLSClientConfig = &tls.Config{ServerName: "ghes.example.com", NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS13}
		transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
		transport.ProxyConnectHeader = http.Header{"X-Proxy": {"1"}}
		transport.MaxIdleConnsPerHost = 7
		transport.IdleConnTimeout = time.Minute
		hc := &http.Client{
			Transport:     transport,
			Jar:           jar,
			Timeout:       time.Minute,
			CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("the caller's own") },
		}
		defer hc.CloseIdleConnections()
		before := contents(hc)
		redirect(server, http.StatusTemporaryRedirect, server.URL()+"/elsewhere")
		client, err := ghmigrate.NewClient(ghmigrate.WithBaseURL(server.URL()), ghmigrate.WithToken(server.Token()), ghmigrate.WithHTTPClient(hc))
		require.NoError(t, err)
		_, err = client.Do(t.Context(), http.MethodGet, "/user/migrations", nil, nil)
		require.ErrorIs(t, err, ghmigrate.ErrNotFound, "the redirect is followed")
		server.AddRepository("octo-org/hello")
		migration, err := client.OrgMigrations.Start(t.Context(), "octo-org", ghmigrate.StartMigrationRequest{Repositories: []string{"octo-org/hello"}})
		require.NoError(t, err)
		_, err = client.OrgMigrations.Wait(t.Context(), "octo-org", migration.ID)
		require.NoError(t, err)
		stream, err := client.OrgMigrations.OpenArchive(t.Context(), "octo-org", migration.ID)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, stream)
		require.NoError(t, err)
		require.NoError(t, stream.Close())
		client.CloseIdleConnections()
		assert.Equal(t, before, contents(hc))
	})
}

// contents returns the settings of an http.Client, its Transport and its TLS
// config in a form that can be compared. Functions and pointers are addresses.
func contents(hc *http.Client) map[string]string {
	transport := hc.Transport.(*http.Transport)
	all := map[string]string{}
	for _, v := range []reflect.Value{reflect.ValueOf(hc).Elem(), reflect.ValueOf(transport).Elem(), reflect.ValueOf(transport.TLSClientConfig).Elem()} {
		for i := range v.NumField() {
			field := v.Type().Field(i)
			name := v.Type().Name() + "." + field.Name
			switch field.Type.Kind() {
			case reflect.Func, reflect.Pointer, reflect.Interface:
				if field.IsExported() {
					all[name] = fmt.Sprintf("%p", v.Field(i).Interface())
				}
			default:
				if field.IsExported() {
					all[name] = fmt.Sprintf("%v", v.Field(i).Interface())
				}
			}
		}
	}
	return all
}

func TestTheTimeoutOfTheCallersHTTPClientLimitsAnAttempt(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		timeout time.Duration
		want    time.Duration
	}{
		"a short timeout": {5 * time.Second, 5 * time.Second},
		"a long timeout":  {10 * time.Minute, 10 * time.Minute},
		"the default":     {0, time.Minute},
	} {
		for where, fault := range map[string]ghmigratetest.Fault{
			"before the response": {Stall: true},
			"in the body":         {Status: http.StatusOK, Body: `{"id": 1}`, StallAfter: 3},
		} {
			t.Run(name+" "+where, func(t *testing.T) {
				t.Parallel()
				testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
					server.Inject(fault)
					hc := testclient.HTTPClient(t, server)
					hc.Timeout = test.timeout
					client, err := ghmigrate.NewClient(ghmigrate.WithBaseURL(server.URL()), ghmigrate.WithToken(server.Token()),
						ghmigrate.WithHTTPClient(hc), ghmigrate.WithMaxRetries(0))
					require.NoError(t, err)
					start := time.Now()
					_, err = client.Do(t.Context(), http.MethodGet, "/meta", nil, nil)
					require.Error(t, err)
					assert.Equal(t, test.want, time.Since(start))
				})
			})
		}
	}
}

func TestOptionsSetTheHeader(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		server.AddRepository("octo-org/hello")
		tests := map[string]struct {
			opts []ghmigrate.Option
			call func(*ghmigrate.Client) error
			want http.Header
		}{
			"defaults, GET": {
				nil,
				func(c *ghmigrate.Client) error {
					_, err := c.Do(t.Context(), http.MethodGet, "/user/migrations", nil, nil)
					return err
				},
				http.Header{"User-Agent": {"ghmigrate"}, "X-Github-Api-Version": {"2022-11-28"}},
			},
			"defaults, POST": {
				nil,
				func(c *ghmigrate.Client) error {
					_, err := c.OrgMigrations.Start(t.Context(), "octo-org", ghmigrate.StartMigrationRequest{Repositories: []string{"octo-org/hello"}})
					return err
				},
				http.Header{
					"User-Agent": {"ghmigrate"}, "X-Github-Api-Version": {"2022-11-28"},
					"Content-Type": {"application/json"}, "Content-Length": {"35"},
				},
			},
			"options": {
				[]ghmigrate.Option{ghmigrate.WithAPIVersion("2026-03-10"), ghmigrate.WithUserAgent("octo-tool/1.2 (+https://octo.example)")},
				func(c *ghmigrate.Client) error {
					_, err := c.Do(t.Context(), http.MethodGet, "/user/migrations", nil, nil)
					return err
				},
				http.Header{"User-Agent": {"octo-tool/1.2 (+https://octo.example)"}, "X-Github-Api-Version": {"2026-03-10"}},
			},
		}
		for name, test := range tests {
			t.Log(name)
			before := len(server.Requests())
			require.NoError(t, test.call(testclient.New(t, server, test.opts...)))
			requests := server.Requests()
			require.Len(t, requests, before+1)
			test.want.Set("Accept", "application/vnd.github+json")
			test.want.Set("Authorization", "Bearer "+server.Token())
			test.want.Set("Accept-Encoding", "gzip")
			assert.Equal(t, test.want, requests[before].Header)
		}
	})
}

func TestRequestsAndRetriesAreLogged(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		log := &bytes.Buffer{}
		logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{
			Level: slog.LevelDebug,
			ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				switch a.Key { // differ from run to run
				case "time", "took", "wait", "request_id":
					return slog.Attr{}
				}
				return a
			},
		}))
		client, err := ghmigrate.NewClient(ghmigrate.WithBaseURL(server.URL()), ghmigrate.WithToken(server.Token()),
			ghmigrate.WithHTTPClient(testclient.HTTPClient(t, server)), ghmigrate.WithLogger(logger))
		require.NoError(t, err)
		server.Inject(ghmigratetest.Fault{Reset: true})
		server.Inject(ghmigratetest.ServerError(http.StatusBadGateway))
		server.Inject(ghmigratetest.SecondaryRateLimitAfter(3 * time.Second))
		_, err = client.Do(t.Context(), http.MethodGet, "/user/migrations?page=2", nil, nil)
		require.NoError(t, err)
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		for i, line := range lines {
			lines[i], _, _ = strings.Cut(line, " error=")
		}
		assert.Equal(t, []string{
			"level=DEBUG msg=request method=GET path=/user/migrations status=0",
			"level=WARN msg=\"request failed, retrying\" method=GET path=/user/migrations rate_limited=false",
			"level=DEBUG msg=request method=GET path=/user/migrations status=502",
			"level=WARN msg=\"request failed, retrying\" method=GET path=/user/migrations rate_limited=false",
			"level=DEBUG msg=request method=GET path=/user/migrations status=403",
			"level=WARN msg=\"request failed, retrying\" method=GET path=/user/migrations rate_limited=true",
			"level=DEBUG msg=request method=GET path=/user/migrations status=200",
		}, lines)
		testclient.AssertNoSecret(t, log.String(), server.Token(), "page=2")
	})
}
