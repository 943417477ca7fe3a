package ghmigratetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"crypto/rand"
)

// An operation is one of the 22 that GitHub documents.
type operation struct {
	id     string // GitHub's operationId, without "migrations/"
	method string
	path   string   // {name} stands for one segment
	query  []string // the parameters that it takes
	body   bool
	scopes []string // which the token must have
	ghes   bool     // GHES has it too
	serve  func(*Server, *call) response
}

func operations() []operation {
	var (
		paging   = []string{"page", "per_page"}
		org      = []string{"admin:org", "repo"}
		repo     = []string{"repo"}
		list     = append([]string{"exclude"}, paging...)
		exclude  = []string{"exclude"}
		get      = http.MethodGet
		post     = http.MethodPost
		put      = http.MethodPut
		patch    = http.MethodPatch
		remove   = http.MethodDelete
		orgs     = "/orgs/{org}/migrations"
		user     = "/user/migrations"
		imports  = "/repos/{owner}/{repo}/import"
		noParams []string
	)
	return []operation{
		{"list-for-org", get, orgs, list, false, org, true, (*Server).listMigrations},
		{"start-for-org", post, orgs, noParams, true, org, true, (*Server).startMigration},
		{"get-status-for-org", get, orgs + "/{id}", exclude, false, org, true, (*Server).getMigration},
		{"download-archive-for-org", get, orgs + "/{id}/archive", noParams, false, org, true, (*Server).redirectToArchive},
		{"delete-archive-for-org", remove, orgs + "/{id}/archive", noParams, false, org, true, (*Server).deleteArchive},
		{"unlock-repo-for-org", remove, orgs + "/{id}/repos/{repo}/lock", noParams, false, org, true, (*Server).unlock},
		{"list-repos-for-org", get, orgs + "/{id}/repositories", paging, false, org, true, (*Server).listRepositories},

		{"list-for-authenticated-user", get, user, paging, false, repo, true, (*Server).listMigrations},
		{"start-for-authenticated-user", post, user, noParams, true, repo, true, (*Server).startMigration},
		{"get-status-for-authenticated-user", get, user + "/{id}", exclude, false, repo, false, (*Server).getMigration},
		{"get-archive-for-authenticated-user", get, user + "/{id}/archive", noParams, false, repo, true, (*Server).redirectToArchive},
		{"delete-archive-for-authenticated-user", remove, user + "/{id}/archive", noParams, false, repo, false, (*Server).deleteArchive},
		{"unlock-repo-for-authenticated-user", remove, user + "/{id}/repos/{repo}/lock", noParams, false, repo, false, (*Server).unlock},
		{"list-repos-for-authenticated-user", get, user + "/{id}/repositories", paging, false, repo, true, (*Server).listRepositories},

		{"get-import-status", get, imports, noParams, false, repo, false, (*Server).getImport},
		{"start-import", put, imports, noParams, true, repo, false, (*Server).startImport},
		{"update-import", patch, imports, noParams, true, repo, false, (*Server).updateImport},
		{"cancel-import", remove, imports, noParams, false, repo, false, (*Server).cancelImport},
		{"get-commit-authors", get, imports + "/authors", []string{"since"}, false, repo, false, (*Server).listAuthors},
		{"map-commit-author", patch, imports + "/authors/{author}", noParams, true, repo, false, (*Server).mapAuthor},
		{"get-large-files", get, imports + "/large_files", noParams, false, repo, false, (*Server).listLargeFiles},
		{"set-lfs-preference", patch, imports + "/lfs", noParams, true, repo, false, (*Server).setLFSPreference},
	}
}

// A call is one request of an operation.
type call struct {
	op      *operation
	vars    map[string]string // the segments of the path, unescaped
	query   url.Values
	body    []byte
	version string
	account *account // whose migrations it is about
	now     time.Time
}

// A response is complete before it is sent, so that nothing is sent under the
// server's lock.
type response struct {
	status int
	header http.Header
	body   []byte
}

// serveAPI answers one request of the API.
func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	res := s.answer(r)
	h := w.Header()
	for name, values := range res.header {
		h[name] = values
	}
	h.Set("X-GitHub-Request-Id", requestID())
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

// requestID makes up an id in GitHub's form.
func requestID() string {
	var b [14]byte
	_, _ = rand.Read(b[:])
	x := strings.ToUpper(hex.EncodeToString(b[:]))
	return fmt.Sprintf("%s:%s:%s:%s", x[:4], x[4:10], x[10:18], x[18:])
}

// answer checks a request in the order in which GitHub does, as far as that is
// known, and hands it to its operation.
func (s *Server) answer(r *http.Request) response {
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
	s.settle(c.now)
	c.op, c.vars = s.route(r.Method, r.URL.EscapedPath())
	if c.op == nil {
		return failure(http.StatusNotFound, "Not Found")
	}
	if refusal, ok := s.authenticate(r); !ok {
		return refusal
	}
	var res response
	if wait := s.quota.exhausted(c.now, s.cfg); wait {
		res = response{status: http.StatusForbidden, body: []byte(rateLimitBody)}
	} else {
		res = s.answerAuthenticated(c, r)
		if res.status == http.StatusOK && r.Method == http.MethodGet {
			res = withETag(res, r)
		}
		if res.status != http.StatusNotModified {
			s.quota.used++
		}
	}
	if res.header == nil {
		res.header = make(http.Header)
	}
	h := res.header
	if !s.cfg.ghes {
		s.quota.describe(h, s.cfg)
	}
	if c.version != "" {
		h.Set("X-GitHub-Api-Version-Selected", c.version)
	}
	h.Set("X-OAuth-Scopes", strings.Join(s.cfg.scopes, ", "))
	h.Set("X-Accepted-OAuth-Scopes", strings.Join(c.op.scopes, ", "))
	return res
}

// route finds the operation, and what its path names.
func (s *Server) route(method, escapedPath string) (*operation, map[string]string) {
	path, ok := strings.CutPrefix(escapedPath, basePath)
	if !ok {
		return nil, nil
	}
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		var err error
		if segments[i], err = url.PathUnescape(segment); err != nil {
			return nil, nil
		}
	}
	segments = s.resolveOrganizationID(segments)
	for _, op := range operations() {
		if op.method != method {
			continue
		}
		if vars, ok := match(strings.Split(op.path, "/"), segments); ok {
			return &op, vars
		}
	}
	return nil, nil
}

// resolveOrganizationID makes /organizations/ID, where GitHub's links go, the
// same as /orgs/LOGIN.
func (s *Server) resolveOrganizationID(segments []string) []string {
	if len(segments) < 3 || segments[1] != "organizations" {
		return segments
	}
	for _, a := range s.accounts {
		if segments[2] == strconv.FormatInt(a.id, 10) {
			return slices.Concat([]string{"", "orgs", a.login}, segments[3:])
		}
	}
	return segments
}

func match(pattern, segments []string) (map[string]string, bool) {
	if len(pattern) != len(segments) {
		return nil, false
	}
	vars := make(map[string]string)
	for i, p := range pattern {
		switch {
		case strings.HasPrefix(p, "{"):
			vars[strings.Trim(p, "{}")] = segments[i]
		case p != segments[i]:
			return nil, false
		}
	}
	return vars, true
}

// authenticate refuses what is not the server's token.
func (s *Server) authenticate(r *http.Request) (response, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "token") {
		token = ""
	}
	for _, prefix := range []string{"github_pat_", "ghs_", "ghu_"} {
		if !strings.HasPrefix(token, prefix) {
			continue
		}
		if prefix == "github_pat_" {
			return failure(http.StatusForbidden, "Resource not accessible by personal access token"), false
		}
		return failure(http.StatusForbidden, "Resource not accessible by integration"), false
	}
	if token == "" {
		return failure(http.StatusUnauthorized, "Requires authentication"), false
	}
	if token != s.cfg.token {
		return failure(http.StatusUnauthorized, "Bad credentials"), false
	}
	return response{}, true
}

// answerAuthenticated is answer for requests that may be made at all.
func (s *Server) answerAuthenticated(c *call, r *http.Request) response {
	var refusal response
	if c.version, refusal = s.selectVersion(r); c.version == "" {
		return refusal
	}
	if !s.cfg.lenient && !acceptable(r.Header) {
		return failure(http.StatusUnsupportedMediaType,
			"Must accept 'application/vnd.github+json' or 'application/json'.")
	}
	if s.cfg.ghes && !c.op.ghes {
		return failure(http.StatusNotFound, "Not Found")
	}
	source := strings.Contains(c.op.path, "/import")
	if source && !s.cfg.sourceImports {
		return failure(s.cfg.retiredStatus, "The Source Imports API has been retired.")
	}
	var err error
	if c.body, err = io.ReadAll(r.Body); err != nil {
		return failure(http.StatusBadRequest, "Body could not be read")
	}
	if !s.cfg.lenient {
		if len(c.body) > 0 && !c.op.body {
			return failure(http.StatusBadRequest, "This request takes no body")
		}
		if errs := checkQuery(c); len(errs) > 0 {
			return invalid(errs...)
		}
	}
	c.account = s.user
	if org, ok := c.vars["org"]; ok {
		c.account = s.accounts[strings.ToLower(org)]
		if c.account == nil || c.account.kind != "Organization" {
			return failure(http.StatusNotFound, "Not Found")
		}
		if c.account.sso {
			return s.ssoRequired(c.account)
		}
	}
	if !s.hasScopes(c.op.scopes) {
		return failure(http.StatusForbidden, "Must have admin rights to Repository.")
	}
	return c.op.serve(s, c)
}

// The versions of the API that the server speaks.
const (
	version2022 = "2022-11-28"
	version2026 = "2026-03-10"
)

func (s *Server) selectVersion(r *http.Request) (string, response) {
	switch version := r.Header.Get("X-GitHub-Api-Version"); {
	case version == version2022 || version == version2026:
		return version, response{}
	case version != "":
		return "", failure(http.StatusGone, fmt.Sprintf("The API version %q is not supported.", version))
	case s.cfg.lenient:
		return version2022, response{}
	}
	return "", failure(http.StatusBadRequest, "The header X-GitHub-Api-Version is missing.")
}

func acceptable(h http.Header) bool {
	accept := h.Values("Accept")
	return len(accept) == 1 && (accept[0] == "application/vnd.github+json" || accept[0] == "application/json")
}

func checkQuery(c *call) []fieldError {
	var errs []fieldError
	for name, values := range c.query {
		if !slices.Contains(c.op.query, name) {
			errs = append(errs, fieldError{Field: name, Code: "invalid", Message: "is no parameter of this operation"})
			continue
		}
		if len(values) > 1 {
			errs = append(errs, fieldError{Field: name, Code: "invalid", Message: "is given more than once"})
		}
		n, err := strconv.Atoi(values[0])
		switch {
		case name == "exclude" && values[0] != "repositories":
			errs = append(errs, fieldError{Field: name, Code: "invalid", Message: "must be repositories"})
		case name == "page" && (err != nil || n < 1),
			name == "per_page" && (err != nil || n < 1 || n > 100),
			name == "since" && (err != nil || n < 0):
			errs = append(errs, fieldError{Field: name, Code: "invalid", Message: "is out of range"})
		}
	}
	slices.SortFunc(errs, func(a, b fieldError) int { return strings.Compare(a.Field, b.Field) })
	return errs
}

func (s *Server) ssoRequired(org *account) response {
	res := failure(http.StatusForbidden, "Resource protected by organization SAML enforcement. "+
		"You must grant your Personal Access token access to this organization.")
	res.header = http.Header{}
	res.header.Set("X-GitHub-SSO", fmt.Sprintf("required; url=%s/orgs/%s/sso?authorization_request=AZSCKtL4U8yX1H3sCQIVnVgmjmon5fWxks5YrqhJ",
		s.webURL, url.PathEscape(org.login)))
	return res
}

// A quota is the primary rate limit: so many requests an hour, 304s free.
type quota struct {
	used  int
	reset time.Time
}

// exhausted begins a new hour when it is time, and reports whether this one
// has no requests left.
func (q *quota) exhausted(now time.Time, cfg config) bool {
	if !now.Before(q.reset) {
		*q = quota{reset: now.Add(time.Hour).Truncate(time.Second)}
	}
	return q.used >= cfg.rateLimit && !cfg.ghes
}

func (q *quota) describe(h http.Header, cfg config) {
	h.Set("X-RateLimit-Limit", strconv.Itoa(cfg.rateLimit))
	h.Set("X-RateLimit-Used", strconv.Itoa(q.used))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(cfg.rateLimit-q.used, 0)))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(q.reset.Unix(), 10))
	h.Set("X-RateLimit-Resource", "core")
}

// withETag adds a validator to an answer, and leaves its body out if the
// client knows it.
func withETag(res response, r *http.Request) response {
	sum := sha256.Sum256(res.body)
	etag := `"` + hex.EncodeToString(sum[:]) + `"`
	if res.header == nil {
		res.header = make(http.Header)
	}
	res.header.Set("ETag", "W/"+etag)
	res.header.Set("Cache-Control", "private, max-age=60")
	res.header.Set("Vary", "Accept, Authorization, Cookie, X-GitHub-OTP")
	for known := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
		known = strings.TrimSpace(known)
		if known == "*" || strings.TrimPrefix(known, "W/") == etag {
			return response{status: http.StatusNotModified, header: res.header}
		}
	}
	return res
}

// A fieldError is an element of errors[].
type fieldError struct {
	Resource string `json:"resource,omitempty"`
	Field    string `json:"field,omitempty"`
	Code     string `json:"code"`
	Message  string `json:"message,omitempty"`
}

func failure(status int, message string, errs ...fieldError) response {
	return jsonResponse(status, struct {
		Message          string       `json:"message"`
		Errors           []fieldError `json:"errors,omitempty"`
		DocumentationURL string       `json:"documentation_url"`
		Status           string       `json:"status"`
	}{message, errs, "https://docs.github.com/rest/migrations", strconv.Itoa(status)})
}

func invalid(errs ...fieldError) response {
	return failure(http.StatusUnprocessableEntity, "Validation Failed", errs...)
}

func jsonResponse(status int, v any) response {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("ghmigratetest: encode an answer: %v", err)) // cannot happen: all types are ours
	}
	return response{status: status, body: bytes.TrimSuffix(b.Bytes(), []byte("\n"))}
}

// paginate returns the page of all that a call asks for, and a Link header
// that goes to base, with the call's other parameters.
func paginate[T any](c *call, all []T, base string) ([]T, http.Header) {
	page := max(atoi(c.query.Get("page")), 1)
	perPage := atoi(c.query.Get("per_page"))
	if perPage < 1 {
		perPage = 30
	}
	perPage = min(perPage, 100)
	last := max((len(all)+perPage-1)/perPage, 1)
	link := func(page int, rel string) string {
		q := make(url.Values)
		for name, values := range c.query {
			q[name] = values
		}
		q.Set("page", strconv.Itoa(page))
		return fmt.Sprintf("<%s?%s>; rel=%q", base, q.Encode(), rel)
	}
	var links []string
	if page > 1 {
		links = append(links, link(min(page-1, last), "prev"))
	}
	if page < last {
		links = append(links, link(page+1, "next"), link(last, "last"))
	}
	if page > 1 {
		links = append(links, link(1, "first"))
	}
	header := make(http.Header)
	if len(links) > 0 {
		header.Set("Link", strings.Join(links, ", "))
	}
	first := min((page-1)*perPage, len(all))
	return all[first:min(first+perPage, len(all))], header
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
