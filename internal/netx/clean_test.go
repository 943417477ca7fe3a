package netx_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

func TestRedact(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"dial tcp 127.0.0.1:9: connect: connection refused":                                        "dial tcp 127.0.0.1:9: connect: connection refused",
		"lookup api.github.com on [::1]:53: no such host":                                          "lookup api.github.com on [::1]:53: no such host",
		`422 Validation Failed: Did you mean "octo-org/hello"? (request A:1)`:                      `422 Validation Failed: Did you mean "octo-org/hello"? (request A:1)`,
		"see https://docs.github.com/rest#limits.":                                                 "see https://docs.github.com/rest",
		"mail octo@example.com":                                                                    "mail octo@example.com",
		"get https://s3.example.com/a/b?X-Amz-Signature=abc: EOF":                                  "get https://s3.example.com/a/b?REDACTED EOF",
		`Get "https://s3.example.com/a?sig=a b c": EOF`:                                            `Get "https://s3.example.com/a?REDACTED": EOF`,
		"proxy http://user:pa55@proxy:3128 refused":                                                "proxy http://proxy:3128 refused",
		"proxy user:pa55@proxy:3128 refused":                                                       "proxy REDACTED refused",
		"proxy http://user:pa/55@proxy refused":                                                    "proxy REDACTED refused",
		"proxy http://user:12/55@proxy refused":                                                    "proxy REDACTED refused",
		`invalid proxy address "http://u:p w@proxy": parse "http://u:p w@proxy": invalid userinfo`: `invalid proxy address "REDACTED": parse a URL: malformed URL`,
		`parse "http://u:%zz@proxy": invalid URL escape "%zz"`:                                     "parse a URL: malformed URL",
		`dial: invalid port ":pass" after host`:                                                    "dial: invalid part of a URL after host",
		`{"url":"https:\/\/s3.example.com\/a?sig=1"}`:                                              `{"url":"REDACTED"}`,
		`{"id":7,"temp_clone_token": "AB\"C","VCS_PASSWORD":"x","name":"y"}`:                       `{"id":7,"temp_clone_token": "REDACTED","VCS_PASSWORD":"REDACTED","name":"y"}`,
		"GET /a?sig=abc failed":                                                                    "GET /a?REDACTED failed",
		"http://one:1\npassword@two three":                                                         "REDACTED three",
		"one\x1b[2J\r\ntwo":                                                                        "one[2J  two",
	} {
		assert.Equal(t, want, netx.Redact(text), text)
	}
}

func TestRedactFindsEverySpellingOfASecret(t *testing.T) {
	t.Parallel()
	const secret = `s/e"c&r e+t`
	inJSON, err := json.Marshal(secret)
	require.NoError(t, err)
	for _, spelling := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), fmt.Sprintf("%q", secret), string(inJSON)} {
		assert.NotContains(t, netx.Redact("error with "+spelling+" in it", secret), strings.Trim(spelling, `"`))
	}
	assert.Equal(t, "per_page=100", netx.Redact("per_page=100", "100"), "a short value is part of ordinary words")
}

func TestSecretsOfARequest(t *testing.T) {
	t.Parallel()
	u, err := url.Parse("https://user:pa55word@s3.example.com/a?X-Amz-Expires=300&X-Amz-Signature=abcdef%2F0123&broken=%zz0123456")
	require.NoError(t, err)
	secrets := netx.URLSecrets(u)
	for _, secret := range []string{"pa55word", "abcdef%2F0123", "abcdef/0123", "%zz0123456"} {
		assert.Contains(t, secrets, secret)
	}
	assert.NotContains(t, secrets, "300")
	assert.Nil(t, netx.URLSecrets(nil))
	assert.Contains(t, netx.URLSecrets(&url.URL{User: url.User("ghp_1")}), "ghp_1", "a token as the user")
	header := netx.HeaderSecrets(http.Header{"Authorization": {"Bearer ghp_1"}, "Cookie": {"lang=en; session=abcdefgh"}, "Accept": {"x"}})
	assert.Subset(t, header, []string{"ghp_1", "abcdefgh"})
	assert.NotContains(t, header, "en")
}

// In quadratic time the test would take minutes.
func TestRedactTakesLinearTime(t *testing.T) {
	t.Parallel()
	began := time.Now()
	for _, text := range []string{strings.Repeat("http://a ", 28<<10), strings.Repeat("http://a\n", 28<<10) + "@"} {
		assert.NotEmpty(t, netx.Redact(text))
	}
	assert.Less(t, time.Since(began), time.Minute)
}

func TestCleanedErrorsMatchTheOriginal(t *testing.T) {
	t.Parallel()
	const secret = "abcdefgh"
	wrapped := &url.Error{Op: "Get", URL: "https://s3.example.com?sig=" + secret, Err: fmt.Errorf("trace of https://s3.example.com?sig=%s: %w", secret, context.Canceled)}
	cleaned := netx.Clean(wrapped, secret)
	require.ErrorIs(t, cleaned, context.Canceled)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		assert.NotContains(t, fmt.Sprintf(format, cleaned), secret)
	}
	_, ok := errors.AsType[*url.Error](cleaned)
	assert.False(t, ok)

	plain := errors.New("connection reset")
	assert.Same(t, plain, netx.Clean(&url.Error{Op: "Get", URL: "https://s3.example.com?sig=" + secret, Err: plain}), "the text is safe")
	assert.Equal(t, io.ErrUnexpectedEOF, netx.Clean(&url.Error{Op: "Get", Err: io.EOF}))
	require.ErrorIs(t, netx.Clean(errors.New(`failed to parse Location header "https://%zz": parse`)), netx.ErrLocation)
}

func TestIsFinal(t *testing.T) {
	t.Parallel()
	proxy := "http://user:pass%zzword@proxy"
	_, malformed := url.Parse(proxy) //nolint:staticcheck // the URL is malformed on purpose
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"an unknown CA":               {x509.UnknownAuthorityError{}, true},
		"the wrong host":              {x509.HostnameError{Certificate: &x509.Certificate{}, Host: "x"}, true},
		"a malformed URL":             {fmt.Errorf("invalid proxy: %w", malformed), true},
		"a proxy's login":             {errors.New("Proxy Authentication Required"), true},
		"a malformed redirect":        {errors.New(`failed to parse Location header "x": y`), true},
		"a reset":                     {errors.New("connection reset by peer"), false},
		"a broken body":               {io.ErrUnexpectedEOF, false},
		"a final error with a secret": {fmt.Errorf("https://a.example.com?sig=abcdefgh: %w", x509.UnknownAuthorityError{}), true},
		"another error with a secret": {errors.New("https://a.example.com?sig=abcdefgh: reset"), false},
	} {
		cleaned := netx.Clean(&url.Error{Op: "Get", Err: test.err})
		assert.Equal(t, test.want, netx.IsFinal(fmt.Errorf("wrapped: %w", cleaned)), name)
	}
}

// FuzzClean puts a secret into a URL, and the URL into errors of many forms.
func FuzzClean(f *testing.F) {
	for _, secret := range []string{"SIGNATURE0123456789", "p@ss:w/rd?#", `quo"ted\`, "%zz%41%2f", "a b\tc\nd", "päss wörd", "://", "user:x@y"} {
		f.Add(secret, uint8(0))
	}
	f.Fuzz(func(t *testing.T, secret string, form uint8) {
		if len(secret) < 8 || strings.Contains("REDACTED REDACTED", secret) { //nolint:gocritic // a part of ordinary words
			return
		}
		u := &url.URL{Scheme: "https", Host: "s3.example.com", Path: "/a", User: url.UserPassword("octo", secret), RawQuery: url.Values{"X-Amz-Signature": {secret}}.Encode()}
		raw := "https://octo:" + secret + "@s3.example.com/a?sig=" + secret
		_, parseErr := url.Parse(raw)
		cause := errors.New("reset")
		texts := []error{
			&url.Error{Op: "Get", URL: raw, Err: cause},
			fmt.Errorf("tracing %v: %w", u, cause),
			fmt.Errorf("tracing %q: %w", raw, cause),
			fmt.Errorf("tracing %s: %w", raw, cause),
			fmt.Errorf("invalid proxy address %q: %v; %w", raw, parseErr, cause), //nolint:errorlint // as golang.org/x/net does
			fmt.Errorf("signature %s of %w", secret, cause),
			fmt.Errorf("query %v: %w", u.RawQuery, cause),
			fmt.Errorf("header %v: %w", http.Header{"Location": {raw}}, cause),
		}
		err := texts[int(form)%len(texts)]
		cleaned := netx.Clean(err, append(netx.URLSecrets(u), secret)...)
		require.ErrorIs(t, cleaned, cause)
		shown := fmt.Sprintf("%v %+v %#v", cleaned, cleaned, cleaned)
		for _, spelling := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
			if strings.Contains(err.Error(), spelling) {
				assert.NotContains(t, shown, spelling)
			}
		}
	})
}
