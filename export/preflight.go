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

	// Login is the token's owner; empty if GitHub does not say.
	Login string
	// Classic says that the token has scopes: it is a personal access token
	// (classic), the only documented kind that can export, or one of an OAuth app.
	Classic bool
	// Scopes are the token's scopes; nil if it has none or is of another kind.
	Scopes []string
	// Expires is the token's end; zero if it has none, or if GitHub does not say.
	Expires time.Time
	// Role is the role of the token's owner in the organization, such as "admin"
	// or "member"; empty for a user's account, and for an owner without a role.
	Role string
	// APIVersion is the API version that GitHub has used.
	APIVersion string
	// EnterpriseServer is the version of a GitHub Enterprise Server; empty
	// elsewhere.
	EnterpriseServer string
	// Locks counts the migrations with lock_repositories among the newest hundred:
	// see [LockCandidates].
	Locks int

	// Problems are the reasons why an export would fail, and their remedies.
	Problems []string
	// Warnings are possible problems of later exports.
	Warnings []string
}

// OK reports whether there are no problems.
func (r *Report) OK() bool { return len(r.Problems) == 0 }

// String returns all that was found, a line each.
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

// soon is how near a token's end is worth a warning: an export may take days.
const soon = 7 * 24 * time.Hour

// Preflight checks, with a handful of requests that change nothing at GitHub,
// whether [Run] can export the account into the Store. The report lists the problems
// and their remedies. If the Store is not nil, Preflight puts a small object into it.
// Preflight returns an error only if GitHub cannot be reached; refusals of GitHub and
// of the Store are problems in the report.
func Preflight(ctx context.Context, acct Account, store Store) (*Report, error) {
	if err := check(ctx, acct); err != nil {
		return &Report{}, err
	}
	p := &preflight{acct: acct, store: store, report: &Report{Account: acct.String()}}
	for _, check := range []func(context.Context) error{p.tryStore, p.user, p.membership, p.migrations} {
		if err := check(ctx); err != nil {
			return p.report, fmt.Errorf("export: preflight: %w", err)
		}
		if p.hopeless {
			break
		}
	}
	return p.report, nil
}

type preflight struct {
	acct     Account
	store    Store
	report   *Report
	hopeless bool // further checks would say the same
}

func (p *preflight) problem(format string, args ...any) {
	p.report.Problems = append(p.report.Problems, fmt.Sprintf(format, args...))
}

// end notes a problem because of which further checks would say the same.
func (p *preflight) end(format string, args ...any) error {
	p.hopeless = true
	p.problem(format, args...)
	return nil
}

func (p *preflight) warn(format string, args ...any) {
	p.report.Warnings = append(p.report.Warnings, fmt.Sprintf(format, args...))
}

// ask sends a GET. It returns a refusal of GitHub as an APIError, and anything else
// as an error.
func (p *preflight) ask(ctx context.Context, path string, out any) (http.Header, *ghmigrate.APIError, error) {
	header, err := p.acct.Do(ctx, http.MethodGet, path, nil, out)
	refusal, refused := errors.AsType[*ghmigrate.APIError](err)
	if refused && refusal.StatusCode < 500 && refusal.RetryAfter == 0 {
		return header, refusal, nil
	}
	return header, nil, err
}

// tryStore checks whether the Store accepts an object.
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
	status, said, needed := 0, "", strings.Join(p.needed(), " and ")
	if refusal != nil {
		status, said = refusal.StatusCode, refusal.Message
	}
	switch {
	case status == http.StatusUnauthorized:
		return p.end("GitHub does not accept the token (%s): make a new personal access token (classic) with the scopes %s, and check that it is for this host", said, needed)
	case status == http.StatusGone, status == http.StatusBadRequest:
		return p.end("GitHub does not know the API version that the client asks for (%s): choose another one with WithAPIVersion", said)
	case status == http.StatusNotFound:
		return p.end("there is no GitHub API at this address (%s): check the host, or WithBaseURL", r.Account)
	case refusal != nil && r.Classic:
		return p.end("GitHub refuses the token (%s): what it says has to be mended first", said)
	case !r.Classic:
		return p.end("the token is fine-grained or of a GitHub App, and these cannot start migrations: make a personal access token (classic) with the scopes %s", needed)
	}
	for _, need := range p.needed() {
		if !slices.Contains(r.Scopes, need) {
			p.problem("the token lacks the scope %s: add it to the token in GitHub's settings", need)
		}
	}
	if !r.Expires.IsZero() && time.Until(r.Expires) < soon {
		p.warn("the token expires on %s: an export that is not over by then stops, and goes on with a new token", r.Expires.Format(time.DateTime+" MST"))
	}
	return nil
}

func (p *preflight) needed() []string {
	if p.acct.Owner() == "" {
		return []string{"repo"}
	}
	return []string{"repo", "admin:org"}
}

func scopes(header http.Header) (scopes []string, told bool) {
	values := header.Values("X-Oauth-Scopes")
	for scope := range strings.SplitSeq(strings.Join(values, ","), ",") {
		if scope = strings.TrimSpace(scope); scope != "" {
			scopes = append(scopes, scope)
		}
	}
	return scopes, len(values) > 0
}

// expiry reads both forms that GitHub has sent: "2026-11-20 13:45:00 UTC" and
// "2026-11-20 13:45:00 +0100".
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
	case refusal != nil && errors.Is(refusal, ghmigrate.ErrMissingScope): // said already
	case refusal != nil && refusal.StatusCode != http.StatusNotFound: // such as an address that is not allowed
		p.problem("GitHub does not show whether %s owns the organization %s: %s", p.report.Login, org, refusal.Message)
	case refusal != nil:
		p.problem("%s is not a member of the organization %s, or there is none of that name: only its owners can export it", p.report.Login, org)
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
		if refusal, refused := errors.AsType[*ghmigrate.APIError](err); refused && refusal.StatusCode < 500 && refusal.RetryAfter == 0 {
			switch {
			case errors.Is(refusal, ghmigrate.ErrSSORequired):
				return p.sso(refusal)
			case len(p.report.Problems) == 0: // which would explain it
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
