package ghmigratetest

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A call is one request of an operation.
type call struct {
	op      *operation
	vars    map[string]string // the variable segments of the path, unescaped
	query   url.Values
	body    []byte
	version string
	account *account // the account that the path names
	now     time.Time
	hidden  time.Duration // how long the migration that the call starts stays hidden
	fate    *Fate         // the Fate of that migration, if a fault has one
}

// serveAPI serves one request of the API.
func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	res := s.rewriteURLs(s.respond(r), r)
	h := w.Header()
	maps.Copy(h, res.header)
	setOriginHeader(h, API)
	h.Set("X-GitHub-Media-Type", "github.v3; format=json")
	if res.status != http.StatusNoContent && res.status != http.StatusNotModified {
		h.Set("Content-Length", strconv.Itoa(len(res.body)))
		if h.Get("Content-Type") == "" {
			h.Set("Content-Type", "application/json; charset=utf-8")
		}
	}
	w.WriteHeader(res.status)
	_, _ = w.Write(res.body)
}

// setOriginHeader sets the header that identifies the origin and the request, and
// returns the request ID.
func setOriginHeader(h http.Header, origin Origin) string {
	id := requestID()
	if origin == Storage {
		h.Set("Server", "AmazonS3")
		h.Set("X-Amz-Request-Id", id)
	} else {
		h.Set("X-GitHub-Request-Id", id)
	}
	return id
}

// requestID returns a random request ID in GitHub's format.
func requestID() string {
	var b [14]byte
	_, _ = rand.Read(b[:])
	x := strings.ToUpper(hex.EncodeToString(b[:]))
	return fmt.Sprintf("%s:%s:%s:%s", x[:4], x[4:10], x[10:18], x[18:])
}

// respond checks a request and runs its operation. The order of the checks is
// GitHub's, as far as it is known.
func (s *Server) respond(r *http.Request) response {
	if r.Header.Get("User-Agent") == "" {
		return response{
			status: http.StatusForbidden,
			header: http.Header{"Content-Type": {"text/html"}},
			body: []byte("\r\nRequest forbidden by administrative rules. Please make sure your request has a " +
				"User-Agent header (https://docs.github.com/en/rest/overview/resources-in-the-rest-api#user-agent-required). " +
				"Check https://developer.github.com for other possible causes.\r\n"),
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &call{now: s.clock.Now(), query: r.URL.Query()}
	c.hidden, _ = r.Context().Value(hiddenKey{}).(time.Duration)
	c.fate, _ = r.Context().Value(fateKey{}).(*Fate)
	s.runDueEvents(c.now)
	c.op, c.vars = s.route(r.Method, r.URL.EscapedPath())
	if c.op == nil {
		return notFound()
	}
	anonymous := c.op.allowsAnonymous && r.Header.Get("Authorization") == ""
	if refusal, ok := s.authenticate(c, r); !ok && !anonymous {
		return refusal
	}
	quota := s.quotas[c.op.resource]
	var res response
	switch exhausted := quota.exhausted(c.now, s.cfg); {
	case exhausted && c.op.isGraphQL():
		res = graphQLResponse("", nil, graphQLError{Type: "RATE_LIMITED", Message: rateLimitMessage})
	case exhausted:
		res = response{status: http.StatusForbidden, body: []byte(rateLimitBody)}
	default:
		res = s.respondAuthenticated(c, r)
		if res.status == http.StatusOK && c.op.method == http.MethodGet {
			res = withETag(res, r.Header.Get("If-None-Match"))
		}
		if res.status != http.StatusNotModified {
			quota.used++
		}
	}
	if res.header == nil {
		res.header = make(http.Header)
	}
	h := res.header
	if !s.cfg.ghes {
		quota.setHeader(h, s.cfg, c.op.resource)
	} else {
		h.Set("X-GitHub-Enterprise-Version", ghesVersion)
	}
	if c.version != "" {
		h.Set("X-GitHub-Api-Version-Selected", c.version)
	}
	if anonymous {
		return res
	}
	if !s.cfg.tokenExpiry.IsZero() {
		h.Set("GitHub-Authentication-Token-Expiration", s.cfg.tokenExpiry.UTC().Format("2006-01-02 15:04:05 MST"))
	}
	if tokenKind(s.cfg.token) == "" {
		h.Set("X-OAuth-Scopes", strings.Join(s.cfg.scopes, ", "))
		h.Set("X-Accepted-OAuth-Scopes", strings.Join(s.accepted(c.op), ", "))
	}
	return res
}

// respondAuthenticated responds to a request with a valid token and a quota that
// is not exhausted.
func (s *Server) respondAuthenticated(c *call, r *http.Request) response {
	var refusal response
	if c.version, refusal = s.selectVersion(r); c.version == "" && !c.op.isGraphQL() {
		return refusal
	}
	if !s.cfg.lenient && !c.op.isGraphQL() && !acceptable(r.Header) {
		return failure(http.StatusUnsupportedMediaType,
			strict("Must accept 'application/vnd.github+json' or 'application/json'."))
	}
	if s.cfg.ghes && !c.op.ghes {
		return notFound()
	}
	if c.op.isSourceImport() && !s.cfg.sourceImports {
		return failure(http.StatusGone, "The Source Imports API has been retired.")
	}
	var err error
	if c.body, err = io.ReadAll(r.Body); err != nil {
		return failure(http.StatusBadRequest, "Body could not be read")
	}
	if !s.cfg.lenient {
		if len(c.body) > 0 && !c.op.takesBody() {
			return failure(http.StatusBadRequest, strict("This request takes no body."))
		}
		for _, name := range []string{"Authorization", "X-GitHub-Api-Version"} {
			if len(r.Header.Values(name)) > 1 {
				return failure(http.StatusBadRequest, strict("The header "+name+" is given more than once."))
			}
		}
		if _, err := url.ParseQuery(r.URL.RawQuery); err != nil {
			return failure(http.StatusBadRequest, strict("The query cannot be read."))
		}
		if errs := checkQuery(c); len(errs) > 0 {
			return invalid(errs...)
		}
	}
	c.account = s.accountOf(c)
	if refusal, ok := s.authorize(c); !ok {
		return refusal
	}
	return c.op.serve(s, c)
}

// The API versions that the server supports.
const (
	version2022 = "2022-11-28"
	version2026 = "2026-03-10"
)

// selectVersion returns the API version of a request, or a refusal and no version.
func (s *Server) selectVersion(r *http.Request) (string, response) {
	switch version := r.Header.Get("X-GitHub-Api-Version"); {
	case version == version2022, version == version2026 && !s.cfg.ghes: // GHES has version2026 from 3.21
		return version, response{}
	case version != "":
		return "", failure(http.StatusGone, fmt.Sprintf("The API version %q is not supported.", version))
	case s.cfg.lenient:
		return version2022, response{}
	}
	return "", failure(http.StatusBadRequest, strict("The header X-GitHub-Api-Version is missing."))
}

// acceptable reports whether a request has one Accept header, for JSON.
func acceptable(h http.Header) bool {
	accept := h.Values("Accept")
	return len(accept) == 1 && (accept[0] == "application/vnd.github+json" || accept[0] == "application/json")
}

// checkQuery returns an error for each parameter that GitHub does not document.
func checkQuery(c *call) []fieldError {
	var errs []fieldError
	for name, values := range c.query {
		if !slices.Contains(c.op.query, name) {
			errs = append(errs, fieldError{Field: name, Code: "invalid", Message: strict("is not a parameter of this operation")})
			continue
		}
		if len(values) > 1 {
			errs = append(errs, fieldError{Field: name, Code: "invalid", Message: strict("is given more than once")})
		}
		n, err := strconv.Atoi(values[0])
		switch {
		case name == "exclude" && values[0] != "repositories":
			errs = append(errs, fieldError{Field: name, Code: "invalid", Message: strict("must be repositories")})
		case name == "type" && !slices.Contains([]string{"all", "public", "private", "forks", "sources", "member"}, values[0]),
			name == "sort" && !slices.Contains([]string{"created", "updated", "pushed", "full_name"}, values[0]),
			name == "direction" && !slices.Contains([]string{"asc", "desc"}, values[0]):
			errs = append(errs, fieldError{Field: name, Code: "invalid", Message: strict("is not one of the documented values")})
		case name == "page" && (err != nil || n < 1),
			name == "per_page" && (err != nil || n < 1 || n > 100),
			name == "since" && (err != nil || n < 0):
			errs = append(errs, fieldError{Field: name, Code: "invalid", Message: strict("is out of range")})
		}
	}
	slices.SortFunc(errs, func(a, b fieldError) int { return strings.Compare(a.Field, b.Field) })
	return errs
}

// accountOf returns the account that a path names: an organization, the owner of
// a repository, or else the user of the token.
func (s *Server) accountOf(c *call) *account {
	if org, ok := c.vars["org"]; ok {
		if a := s.accounts[strings.ToLower(org)]; a != nil && a.kind == "Organization" {
			return a
		}
		return nil
	}
	if owner, ok := c.vars["owner"]; ok {
		return s.accounts[strings.ToLower(owner)]
	}
	return s.user
}
