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

// Clean returns err, an error of net/http or of a caller's RoundTripper, with
// a text that is safe to show: without secrets, whole URLs and control
// characters. [URLSecrets] and [HeaderSecrets] collect the secrets of
// a request. An error whose text changes can still be compared with
// [errors.Is], but no longer be unwrapped. Clean turns io.EOF into
// io.ErrUnexpectedEOF, since a reader takes io.EOF for the end of a body.
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
	if wantsProxyLogin(err) {
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

// A cleaned error stands for one whose text is not safe to show. The original
// is in a closure, out of reach of errors.As and of anything that prints
// a struct.
type cleaned struct {
	text  string
	final bool
	is    func(error) bool
}

func (c *cleaned) Error() string { return c.text }

// Is reports whether the original error matches target.
func (c *cleaned) Is(target error) bool { return c.is(target) }

const redacted = "REDACTED"

// Redact returns text without the secrets, without JSON properties whose names say
// that they are secret, and without what the text has of URLs beyond scheme, host
// and path. The result is printable.
func Redact(text string, secrets ...string) string {
	text = WithoutSecrets(text, secrets...)
	text = secretProperties.ReplaceAllString(text, `$1"`+redacted+`"`)
	return Printable(redactParts(text))
}

// secretProperties finds JSON strings whose names say that they are secret.
var secretProperties = regexp.MustCompile(`(?i)("[a-z_]*(?:token|password|secret)[a-z_]*"\s*:\s*)"(?:[^"\\]|\\.)*"`)

// WithoutSecrets replaces secrets, in every spelling that URLs, JSON and %q give
// them.
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
	// The longest first: a secret may be a part of another one.
	slices.SortFunc(spellings, func(a, b string) int { return len(b) - len(a) })
	for _, spelling := range spellings {
		text = strings.ReplaceAll(text, spelling, redacted)
	}
	return text
}

// inHTML escapes what JSON encoders escape for the sake of HTML.
var inHTML = strings.NewReplacer("&", `\u0026`, "<", `\u003c`, ">", `\u003e`) //nolint:gochecknoglobals // a constant

// minSecret is the length below which a value is taken for a part of ordinary
// words, and for too short to be a secret.
const minSecret = 4

// URLSecrets lists what is secret in a URL: its password, or its user if there
// is no password, and the values of its query.
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

// minQueryValue is the length below which a query's value is a number or
// a name, such as per_page=100, and no signature.
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

// urlParts and urlPartsWithUser find, in a text by somebody else, whatever may
// be a URL or a part of one. The alternatives are tried in this order at each
// place. urlPartsWithUser is for a text that has an @: there the search for an
// @ behind the start of a URL ends.
var (
	urlParts         = regexp.MustCompile(quotedParts + `|` + urlStart + `[^\s"'<>]*|` + queryPart)
	urlPartsWithUser = regexp.MustCompile(quotedParts +
		`|` + urlStart + `(?s:.*)@[^\s"'<>]*` + // a URL with a password of any characters
		`|` + urlStart + `[^\s"'<>]*` +
		`|[^\s"'<>]*:[^\s"'<>]*@[^\s"'<>]*` + // a user and a password
		`|` + queryPart)
)

const (
	quotedParts = `parse "(?:[^"\\]|\\.)*".*` + // net/url quotes the URL, then the part that is malformed
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

// redactURL shortens a URL to scheme, host and path. It returns a text that is
// not a URL unless the text has what may be a password or a query.
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

// Printable returns what can be printed of text in one line: a server's text
// must not move a terminal's cursor or pass for another line of a log.
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
