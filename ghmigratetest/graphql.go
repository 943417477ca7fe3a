package ghmigratetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// A graphQLError is an element of errors[] of GraphQL.
type graphQLError struct {
	Type    string   `json:"type,omitempty"`
	Path    []string `json:"path,omitempty"`
	Message string   `json:"message"`
}

type graphQLAnswer struct {
	Data   map[string]any `json:"data,omitempty"`
	Errors []graphQLError `json:"errors,omitempty"`
}

// serveGraphQL answers queries of the viewer and of repositories: as much of
// GraphQL as it takes to tell what is locked.
func (s *Server) serveGraphQL(c *call) response {
	var req struct {
		Query         string         `json:"query"`
		OperationName *string        `json:"operationName"`
		Variables     map[string]any `json:"variables"`
	}
	dec := json.NewDecoder(bytes.NewReader(c.body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&req); err != nil {
		return failure(http.StatusBadRequest, "Problems parsing JSON")
	}
	fields, err := parseQuery(req.Query, req.Variables)
	if err != nil {
		return graphQLFailure("%s", err)
	}
	answer := graphQLAnswer{Data: make(map[string]any)}
	for _, f := range fields {
		values, refusal := s.resolveField(f)
		if refusal != nil {
			refusal.Path = []string{f.alias}
			answer.Errors = append(answer.Errors, *refusal)
			answer.Data[f.alias] = nil
			continue
		}
		if len(f.fields) == 0 {
			return graphQLFailure("Field must have selections (field '%s' returns %s but has no selections.)", f.name, values["__typename"])
		}
		selected := make(map[string]any)
		for _, sub := range f.fields {
			value, ok := values[sub.name]
			if !ok || len(sub.fields) > 0 {
				return graphQLFailure("Field '%s' doesn't exist on type '%s'", sub.name, values["__typename"])
			}
			selected[sub.alias] = value
		}
		answer.Data[f.alias] = selected
	}
	return jsonResponse(http.StatusOK, answer)
}

// graphQLFailure answers a query of which nothing can be answered.
func graphQLFailure(format string, args ...any) response {
	return jsonResponse(http.StatusOK, graphQLAnswer{Errors: []graphQLError{{Message: fmt.Sprintf(format, args...)}}})
}

// resolveField returns all that a field of the query itself could select.
func (s *Server) resolveField(f queryField) (map[string]any, *graphQLError) {
	switch f.name {
	case "viewer":
		return map[string]any{"__typename": "User", "login": s.user.login, "databaseId": s.user.id}, nil
	case "repository":
		return s.resolveRepository(f.args["owner"], f.args["name"])
	}
	return nil, &graphQLError{Message: fmt.Sprintf("Field '%s' doesn't exist on type 'Query'", f.name)}
}

func (s *Server) resolveRepository(owner, name string) (map[string]any, *graphQLError) {
	r := s.repositoryNamed(owner, name)
	if r == nil { // followRenames is true by default
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
	values := map[string]any{
		"__typename":    "Repository",
		"id":            nodeID("Repository", r.id),
		"databaseId":    r.id,
		"name":          r.name,
		"nameWithOwner": r.fullName(),
		"isPrivate":     r.private,
		"isLocked":      r.lockedBy != nil,
		"lockReason":    nil,
	}
	if r.lockedBy != nil {
		values["lockReason"] = "MIGRATING"
	}
	return values, nil
}
