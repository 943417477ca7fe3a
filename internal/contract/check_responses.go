package contract

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// CheckFields finds documented properties of successful responses that have no field.
func CheckFields(d *Description, exchanges []*Exchange) (count Count, problems []string) {
	for _, operation := range d.Operations {
		schema := operation.Success().Schema
		i := slices.IndexFunc(exchanges, func(x *Exchange) bool { return x.Operation == operation })
		if schema == nil || i < 0 {
			continue
		}
		method := exchanges[i].Call.Method
		result := method.result()
		if method.isList() {
			result = reflect.SliceOf(result)
		}
		walkProperties(schema, "$", nil, func(path string, _ *openapi3.Schema) {
			count.All++
			if reason := lookUp(result, path); reason == "" {
				count.Got++
			} else {
				problems = append(problems, fmt.Sprintf("%s: %s of the response is lost: %s", operation.ID, path, reason))
			}
		})
	}
	slices.Sort(problems)
	return count, problems
}

// lookUp returns why a type has no field for a path of PropertyPaths, or "".
func lookUp(typ reflect.Type, path string) (reason string) {
	for step := range strings.SplitSeq(strings.ReplaceAll(path, "[]", ".[]"), ".") {
		for typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		switch {
		case step == "$":
		case step == "[]" && typ.Kind() == reflect.Slice, step != "[]" && typ.Kind() == reflect.Map:
			typ = typ.Elem()
		case step == "[]":
			return fmt.Sprintf("%v is not a list", typ)
		case typ.Kind() == reflect.Interface:
			return ""
		case typ.Kind() != reflect.Struct:
			return fmt.Sprintf("%v has no %s", typ, step)
		default:
			fields := slices.DeleteFunc(reflect.VisibleFields(typ), func(f reflect.StructField) bool {
				name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				return !f.IsExported() || name != step
			})
			if len(fields) != 1 {
				return fmt.Sprintf("%v has %d fields for %s", typ, len(fields), step)
			}
			typ = fields[0].Type
		}
	}
	return ""
}

// CheckDecoding decodes and encodes sample bodies of the successful response of every
// operation, and finds the values that are lost.
func CheckDecoding(ctx context.Context, d *Description, exchanges []*Exchange) (problems []string) {
	for _, operation := range d.Operations {
		i := slices.IndexFunc(exchanges, func(x *Exchange) bool { return x.Operation == operation })
		if operation.Success().Schema == nil || i < 0 {
			continue
		}
		seen := map[string]bool{}
		for _, body := range operation.sampleBodies() {
			for _, problem := range body.check(ctx, d, exchanges[i].Call) {
				if !seen[problem] {
					problems = append(problems, fmt.Sprintf("%s, %s: %s", operation.ID, body.kind, problem))
				}
				seen[problem] = true
			}
		}
	}
	return problems
}

// A sampleBody is a body of a response or of a webhook.
type sampleBody struct {
	kind         string
	tree         any
	mayBeInvalid bool // whether the body may violate the schema
	onlyDecodes  bool // whether the check is only that decoding succeeds
}

// sampleBodies returns the documented examples of the successful response, and bodies
// made from its schema.
func (o *Operation) sampleBodies() []sampleBody {
	var all []sampleBody
	response := o.Success()
	for name, example := range response.Content.Get("application/json").Examples {
		all = append(all, sampleBody{kind: "documented example " + name, tree: example.Value.Value, mayBeInvalid: true})
	}
	return append(all, schemaBodies(response.Schema)...)
}

// schemaBodies returns bodies made from a schema: with all properties, with fewer, and
// with null values.
func schemaBodies(schema *openapi3.Schema) []sampleBody {
	var all []sampleBody
	for i, full := range instances(schema) {
		all = append(all, sampleBody{kind: fmt.Sprintf("instance %d", i), tree: full})
	}
	variant := func(kind string, change func(object, property *openapi3.Schema, name string, value any) (any, bool)) sampleBody {
		return sampleBody{kind: kind, tree: rewrite(schema, instance(schema, 0), change)}
	}
	nulls := variant("null where allowed", func(_, property *openapi3.Schema, _ string, value any) (any, bool) {
		if property.Nullable {
			return nil, true
		}
		return value, true
	})
	least := variant("only required properties", func(object, _ *openapi3.Schema, name string, value any) (any, bool) {
		return value, slices.Contains(object.Required, name)
	})
	recorded := variant("use_lfs as a string", func(_, _ *openapi3.Schema, name string, value any) (any, bool) {
		if name == "use_lfs" {
			return "undecided", true
		}
		return value, true
	})
	recorded.mayBeInvalid = true
	null := variant("null everywhere", func(*openapi3.Schema, *openapi3.Schema, string, any) (any, bool) { return nil, true })
	null.mayBeInvalid, null.onlyDecodes = true, true
	nothing := variant("no properties", func(*openapi3.Schema, *openapi3.Schema, string, any) (any, bool) { return nil, false })
	nothing.mayBeInvalid, nothing.onlyDecodes = true, true
	return append(all, nulls, least, recorded, null, nothing)
}

// rewrite copies a value of a schema. change returns the new value of each property, and
// whether the copy has the property.
func rewrite(schema *openapi3.Schema, tree any, change func(object, property *openapi3.Schema, name string, value any) (any, bool)) any {
	switch tree := tree.(type) {
	case map[string]any:
		all := properties(schema)
		fresh := map[string]any{}
		for name, value := range tree {
			property := all[name]
			if property == nil {
				fresh[name] = value
			} else if value, keep := change(schema, property, name, rewrite(property, value, change)); keep {
				fresh[name] = value
			}
		}
		return fresh
	case []any:
		fresh := []any{}
		for _, item := range tree {
			if inner := items(schema); inner != nil {
				item = rewrite(inner, item, change)
			}
			fresh = append(fresh, item)
		}
		return fresh
	}
	return tree
}

// check responds to a call with the body, and compares the result of the call.
func (b sampleBody) check(ctx context.Context, d *Description, call Call) []string {
	var schema *openapi3.Schema
	r := &Recorder{Description: d, call: call, respond: func(operation *Operation, req *http.Request) (int, http.Header, []byte) {
		response := operation.Success()
		schema = response.Schema
		b.tree = identified(schema, b.tree, req)
		return response.Status, http.Header{"Content-Type": {"application/json"}}, encode(b.tree)
	}}
	client, err := r.client()
	if err != nil {
		return []string{err.Error()}
	}
	got, err := call.do(ctx, client)
	if err != nil {
		return []string{err.Error()}
	}
	return b.compare(schema, got)
}

// compare finds the values of the body that are not in the decoded result.
func (b sampleBody) compare(schema *openapi3.Schema, got any) []string {
	if b.onlyDecodes {
		return nil
	}
	encoded, err := json.Marshal(got)
	if err != nil {
		return []string{err.Error()}
	}
	var want, back any
	if err := json.Unmarshal(encode(b.tree), &want); err != nil {
		return []string{err.Error()}
	}
	if err := json.Unmarshal(encoded, &back); err != nil {
		return []string{err.Error()}
	}
	if !b.mayBeInvalid {
		if err := schema.VisitJSON(want); err != nil {
			return []string{"the sample body is not valid: " + err.Error()}
		}
	}
	return lost(want, back, "$", secrets(reflect.ValueOf(got)))
}
