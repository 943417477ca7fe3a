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

// CheckFakeResponses finds responses of a fake server that do not match the
// description. It also finds properties of successful responses that no product
// describes in the same version of the API.
func CheckFakeResponses(exchanges []*Exchange, all []*Description) (problems []string) {
	for _, x := range exchanges {
		response := fmt.Sprintf("%d to %s %s", x.Status, x.Request.Method, x.Request.URL.RequestURI())
		if x.Operation == nil {
			problems = append(problems, response+": there is no such operation")
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
			problems = append(problems, fmt.Sprintf("%s: %v", response, err))
		}
		for _, path := range x.undeclared(all) {
			problems = append(problems, fmt.Sprintf("%s: %s is not declared", response, path))
		}
	}
	return problems
}

// withExcluded returns the body of the response with empty lists for the properties that
// the request excluded, because the description requires these properties.
func (x *Exchange) withExcluded() []byte {
	excluded := x.Request.URL.Query()["exclude"]
	var request struct {
		Exclude []string `json:"exclude"`
	}
	if json.Unmarshal(x.RequestBody, &request) == nil {
		excluded = append(excluded, request.Exclude...)
	}
	var tree any
	if len(excluded) == 0 || json.Unmarshal(x.ResponseBody, &tree) != nil {
		return x.ResponseBody
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

// undeclared returns the paths of the properties of the response that no description of
// the same version has.
func (x *Exchange) undeclared(all []*Description) []string {
	var tree any
	if x.Status >= 400 || json.Unmarshal(x.ResponseBody, &tree) != nil {
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

// Succeeded returns the IDs of the operations that succeeded, sorted.
func Succeeded(exchanges []*Exchange) []string {
	all := map[string]bool{}
	for _, x := range exchanges {
		if x.Operation != nil && x.Status < 400 {
			all[x.Operation.ID] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}
