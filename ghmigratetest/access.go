package ghmigratetest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// RequireSSO makes the API refuse the token for an organization, as GitHub does
// until the token is authorized for single sign-on. RequireSSO panics if there is
// no such organization.
func (s *Server) RequireSSO(org string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.organization("RequireSSO", org).sso = true
}

// SetRole sets the role of the token's user in an organization: "admin", as
// GitHub calls owners, "member", or "" for no role. By default the user is an
// owner of every organization. A user who is not an owner gets 404 from the
// operations for migrations. SetRole panics if there is no such organization or
// role.
func (s *Server) SetRole(org, role string) {
	if !slices.Contains([]string{"admin", "member", ""}, role) {
		panic(fmt.Sprintf("ghmigratetest: SetRole: no role %q", role))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.organization("SetRole", org).role = role
}

// organization returns an organization. It panics if there is no such
// organization; the message names the method that the test called. The caller
// holds s.mu.
func (s *Server) organization(method, login string) *account {
	a := s.accounts[strings.ToLower(login)]
	if a == nil || a.kind != "Organization" {
		panic(fmt.Sprintf("ghmigratetest: %s: no organization %s", method, login))
	}
	return a
}

// authenticate returns a refusal and false if a request does not have the server's
// token, or has a kind of token that the operation does not accept.
func (s *Server) authenticate(c *call, r *http.Request) (response, bool) {
	token := credential(r)
	if kind := tokenKind(token); kind == "github_pat_" && !c.op.auxiliary {
		return failure(http.StatusForbidden, "Resource not accessible by personal access token"), false
	} else if kind != "" && !c.op.auxiliary {
		return failure(http.StatusForbidden, "Resource not accessible by integration"), false
	}
	if token == "" {
		return failure(http.StatusUnauthorized, "Requires authentication"), false
	}
	if token != s.cfg.token || !s.cfg.tokenExpiry.IsZero() && !c.now.Before(s.cfg.tokenExpiry) {
		return failure(http.StatusUnauthorized, "Bad credentials"), false
	}
	return response{}, true
}

// credential returns the token of a request. With basic authentication the token
// is the password, or the user name if the password is empty or "x-oauth-basic".
func credential(r *http.Request) string {
	if user, password, ok := r.BasicAuth(); ok {
		if password == "" || password == "x-oauth-basic" { //nolint:gosec // GitHub ignores this password
			return user
		}
		return password
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "token") {
		return ""
	}
	return token
}

// tokenKind returns the prefix of a token without scopes and without access to
// migrations. It returns "" for a classic token.
func tokenKind(token string) string {
	for _, prefix := range []string{"github_pat_", "ghs_", "ghu_"} {
		if strings.HasPrefix(token, prefix) {
			return prefix
		}
	}
	return ""
}

// authorize returns a refusal and false if the token or its user lacks the
// permission for a request.
func (s *Server) authorize(c *call) (response, bool) {
	switch {
	case c.account == nil:
		return notFound(), false
	case c.account.sso:
		return s.ssoRequired(c.account), false
	case c.account.role != "admin" && !c.op.auxiliary:
		return notFound(), false
	case tokenKind(s.cfg.token) == "" && !s.hasScopes(c.op.scopes):
		return failure(http.StatusForbidden, "Must have admin rights to Repository."), false
	}
	if r := s.repositoryNamed(c.vars["owner"], c.vars["repo"]); c.op.isSourceImport() && r != nil && r.takenDown {
		return blocked(), false
	}
	return response{}, true
}

func (s *Server) ssoRequired(org *account) response {
	res := failure(http.StatusForbidden, "Resource protected by organization SAML enforcement. "+
		"You must grant your Personal Access token access to this organization.")
	res.header = http.Header{}
	res.header.Set("X-GitHub-SSO", fmt.Sprintf("required; url=%s/orgs/%s/sso?authorization_request=0123456789",
		s.webURL, url.PathEscape(org.login)))
	return res
}

// accepted returns the value of X-Accepted-OAuth-Scopes: the scopes that the
// token lacks, or else all scopes of the operation.
func (s *Server) accepted(op *operation) []string {
	lacking := slices.DeleteFunc(slices.Clone(op.scopes), func(scope string) bool { return s.hasScopes([]string{scope}) })
	if len(lacking) > 0 {
		return lacking
	}
	return op.scopes
}

// hasScopes reports whether the token has all of these scopes, or scopes that
// include them.
func (s *Server) hasScopes(scopes []string) bool {
	including := map[string]string{"read:org": "write:org", "write:org": "admin:org"}
	for _, scope := range scopes {
		for scope != "" && !slices.Contains(s.cfg.scopes, scope) {
			scope = including[scope]
		}
		if scope == "" {
			return false
		}
	}
	return true
}
