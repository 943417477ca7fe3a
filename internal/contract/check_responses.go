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

// CheckFields finds documented properties of success responses that no field
// takes.
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

// lookUp says why a path, as of PropertyPaths, leads to no field of a type.
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
			return fmt.Sprintf("a %v is no list", typ)
		case typ.Kind() == reflect.Interface:
			return ""
		case typ.Kind() != reflect.Struct:
			return fmt.Sprintf("a %v has no %s", typ, step)
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

// CheckDecoding gives every method each answer that its operation may give,
// and finds what does not survive decoding and encoding.
func CheckDecoding(ctx context.Context, d *Description, exchanges []*Exchange) (problems []string) {
	for _, operation := range d.Operations {
		i := slices.IndexFunc(exchanges, func(x *Exchange) bool { return x.Operation == operation })
		if operation.Success().Schema == nil || i < 0 {
			continue
		}
		seen := map[string]bool{}
		for _, answer := range operation.answers() {
			for _, problem := range answer.check(ctx, d, exchanges[i].Call) {
				if !seen[problem] {
					problems = append(problems, fmt.Sprintf("%s, %s: %s", operation.ID, answer.kind, problem))
				}
				seen[problem] = true
			}
		}
	}
	return problems
}

// An answer is a body that an operation may give.
type answer struct {
	kind    string
	tree    any
	isWild  bool // may be invalid
	decodes bool // decoding it must not fail; nothing more is asked
}

// answers are the documented examples of a success, and what can be made of
// its schema.
func (o *Operation) answers() []answer {
	var all []answer
	response := o.Success()
	for name, example := range response.Content.Get("application/json").Examples {
		all = append(all, answer{kind: "documented example " + name, tree: example.Value.Value, isWild: true})
	}
	return append(all, bodies(response.Schema)...)
}

// bodies are what can be made of a schema: all there is, null or nothing.
func bodies(schema *openapi3.Schema) []answer {
	var all []answer
	for i, full := range instances(schema) {
		all = append(all, answer{kind: fmt.Sprintf("instance %d", i), tree: full})
	}
	variant := func(kind string, change func(object, property *openapi3.Schema, name string, value any) (any, bool)) answer {
		return answer{kind: kind, tree: rewrite(schema, instance(schema, 0), change)}
	}
	nulls := variant("null where allowed", func(_, property *openapi3.Schema, _ string, value any) (any, bool) {
		if property.Nullable {
			return nil, true
		}
		return value, true
	})
	least := variant("only what is required", func(object, _ *openapi3.Schema, name string, value any) (any, bool) {
		return value, slices.Contains(object.Required, name)
	})
	recorded := variant("use_lfs as a text", func(_, _ *openapi3.Schema, name string, value any) (any, bool) {
		if name == "use_lfs" {
			return "undecided", true
		}
		return value, true
	})
	recorded.isWild = true
	null := variant("null everywhere", func(*openapi3.Schema, *openapi3.Schema, string, any) (any, bool) { return nil, true })
	null.isWild, null.decodes = true, true
	nothing := variant("nothing", func(*openapi3.Schema, *openapi3.Schema, string, any) (any, bool) { return nil, false })
	nothing.isWild, nothing.decodes = true, true
	return append(all, nulls, least, recorded, null, nothing)
}

// rewrite copies a value of a schema and lets change decide what each property
// becomes and whether it stays.
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

func (a answer) check(ctx context.Context, d *Description, call Call) []string {
	var schema *openapi3.Schema
	r := &Recorder{Description: d, call: call, answer: func(operation *Operation, req *http.Request) (int, http.Header, []byte) {
		response := operation.Success()
		schema = response.Schema
		a.tree = identified(schema, a.tree, req)
		return response.Status, http.Header{"Content-Type": {"application/json"}}, encode(a.tree)
	}}
	client, err := r.client()
	if err != nil {
		return []string{err.Error()}
	}
	got, err := call.do(ctx, client)
	if err != nil {
		return []string{err.Error()}
	}
	return a.compare(schema, got)
}

// compare finds what of the answer is not in the value that it was decoded
// into.
func (a answer) compare(schema *openapi3.Schema, got any) []string {
	if a.decodes {
		return nil
	}
	encoded, err := json.Marshal(got)
	if err != nil {
		return []string{err.Error()}
	}
	var want, back any
	if err := json.Unmarshal(encode(a.tree), &want); err != nil {
		return []string{err.Error()}
	}
	if err := json.Unmarshal(encoded, &back); err != nil {
		return []string{err.Error()}
	}
	if !a.isWild {
		if err := schema.VisitJSON(want); err != nil {
			return []string{"the answer is not valid: " + err.Error()}
		}
	}
	return lost(want, back, "$", secrets(reflect.ValueOf(got)))
}
