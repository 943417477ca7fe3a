package ghmigratetest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// The patterns of the two queries that the server knows, as normalizeQuery writes
// them. The second query may have either field or both.
const (
	viewerQuery = `^(?:query ?\w* ?)?\{viewer\{login\}\}$`
	lockQuery   = `^query ?\w*\(\$owner:String! ?\$name:String!\)\{repository\(owner:\$owner name:\$name\)` +
		`\{((?:isLocked|lockReason)(?: (?:isLocked|lockReason))*)\}\}$`
)

// A graphQLError is an element of errors[] in a GraphQL response.
type graphQLError struct {
	Type    string   `json:"type,omitempty"`
	Path    []string `json:"path,omitempty"`
	Message string   `json:"message"`
}

// serveGraphQL serves the queries for the login of the user and for the lock of a
// repository. REST does not report locks.
func (s *Server) serveGraphQL(c *call) response {
	var req struct {
		Query     string            `json:"query"`
		Variables map[string]string `json:"variables"`
	}
	if err := json.Unmarshal(c.body, &req); err != nil {
		return failure(http.StatusBadRequest, "Problems parsing JSON")
	}
	query := normalizeQuery(req.Query)
	if regexp.MustCompile(viewerQuery).MatchString(query) {
		return graphQLResponse("viewer", map[string]any{"login": s.user.login})
	}
	match := regexp.MustCompile(lockQuery).FindStringSubmatch(query)
	if match == nil {
		return graphQLResponse("", nil, graphQLError{Message: "ghmigratetest knows two queries, as its package comment describes; it cannot parse others"})
	}
	r, refusal := s.resolveRepository(req.Variables["owner"], req.Variables["name"])
	if refusal != nil {
		return graphQLResponse("repository", nil, *refusal)
	}
	values := map[string]any{"isLocked": r.lockedBy != nil, "lockReason": nil}
	if r.lockedBy != nil {
		values["lockReason"] = "MIGRATING"
	}
	selected := make(map[string]any)
	for field := range strings.FieldsSeq(match[1]) {
		selected[field] = values[field]
	}
	return graphQLResponse("repository", selected)
}

// normalizeQuery removes the spaces, line breaks and commas of a query, except for
// one space between names.
func normalizeQuery(query string) string {
	query = regexp.MustCompile(`[\s,]+`).ReplaceAllString(query, " ")
	return strings.TrimSpace(regexp.MustCompile(` ?([{}():]) ?`).ReplaceAllString(query, "$1"))
}

// graphQLResponse returns a response with one field of the query, whose value may be
// null.
func graphQLResponse(field string, value map[string]any, errs ...graphQLError) response {
	body := struct {
		Data   map[string]any `json:"data,omitempty"`
		Errors []graphQLError `json:"errors,omitempty"`
	}{Errors: errs}
	if field != "" {
		body.Data = map[string]any{field: value}
		for i := range body.Errors {
			body.Errors[i].Path = []string{field}
		}
	}
	return jsonResponse(http.StatusOK, body)
}

// resolveRepository finds a repository by its name or a former name, because
// followRenames is true by default.
func (s *Server) resolveRepository(owner, name string) (*repository, *graphQLError) {
	r := s.repositoryNamed(owner, name)
	if r == nil {
		r = s.former[strings.ToLower(owner+"/"+name)]
	}
	switch {
	case r == nil || r.private && (r.owner.role == "" || !s.hasScopes([]string{"repo"})):
		return nil, &graphQLError{
			Type:    "NOT_FOUND",
			Message: fmt.Sprintf("Could not resolve to a Repository with the name '%s/%s'.", owner, name),
		}
	case r.owner.sso:
		return nil, &graphQLError{
			Type: "FORBIDDEN",
			Message: "Resource protected by organization SAML enforcement. " +
				"You must grant your OAuth token access to this organization.",
		}
	}
	return r, nil
}
