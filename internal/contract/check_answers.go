package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
)

// CheckAnswers finds responses of a fake server that are not as described. A
// success must not have a property either that no product, in the same version
// of the API, describes.
func CheckAnswers(exchanges []*Exchange, all []*Description) (problems []string) {
	for _, x := range exchanges {
		what := fmt.Sprintf("%d to %s %s", x.Status, x.Request.Method, x.Request.URL.RequestURI())
		if x.Operation == nil {
			problems = append(problems, what+": there is no such operation")
			continue
		}
		err := openapi3filter.ValidateResponse(x.Request.Context(), &openapi3filter.ResponseValidationInput{
			RequestValidationInput: x.input,
			Status:                 x.Status,
			Header:                 x.Header,
			Body:                   readCloser(x.withExcluded()),
			Options:                x.input.Options,
		})
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s: %v", what, err))
		}
		for _, path := range x.undeclared(all) {
			problems = append(problems, fmt.Sprintf("%s: %s is not declared", what, path))
		}
	}
	return problems
}

// withExcluded is the answer's body with what the request excluded: the
// description requires it in spite of that.
func (x *Exchange) withExcluded() []byte {
	excluded := x.Request.URL.Query()["exclude"]
	var request struct {
		Exclude []string `json:"exclude"`
	}
	if json.Unmarshal(x.Body, &request) == nil {
		excluded = append(excluded, request.Exclude...)
	}
	var tree any
	if len(excluded) == 0 || json.Unmarshal(x.Answer, &tree) != nil {
		return x.Answer
	}
	list, ok := tree.([]any)
	if !ok {
		list = []any{tree}
	}
	for _, item := range list {
		for _, name := range excluded {
			if object, ok := item.(map[string]any); ok && object[name] == nil {
				object[name] = []any{}
			}
		}
	}
	return encode(tree)
}

// undeclared are the paths of the properties of an answer that no description
// of the same version has.
func (x *Exchange) undeclared(all []*Description) []string {
	var tree any
	if x.Status >= 400 || json.Unmarshal(x.Answer, &tree) != nil {
		return nil
	}
	declared := map[string]bool{}
	for _, d := range all {
		for _, operation := range d.Operations {
			if schema := operation.Success().Schema; schema != nil && operation.ID == x.Operation.ID && d.Version == x.description.Version {
				walkProperties(schema, "$", nil, func(path string, property *openapi3.Schema) {
					declared[path] = true
					if more := property.AdditionalProperties; more.Schema != nil || more.Has != nil && *more.Has {
						declared[path+".*"] = true
					}
				})
			}
		}
	}
	return slices.DeleteFunc(valuePaths(tree, "$"), func(path string) bool {
		return declared[path] || declared[path[:strings.LastIndex(path, ".")]+".*"]
	})
}

// Answered are the operations that were answered with a success, sorted.
func Answered(exchanges []*Exchange) []string {
	all := map[string]bool{}
	for _, x := range exchanges {
		if x.Operation != nil && x.Status < 400 {
			all[x.Operation.ID] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}
