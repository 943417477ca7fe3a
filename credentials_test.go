package ghmigrate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

func TestAClientWithoutATokenSendsNoAuthorization(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client, err := ghmigrate.NewClient(ghmigrate.WithBaseURL(server.URL()), ghmigrate.WithHTTPClient(testclient.HTTPClient(t, server)))
		require.NoError(t, err)
		_, err = client.OrgMigrations.Get(t.Context(), "octo-org", 79, nil)
		require.ErrorIs(t, err, ghmigrate.ErrUnauthorized)
		assert.Empty(t, server.Requests()[0].Header.Values("Authorization"))
	})
}

// tokens is a function as a TokenSource.
type tokens func() (*oauth2.Token, error)

func (ts tokens) Token() (*oauth2.Token, error) { return ts() }

func TestTheTokenSourceIsCalledForEveryAttemptInTheCallersGoroutine(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		calls, goroutines := 0, map[string]bool{}
		source := tokens(func() (*oauth2.Token, error) {
			calls++
			goroutines[goroutine()] = true
			return &oauth2.Token{AccessToken: fmt.Sprintf("ghp_token%d", calls), TokenType: "token"}, nil
		})
		client, err := ghmigrate.NewClient(ghmigrate.WithBaseURL(server.URL()), ghmigrate.WithTokenSource(source), ghmigrate.WithHTTPClient(testclient.HTTPClient(t, server)))
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

// goroutine returns the number of its goroutine.
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
		"an error with a token": {
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
			"GET /things: token source: it returned no token",
			nil,
		},
		"an empty token": {
			func() (*oauth2.Token, error) { return &oauth2.Token{}, nil },
			"GET /things: token source: it returned no token",
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
				assert.Equal(t, 1, calls, "the call is not retried")
				assert.Empty(t, server.Requests())
				for text := range printed(t, err) {
					testclient.AssertNoSecret(t, text, secretToken)
				}
			})
		})
	}
	client := clientWithTransport(t, func(*http.Request) (*http.Response, error) { return nil, errors.New("unexpected request") },
		ghmigrate.WithTokenSource(tokens(func() (*oauth2.Token, error) { return nil, retrieve })))
	_, err := client.OrgMigrations.Get(t.Context(), "octo-org", 79, nil)
	var unwrapped *oauth2.RetrieveError
	require.ErrorAs(t, err, &unwrapped)
	assert.Same(t, retrieve, unwrapped)
}

// printed yields the texts that packages fmt, encoding/json and log/slog print for
// a value.
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
		"the same by value":            *other,
		"UserMigrations":               client.UserMigrations,
		"UserMigrations by value":      *client.UserMigrations,
		"OrgMigrations":                client.OrgMigrations,
		"OrgMigrations by value":       *client.OrgMigrations,
		"SourceImports":                client.SourceImports,
		"SourceImports by value":       *client.SourceImports,
		"an option":                    ghmigrate.WithToken(secretToken),
		"a struct with a Client":       struct{ Client *ghmigrate.Client }{client},
		"a struct with a value":        struct{ Client ghmigrate.Client }{*client},
		"a struct that embeds it":      struct{ *ghmigrate.Client }{client},
		"a struct that hides it":       struct{ client *ghmigrate.Client }{client},
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
}

func TestASecretIsRedactedEverywhereButOnTheWire(t *testing.T) {
	t.Parallel()
	const secret = ghmigrate.Secret(testclient.Password)
	for name, value := range map[string]any{
		"Secret":                        secret,
		"pointer to Secret":             new(secret),
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
	assert.Empty(t, fmt.Sprint(ghmigrate.Secret("")), "an empty Secret is not redacted")
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

func TestAnImportsPasswordIsOnlyInTheRequest(t *testing.T) {
	t.Parallel()
	start := ghmigrate.StartImportRequest{VCSURL: "https://svn.example.com", VCSUsername: "octocat", VCSPassword: testclient.Password}
	update := ghmigrate.UpdateImportRequest{VCSPassword: testclient.Password}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, request := range []any{start, &start, update, &update} {
			testclient.AssertNoSecret(t, fmt.Sprintf(verb, request), fmt.Sprintf("%x", testclient.Password))
		}
	}
	encoded, err := json.Marshal([]any{start, update})
	require.NoError(t, err)
	testclient.AssertNoSecret(t, string(encoded))
	for _, status := range []int{http.StatusUnprocessableEntity, http.StatusBadGateway, http.StatusServiceUnavailable} {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			var bodies []string
			respondWith(server, func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				assert.NoError(t, err)
				bodies = append(bodies, string(body))
				w.WriteHeader(status)
			})
			client := testclient.New(t, server)
			_, startErr := client.SourceImports.Start(t.Context(), "octo-org", "hello", start)
			_, updateErr := client.SourceImports.Update(t.Context(), "octo-org", "hello", update)
			require.Len(t, bodies, 2, "no request is retried")
			assert.JSONEq(t, `{"vcs_url": "https://svn.example.com", "vcs_username": "octocat", "vcs_password": "`+testclient.Password+`"}`, bodies[0])
			assert.JSONEq(t, `{"vcs_password": "`+testclient.Password+`"}`, bodies[1])
			for _, err := range []error{startErr, updateErr} {
				require.Error(t, err)
				for text := range printed(t, err) {
					testclient.AssertNoSecret(t, text, server.Token())
				}
			}
		})
	}
}

// Gateways quote requests, with their headers.
func TestAnErrorWithAResponseThatQuotesTheTokenIsRedacted(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"message": "bad token TOKEN"}`,
		`{"message": {"seen": "Bearer TOKEN"}}`,
		`{"message": "no", "documentation_url": "https://docs.github.com/TOKEN"}`,
		`{"message": "no", "error": ["TOKEN"]}`,
		`{"message": "no", "errors": [{"resource": "TOKEN", "field": "TOKEN", "code": "TOKEN", "message": "TOKEN", "value": "TOKEN"}]}`,
		`{"message": "no", "errors": [{"value": {"headers": ["TOKEN", {"TOKEN": 1}]}}]}`,
		`{"message": "no", "block": {"reason": "TOKEN"}}`,
		"<html><title>TOKEN</title>", "TOKEN", `{"message": "TOKEN`,
	} {
		for _, status := range []int{http.StatusOK, http.StatusForbidden, http.StatusBadGateway} {
			log := &bytes.Buffer{}
			client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
				return respond(req, status, nil, strings.ReplaceAll(body, "TOKEN", secretToken)), nil
			}, ghmigrate.WithToken(secretToken), ghmigrate.WithMaxRetries(0),
				ghmigrate.WithLogger(slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
			_, err := client.OrgMigrations.Get(t.Context(), "octo-org", 79, nil)
			require.Error(t, err)
			for text := range printed(t, err) {
				assert.NotContains(t, text, secretToken, "%d %s", status, body)
			}
			assert.NotContains(t, log.String(), secretToken, "%d %s", status, body)
		}
	}
}

func TestAnErrorWithAResponseThatQuotesAnImportsSourceIsRedacted(t *testing.T) {
	t.Parallel()
	const password, inURL = `p&ss<w"rd`, "hunter2hunter2"
	source := "https://octocat:" + inURL + "@svn.example.com"
	body, err := json.Marshal(map[string]string{"vcs_url": source, "vcs_password": password})
	require.NoError(t, err)
	quoted, err := json.Marshal(string(body))
	require.NoError(t, err)
	for _, response := range []string{
		`{"message": ` + string(quoted) + `}`,
		`{"message": "no", "errors": [{"field": "source", "value": ` + string(body) + `}]}`,
		`{"message": "no", "errors": [` + string(quoted) + `]}`,
	} {
		client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
			return respond(req, http.StatusUnprocessableEntity, nil, response), nil
		})
		_, err := client.SourceImports.Start(t.Context(), "octo-org", "hello", ghmigrate.StartImportRequest{VCSURL: source, VCSPassword: password})
		require.Error(t, err)
		for text := range printed(t, err) {
			for _, secret := range []string{inURL, password, `w\"rd`, `w\\\"rd`, `003cw`} {
				assert.NotContains(t, text, secret, response)
			}
		}
	}
}

func TestTheErrorMessageOfAnImportIsRedacted(t *testing.T) {
	t.Parallel()
	client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
		return respond(req, http.StatusOK, nil, `{"status": "error", "error_message": "cannot clone https://octocat:hunter2@svn.example.com \u001b[2J"}`), nil
	})
	_, err := client.SourceImports.Wait(t.Context(), "octo-org", "hello")
	require.EqualError(t, err, "import into octo-org/hello: import failed: error: cannot clone https://svn.example.com [2J")
}

func TestTheErrorOfABadArgumentIsRedacted(t *testing.T) {
	t.Parallel()
	client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) { return respond(req, http.StatusOK, nil, `{}`), nil })
	source := "https://x:" + secretToken + "@github.com/octo-org/hello"
	_, err := client.OrgMigrations.Start(t.Context(), "octo-org", ghmigrate.StartMigrationRequest{Repositories: []string{source}})
	require.EqualError(t, err, `ghmigrate: Repositories[0] is "https://github.com/octo-org/hello": want "owner/name"`)
	require.ErrorContains(t, client.OrgMigrations.UnlockRepository(t.Context(), "octo-org", 79, source), `repo is "https://github.com/octo-org/hello"`)
}
