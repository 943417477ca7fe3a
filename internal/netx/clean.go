package netx

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

var (
	// ErrLocation means that a redirect has no valid Location.
	ErrLocation = errors.New("redirect to a malformed Location")

	errMalformedURL = errors.New("malformed URL")
)

// Clean returns an error of net/http or of a caller's RoundTripper with a text that
// is safe to show: without secrets, whole URLs and control characters. [URLSecrets]
// and [HeaderSecrets] return the secrets of a request.
//
// If the text changes, the result still matches with [errors.Is], but does not
// unwrap. Clean returns io.ErrUnexpectedEOF for io.EOF, since a reader takes io.EOF
// for the end of a body.
func Clean(err error, secrets ...string) error {
	for {
		u, ok := errors.AsType[*url.Error](err)
		if !ok {
			break
		}
		if u.Op == "parse" { // its inner error quotes a part of the URL
			return errMalformedURL
		}
		err = u.Err
	}
	text := err.Error()
	switch {
	case strings.HasPrefix(text, "failed to parse Location header"): // net/http quotes the header
		return ErrLocation
	case errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	}
	shown := Redact(text, secrets...)
	if requiresProxyLogin(err) {
		shown = "the proxy requires a login: " + shown
	}
	if shown == text {
		return err
	}
	return &cleaned{
		text:  shown,
		final: isFinal(err),
		is:    func(target error) bool { return errors.Is(err, target) },
	}
}

// CleanURLError is [Clean] for errors of a client of object storage. It changes only
// errors that quote the URL of a request, whose query may be a credential. All other
// errors keep their types.
func CleanURLError(err error) error {
	if _, ok := errors.AsType[*url.Error](err); ok {
		return Clean(err)
	}
	return err
}

// A cleaned error replaces an error whose text is not safe to show. The original
// error is in a closure, so that errors.As and printing the struct do not reach it.
type cleaned struct {
	text  string
	final bool
	is    func(error) bool
}

func (c *cleaned) Error() string { return c.text }

// Is reports whether the original error matches target.
func (c *cleaned) Is(target error) bool { return c.is(target) }

const redacted = "REDACTED"

// Redact redacts the secrets in a text, the values of JSON properties with names
// such as "token", and every part of a URL but scheme, host and path. The result is
// printable.
func Redact(text string, secrets ...string) string {
	text = WithoutSecrets(text, secrets...)
	text = secretProperties.ReplaceAllString(text, `$1"`+redacted+`"`)
	return Printable(redactParts(text))
}

// secretProperties matches JSON properties whose names contain token, password or
// secret.
var secretProperties = regexp.MustCompile(`(?i)("[a-z_]*(?:token|password|secret)[a-z_]*"\s*:\s*)"(?:[^"\\]|\\.)*"`)

// WithoutSecrets redacts the secrets in a text, in the spellings of URLs, JSON and
// %q.
func WithoutSecrets(text string, secrets ...string) string {
	var spellings []string
	for _, secret := range secrets {
		if len(secret) < minSecret {
			continue
		}
		quoted := strconv.Quote(secret)
		quoted = quoted[1 : len(quoted)-1]
		spellings = append(spellings, secret, quoted, inHTML.Replace(quoted), url.QueryEscape(secret), url.PathEscape(secret))
	}
	// The longest first, since a secret may be a part of another secret.
	slices.SortFunc(spellings, func(a, b string) int { return len(b) - len(a) })
	for _, spelling := range spellings {
		text = strings.ReplaceAll(text, spelling, redacted)
	}
	return text
}

// inHTML escapes the characters that JSON encoders escape for HTML.
var inHTML = strings.NewReplacer("&", `\u0026`, "<", `\u003c`, ">", `\u003e`) //nolint:gochecknoglobals // a constant

// minSecret is the shortest length of a secret. A shorter value may be a part of
// ordinary words.
const minSecret = 4

// URLSecrets lists the secrets in a URL: the password, or the user if there is no
// password, and the values of the query.
func URLSecrets(u *url.URL) []string {
	if u == nil {
		return nil
	}
	var secrets []string
	if password, ok := u.User.Password(); ok {
		secrets = append(secrets, password, u.User.String())
	} else {
		secrets = append(secrets, u.User.Username()) // may be a token
	}
	if len(u.RawQuery) >= minQueryValue {
		secrets = append(secrets, u.RawQuery)
	}
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		_, value, _ := strings.Cut(pair, "=")
		if len(value) < minQueryValue {
			continue
		}
		secrets = append(secrets, value)
		if plain, err := url.QueryUnescape(value); err == nil {
			secrets = append(secrets, plain)
		}
	}
	return secrets
}

// minQueryValue is the shortest length of a secret in a query. A shorter value is
// a number or a name, as in per_page=100.
const minQueryValue = 8

// HeaderSecrets lists the credentials of a request's header.
func HeaderSecrets(h http.Header) []string {
	var secrets []string
	for _, key := range []string{"Authorization", "Proxy-Authorization", "Cookie"} {
		for _, value := range h.Values(key) {
			_, credential, _ := strings.Cut(value, " ")
			secrets = append(secrets, value, credential)
		}
	}
	for pair := range strings.SplitSeq(h.Get("Cookie"), ";") {
		if _, value, _ := strings.Cut(pair, "="); len(value) >= minQueryValue {
			secrets = append(secrets, value)
		}
	}
	return secrets
}

// urlStart matches the beginning of a URL, also as JSON escapes it.
const urlStart = `[a-zA-Z][a-zA-Z0-9+.\-]*:(?://|\\/\\/)`

// urlParts and urlPartsWithUser match all that may be a URL, or a part of a URL, in
// a text. The alternatives are tried in this order at each position.
// urlPartsWithUser is only for a text with an @, since its search for an @ after
// the start of a URL takes quadratic time in other texts.
var (
	urlParts         = regexp.MustCompile(quotedParts + `|` + urlStart + `[^\s"'<>]*|` + queryPart)
	urlPartsWithUser = regexp.MustCompile(quotedParts +
		`|` + urlStart + `(?s:.*)@[^\s"'<>]*` + // a URL with a password of any characters
		`|` + urlStart + `[^\s"'<>]*` +
		`|[^\s"'<>]*:[^\s"'<>]*@[^\s"'<>]*` + // a user and a password
		`|` + queryPart)
)

const (
	quotedParts = `parse "(?:[^"\\]|\\.)*".*` + // net/url quotes the URL and then its malformed part
		`|invalid (?:port|URL escape|character|userinfo) "(?:[^"\\]|\\.)*"` +
		`|"(?:[^"\\]|\\.)*"` // maybe a URL in quotes, spaces included
	queryPart = `\?[^\s"'<>]+`
)

// redactParts redacts the parts of URLs in a text.
func redactParts(text string) string {
	var b strings.Builder
	for {
		parts := urlParts
		if strings.Contains(text, "@") {
			parts = urlPartsWithUser
		}
		at := parts.FindStringIndex(text)
		if at == nil {
			b.WriteString(text)
			return b.String()
		}
		b.WriteString(text[:at[0]])
		b.WriteString(redactPart(text[at[0]:at[1]]))
		text = text[at[1]:]
	}
}

// redactPart redacts a match of urlParts or urlPartsWithUser.
func redactPart(part string) string {
	switch {
	case strings.HasPrefix(part, `parse "`):
		return "parse a URL: " + errMalformedURL.Error()
	case strings.HasPrefix(part, "invalid "):
		return "invalid part of a URL"
	case part[0] == '"':
		inner, err := strconv.Unquote(part)
		if err != nil {
			inner = part[1 : len(part)-1]
		}
		safe := redactURL
		if !beginsAsURL.MatchString(inner) {
			safe = redactParts
		}
		if shown := safe(inner); shown != inner {
			return strconv.Quote(shown)
		}
		return part
	case part[0] == '?':
		return "?" + redacted
	}
	return redactURL(part)
}

var beginsAsURL = regexp.MustCompile(`^\s*` + urlStart)

// redactURL returns the scheme, host and path of a URL. It returns a text that is
// not a URL as it is, unless the text may contain a password or a query.
func redactURL(text string) string {
	suspect := strings.ContainsAny(text, "@") && strings.Contains(text, ":")
	if !suspect && !strings.Contains(text, "://") && !strings.Contains(text, `:\/\/`) && !urlQuery.MatchString(text) {
		return text
	}
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || strings.ContainsAny(u.Path+u.Host, "@\\") || u.Host == "" && suspect {
		return redacted
	}
	shown := (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
	if u.RawQuery != "" || u.ForceQuery {
		shown += "?" + redacted
	}
	return shown
}

var urlQuery = regexp.MustCompile(`\?\S`)

// Printable returns the printable characters of a text, in one line. The text of
// a server must not move the cursor of a terminal or look like another line of
// a log.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return -1
	}, text)
}
