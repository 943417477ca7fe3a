package ghmigrate

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// Sentinels for [errors.Is]. The first seven, and ErrSourceImportsRetired,
// classify an [APIError]. One error may match several.
var (
	// ErrUnauthorized means that the token is missing, wrong or revoked.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrForbidden means that the token may not make the request. Rate limits never
	// match.
	ErrForbidden = errors.New("forbidden")
	// ErrSSORequired means that the token must be authorized for the
	// organization's single sign-on, at [APIError.SSOURL]. It is also the last
	// element of a list from which GitHub left out such organizations. It matches
	// ErrForbidden too.
	ErrSSORequired = errors.New("single sign-on required")
	// ErrMissingScope means that the token has none of the scopes that the call
	// accepts. It matches ErrForbidden too, and ErrNotFound where GitHub hides the
	// resource from the token. Rate limits never match.
	ErrMissingScope = errors.New("the token lacks a scope")
	// ErrNotFound means that the resource does not exist or that the token may
	// not see it.
	ErrNotFound = errors.New("not found")
	// ErrValidation means that GitHub rejected the content of the request.
	// [APIError.Errors] has the reasons.
	ErrValidation = errors.New("validation failed")
	// ErrRateLimited means that the quota is used up or that requests came too
	// fast. [APIError.RetryAfter] says how long to wait.
	ErrRateLimited = errors.New("rate limited")

	// ErrMigrationFailed means that the export failed. GitHub does not say why; the
	// usual reason is the size of the repositories. It matches ErrNotFound too if
	// the call requested the archive.
	ErrMigrationFailed = errors.New("migration failed")
	// ErrArchiveNotReady means that the export has not ended. It matches
	// ErrNotFound too.
	ErrArchiveNotReady = errors.New("archive not ready")
	// ErrArchiveGone means that the archive was deleted, by a call or by GitHub
	// after seven days. It matches ErrNotFound too.
	ErrArchiveGone = errors.New("archive gone")
	// ErrArchiveChanged means that storage replaced the archive during the
	// download. A download to a file starts over, and fails if the size changes a
	// second time or storage replaces the archive a third time. No bytes are kept, so
	// the next call starts from the beginning.
	ErrArchiveChanged = errors.New("archive changed during the download")

	// ErrImportFailed means that the source import failed, or that there is no
	// import ([ImportNone]).
	ErrImportFailed = errors.New("import failed")
	// ErrImportNeedsAction means that the source import waits for credentials or
	// for a choice; see [ImportStatus.NeedsAction].
	ErrImportNeedsAction = errors.New("import needs action")
	// ErrSourceImportsRetired means that this GitHub no longer has source
	// imports. It matches ErrNotFound too if the status was 404.
	ErrSourceImportsRetired = errors.New("the Source Imports API was retired on 2024-04-12")

	// ErrUnexpectedAnswer means that a response has a 2xx status but is not the
	// response to the request. It may be another object, a text that is not JSON,
	// or the web page of a gateway. GitHub may have carried out the request.
	ErrUnexpectedAnswer = errors.New("unexpected answer")
	// ErrNotSent means that GitHub cannot have carried out the request: no attempt
	// left this machine, or GitHub rejected every attempt that did.
	ErrNotSent = errors.New("the request was not sent")
	// ErrInUse means that another process, or another call, downloads to the
	// same path.
	ErrInUse = errors.New("another download to this path is running")

	// ErrWebhookSignature means that a webhook's request is not signed with any of
	// the secrets.
	ErrWebhookSignature = errors.New("invalid signature")
	// ErrWebhookEvent means that a webhook's request is signed but carries an event
	// of another type, such as a ping.
	ErrWebhookEvent = errors.New("another event")
)

// An APIError is a failed response of the API, whether or not its body is JSON.
type APIError struct {
	StatusCode       int
	Method           string
	Path             string        // below the API root, escaped, without query
	RequestID        string        // X-GitHub-Request-Id, for GitHub's support
	Message          string        // GitHub's message, or the title of a web page
	DocumentationURL string        // empty if not sent
	Errors           []ErrorDetail // nil if not sent
	RetryAfter       time.Duration // how long to wait; > 0 exactly when rate limited
	TokenScopes      []string      // X-OAuth-Scopes: the scopes of the token; nil if not sent
	AcceptedScopes   []string      // X-Accepted-OAuth-Scopes: the call needs one of these; nil if not sent
	SSOURL           string        // where to authorize the token for single sign-on; empty if not needed

	fromGitHub  bool          // the body is GitHub's error object, not the page of a gateway
	retired     bool          // the Source Imports API is retired
	retryAfter  time.Duration // Retry-After of any response, rate limited or not
	unspecified bool          // a rate limit whose duration GitHub does not send
}

// An ErrorDetail is one reason why GitHub rejected a request. If the reason is not
// GitHub's usual object, only Message is set.
type ErrorDetail struct {
	Resource string // such as "Migration"; empty if not sent
	Field    string // such as "repositories"; empty if not sent
	Code     string // such as "missing_field", "invalid", "custom"; empty if not sent
	Message  string // for people; empty if not sent
	Index    *int   // of the rejected element in the list Field; nil if not sent
	Value    any    // the rejected value, from the response or the request; nil if not known
}

// Error returns the request, the status and reasons of the response, and, if
// known, what the caller can do.
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
	case e.refusesTokenKind():
		b.WriteString(": migrations need a personal access token (classic)")
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, " (request %s)", e.RequestID)
	}
	return netx.Redact(b.String())
}

// String returns the Message, or the Resource, Field and Code if there is no
// Message.
func (d ErrorDetail) String() string {
	text := strings.Join(nonEmpty(d.Resource, d.Field, d.Code), " ")
	if d.Index != nil {
		text += fmt.Sprintf(" at index %d", *d.Index)
	}
	if d.Message != "" {
		text = d.Message
	}
	if d.Value != nil {
		text += ": " + textOf(d.Value)
	}
	return text
}

// refusesTokenKind reports whether a migration endpoint rejected the token because
// it is a fine-grained token or a token of a GitHub App.
func (e *APIError) refusesTokenKind() bool {
	return e.StatusCode == http.StatusForbidden && strings.Contains(e.Path, "/migrations") &&
		strings.Contains(strings.ToLower(e.Message), "resource not accessible by")
}

// Is reports whether target is a sentinel of this package that describes the
// response.
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

// lacksScope reports whether the token has none of the scopes that the call
// accepts. GitHub sends both lists in every response to a classic token.
func (e *APIError) lacksScope() bool {
	if e.StatusCode != http.StatusForbidden && e.StatusCode != http.StatusNotFound ||
		len(e.AcceptedScopes) == 0 || e.TokenScopes == nil || e.RetryAfter > 0 {
		return false
	}
	for _, has := range e.TokenScopes {
		if slices.ContainsFunc(e.AcceptedScopes, func(want string) bool { return scopeIncludes(has, want) }) {
			return false
		}
	}
	return true
}

// scopeIncludes reports whether a scope includes another scope, as "admin:org"
// includes "read:org" and "repo" includes "repo:status".
//
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

// A StorageError is a response by which archive storage finally refuses an
// archive. It does not match the sentinels of an [APIError], and it never quotes
// the signed URL. The error of an outage, such as 503s for five minutes, is not a
// StorageError: it has the status in its text, and the next download resumes.
type StorageError struct {
	StatusCode int
	Code       string // such as "AccessDenied"; empty if not sent
	Message    string // for people; empty if not sent
	RequestID  string // for the support of the storage service; empty if not sent
}

// Error returns the fields as text.
func (e *StorageError) Error() string {
	text := fmt.Sprintf("storage responded %d", e.StatusCode)
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
