package ghmigrate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"golang.org/x/oauth2"
)

// WithToken authenticates with a personal access token (classic), the only kind
// of token that GitHub's migration endpoints accept. The token is sent only to the
// API's own origin. An empty token is an error: omit the option for a client
// without a token.
func WithToken(token string) Option {
	return func(cfg *config) error {
		switch {
		case token == "":
			return errors.New("WithToken: the token is empty")
		case !isHeaderValue(token):
			return errors.New("WithToken: the token has white space or control characters in it")
		}
		value := []string{"Bearer " + token} // shared by all requests
		return cfg.authorizeBy("WithToken", func(req *http.Request) error {
			req.Header["Authorization"] = value
			return nil
		})
	}
}

// WithTokenSource authenticates with the tokens of ts. Every attempt calls
// ts.Token once, in the goroutine of the call. The tokens are sent only to the
// API's own origin. If ts fails, the call fails at once. The error of ts can be
// unwrapped, but its text is not shown, since it may hold a secret.
func WithTokenSource(ts oauth2.TokenSource) Option {
	return func(cfg *config) error {
		if ts == nil {
			return errors.New("WithTokenSource: the source is nil")
		}
		return cfg.authorizeBy("WithTokenSource", func(req *http.Request) error {
			token, err := ts.Token()
			switch {
			case err != nil:
				return &tokenError{err}
			case token == nil || token.AccessToken == "":
				return &tokenError{badTokenError("it returned no token")}
			case !isHeaderValue(token.AccessToken):
				return &tokenError{badTokenError("its token has white space or control characters in it")}
			}
			token.SetAuthHeader(req)
			return nil
		})
	}
}

// authorizeBy sets the function that adds the token to a request. The token is in
// the closure, so that printing a Client does not show it.
func (cfg *config) authorizeBy(option string, authorize func(*http.Request) error) error {
	if cfg.authorize != nil {
		return fmt.Errorf("%s: a token was given already; give one WithToken or one WithTokenSource", option)
	}
	cfg.authorize = authorize
	return nil
}

// isHeaderValue reports whether s is safe as the value of a header: visible ASCII.
func isHeaderValue(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// A tokenError is an error of the caller's TokenSource. The text of that error may
// quote a token, so only its type is shown.
type tokenError struct{ err error }

// A badTokenError says why a token is unusable, without the token.
type badTokenError string

func (e badTokenError) Error() string { return string(e) }

func (e *tokenError) Error() string {
	if bad, ok := errors.AsType[badTokenError](e.err); ok {
		return "token source: " + bad.Error()
	}
	if errors.Is(e.err, context.Canceled) || errors.Is(e.err, context.DeadlineExceeded) {
		return "token source: the context ended"
	}
	return fmt.Sprintf("token source: failed with a %T, whose text may hold a secret; unwrap the error to see it", e.err)
}

func (e *tokenError) Unwrap() error { return e.err }

// Format keeps %#v from printing the inner error.
func (e *tokenError) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.Error()) }
