package ghmigrate_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

// secretToken is the token of the tests without a fake GitHub.
const secretToken = "ghp_secretsecretsecretsecretsecretsecret"

// redirect makes the next request of the fake GitHub's API be answered with a
// redirect.
func redirect(server *ghmigratetest.Server, status int, location string) {
	server.Inject(ghmigratetest.Fault{
		Origin: ghmigratetest.API,
		Status: status,
		Header: http.Header{"Location": {location}},
		Body:   "<html>" + location + "</html>",
	})
}

// An internet is two servers, one with TLS, that stand for every host there
// is, and what they were asked.
type internet struct {
	transport *http.Transport
	mu        sync.Mutex
	arrived   []string // "https://host:port/path token cookie"
}

func newInternet(t *testing.T, handler http.HandlerFunc) *internet {
	t.Helper()
	i := &internet{}
	record := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme := "http"
		if r.TLS != nil {
			scheme = "https"
		}
		i.mu.Lock()
		i.arrived = append(i.arrived, strings.TrimSpace(fmt.Sprintf("%s %s://%s%s %s %s",
			r.Method, scheme, r.Host, r.URL.Path, r.Header.Get("Authorization"), r.Header.Get("Cookie"))))
		i.mu.Unlock()
		handler(w, r)
	})
	secure, plain := httptest.NewTLSServer(record), httptest.NewServer(record)
	t.Cleanup(secure.Close)
	t.Cleanup(plain.Close)
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	i.transport = &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "example.com", MinVersion: tls.VersionTLS13},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			to := secure
			if strings.HasSuffix(addr, ":80") {
				to = plain
			}
			return new(net.Dialer).DialContext(ctx, network, to.Listener.Addr().String())
		},
	}
	t.Cleanup(i.transport.CloseIdleConnections)
	return i
}

func (i *internet) requests() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.arrived
}

func TestTheTokenNeverFollowsARedirectToAnotherOrigin(t *testing.T) {
	t.Parallel()
	for name, origin := range map[string]string{
		"other host":          "https://evil.example.net",
		"subdomain":           "https://media.ghes.example.com",
		"parent domain":       "https://example.com",
		"other port":          "https://ghes.example.com:8443",
		"https to http":       "http://ghes.example.com",
		"http on port 443":    "http://ghes.example.com:443",
		"host with a dot":     "https://ghes.example.com.",
		"name before an @":    "https://ghes.example.com@evil.example.net",
		"other scheme":        "ftp://ghes.example.com",
		"without a scheme":    "//evil.example.net",
		"backslashes for any": "https:evil.example.net",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status := 0
			web := newInternet(t, func(w http.ResponseWriter, r *http.Request) {
				if r.TLS == nil || r.Host != "ghes.example.com" {
					return
				}
				http.SetCookie(w, &http.Cookie{Name: "session", Value: "cookiesecret", Domain: "example.com", Path: "/elsewhere"})
				w.Header().Set("Location", origin+"/elsewhere?X-Amz-Signature=signaturesecret")
				w.WriteHeader(status)
			})
			jar, err := cookiejar.New(nil)
			require.NoError(t, err)
			client, err := ghmigrate.NewClient(
				ghmigrate.WithHost("ghes.example.com"), ghmigrate.WithToken(secretToken),
				ghmigrate.WithHTTPClient(&http.Client{
					Transport:     web.transport,
					Jar:           jar,
					CheckRedirect: func(*http.Request, []*http.Request) error { return nil },
				}))
			require.NoError(t, err)
			var want []string
			for _, status = range []int{301, 302, 303, 307, 308} {
				for _, method := range []string{http.MethodGet, http.MethodDelete, http.MethodPost} {
					header, err := client.Do(t.Context(), method, "/things", nil, nil)
					var failure *ghmigrate.APIError
					require.ErrorAs(t, err, &failure)
					assert.Equal(t, status, failure.StatusCode)
					assert.Contains(t, failure.Message, "redirect refused: ")
					assert.NotNil(t, header)
					testclient.AssertNoSecret(t, fmt.Sprintf("%v %+v %#v", err, err, failure), secretToken, "signaturesecret", "cookiesecret")
					want = append(want, method+" https://ghes.example.com/api/v3/things Bearer "+secretToken)
				}
			}
			assert.Equal(t, want, web.requests(), "nobody else was asked")
		})
	}
}

func TestARefusedRedirectTellsWhere(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		redirect(server, http.StatusFound, "https://evil.example.net:8443/archive/7?X-Amz-Signature=f00#part")
		_, err := client.Do(t.Context(), http.MethodGet, "/things", nil, nil)
		failure := &ghmigrate.APIError{}
		require.ErrorAs(t, err, &failure)
		failure.RequestID = ""
		require.EqualError(t, failure, "GET /things: 302 redirect refused: it leads to another origin, https://evil.example.net:8443")

		redirect(server, http.StatusMovedPermanently, server.URL()+"/elsewhere")
		_, err = client.Do(t.Context(), http.MethodDelete, "/things", nil, nil)
		require.ErrorAs(t, err, &failure)
		failure.RequestID = ""
		require.EqualError(t, failure, "DELETE /things: 301 redirect refused: it would turn the DELETE into a GET")
		assert.Equal(t, []string{"GET /things", "DELETE /things"}, asked(server))
	})
}

func TestRedirectsWithinTheOriginAreFollowed(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		for _, test := range []struct {
			method   string
			statuses []int
		}{
			{http.MethodGet, []int{301, 302, 303, 307, 308}},
			{http.MethodHead, []int{301, 302, 303, 307, 308}},
			{http.MethodPost, []int{307, 308}},
			{http.MethodPut, []int{307, 308}},
			{http.MethodPatch, []int{307, 308}},
			{http.MethodDelete, []int{307, 308}},
		} {
			for _, status := range test.statuses {
				before := len(server.Requests())
				redirect(server, status, server.URL()+"/repositories/7?page=2")
				server.Inject(ghmigratetest.Fault{Status: http.StatusOK, Body: `{"id": 7}`})
				var in, out any
				body := ""
				if test.method != http.MethodGet && test.method != http.MethodHead {
					in, body = map[string]string{"name": "hello"}, `{"name":"hello"}`
				}
				_, err := client.Do(t.Context(), test.method, "/repos/o/r", in, &out)
				require.NoError(t, err, "%s %d", test.method, status)
				if test.method != http.MethodHead {
					assert.Equal(t, map[string]any{"id": 7.0}, out)
				}
				sent := server.Requests()[before:]
				require.Len(t, sent, 2)
				assert.Equal(t, "/repos/o/r", sent[0].Path)
				assert.Equal(t, "/repositories/7", sent[1].Path)
				assert.Equal(t, url.Values{"page": {"2"}}, sent[1].Query)
				for _, r := range sent {
					assert.Equal(t, test.method, r.Method)
					assert.Equal(t, body, string(r.Body))
				}
				assert.Equal(t, "Bearer "+server.Token(), sent[0].Header.Get("Authorization"))
				assert.Equal(t, sent[0].Header, sent[1].Header)
			}
		}
	})
}

func TestRedirectsThatChangeTheMethodAreRefused(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		server.AddRepository("octo-org/hello")
		for _, status := range []int{301, 302, 303} {
			for method, call := range map[string]func() error{
				http.MethodDelete: func() error { return client.OrgMigrations.UnlockRepository(t.Context(), "octo-org", 79, "hello") },
				http.MethodPost: func() error {
					_, err := client.OrgMigrations.Start(t.Context(), "octo-org", ghmigrate.StartMigrationRequest{Repositories: []string{"octo-org/hello"}})
					return err
				},
				http.MethodPut: func() error {
					_, err := client.SourceImports.Start(t.Context(), "octo-org", "hello", ghmigrate.StartImportRequest{VCSURL: "https://svn.example.com"})
					return err
				},
				http.MethodPatch: func() error {
					_, err := client.SourceImports.Update(t.Context(), "octo-org", "hello", ghmigrate.UpdateImportRequest{})
					return err
				},
			} {
				before := len(server.Requests())
				redirect(server, status, server.URL()+"/user/migrations")
				err := call()
				var failure *ghmigrate.APIError
				require.ErrorAs(t, err, &failure, "%s %d", method, status)
				assert.Equal(t, status, failure.StatusCode)
				assert.Equal(t, "redirect refused: it would turn the "+method+" into a GET", failure.Message)
				assert.Len(t, server.Requests(), before+1)
			}
		}
	})
}

func TestRelativeRedirectsStartWhereTheRequestWent(t *testing.T) {
	t.Parallel()
	for location, want := range map[string]string{
		"https://ghes.example.com/api/v3/x":     "https://ghes.example.com/api/v3/x",
		"https://GHES.example.com/api/v3/x":     "https://GHES.example.com/api/v3/x",
		"https://ghes.example.com:443/api/v3/x": "https://ghes.example.com:443/api/v3/x",
		"//ghes.example.com/api/v3/x":           "https://ghes.example.com/api/v3/x",
		"/api/v3/x?page=2":                      "https://ghes.example.com/api/v3/x?page=2",
		"x":                                     "https://ghes.example.com/api/v3/orgs/x",
		"../x":                                  "https://ghes.example.com/api/v3/x",
		"?page=2":                               "https://ghes.example.com/api/v3/orgs/octo?page=2",
	} {
		t.Run(location, func(t *testing.T) {
			t.Parallel()
			var went []string
			client := onWire(t, func(req *http.Request) (*http.Response, error) {
				went = append(went, req.URL.String()+" "+req.Header.Get("Authorization"))
				if len(went) == 1 {
					return answer(req, http.StatusFound, http.Header{"Location": {location}}, ""), nil
				}
				return answer(req, http.StatusOK, nil, `{}`), nil
			}, ghmigrate.WithHost("ghes.example.com"), ghmigrate.WithToken(secretToken))
			_, err := client.Do(t.Context(), http.MethodGet, "/orgs/octo", nil, nil)
			require.NoError(t, err)
			assert.Equal(t, []string{"https://ghes.example.com/api/v3/orgs/octo Bearer " + secretToken, want + " Bearer " + secretToken}, went)
		})
	}
}

func TestRedirectsThatLeadNowhereAreRefused(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		server.Inject(ghmigratetest.Fault{Status: http.StatusFound})
		_, err := client.Do(t.Context(), http.MethodGet, "/things", nil, nil)
		var failure *ghmigrate.APIError
		require.ErrorAs(t, err, &failure)
		assert.Equal(t, "redirect refused: it has no valid Location", failure.Message)

		redirect(server, http.StatusFound, "https://ghes.example.com:x/?X-Amz-Signature=f00")
		_, err = client.Do(t.Context(), http.MethodGet, "/things", nil, nil)
		require.EqualError(t, err, "GET /things: redirect to a malformed Location")
		assert.Len(t, server.Requests(), 2, "neither is retried")
	})
}

func TestRedirectsThatGoOnAreBounded(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		answering(server, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path+"x", http.StatusTemporaryRedirect)
		})
		client := testclient.New(t, server)
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			before := len(server.Requests())
			_, err := client.Do(t.Context(), method, "/things", nil, nil)
			var failure *ghmigrate.APIError
			require.ErrorAs(t, err, &failure)
			assert.Equal(t, http.StatusTemporaryRedirect, failure.StatusCode)
			assert.Equal(t, "redirect refused: it is the 11th in a row", failure.Message)
			assert.Len(t, server.Requests(), before+11)
		}
	})
}

func TestNoTokenIsSentWithoutOne(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client, err := ghmigrate.NewClient(ghmigrate.WithBaseURL(server.URL()), ghmigrate.WithHTTPClient(server.Client()))
		require.NoError(t, err)
		_, err = client.OrgMigrations.Get(t.Context(), "octo-org", 79, nil)
		require.ErrorIs(t, err, ghmigrate.ErrUnauthorized)
		assert.Empty(t, server.Requests()[0].Header.Values("Authorization"))
	})
}

// tokens is a TokenSource.
type tokens func() (*oauth2.Token, error)

func (ts tokens) Token() (*oauth2.Token, error) { return ts() }

func TestTheTokenSourceIsAskedForEveryAttemptInTheCallersGoroutine(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		calls, goroutines := 0, map[string]bool{}
		source := tokens(func() (*oauth2.Token, error) {
			calls++
			goroutines[goroutine()] = true
			return &oauth2.Token{AccessToken: fmt.Sprintf("ghp_token%d", calls), TokenType: "token"}, nil
		})
		client, err := ghmigrate.NewClient(ghmigrate.WithBaseURL(server.URL()), ghmigrate.WithTokenSource(source), ghmigrate.WithHTTPClient(server.Client()))
		require.NoError(t, err)
		assert.Zero(t, calls, "NewClient does no I/O")
		server.Inject(ghmigratetest.ServerError(http.StatusBadGateway))
		server.Inject(ghmigratetest.SecondaryRateLimitAfter(1))
		redirect(server, http.StatusFound, server.URL()+"/elsewhere")
		_, err = client.Do(t.Context(), http.MethodGet, "/things", nil, nil)
		require.ErrorIs(t, err, ghmigrate.ErrNotFound)
		var sent []string
		for _, r := range server.Requests() {
			sent = append(sent, r.Header.Get("Authorization"))
		}
		assert.Equal(t, []string{"token ghp_token1", "token ghp_token2", "token ghp_token3", "token ghp_token4"}, sent)
		assert.Equal(t, map[string]bool{goroutine(): true}, goroutines)
	})
}

// goroutine names the goroutine that it runs in.
func goroutine() string { return strings.Fields(string(debug.Stack()))[1] }

func TestErrorsOfTheTokenSourceEndTheCall(t *testing.T) {
	t.Parallel()
	errVault := errors.New("vault: " + secretToken)
	retrieve := &oauth2.RetrieveError{
		Response:  &http.Response{Status: "400 Bad Request", StatusCode: http.StatusBadRequest},
		Body:      []byte(`{"refresh_token": "` + secretToken + `"}`),
		ErrorCode: "invalid_grant", ErrorDescription: "the refresh token " + secretToken + " is used up",
	}
	tests := map[string]struct {
		source tokens
		want   string
		is     error
	}{
		"an error that is the token": {
			func() (*oauth2.Token, error) { return nil, errVault },
			"GET /things: token source: failed with a *errors.errorString, whose text may hold a secret; unwrap the error to see it",
			errVault,
		},
		"an error of package oauth2": {
			func() (*oauth2.Token, error) { return nil, retrieve },
			"GET /things: token source: failed with a *oauth2.RetrieveError, whose text may hold a secret; unwrap the error to see it",
			retrieve,
		},
		"an error with a token beside it": {
			func() (*oauth2.Token, error) { return &oauth2.Token{AccessToken: secretToken}, errVault },
			"GET /things: token source: failed with a *errors.errorString, whose text may hold a secret; unwrap the error to see it",
			errVault,
		},
		"a context that ended": {
			func() (*oauth2.Token, error) {
				return nil, &url.Error{Op: "Post", URL: "https://sso.example.com/?t=" + secretToken, Err: context.DeadlineExceeded}
			},
			"GET /things: token source: the context ended",
			context.DeadlineExceeded,
		},
		"no token": {
			func() (*oauth2.Token, error) { return nil, nil },
			"GET /things: token source: it gave no token",
			nil,
		},
		"an empty token": {
			func() (*oauth2.Token, error) { return &oauth2.Token{}, nil },
			"GET /things: token source: it gave no token",
			nil,
		},
		"a token with a newline": {
			func() (*oauth2.Token, error) { return &oauth2.Token{AccessToken: secretToken + "\nX-Evil: 1"}, nil },
			"GET /things: token source: its token has white space or control characters in it",
			nil,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				calls := 0
				client, err := ghmigrate.NewClient(
					ghmigrate.WithBaseURL(server.URL()), ghmigrate.WithHTTPClient(testclient.HTTPClient(t, server)),
					ghmigrate.WithLogger(testclient.Logger(t, secretToken)),
					ghmigrate.WithTokenSource(tokens(func() (*oauth2.Token, error) {
						calls++
						return test.source()
					})))
				require.NoError(t, err)
				_, err = client.Do(t.Context(), http.MethodGet, "/things", nil, nil)
				require.EqualError(t, err, test.want)
				if test.is != nil {
					require.ErrorIs(t, err, test.is)
				}
				assert.Equal(t, 1, calls, "it is not retried")
				assert.Empty(t, server.Requests())
				for text := range printed(t, err) {
					testclient.AssertNoSecret(t, text, secretToken)
				}
			})
		})
	}
	client := onWire(t, func(*http.Request) (*http.Response, error) { return nil, errors.New("no request is due") },
		ghmigrate.WithTokenSource(tokens(func() (*oauth2.Token, error) { return nil, retrieve })))
	_, err := client.OrgMigrations.Get(t.Context(), "octo-org", 79, nil)
	var unwrapped *oauth2.RetrieveError
	require.ErrorAs(t, err, &unwrapped)
	assert.Same(t, retrieve, unwrapped)
}

// printed yields all that programs print of a value, by what printed it.
func printed(t *testing.T, value any) func(yield func(text string) bool) {
	t.Helper()
	return func(yield func(string) bool) {
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p", "%T"} {
			if !yield(fmt.Sprintf(format, value)) {
				return
			}
		}
		holder := struct {
			Value any
			inner any
		}{value, value}
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			if !yield(fmt.Sprintf(format, holder)) || !yield(fmt.Sprintf(format, &holder)) || !yield(fmt.Sprintf(format, []any{value})) ||
				!yield(fmt.Sprintf(format, map[string]any{"key": value})) {
				return
			}
		}
		for _, v := range []any{value, holder, []any{value}} {
			if text, err := json.Marshal(v); err == nil && !yield(string(text)) {
				return
			}
		}
		log := &bytes.Buffer{}
		for _, handler := range []slog.Handler{slog.NewJSONHandler(log, nil), slog.NewTextHandler(log, nil)} {
			slog.New(handler).Info("printed", "value", value, "holder", holder)
		}
		yield(log.String())
	}
}

func TestNothingPrintsTheToken(t *testing.T) {
	t.Parallel()
	client, err := ghmigrate.NewClient(ghmigrate.WithHost("octocorp.ghe.com"), ghmigrate.WithToken(secretToken))
	require.NoError(t, err)
	other, err := ghmigrate.NewClient(ghmigrate.WithTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: secretToken})))
	require.NoError(t, err)
	for name, value := range map[string]any{
		"Client":                       client,
		"Client by value":              *client,
		"Client with a TokenSource":    other,
		"that by value":                *other,
		"UserMigrations":               client.UserMigrations,
		"UserMigrations by value":      *client.UserMigrations,
		"OrgMigrations":                client.OrgMigrations,
		"OrgMigrations by value":       *client.OrgMigrations,
		"SourceImports":                client.SourceImports,
		"SourceImports by value":       *client.SourceImports,
		"an option":                    ghmigrate.WithToken(secretToken),
		"a struct with a Client":       struct{ Client *ghmigrate.Client }{client},
		"a struct with one by value":   struct{ Client ghmigrate.Client }{*client},
		"a struct that embeds one":     struct{ *ghmigrate.Client }{client},
		"a struct that hides one":      struct{ client *ghmigrate.Client }{client},
		"a struct that hides a value":  struct{ client ghmigrate.Client }{*client},
		"a struct that hides services": struct{ s ghmigrate.OrgMigrations }{*client.OrgMigrations},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for text := range printed(t, value) {
				testclient.AssertNoSecret(t, text, secretToken)
			}
		})
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		assert.Equal(t, "ghmigrate.Client(api.octocorp.ghe.com)", fmt.Sprintf(format, client))
	}
}

func TestASecretIsRedactedEverywhereButOnTheWire(t *testing.T) {
	t.Parallel()
	const secret = ghmigrate.Secret(testclient.Password)
	for name, value := range map[string]any{
		"Secret":                        secret,
		"pointer to one":                new(secret),
		"slice":                         []ghmigrate.Secret{secret},
		"StartImportRequest":            ghmigrate.StartImportRequest{VCSURL: "https://svn.example.com", VCSPassword: secret},
		"pointer to StartImportRequest": &ghmigrate.StartImportRequest{VCSPassword: secret},
		"UpdateImportRequest":           ghmigrate.UpdateImportRequest{VCSPassword: secret},
		"Repository":                    ghmigrate.Repository{TempCloneToken: secret},
		"Migration":                     &ghmigrate.Migration{Repositories: []ghmigrate.Repository{{TempCloneToken: secret}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
				text := fmt.Sprintf(format, value)
				testclient.AssertNoSecret(t, text, fmt.Sprintf("%x", testclient.Password), fmt.Sprintf("%X", testclient.Password))
			}
			text, err := json.Marshal(value)
			require.NoError(t, err)
			testclient.AssertNoSecret(t, string(text))
			assert.Contains(t, string(text), "REDACTED")
			log := &bytes.Buffer{}
			slog.New(slog.NewJSONHandler(log, nil)).Info("", "value", value)
			slog.New(slog.NewTextHandler(log, nil)).Info("", "value", value)
			testclient.AssertNoSecret(t, log.String())
			assert.Contains(t, log.String(), "REDACTED")
		})
	}
	assert.Equal(t, testclient.Password, secret.Reveal())
	assert.Equal(t, "REDACTED", slog.AnyValue(secret).Resolve().Any())
	assert.Equal(t, "REDACTED REDACTED REDACTED", fmt.Sprintf("%v %s %q", secret, secret, secret))
	assert.Empty(t, fmt.Sprint(ghmigrate.Secret("")), "that there is none is no secret")
	text, err := json.Marshal(ghmigrate.Secret(""))
	require.NoError(t, err)
	assert.Equal(t, `""`, string(text))
	var decoded ghmigrate.Secret
	require.NoError(t, json.Unmarshal([]byte(`"`+testclient.Password+`"`), &decoded))
	assert.Equal(t, testclient.Password, decoded.Reveal())
}

func TestErrorsOfTheConnectionDoNotShowTheURL(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server, ghmigrate.WithMaxRetries(0))
		for _, fault := range []ghmigratetest.Fault{{Reset: true}, {Stall: true}, {Status: http.StatusOK, Body: `{"id": 1}`, CutAfter: 2}} {
			server.Inject(fault)
			_, err := client.Do(t.Context(), http.MethodGet, "/things?secret=querysecret", nil, nil)
			require.ErrorContains(t, err, "GET /things: ")
			for text := range printed(t, err) {
				testclient.AssertNoSecret(t, text, server.Token(), "querysecret", "127.0.0.1")
			}
		}
		for _, fault := range []ghmigratetest.Fault{ghmigratetest.HTMLError(http.StatusForbidden), ghmigratetest.ServerError(http.StatusBadGateway)} {
			server.Inject(fault)
			_, err := client.Do(t.Context(), http.MethodGet, "/things?secret=querysecret", nil, nil)
			require.ErrorContains(t, err, "GET /things: ")
			for text := range printed(t, err) {
				testclient.AssertNoSecret(t, text, server.Token(), "querysecret", "127.0.0.1")
			}
		}
	})
}

func TestAnImportsPasswordReachesTheWireAndNothingElse(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		var body []byte
		answering(server, func(w http.ResponseWriter, r *http.Request) {
			body, _ = io.ReadAll(r.Body)
			w.WriteHeader(http.StatusUnprocessableEntity)
		})
		client := testclient.New(t, server)
		_, err := client.SourceImports.Start(t.Context(), "octo-org", "hello", ghmigrate.StartImportRequest{
			VCSURL: "https://svn.example.com", VCSUsername: "octocat", VCSPassword: testclient.Password,
		})
		require.ErrorIs(t, err, ghmigrate.ErrValidation)
		assert.JSONEq(t, `{"vcs_url": "https://svn.example.com", "vcs_username": "octocat", "vcs_password": "`+testclient.Password+`"}`, string(body))
		for text := range printed(t, err) {
			testclient.AssertNoSecret(t, text, server.Token())
		}
		_, err = client.SourceImports.Update(t.Context(), "octo-org", "hello", ghmigrate.UpdateImportRequest{VCSPassword: testclient.Password})
		require.ErrorIs(t, err, ghmigrate.ErrValidation)
		assert.JSONEq(t, `{"vcs_password": "`+testclient.Password+`"}`, string(body))
		for text := range printed(t, err) {
			testclient.AssertNoSecret(t, text, server.Token())
		}
	})
}
