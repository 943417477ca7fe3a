package export

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate"
)

// A Report is the result of [Preflight].
type Report struct {
	Account string // such as "api.github.com/orgs/octo-org"

	// Login is the login of the token's owner. It is empty if GitHub does not report it.
	Login string
	// Classic reports whether the token has scopes. A token with scopes is a personal
	// access token (classic), the only documented kind that can export, or a token of
	// an OAuth app.
	Classic bool
	// Scopes are the token's scopes.
	Scopes []string
	// Expires is the time when the token expires. It is zero if the token does not
	// expire, or if GitHub does not report its expiry.
	Expires time.Time
	// Role is the role of the token's owner in the organization, such as "admin" or
	// "member". It is empty for a user's account, and for an owner without a role.
	Role string
	// APIVersion is the API version that GitHub has used.
	APIVersion string
	// EnterpriseServer is the version of a GitHub Enterprise Server. It is empty for
	// other hosts.
	EnterpriseServer string
	// Locks counts the migrations with lock_repositories among the newest hundred:
	// see [LockCandidates].
	Locks int

	// Problems are the reasons why an export would fail, with their remedies.
	Problems []string
	// Warnings are conditions that may make an export fail later.
	Warnings []string
}

// OK reports whether there are no problems.
func (r *Report) OK() bool { return len(r.Problems) == 0 }

// String returns the fields, problems and warnings of the report, one a line.
func (r *Report) String() string {
	var b strings.Builder
	line := func(label, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", label, value)
		}
	}
	line("account", r.Account)
	line("token of", r.Login)
	if r.Classic {
		line("token", "personal access token (classic)")
	}
	line("scopes", strings.Join(r.Scopes, ", "))
	if !r.Expires.IsZero() {
		line("expires", r.Expires.Format(time.RFC3339))
	}
	line("role", r.Role)
	line("API version", r.APIVersion)
	line("GitHub Enterprise Server", r.EnterpriseServer)
	for _, problem := range r.Problems {
		line("problem", problem)
	}
	for _, warning := range r.Warnings {
		line("warning", warning)
	}
	return b.String()
}

// expiryWarning is the remaining time of a token below which Preflight warns: an
// export may take days.
const expiryWarning = 7 * 24 * time.Hour

// Preflight checks whether [Run] can export the account into the Store. It sends a
// few requests, which change nothing at GitHub. If the Store is not nil, Preflight
// puts a small object into it. The report lists the problems and their remedies, such
// as a refusal of GitHub or of the Store. Preflight returns an error only if GitHub
// cannot be reached.
func Preflight(ctx context.Context, acct Account, store Store) (*Report, error) {
	if err := check(ctx, acct); err != nil {
		return &Report{}, err
	}
	p := &preflight{acct: acct, store: store, report: &Report{Account: acct.String()}}
	for _, check := range []func(context.Context) error{p.tryStore, p.user, p.membership, p.migrations} {
		if err := check(ctx); err != nil {
			return p.report, fmt.Errorf("export: preflight: %w", err)
		}
		if p.ended {
			break
		}
	}
	return p.report, nil
}

// A preflight is one call of Preflight.
type preflight struct {
	acct   Account
	store  Store
	report *Report
	ended  bool // all further checks would fail for the same reason
}

func (p *preflight) problem(format string, args ...any) {
	p.report.Problems = append(p.report.Problems, fmt.Sprintf(format, args...))
}

// end adds a problem for which all further checks would fail.
func (p *preflight) end(format string, args ...any) error {
	p.ended = true
	p.problem(format, args...)
	return nil
}

func (p *preflight) warn(format string, args ...any) {
	p.report.Warnings = append(p.report.Warnings, fmt.Sprintf(format, args...))
}

// ask sends a GET. It returns a refusal of GitHub separately from all other errors.
func (p *preflight) ask(ctx context.Context, path string, out any) (http.Header, *ghmigrate.APIError, error) {
	header, err := p.acct.Do(ctx, http.MethodGet, path, nil, out)
	if refusal := refusalOf(err); refusal != nil {
		return header, refusal, nil
	}
	return header, nil, err
}

// refusalOf returns the response of GitHub that refuses a request, or nil if err is
// another error, such as a rate limit.
func refusalOf(err error) *ghmigrate.APIError {
	response, ok := errors.AsType[*ghmigrate.APIError](err)
	if !ok || response.StatusCode >= http.StatusInternalServerError || response.RetryAfter > 0 {
		return nil
	}
	return response
}

// tryStore checks the Store.
func (p *preflight) tryStore(ctx context.Context) error {
	if err := tryStore(ctx, p.store, p.acct.String()); err != nil {
		p.problem("%v: check the Store's address and rights", err)
	}
	return nil
}

// user checks the token: its owner, its kind and its scopes.
func (p *preflight) user(ctx context.Context) error {
	var user struct {
		Login string `json:"login"`
	}
	header, refusal, err := p.ask(ctx, "/user", &user)
	if err != nil {
		return err
	}
	r := p.report
	r.Login = user.Login
	r.APIVersion = header.Get("X-Github-Api-Version-Selected")
	r.EnterpriseServer = header.Get("X-Github-Enterprise-Version")
	r.Expires = expiry(header.Get("Github-Authentication-Token-Expiration"))
	r.Scopes, r.Classic = scopes(header)
	status, message, needed := 0, "", strings.Join(p.needed(), " and ")
	if refusal != nil {
		status, message = refusal.StatusCode, refusal.Message
	}
	switch {
	case status == http.StatusUnauthorized:
		return p.end("GitHub does not accept the token (%s): make a new personal access token (classic) with the scopes %s, and check that it is for this host", message, needed)
	case status == http.StatusGone, status == http.StatusBadRequest:
		return p.end("GitHub does not know the API version that the client asks for (%s): choose another version with WithAPIVersion", message)
	case status == http.StatusNotFound:
		return p.end("there is no GitHub API at this address (%s): check the host, or WithBaseURL", r.Account)
	case refusal != nil && r.Classic:
		return p.end("GitHub refuses the token (%s): resolve that first", message)
	case !r.Classic:
		return p.end("the token is fine-grained or of a GitHub App, and these cannot start migrations: make a personal access token (classic) with the scopes %s", needed)
	}
	for _, need := range p.needed() {
		if !slices.Contains(r.Scopes, need) {
			p.problem("the token lacks the scope %s: add it to the token in GitHub's settings", need)
		}
	}
	if !r.Expires.IsZero() && time.Until(r.Expires) < expiryWarning {
		p.warn("the token expires on %s: an export that is not finished by then stops, and can be continued with a new token", r.Expires.Format(time.DateTime+" MST"))
	}
	return nil
}

// needed lists the scopes that an export needs.
func (p *preflight) needed() []string {
	if p.acct.Owner() == "" {
		return []string{"repo"}
	}
	return []string{"repo", "admin:org"}
}

// scopes returns the scopes of a token from the header of a response. Classic reports
// whether the token is of a kind that has scopes.
func scopes(header http.Header) (scopes []string, classic bool) {
	values := header.Values("X-Oauth-Scopes")
	for scope := range strings.SplitSeq(strings.Join(values, ","), ",") {
		if scope = strings.TrimSpace(scope); scope != "" {
			scopes = append(scopes, scope)
		}
	}
	return scopes, len(values) > 0
}

// expiry parses both formats that GitHub has sent: "2026-11-20 13:45:00 UTC" and
// "2026-11-20 13:45:00 +0100". It returns a zero time for all other formats.
func expiry(text string) time.Time {
	for _, layout := range []string{"2006-01-02 15:04:05 MST", "2006-01-02 15:04:05 -0700"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t
		}
	}
	return time.Time{}
}

// membership checks whether the token's owner owns the organization.
func (p *preflight) membership(ctx context.Context) error {
	org := p.acct.Owner()
	if org == "" {
		return nil
	}
	var membership struct {
		State string `json:"state"`
		Role  string `json:"role"`
	}
	_, refusal, err := p.ask(ctx, "/user/memberships/orgs/"+url.PathEscape(org), &membership)
	if err != nil {
		return err
	}
	p.report.Role = membership.Role
	switch {
	case refusal != nil && errors.Is(refusal, ghmigrate.ErrSSORequired):
		return p.sso(refusal)
	case refusal != nil && errors.Is(refusal, ghmigrate.ErrMissingScope): // the method user has reported it
	case refusal != nil && refusal.StatusCode != http.StatusNotFound: // such as an IP address that is not allowed
		p.problem("GitHub does not show whether %s owns the organization %s: %s", p.report.Login, org, refusal.Message)
	case refusal != nil:
		p.problem("%s is not a member of the organization %s, or there is no organization of this name: only its owners can export it", p.report.Login, org)
	case membership.State == "pending":
		p.problem("%s was invited to the organization %s and has not accepted yet", p.report.Login, org)
	case membership.Role != "admin":
		p.problem("%s is a %s of the organization %s: only its owners can export it", p.report.Login, membership.Role, org)
	}
	return nil
}

func (p *preflight) sso(refusal *ghmigrate.APIError) error {
	return p.end("the organization %s uses single sign-on: authorize the token for it at %s", p.acct.Owner(), refusal.SSOURL)
}

// migrations checks whether the account's migrations can be listed, and whether
// they may hold locks.
func (p *preflight) migrations(ctx context.Context) error {
	opts := &ghmigrate.ListOrgMigrationsOptions{OmitRepositories: true}
	seen := 0
	for m, err := range p.acct.List(ctx, opts) {
		if refusal := refusalOf(err); refusal != nil {
			switch {
			case errors.Is(refusal, ghmigrate.ErrSSORequired):
				return p.sso(refusal)
			case len(p.report.Problems) == 0: // an earlier problem would explain the refusal
				p.problem("GitHub does not show the migrations of %s: %s", p.acct, refusal)
			}
			return nil
		}
		if err != nil {
			return err
		}
		if m.LockRepositories {
			p.report.Locks++
		}
		if seen++; seen == 100 {
			break
		}
	}
	if p.report.Locks > 0 {
		p.warn("lock_repositories was set for %d of the newest migrations: if a repository is still locked, Unlock releases it", p.report.Locks)
	}
	if p.acct.Owner() == "" && p.report.EnterpriseServer != "" {
		p.warn("GitHub Enterprise Server has no calls to unlock the repositories of a user and to delete the archives: LockRepositories and DeleteArchives are refused")
	}
	return nil
}
