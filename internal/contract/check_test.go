package contract_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/contract"
)

func TestEveryOperationIsCalledByExactlyOneMethod(t *testing.T) {
	methods, _ := contract.Methods()
	var all []*contract.Exchange
	for _, d := range descriptions(t) {
		exchanges := exchangesWith(t, d)
		_, problems := contract.CheckOperations(d, exchanges)
		for _, problem := range problems {
			t.Errorf("%s: %s", d.Name(), problem)
		}
		all = append(all, exchanges...)
	}
	noProblems(t, contract.CheckMethods(methods, all))
}

func TestEveryRequestMatchesTheDescription(t *testing.T) {
	t.Parallel()
	eachDescription(t, func(t *testing.T, _ *contract.Description, exchanges []*contract.Exchange) {
		noProblems(t, contract.CheckRequests(exchanges))
	})
}

func TestEveryParameterIsSetByAnArgument(t *testing.T) {
	t.Parallel()
	eachDescription(t, func(t *testing.T, d *contract.Description, exchanges []*contract.Exchange) {
		_, problems := contract.CheckParameters(d, exchanges)
		noProblems(t, problems)
		_, problems = contract.CheckBodies(d, exchanges)
		noProblems(t, problems)
	})
}

func TestEveryPropertyOfAResponseHasAField(t *testing.T) {
	t.Parallel()
	eachDescription(t, func(t *testing.T, d *contract.Description, exchanges []*contract.Exchange) {
		_, problems := contract.CheckFields(d, exchanges)
		noProblems(t, problems)
	})
}

func TestDecodingAndEncodingLoseNoValue(t *testing.T) {
	t.Parallel()
	eachDescription(t, func(t *testing.T, d *contract.Description, exchanges []*contract.Exchange) {
		noProblems(t, contract.CheckDecoding(t.Context(), d, exchanges))
	})
}

func TestDecodingTheWebhookLosesNoValue(t *testing.T) {
	t.Parallel()
	example, err := os.ReadFile(filepath.Join("..", "..", "testdata", "repository_import.json"))
	require.NoError(t, err)
	var payload any
	require.NoError(t, json.Unmarshal(example, &payload))
	eachDescription(t, func(t *testing.T, d *contract.Description, _ []*contract.Exchange) {
		_, problems := contract.CheckEventFields(d)
		noProblems(t, problems)
		noProblems(t, contract.CheckEventDecoding(t.Context(), d))
		if d.Event != nil {
			assert.NoError(t, d.Event.VisitJSON(payload), "the library's own example")
		}
	})
}

func TestEveryFailureMatchesAnError(t *testing.T) {
	t.Parallel()
	eachDescription(t, func(t *testing.T, d *contract.Description, exchanges []*contract.Exchange) {
		synctest.Test(t, func(t *testing.T) { // the library retries a 401 after a second
			_, problems := contract.CheckFailures(t.Context(), d, exchanges)
			noProblems(t, problems)
		})
	})
}

// The examples that the library's tests read are the examples of the description.
func TestTheExamplesInTestdataAreUpToDate(t *testing.T) {
	t.Parallel()
	want, err := contract.Examples(descriptions(t))
	require.NoError(t, err)
	testdata := filepath.Join("..", "..", "testdata")
	for name, content := range want {
		got, err := os.ReadFile(filepath.Join(testdata, name))
		require.NoError(t, err, "run: go generate -C internal/contract .")
		assert.Equal(t, string(content), string(got), "%s is out of date; run: go generate -C internal/contract .", name)
	}
	files, err := filepath.Glob(filepath.Join(testdata, "*.json"))
	require.NoError(t, err)
	for _, file := range files {
		name := filepath.Base(file)
		if name != "repository_import.json" { // a webhook, for which GitHub has no example
			assert.Contains(t, want, name, "%s is no longer an example of GitHub", name)
		}
	}
}

// The checks find changes of a description, and name them.
func TestChangesOfADescriptionAreNamed(t *testing.T) {
	t.Parallel()
	all, err := contract.Load(".", "api.github.com") // the test changes this copy
	require.NoError(t, err)
	d := all[0]
	find := func(id string) *contract.Operation {
		return d.Operations[slices.IndexFunc(d.Operations, func(o *contract.Operation) bool { return o.ID == id })]
	}
	text := func() *openapi3.SchemaRef { return openapi3.NewStringSchema().NewRef() }

	list := find("migrations/list-for-org")
	list.Parameters = append(list.Parameters, &openapi3.ParameterRef{Value: openapi3.NewQueryParameter("of_late").WithSchema(text().Value)})
	start := find("migrations/start-for-org")
	start.RequestBody.Value.Content.Get("application/json").Schema.Value.Properties["of_late"] = text()
	large := find("migrations/get-large-files")
	large.Success().Schema.Items.Value.Properties["of_late"] = text()
	get := find("migrations/get-status-for-org")
	get.Responses.Set("418", &openapi3.ResponseRef{Value: openapi3.NewResponse().WithDescription("A teapot")})
	d.Operations = append(d.Operations, &contract.Operation{
		ID: "migrations/of-late", Method: http.MethodPost, Path: "/orgs/{org}/migrations/of_late",
		Operation: &openapi3.Operation{Responses: openapi3.NewResponses(openapi3.WithStatus(http.StatusOK, &openapi3.ResponseRef{Value: openapi3.NewResponse()}))},
	})

	exchanges := exchangesWith(t, d)
	_, problems := contract.CheckOperations(d, exchanges)
	assert.Contains(t, problems, "no method calls migrations/of-late (POST /orgs/{org}/migrations/of_late)")
	_, problems = contract.CheckParameters(d, exchanges)
	assert.Contains(t, problems, "migrations/list-for-org: no argument sets the parameter of_late of the query")
	_, problems = contract.CheckBodies(d, exchanges)
	assert.Contains(t, problems, "migrations/start-for-org: no argument sets the property $.of_late of the body")
	_, problems = contract.CheckFields(d, exchanges)
	assert.Contains(t, problems, "migrations/get-large-files: $[].of_late of the response is lost: ghmigrate.LargeFile has 0 fields for of_late")
	assert.Contains(t, strings.Join(contract.CheckDecoding(t.Context(), d, exchanges), "\n"),
		"migrations/get-large-files, instance 0: $[0].of_late is <nil> instead of ")
	_, problems = contract.CheckFailures(t.Context(), d, exchanges)
	assert.Contains(t, strings.Join(problems, "\n"), "migrations/get-status-for-org, status 418: the error matches no error of the library: ")

	delete(start.RequestBody.Value.Content.Get("application/json").Schema.Value.Properties, "exclude_releases")
	list.Parameters = slices.DeleteFunc(list.Parameters, func(p *openapi3.ParameterRef) bool { return p.Value.Name == "exclude" })
	assert.Subset(t, contract.CheckRequests(exchanges), []string{
		"OrgMigrations.Start with maximal arguments: the body has $.exclude_releases, which is not declared",
		"OrgMigrations.List with maximal arguments: the query has exclude, which is not declared",
	})
}
