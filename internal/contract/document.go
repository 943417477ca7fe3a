package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Document is the description of one product as GitHub publishes it. It has about
// 13 MB. The migration endpoints are a hundredth of that, so the rest is not decoded.
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

// Versions returns the descriptions of the migration endpoints in the version of the
// API that the document describes, and in every later version that changes them.
func (doc *Document) Versions() ([]*Description, error) {
	var all []*Description
	done := map[string]bool{}
	versions := []string{baseVersion}
	for len(versions) > 0 {
		version := versions[0]
		done[version] = true
		e := excerpt{doc: doc, version: version, breaking: map[string]bool{}, components: map[string]any{}}
		endpoints, err := e.migrations()
		if err != nil {
			return nil, fmt.Errorf("description of %s, version %s: %w", doc.product, version, err)
		}
		event, err := e.event()
		if err != nil {
			return nil, fmt.Errorf("description of %s, version %s: %w", doc.product, version, err)
		}
		d, err := newDescription(doc.product, version, endpoints, event)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
		for later := range e.breaking {
			if !done[later] && !slices.Contains(versions, later) {
				versions = append(versions, later)
			}
		}
		versions = slices.Sorted(slices.Values(versions[1:]))
	}
	return all, nil
}

// An excerpt is the part of a document that describes the migration endpoints in one
// version of the API.
type excerpt struct {
	doc        *Document
	version    string
	breaking   map[string]bool // the versions that change a part of the excerpt
	components map[string]any  // by section, then by name
}

// migrations returns the migration endpoints as an OpenAPI document.
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
	// event adds to the components later.
	return map[string]any{
		"openapi": e.doc.parts.OpenAPI, "info": e.doc.parts.Info, "servers": e.doc.parts.Servers,
		"paths": paths, "components": e.components,
	}, nil
}

// event includes the payload of the webhook repository_import. It returns the name of
// the payload's schema, or "" if there is no such webhook.
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

// isMigrations reports whether the library has the path, or GitHub counts one of its
// operations among the migrations.
func isMigrations(path string, item map[string]any) bool {
	for _, prefix := range []string{"/user/migrations", "/orgs/{org}/migrations", "/repos/{owner}/{repo}/import"} {
		if path == prefix || strings.HasPrefix(path, prefix+"/") {
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

// include applies the breaking changes of the version to a part of the document, in
// place. It then includes all components to which the part refers.
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

// includeComponent includes the component to which ref refers.
func (e *excerpt) includeComponent(ref string) error {
	path, ok := strings.CutPrefix(ref, "#/components/")
	section, name, ok2 := strings.Cut(path, "/")
	raw, ok3 := e.doc.parts.Components[section][name]
	if !ok || !ok2 || !ok3 {
		return fmt.Errorf("reference to %s, which does not exist", ref)
	}
	if e.components[section] == nil {
		e.components[section] = map[string]any{}
	}
	included := e.components[section].(map[string]any) //nolint:errcheck // sections are maps
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

// applyChanges applies the breaking changes of a part, up to the version.
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
			return fmt.Errorf("breaking change in an unknown format: %v", change)
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
