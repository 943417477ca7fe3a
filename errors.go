package ghmigrate

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// Errors to be recognized with [errors.Is]. The first seven, and
// ErrSourceImportsRetired, classify an [APIError]; several may match one error.
var (
	// ErrUnauthorized means that the token is missing, wrong or revoked.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrForbidden means that the token may not do this. Rate limits never match.
	ErrForbidden = errors.New("forbidden")
	// ErrSSORequired means that the token must be authorized for the
	// organization's single sign-on, at [APIError.SSOURL]. Matches
	// ErrForbidden too.
	ErrSSORequired = errors.New("single sign-on required")
	// ErrMissingScope means that the token has none of the scopes that the call
	// accepts. Matches ErrForbidden too, and ErrNotFound where GitHub hides
	// what the token may not see.
	ErrMissingScope = errors.New("the token lacks a scope")
	// ErrNotFound means that there is no such thing, or none that the token may
	// see.
	ErrNotFound = errors.New("not found")
	// ErrValidation means that GitHub refused the request's content, for the
	// reasons in [APIError.Errors].
	ErrValidation = errors.New("validation failed")
	// ErrRateLimited means that the quota is used up, or requests came too
	// fast; [APIError.RetryAfter] says how long to wait.
	ErrRateLimited = errors.New("rate limited")

	// ErrMigrationFailed means that GitHub gave an export up. It gives no
	// reason; size is the usual one. Matches ErrNotFound too where the archive
	// was asked for.
	ErrMigrationFailed = errors.New("migration failed")
	// ErrArchiveNotReady means that the export has not ended. Matches
	// ErrNotFound too.
	ErrArchiveNotReady = errors.New("archive not ready")
	// ErrArchiveGone means that the archive was deleted, by someone or after
	// seven days. Matches ErrNotFound too.
	ErrArchiveGone = errors.New("archive gone")
	// ErrArchiveChanged means that the archive was replaced while it was
	// fetched, for a file twice. Nothing of it is kept; the next call starts
	// anew.
	ErrArchiveChanged = errors.New("archive changed while it was fetched")

	// ErrImportFailed means that GitHub gave a source import up, or says that there
	// is none ([ImportNone]).
	ErrImportFailed = errors.New("import failed")
	// ErrImportNeedsAction means that a source import waits for credentials or
	// for a choice; see [ImportStatus.NeedsAction].
	ErrImportNeedsAction = errors.New("import needs action")
	// ErrSourceImportsRetired means that this GitHub has no source imports any
	// more. Matches ErrNotFound too where the answer was 404.
	ErrSourceImportsRetired = errors.New("the Source Imports API was retired on 2024-04-12")

	// ErrUnexpectedAnswer means that a response has a 2xx status and is not what
	// was asked for: no JSON, another object, or a gateway's web page.
	ErrUnexpectedAnswer = errors.New("unexpected answer")
	// ErrNotSent means that GitHub cannot have carried out the request, because
	// it never left this machine.
	ErrNotSent = errors.New("the request was not sent")
	// ErrInUse means that another process, or another call, downloads to the
	// same path.
	ErrInUse = errors.New("another download to this path is running")
	// ErrWebhookSignature means that a webhook's request is not signed with any of
	// the secrets.
	ErrWebhookSignature = errors.New("invalid signature")
	// ErrWebhookEvent means that a webhook's request is signed and carries
	// another event, such as a ping.
	ErrWebhookEvent = errors.New("another event")
)

// An APIError is an answer of the API that is no success. Every failed answer
// is one, also where it was not JSON.
type APIError struct {
	StatusCode       int
	Method           string
	Path             string        // below the API root, escaped, without query
	RequestID        string        // X-GitHub-Request-Id, for GitHub's support
	Message          string        // what GitHub said, or what could be read of an answer that is not JSON
	DocumentationURL string        // empty if not told
	Errors           []ErrorDetail // nil if not told
	RetryAfter       time.Duration // how long to wait; > 0 exactly when rate limited
	TokenScopes      []string      // X-OAuth-Scopes: what the token has; nil if not told
	AcceptedScopes   []string      // X-Accepted-OAuth-Scopes: one of these is needed; nil if not told
	SSOURL           string        // where to authorize the token for single sign-on; empty if that is not needed

	retired     bool          // the answer of retired source imports
	retryAfter  time.Duration // Retry-After of any answer
	unspecified bool          // a rate limit that does not say how long it lasts
}

// An ErrorDetail is one reason why GitHub refused a request. A reason that
// was a bare string is a Message alone.
type ErrorDetail struct {
	Resource string `json:"resource"` // such as "Migration"; empty if not told
	Field    string `json:"field"`    // such as "repositories"; empty if not told
	Code     string `json:"code"`     // such as "missing_field", "invalid", "custom"; empty if not told
	Message  string `json:"message"`  // in words; empty if not told
	Index    *int   `json:"index"`    // of the refused element in the list Field; nil if not told
	Value    any    `json:"value"`    // the refused value, as package encoding/json decodes it; nil if not told
}

// A StorageError is a response by which archive storage refuses the archive for
// good. It does not match the sentinels of an [APIError], and it never quotes
// the signed URL.
type StorageError struct {
	StatusCode int
	Code       string // such as "AccessDenied"; empty if not told
	Message    string // in words; empty if not told
	RequestID  string // for storage's support; empty if not told
}

// Error returns the status and what storage said.
func (e *StorageError) Error() string {
	text := fmt.Sprintf("storage answered %d", e.StatusCode)
	if reason := cmp.Or(e.Code, http.StatusText(e.StatusCode)); reason != "" {
		text += " " + reason
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.RequestID != "" {
		text += " (request " + e.RequestID + ")"
	}
	return netx.Printable(text)
}

// Error says what was asked, what came back, and what may mend it.
func (e *APIError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %d", e.Method, e.Path, e.StatusCode)
	if message := strings.TrimSpace(e.Message); message != "" {
		b.WriteString(" " + message)
	} else if text := http.StatusText(e.StatusCode); text != "" {
		b.WriteString(" " + text)
	}
	for i, detail := range e.Errors {
		b.WriteString([]string{": ", ", "}[min(i, 1)] + detail.String())
	}
	switch {
	case e.retired:
		b.WriteString(": " + ErrSourceImportsRetired.Error())
	case e.SSOURL != "":
		b.WriteString(": authorize the token for single sign-on")
	case e.lacksScope():
		fmt.Fprintf(&b, ": the token has the scopes %q, one of %q is needed", e.TokenScopes, e.AcceptedScopes)
	case e.RetryAfter > 0:
		fmt.Fprintf(&b, ": rate limited for %v", e.RetryAfter.Round(time.Second))
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, " (request %s)", e.RequestID)
	}
	return netx.Printable(b.String())
}

// String returns the Message, or else the other names that are known.
func (d ErrorDetail) String() string {
	if d.Message != "" {
		return d.Message
	}
	return strings.Join(nonEmpty(d.Resource, d.Field, d.Code), " ")
}

// Is tells whether the answer is of the kind of target, one of the sentinels
// of this package.
func (e *APIError) Is(target error) bool {
	limited := e.RetryAfter > 0
	switch target {
	case ErrUnauthorized:
		return e.StatusCode == http.StatusUnauthorized
	case ErrForbidden:
		return e.StatusCode == http.StatusForbidden && !limited || e.lacksScope()
	case ErrSSORequired:
		return e.SSOURL != ""
	case ErrMissingScope:
		return e.lacksScope()
	case ErrNotFound:
		return e.StatusCode == http.StatusNotFound
	case ErrValidation:
		return e.StatusCode == http.StatusUnprocessableEntity
	case ErrRateLimited:
		return limited
	case ErrSourceImportsRetired:
		return e.retired
	}
	return false
}

// lacksScope tells whether the token has none of the scopes that the call
// accepts. GitHub names both on every answer to a classic token.
func (e *APIError) lacksScope() bool {
	if e.StatusCode != http.StatusForbidden && e.StatusCode != http.StatusNotFound ||
		len(e.AcceptedScopes) == 0 || e.TokenScopes == nil {
		return false
	}
	for _, has := range e.TokenScopes {
		if slices.ContainsFunc(e.AcceptedScopes, func(want string) bool { return scopeIncludes(has, want) }) {
			return false
		}
	}
	return true
}

// scopeIncludes knows that "admin:org" includes "read:org" and "repo" includes
// "repo:status".
// https://docs.github.com/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps
func scopeIncludes(has, want string) bool {
	level, of, _ := strings.Cut(has, ":")
	switch {
	case has == want, strings.HasPrefix(want, has+":"):
		return true
	case want == "read:"+has: // of "user", "project"
		return true
	case has == "repo":
		return want == "public_repo" || want == "repo_deployment" || want == "security_events"
	case level == "admin":
		return want == "write:"+of || want == "read:"+of
	case level == "write":
		return want == "read:"+of
	}
	return false
}

// newAPIError reads a failed answer. The order of recognition matters: a
// token that must be authorized, or lacks a scope, would wait in vain.
func (c *Client) newAPIError(res response) *APIError {
	e := &APIError{
		StatusCode:     res.status,
		Method:         res.request.method,
		Path:           res.request.at.path,
		RequestID:      res.header.Get("X-Github-Request-Id"),
		TokenScopes:    scopes(res.header, "X-Oauth-Scopes"),
		AcceptedScopes: scopes(res.header, "X-Accepted-Oauth-Scopes"),
		retired:        res.request.at.isSourceImport() && c.retiresSourceImports(res.status),
		retryAfter:     netx.RetryAfter(res.header),
	}
	e.readBody(res.body)
	if res.request.redirect && e.StatusCode < 300 {
		e.Message = "the answer is no redirect to an archive"
	}
	if e.StatusCode == http.StatusForbidden {
		e.SSOURL = ssoURL(res.header)
	}
	if e.SSOURL == "" && !e.lacksScope() {
		e.RetryAfter, e.unspecified = rateLimitWait(e, res)
	}
	return e
}

func scopes(h http.Header, key string) []string {
	if len(h.Values(key)) == 0 {
		return nil
	}
	list := []string{}
	for scope := range strings.SplitSeq(strings.Join(h.Values(key), ","), ",") {
		if scope = strings.TrimSpace(scope); scope != "" {
			list = append(list, scope)
		}
	}
	return list
}

// ssoURL reads `required; url=https://…`.
func ssoURL(h http.Header) string {
	for value := range strings.SplitSeq(h.Get("X-Github-Sso"), ";") {
		if u, ok := strings.CutPrefix(strings.TrimSpace(value), "url="); ok {
			return u
		}
	}
	return ""
}

// readBody reads GitHub's error object, whose errors are objects or bare
// strings, or else what a proxy's page says of itself.
func (e *APIError) readBody(body []byte) {
	var wire struct {
		Message          string            `json:"message"`
		DocumentationURL string            `json:"documentation_url"`
		Errors           []json.RawMessage `json:"errors"`
	}
	// One property of an unknown shape must not cost the others.
	if err := json.Unmarshal(body, &wire); err != nil && wire.Message == "" && wire.DocumentationURL == "" && wire.Errors == nil {
		e.Message = gist(body)
		return
	}
	e.Message, e.DocumentationURL = wire.Message, wire.DocumentationURL
	for _, raw := range wire.Errors {
		var detail ErrorDetail
		if json.Unmarshal(raw, &detail.Message) != nil && json.Unmarshal(raw, &detail) != nil {
			detail = ErrorDetail{Message: string(raw)}
		}
		e.Errors = append(e.Errors, detail)
	}
}

// gist is the title of a page, or the first line of a text.
func gist(body []byte) string {
	if _, after, ok := bytes.Cut(body, []byte("<title>")); ok {
		body, _, _ = bytes.Cut(after, []byte("</title>"))
	} else if trimmed := bytes.TrimSpace(body); bytes.HasPrefix(trimmed, []byte("<")) || bytes.HasPrefix(trimmed, []byte("{")) {
		return ""
	}
	line, _, _ := strings.Cut(strings.TrimSpace(strings.ToValidUTF8(string(body), "")), "\n")
	line = netx.Printable(html.UnescapeString(line))
	if runes := []rune(line); len(runes) > 200 {
		line = string(runes[:200]) + "…"
	}
	return line
}
