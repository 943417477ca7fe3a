package contract_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/contract"
)

// document returns a document with one operation. The arguments are lists of breaking
// changes of the operation and of the schema of its response.
func document(ofOperation, ofSchema string) []byte {
	return fmt.Appendf(nil, `{
		"openapi": "3.0.3", "info": {"title": "GitHub", "version": "1"}, "servers": [{"url": "https://api.github.com"}],
		"paths": {
			"/user/migrations": {"get": {
				"operationId": "migrations/list-for-authenticated-user",
				"responses": {"200": {"description": "Response", "content": {"application/json": {
					"schema": {"type": "array", "items": {"$ref": "#/components/schemas/migration"}}
				}}}},
				"x-github-breaking-changes": [%s]
			}},
			"/user/keys": {"get": {"operationId": "users/list-keys", "responses": {"200": {"$ref": "#/components/responses/gone"}}}}
		},
		"components": {"schemas": {
			"migration": {
				"type": "object", "properties": {"id": {"type": "integer"}, "old": {"type": "string"}},
				"x-github-breaking-changes": [%s]
			},
			"other": {"type": "object", "properties": {"new": {"type": "string"}}}
		}},
		"x-webhooks": {}
	}`, ofOperation, ofSchema)
}

// change returns a breaking change.
func change(version, patch string) string {
	return fmt.Sprintf(`{"changeset": "of_late", "version": %q, "patch": %s}`, version, patch)
}

func TestBreakingChangesAreApplied(t *testing.T) {
	t.Parallel()
	const toOther = `{"responses": {"200": {"content": {"application/json": {"schema": {"items": {"$ref": "#/components/schemas/other"}}}}}}}`
	for name, test := range map[string]struct {
		ofOperation, ofSchema string
		want                  map[string][]string
	}{
		"no changes": {
			want: map[string][]string{"github 2022-11-28": {"$[].id", "$[].old"}},
		},
		"a merge patch removes a property": {
			ofSchema: change("2026-03-10", `{"properties": {"old": null}}`),
			want: map[string][]string{
				"github 2022-11-28": {"$[].id", "$[].old"},
				"github 2026-03-10": {"$[].id"},
			},
		},
		"a merge patch adds a property": {
			ofSchema: change("2026-03-10", `{"properties": {"new": {"type": "string"}}}`),
			want: map[string][]string{
				"github 2022-11-28": {"$[].id", "$[].old"},
				"github 2026-03-10": {"$[].id", "$[].new", "$[].old"},
			},
		},
		"a merge patch replaces a reference": {
			ofOperation: change("2026-03-10", toOther),
			want: map[string][]string{
				"github 2022-11-28": {"$[].id", "$[].old"},
				"github 2026-03-10": {"$[].new"},
			},
		},
		"a JSON patch replaces, adds and removes": {
			ofSchema: change("2026-03-10", `[
				{"op": "replace", "path": "/properties/id", "value": {"$ref": "#/components/schemas/other"}},
				{"op": "add", "path": "/properties/a~1b", "value": {"type": "string"}},
				{"op": "remove", "path": "/properties/old"}
			]`),
			want: map[string][]string{
				"github 2022-11-28": {"$[].id", "$[].old"},
				"github 2026-03-10": {"$[].a/b", "$[].id", "$[].id.new"},
			},
		},
		"a version has the changes of earlier versions, too": {
			ofSchema: change("2027-01-01", `{"properties": {"id": null}}`) + "," + change("2026-03-10", `{"properties": {"old": null}}`),
			want: map[string][]string{
				"github 2022-11-28": {"$[].id", "$[].old"},
				"github 2026-03-10": {"$[].id"},
				"github 2027-01-01": nil,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			document, err := contract.ReadDocument("github", document(test.ofOperation, test.ofSchema))
			require.NoError(t, err)
			all, err := document.Versions()
			require.NoError(t, err)
			got := map[string][]string{}
			var names []string
			for _, d := range all {
				names = append(names, d.Name())
				require.Len(t, d.Operations, 1)
				got[d.Name()] = contract.PropertyPaths(d.Operations[0].Success().Schema)
			}
			assert.Equal(t, test.want, got)
			assert.Equal(t, slices.Sorted(maps.Keys(test.want)), names)
		})
	}
}

func TestInvalidDocuments(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ ofOperation, ofSchema, want string }{
		"a patch that is a string": {
			ofSchema: change("2026-03-10", `"old"`), want: "patch in an unknown format: old",
		},
		"an operation that GitHub has never used": {
			ofSchema: change("2026-03-10", `[{"op": "move", "path": "/properties/id", "from": "/properties/old"}]`),
			want:     "operation in an unknown format",
		},
		"a patch of a property that does not exist": {
			ofSchema: change("2026-03-10", `[{"op": "replace", "path": "/properties/gone", "value": {}}]`),
			want:     "replace /properties/gone: no such object",
		},
		"a patch through a reference": {
			ofOperation: change("2026-03-10", `{"responses": {"200": {"content": {"application/json": {"schema": {"items": {"properties": {"old": null}}}}}}}}`),
			want:        "items is #/components/schemas/migration, a component that other parts share",
		},
		"a change without a version": {
			ofSchema: `{"patch": {}}`, want: "breaking change in an unknown format",
		},
		"a reference to a missing component": {
			ofSchema: change("2026-03-10", `{"properties": {"new": {"$ref": "#/components/schemas/gone"}}}`),
			want:     "reference to #/components/schemas/gone, which does not exist",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			document, err := contract.ReadDocument("github", document(test.ofOperation, test.ofSchema))
			require.NoError(t, err)
			_, err = document.Versions()
			require.ErrorContains(t, err, test.want)
			require.ErrorContains(t, err, "description of github, version 20")
		})
	}
}

func TestTheErrorHasTheCommandThatInstallsTheDescription(t *testing.T) {
	t.Parallel()
	const command = "in the root of the repository, run: npm ci --prefix internal/contract"
	dir := t.TempDir()
	_, err := contract.Load(dir)
	require.EqualError(t, err, "GitHub's OpenAPI description is not installed; "+command)

	installed := filepath.Join(dir, "node_modules", "@octokit", "openapi")
	require.NoError(t, os.MkdirAll(installed, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(installed, "package.json"), []byte(`{"version": "22.0.0"}`), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"dependencies": {"@octokit/openapi": "23.0.2"}}`), 0o600))
	_, err = contract.Load(dir)
	require.EqualError(t, err, "GitHub's OpenAPI description has version 22.0.0, not 23.0.2; "+command)
}
