package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Document is the description of one product as GitHub publishes it. It has
// some 13 MB, of which the migration endpoints are a hundredth: only what they
// refer to is ever looked at.
type Document struct {
	product string
	parts   struct {
		OpenAPI    json.RawMessage                       `json:"openapi"`
		Info       json.RawMessage                       `json:"info"`
		Servers    json.RawMessage                       `json:"servers"`
		Paths      map[string]json.RawMessage            `json:"paths"`
		Webhooks   map[string]json.RawMessage            `json:"x-webhooks"`
		Components map[string]map[string]json.RawMessage `json:"components"`
	}
}

// ReadDocument reads the description of a product.
func ReadDocument(product string, data []byte) (*Document, error) {
	doc := &Document{product: product}
	if err := json.Unmarshal(data, &doc.parts); err != nil {
		return nil, fmt.Errorf("description of %s: %w", product, err)
	}
	return doc, nil
}

// Versions are the descriptions of the migration endpoints in the version of
// the API that the document describes and in every later one that breaks
// something there.
func (doc *Document) Versions() ([]*Description, error) {
	var all []*Description
	known := map[string]bool{}
	versions := []string{baseVersion}
	for len(versions) > 0 {
		version := versions[0]
		known[version] = true
		e := excerpt{doc: doc, version: version, breaking: map[string]bool{}, components: map[string]any{}}
		small, err := e.migrations()
		if err != nil {
			return nil, fmt.Errorf("description of %s, version %s: %w", doc.product, version, err)
		}
		event, err := e.event()
		if err != nil {
			return nil, fmt.Errorf("description of %s, version %s: %w", doc.product, version, err)
		}
		d, err := newDescription(doc.product, version, small, event)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
		for later := range e.breaking {
			if !known[later] && !slices.Contains(versions, later) {
				versions = append(versions, later)
			}
		}
		versions = slices.Sorted(slices.Values(versions[1:]))
	}
	return all, nil
}

// An excerpt is the part of a document that the migration endpoints are
// described by, in one version of the API.
type excerpt struct {
	doc        *Document
	version    string
	breaking   map[string]bool // the versions that break a part of it
	components map[string]any  // by section, then by name
}

func (e *excerpt) migrations() (map[string]any, error) {
	paths := map[string]any{}
	for path, raw := range e.doc.parts.Paths {
		item := map[string]any{}
		if err := json.Unmarshal(raw, &item); err != nil {
			return nil, err
		}
		if !isMigrations(path, item) {
			continue
		}
		if err := e.include(item); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		paths[path] = item
	}
	// The components belong to event too.
	return map[string]any{
		"openapi": e.doc.parts.OpenAPI, "info": e.doc.parts.Info, "servers": e.doc.parts.Servers,
		"paths": paths, "components": e.components,
	}, nil
}

// event takes in the payload of the webhook repository_import and returns the
// name of its schema, which is empty if there is no such webhook.
func (e *excerpt) event() (name string, err error) {
	raw, ok := e.doc.parts.Webhooks["repository-import"]
	if !ok {
		return "", nil
	}
	var webhook struct {
		Post struct {
			RequestBody struct {
				Content map[string]struct {
					Schema struct {
						Ref string `json:"$ref"`
					} `json:"schema"`
				} `json:"content"`
			} `json:"requestBody"`
		} `json:"post"`
	}
	if err := json.Unmarshal(raw, &webhook); err != nil {
		return "", err
	}
	ref := webhook.Post.RequestBody.Content["application/json"].Schema.Ref
	return strings.TrimPrefix(ref, "#/components/schemas/"), e.includeComponent(ref)
}

// isMigrations tells whether a path is one of the library's, or GitHub counts
// an operation there among the migrations.
func isMigrations(path string, item map[string]any) bool {
	for _, ours := range []string{"/user/migrations", "/orgs/{org}/migrations", "/repos/{owner}/{repo}/import"} {
		if path == ours || strings.HasPrefix(path, ours+"/") {
			return true
		}
	}
	for _, operation := range item {
		if operation, ok := operation.(map[string]any); ok {
			if id, _ := operation["operationId"].(string); strings.HasPrefix(id, "migrations/") {
				return true
			}
		}
	}
	return false
}

// include applies the breaking changes of the version to a part of the
// document, in place, and takes in all that it then refers to.
func (e *excerpt) include(part any) error {
	switch part := part.(type) {
	case map[string]any:
		if err := e.applyChanges(part); err != nil {
			return err
		}
		if ref, ok := part["$ref"].(string); ok {
			return e.includeComponent(ref)
		}
		for _, key := range slices.Sorted(maps.Keys(part)) {
			if err := e.include(part[key]); err != nil {
				return err
			}
		}
	case []any:
		for _, item := range part {
			if err := e.include(item); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *excerpt) includeComponent(ref string) error {
	path, ok := strings.CutPrefix(ref, "#/components/")
	section, name, ok2 := strings.Cut(path, "/")
	raw, ok3 := e.doc.parts.Components[section][name]
	if !ok || !ok2 || !ok3 {
		return fmt.Errorf("reference to %s, which is not there", ref)
	}
	if e.components[section] == nil {
		e.components[section] = map[string]any{}
	}
	included := e.components[section].(map[string]any) //nolint:errcheck // it was put there as one
	if included[name] != nil {
		return nil
	}
	component := map[string]any{}
	if err := json.Unmarshal(raw, &component); err != nil {
		return fmt.Errorf("%s: %w", ref, err)
	}
	included[name] = component
	return e.include(component)
}

func (e *excerpt) applyChanges(part map[string]any) error {
	const key = "x-github-breaking-changes"
	list, ok := part[key].([]any)
	if !ok {
		return nil
	}
	delete(part, key)
	for _, item := range list {
		change, _ := item.(map[string]any)
		version, _ := change["version"].(string)
		if change["patch"] == nil || version == "" {
			return fmt.Errorf("a breaking change of an unknown form: %v", change)
		}
		e.breaking[version] = true
		if version > e.version {
			continue
		}
		if err := applyPatch(part, change["patch"]); err != nil {
			return fmt.Errorf("breaking change %v: %w", change["changeset"], err)
		}
	}
	return nil
}
