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

// CheckRequests finds requests that do not match the description.
func CheckRequests(exchanges []*Exchange) (problems []string) {
	for _, x := range exchanges {
		if x.Operation == nil {
			continue
		}
		for _, problem := range x.checkRequest() {
			problems = append(problems, fmt.Sprintf("%v: %s", x.Call, problem))
		}
	}
	return problems
}

func (x *Exchange) checkRequest() (problems []string) {
	x.input.Request = x.Request.Clone(x.Request.Context())
	x.input.Request.Body = readCloser(x.RequestBody)
	if err := openapi3filter.ValidateRequest(x.Request.Context(), x.input); err != nil {
		problems = append(problems, err.Error())
	}
	problems = append(problems, x.checkPath()...)
	for name, values := range x.Request.URL.Query() {
		if x.Operation.parameter(openapi3.ParameterInQuery, name) == nil {
			problems = append(problems, fmt.Sprintf("the query has %s, which is not declared", name))
		} else if len(values) != 1 {
			problems = append(problems, fmt.Sprintf("the query has %s %d times", name, len(values)))
		}
	}
	problems = append(problems, x.checkHeader()...)
	for _, path := range x.bodyPaths() {
		if !slices.Contains(x.Operation.bodyProperties(), path) {
			problems = append(problems, fmt.Sprintf("the body has %s, which is not declared", path))
		}
	}
	return problems
}

// checkPath checks that the path has the arguments in the right order. In a wrong order
// the path would be valid, too.
func (x *Exchange) checkPath() []string {
	var got []string
	for segment := range strings.SplitSeq(x.Operation.Path, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			got = append(got, x.input.PathParams[strings.TrimSuffix(name, "}")])
		}
	}
	if !slices.Equal(got, x.Call.Names) {
		return []string{fmt.Sprintf("the path has the parameters %q instead of %q", got, x.Call.Names)}
	}
	return nil
}

// checkHeader compares the header with the headers that GitHub documents for every
// request. The OpenAPI description does not have them.
// https://docs.github.com/rest/using-the-rest-api/getting-started-with-the-rest-api#headers
func (x *Exchange) checkHeader() (problems []string) {
	want := map[string]string{
		"Accept":               "application/vnd.github+json",
		"Authorization":        "Bearer ghp_contract",
		"User-Agent":           "ghmigrate",
		"X-Github-Api-Version": x.description.Version,
	}
	if len(x.RequestBody) > 0 {
		want["Content-Type"] = "application/json"
	}
	got := map[string]string{}
	for name, values := range x.Request.Header {
		if x.Operation.parameter(openapi3.ParameterInHeader, name) == nil {
			got[name] = strings.Join(values, ", ")
		}
	}
	if !maps.Equal(got, want) {
		problems = append(problems, fmt.Sprintf("the header is %q instead of %q", got, want))
	}
	return problems
}

// CheckParameters finds documented parameters that no call sends.
func CheckParameters(d *Description, exchanges []*Exchange) (count Count, problems []string) {
	for _, operation := range d.Operations {
		for _, ref := range operation.Parameters {
			count.All++
			if slices.ContainsFunc(exchanges, func(x *Exchange) bool { return x.Operation == operation && x.sends(ref.Value) }) {
				count.Got++
			} else {
				problems = append(problems, fmt.Sprintf("%s: no argument sets the parameter %s of the %s", operation.ID, ref.Value.Name, ref.Value.In))
			}
		}
	}
	return count, problems
}

// CheckBodies finds documented properties of request bodies that no call
// sends.
func CheckBodies(d *Description, exchanges []*Exchange) (count Count, problems []string) {
	for _, operation := range d.Operations {
		for _, path := range operation.bodyProperties() {
			count.All++
			if slices.ContainsFunc(exchanges, func(x *Exchange) bool {
				return x.Operation == operation && slices.Contains(x.bodyPaths(), path)
			}) {
				count.Got++
			} else {
				problems = append(problems, fmt.Sprintf("%s: no argument sets the property %s of the body", operation.ID, path))
			}
		}
	}
	return count, problems
}

// sends reports whether the request has a parameter.
func (x *Exchange) sends(parameter *openapi3.Parameter) bool {
	switch parameter.In {
	case openapi3.ParameterInPath:
		return x.input.PathParams[parameter.Name] != ""
	case openapi3.ParameterInQuery:
		return x.Request.URL.Query().Has(parameter.Name)
	case openapi3.ParameterInHeader:
		return x.Request.Header.Get(parameter.Name) != ""
	}
	return false
}

// parameter returns a documented parameter, or nil.
func (o *Operation) parameter(in, name string) *openapi3.Parameter {
	for _, ref := range o.Parameters {
		if ref.Value.In == in && (ref.Value.Name == name || in == openapi3.ParameterInHeader && strings.EqualFold(ref.Value.Name, name)) {
			return ref.Value
		}
	}
	return nil
}

// bodyProperties returns the paths of the documented properties of the request's body.
// Some properties are only in an example, such as human_name of an import.
func (o *Operation) bodyProperties() []string {
	if o.RequestBody == nil {
		return nil
	}
	media := o.RequestBody.Value.Content.Get("application/json")
	if media == nil || media.Schema == nil {
		return nil
	}
	all := PropertyPaths(media.Schema.Value)
	for _, example := range media.Examples {
		all = append(all, valuePaths(example.Value.Value, "$")...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// bodyPaths returns the paths of the properties in the request's body.
func (x *Exchange) bodyPaths() []string {
	var tree any
	if len(x.RequestBody) == 0 || json.Unmarshal(x.RequestBody, &tree) != nil {
		return nil
	}
	return valuePaths(tree, "$")
}

// valuePaths returns the paths of all properties in a value, in the format of
// PropertyPaths.
func valuePaths(tree any, path string) []string {
	var all []string
	switch tree := tree.(type) {
	case map[string]any:
		for name, value := range tree {
			all = append(append(all, path+"."+name), valuePaths(value, path+"."+name)...)
		}
	case []any:
		for _, item := range tree {
			all = append(all, valuePaths(item, path+"[]")...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
