package ghmigratetest

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// An operation is one of the 22 that GitHub documents for migrations, or one
// that programs need besides.
type operation struct {
	method   string
	path     string // {name} stands for one segment
	ghes     bool   // GHES has it too
	query    []string
	serve    func(*Server, *call) response
	segments []string // of path
	scopes   []string // that the token must have
	anyone   bool     // even without a token
	besides  bool     // not of migrations: tokens of all kinds may
	resource string   // of the rate limit; empty: core
}

func (op *operation) takesBody() bool {
	return op.method == http.MethodPost || op.method == http.MethodPut || op.method == http.MethodPatch
}

// isSourceImport reports whether the operation was retired in 2024.
func (op *operation) isSourceImport() bool { return op.segments[1] == "repos" }

// isGraphQL reports whether the rules of REST do not apply.
func (op *operation) isGraphQL() bool { return op.resource == "graphql" }

func operations() []operation {
	const (
		org     = "/orgs/{org}/migrations"
		user    = "/user/migrations"
		imports = "/repos/{owner}/{repo}/import"
		exclude = "exclude"
		page    = "page"
		perPage = "per_page"
	)
	type query = []string
	ops := []operation{
		{method: http.MethodGet, path: org, ghes: true, serve: (*Server).listMigrations, query: query{page, perPage, exclude}},
		{method: http.MethodPost, path: org, ghes: true, serve: (*Server).startMigration},
		{method: http.MethodGet, path: org + "/{id}", ghes: true, serve: ofMigration((*Server).getMigration), query: query{exclude}},
		{method: http.MethodGet, path: org + "/{id}/archive", ghes: true, serve: ofMigration((*Server).redirectToArchive)},
		{method: http.MethodDelete, path: org + "/{id}/archive", ghes: true, serve: ofMigration((*Server).deleteArchive)},
		{method: http.MethodDelete, path: org + "/{id}/repos/{repo}/lock", ghes: true, serve: ofMigration((*Server).unlock)},
		{method: http.MethodGet, path: org + "/{id}/repositories", ghes: true, serve: ofMigration((*Server).listRepositories), query: query{page, perPage}},

		{method: http.MethodGet, path: user, ghes: true, serve: (*Server).listMigrations, query: query{page, perPage}},
		{method: http.MethodPost, path: user, ghes: true, serve: (*Server).startMigration},
		{method: http.MethodGet, path: user + "/{id}", serve: ofMigration((*Server).getMigration), query: query{exclude}},
		{method: http.MethodGet, path: user + "/{id}/archive", ghes: true, serve: ofMigration((*Server).redirectToArchive)},
		{method: http.MethodDelete, path: user + "/{id}/archive", serve: ofMigration((*Server).deleteArchive)},
		{method: http.MethodDelete, path: user + "/{id}/repos/{repo}/lock", serve: ofMigration((*Server).unlock)},
		{method: http.MethodGet, path: user + "/{id}/repositories", ghes: true, serve: ofMigration((*Server).listRepositories), query: query{page, perPage}},

		{method: http.MethodGet, path: imports, serve: ofImport((*Server).getImport)},
		{method: http.MethodPut, path: imports, serve: (*Server).startImport},
		{method: http.MethodPatch, path: imports, serve: ofImport((*Server).updateImport)},
		{method: http.MethodDelete, path: imports, serve: ofImport((*Server).cancelImport)},
		{method: http.MethodGet, path: imports + "/authors", serve: ofImport((*Server).listAuthors), query: query{"since"}},
		{method: http.MethodPatch, path: imports + "/authors/{author}", serve: ofImport((*Server).mapAuthor)},
		{method: http.MethodGet, path: imports + "/large_files", serve: ofImport((*Server).listLargeFiles)},
		{method: http.MethodPatch, path: imports + "/lfs", serve: ofImport((*Server).setLFSPreference)},

		{method: http.MethodGet, path: "/user", serve: (*Server).getUser, besides: true, ghes: true},
		{method: http.MethodGet, path: "/user/memberships/orgs/{org}", serve: (*Server).getMembership,
			besides: true, ghes: true, scopes: []string{"read:org"}},
		{method: http.MethodGet, path: "/orgs/{org}", serve: (*Server).getOrganization, besides: true, ghes: true},
		{method: http.MethodGet, path: "/orgs/{org}/memberships/{username}", serve: (*Server).getMembership,
			besides: true, ghes: true, scopes: []string{"read:org"}},
		{method: http.MethodGet, path: "/orgs/{org}/repos", serve: (*Server).listOrganizationRepositories,
			besides: true, ghes: true, query: query{page, perPage, "type", "sort", "direction"}},
		{method: http.MethodGet, path: "/meta", serve: (*Server).getMeta, besides: true, ghes: true, anyone: true},
		{method: http.MethodPost, path: "/graphql", serve: (*Server).serveGraphQL, besides: true, ghes: true, resource: "graphql"},
	}
	for i := range ops {
		ops[i].segments = strings.Split(ops[i].path, "/")
		ops[i].resource = cmp.Or(ops[i].resource, "core")
		if ops[i].besides {
			continue
		}
		ops[i].scopes = []string{"repo"}
		if strings.HasPrefix(ops[i].path, org) {
			ops[i].scopes = []string{"admin:org", "repo"}
		}
	}
	return ops
}

// route finds the operation, and what its path names.
func (s *Server) route(method, escapedPath string) (*operation, map[string]string) {
	path, ok := strings.CutPrefix(escapedPath, basePath)
	if s.cfg.ghes { // which has GraphQL beside /api/v3
		ok = ok && path != "/graphql"
		if escapedPath == "/api/graphql" {
			path, ok = "/graphql", true
		}
	}
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
	if method == http.MethodHead { // which net/http answers without a body
		method = http.MethodGet
	}
	for i := range s.operations {
		op := &s.operations[i]
		if op.method != method {
			continue
		}
		if vars, ok := match(op.segments, segments); ok {
			return op, vars
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
