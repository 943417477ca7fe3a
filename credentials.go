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

// WithToken authenticates with a personal access token (classic), which is
// the only kind that GitHub's migration endpoints take. It is sent to the
// API's own origin and nowhere else. A client without a token is allowed: leave
// the option out, for an empty token is an error.
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

// WithTokenSource authenticates with the tokens of ts, which is asked once for
// every attempt, in the goroutine of the call. Its tokens are sent to the
// API's own origin and nowhere else. Its errors end a call at once; they can
// be unwrapped, but their text is not shown, as it may hold a secret.
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
				return &tokenError{badTokenError("it gave no token")}
			case !isHeaderValue(token.AccessToken):
				return &tokenError{badTokenError("its token has white space or control characters in it")}
			}
			token.SetAuthHeader(req)
			return nil
		})
	}
}

// authorizeBy keeps a token in a closure, out of reach of anything that prints
// a Client.
func (cfg *config) authorizeBy(option string, authorize func(*http.Request) error) error {
	if cfg.authorize != nil {
		return fmt.Errorf("%s: a token was given already; give one WithToken or one WithTokenSource", option)
	}
	cfg.authorize = authorize
	return nil
}

// isHeaderValue tells whether s is safe as a header's value: visible ASCII.
func isHeaderValue(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// A tokenError is a failure of the caller's TokenSource. Its text may quote a
// token or the answer that held one, so only its kind is shown.
type tokenError struct{ err error }

// A badTokenError is what a TokenSource did wrong, in words that hold no secret.
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

// Format keeps %#v from looking inside.
func (e *tokenError) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.Error()) }
