package ghmigratetest

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// An operation is one endpoint of the API: one of the 22 that GitHub documents for
// migrations, or one that programs need before an export.
type operation struct {
	id       string // in GitHub's OpenAPI description
	method   string
	path     string   // {name} matches one segment
	ghes     bool     // GHES has the operation, too
	query    []string // the documented parameters
	serve    func(*Server, *call) response
	segments []string // segments of path
	scopes   []string // scopes that the token must have
	resource string   // of the rate limit; empty: core

	allowsAnonymous bool // allows a request without a token
	auxiliary       bool // not an operation for migrations: allows all kinds of tokens and roles
}

// takesBody reports whether a request of the operation may have a body.
func (op *operation) takesBody() bool {
	return op.method == http.MethodPost || op.method == http.MethodPut || op.method == http.MethodPatch
}

// isSourceImport reports whether the operation belongs to source imports, which
// GitHub retired in 2024.
func (op *operation) isSourceImport() bool { return op.segments[1] == "repos" }

// isGraphQL reports whether the operation is GraphQL, to which the rules of REST
// do not apply.
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
		{id: "migrations/list-for-org", method: http.MethodGet, path: org, ghes: true, serve: (*Server).listMigrations, query: query{page, perPage, exclude}},
		{id: "migrations/start-for-org", method: http.MethodPost, path: org, ghes: true, serve: (*Server).startMigration},
		{id: "migrations/get-status-for-org", method: http.MethodGet, path: org + "/{id}", ghes: true, serve: ofMigration((*Server).getMigration), query: query{exclude}},
		{id: "migrations/download-archive-for-org", method: http.MethodGet, path: org + "/{id}/archive", ghes: true, serve: ofMigration((*Server).redirectToArchive)},
		{id: "migrations/delete-archive-for-org", method: http.MethodDelete, path: org + "/{id}/archive", ghes: true, serve: ofMigration((*Server).deleteArchive)},
		{id: "migrations/unlock-repo-for-org", method: http.MethodDelete, path: org + "/{id}/repos/{repo}/lock", ghes: true, serve: ofMigration((*Server).unlock)},
		{id: "migrations/list-repos-for-org", method: http.MethodGet, path: org + "/{id}/repositories", ghes: true, serve: ofMigration((*Server).listRepositories), query: query{page, perPage}},

		{id: "migrations/list-for-authenticated-user", method: http.MethodGet, path: user, ghes: true, serve: (*Server).listMigrations, query: query{page, perPage}},
		{id: "migrations/start-for-authenticated-user", method: http.MethodPost, path: user, ghes: true, serve: (*Server).startMigration},
		{id: "migrations/get-status-for-authenticated-user", method: http.MethodGet, path: user + "/{id}", serve: ofMigration((*Server).getMigration), query: query{exclude}},
		{id: "migrations/get-archive-for-authenticated-user", method: http.MethodGet, path: user + "/{id}/archive", ghes: true, serve: ofMigration((*Server).redirectToArchive)},
		{id: "migrations/delete-archive-for-authenticated-user", method: http.MethodDelete, path: user + "/{id}/archive", serve: ofMigration((*Server).deleteArchive)},
		{id: "migrations/unlock-repo-for-authenticated-user", method: http.MethodDelete, path: user + "/{id}/repos/{repo}/lock", serve: ofMigration((*Server).unlock)},
		{id: "migrations/list-repos-for-authenticated-user", method: http.MethodGet, path: user + "/{id}/repositories", ghes: true, serve: ofMigration((*Server).listRepositories), query: query{page, perPage}},

		{id: "migrations/get-import-status", method: http.MethodGet, path: imports, serve: ofImport((*Server).getImport)},
		{id: "migrations/start-import", method: http.MethodPut, path: imports, serve: (*Server).startImport},
		{id: "migrations/update-import", method: http.MethodPatch, path: imports, serve: ofImport((*Server).updateImport)},
		{id: "migrations/cancel-import", method: http.MethodDelete, path: imports, serve: ofImport((*Server).cancelImport)},
		{id: "migrations/get-commit-authors", method: http.MethodGet, path: imports + "/authors", serve: ofImport((*Server).listAuthors), query: query{"since"}},
		{id: "migrations/map-commit-author", method: http.MethodPatch, path: imports + "/authors/{author}", serve: ofImport((*Server).mapAuthor)},
		{id: "migrations/get-large-files", method: http.MethodGet, path: imports + "/large_files", serve: ofImport((*Server).listLargeFiles)},
		{id: "migrations/set-lfs-preference", method: http.MethodPatch, path: imports + "/lfs", serve: ofImport((*Server).setLFSPreference)},

		{id: "users/get-authenticated", method: http.MethodGet, path: "/user", serve: (*Server).getUser, auxiliary: true, ghes: true},
		{id: "orgs/get-membership-for-authenticated-user", method: http.MethodGet, path: "/user/memberships/orgs/{org}", serve: (*Server).getMembership,
			auxiliary: true, ghes: true, scopes: []string{"read:org"}},
		{id: "orgs/get", method: http.MethodGet, path: "/orgs/{org}", serve: (*Server).getOrganization, auxiliary: true, ghes: true},
		{id: "orgs/get-membership-for-user", method: http.MethodGet, path: "/orgs/{org}/memberships/{username}", serve: (*Server).getMembership,
			auxiliary: true, ghes: true, scopes: []string{"read:org"}},
		{id: "repos/list-for-org", method: http.MethodGet, path: "/orgs/{org}/repos", serve: (*Server).listOrganizationRepositories,
			auxiliary: true, ghes: true, query: query{page, perPage, "type", "sort", "direction"}},
		{id: "meta/get", method: http.MethodGet, path: "/meta", serve: (*Server).getMeta, auxiliary: true, ghes: true, allowsAnonymous: true},
		{id: "graphql", method: http.MethodPost, path: "/graphql", serve: (*Server).serveGraphQL, auxiliary: true, ghes: true, resource: "graphql"},
	}
	for i := range ops {
		ops[i].segments = strings.Split(ops[i].path, "/")
		ops[i].resource = cmp.Or(ops[i].resource, "core")
		if ops[i].auxiliary {
			continue
		}
		ops[i].scopes = []string{"repo"}
		if strings.HasPrefix(ops[i].path, org) {
			ops[i].scopes = []string{"admin:org", "repo"}
		}
	}
	return ops
}

// operationIDs returns the IDs of all operations.
func operationIDs() []string {
	var ids []string
	for _, op := range operations() {
		ids = append(ids, op.id)
	}
	return ids
}

// route returns the operation of a request and the variables of its path. The
// operation is nil if no operation has the path.
func (s *Server) route(method, escapedPath string) (*operation, map[string]string) {
	path, ok := strings.CutPrefix(escapedPath, basePath)
	switch {
	case escapedPath == graphQLPath:
		path = "/graphql"
	case !ok, s.cfg.ghes && path == "/graphql":
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
	if method == http.MethodHead { // net/http sends no body in response to HEAD
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

// resolveOrganizationID rewrites /organizations/ID, which GitHub's links have, to
// /orgs/LOGIN.
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

// match matches the segments of a path with a pattern, and returns the variables.
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
