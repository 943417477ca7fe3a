package contract

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// properties returns the properties of a schema and of the schemas that it combines.
func properties(schema *openapi3.Schema) map[string]*openapi3.Schema {
	all := map[string]*openapi3.Schema{}
	for _, parts := range []openapi3.SchemaRefs{schema.AllOf, schema.OneOf, schema.AnyOf} {
		for _, part := range parts {
			maps.Copy(all, properties(part.Value))
		}
	}
	for name, property := range schema.Properties {
		all[name] = property.Value
	}
	return all
}

// items returns the schema of an array's elements, or nil if the schema is not an
// array.
func items(schema *openapi3.Schema) *openapi3.Schema {
	for _, parts := range []openapi3.SchemaRefs{schema.AllOf, schema.OneOf, schema.AnyOf} {
		for _, part := range parts {
			if inner := items(part.Value); inner != nil {
				return inner
			}
		}
	}
	if schema.Items == nil {
		return nil
	}
	return schema.Items.Value
}

// PropertyPaths returns the paths of all properties in a schema, sorted. A path is such
// as "$.owner.login" or "$[].id".
func PropertyPaths(schema *openapi3.Schema) []string {
	var all []string
	walkProperties(schema, "$", nil, func(path string, _ *openapi3.Schema) { all = append(all, path) })
	slices.Sort(all)
	return all
}

// walkProperties calls visit with every property in a schema. It visits a schema that
// contains itself only once.
func walkProperties(schema *openapi3.Schema, path string, above []*openapi3.Schema, visit func(path string, property *openapi3.Schema)) {
	if slices.Contains(above, schema) {
		return
	}
	above = append(slices.Clip(above), schema)
	if inner := items(schema); inner != nil {
		walkProperties(inner, path+"[]", above, visit)
	}
	for name, property := range properties(schema) {
		visit(path+"."+name, property)
		walkProperties(property, path+"."+name, above, visit)
	}
}

// instances returns values of a schema with every property. Every value of an
// enumeration and every alternative occurs in one of the instances. Every boolean is
// true in one instance and false in another. Other values differ within an instance.
func instances(schema *openapi3.Schema) []any {
	var all []any
	for round := range rounds(schema, nil) {
		all = append(all, instance(schema, round))
	}
	return all
}

// instance returns the instance of a round.
func instance(schema *openapi3.Schema, round int) any {
	g := generator{round: round}
	return g.value(schema, "$", nil)
}

// rounds returns how many instances a schema needs.
func rounds(schema *openapi3.Schema, above []*openapi3.Schema) int {
	if slices.Contains(above, schema) {
		return 0
	}
	above = append(slices.Clip(above), schema)
	n := max(3, len(schema.Enum), len(schema.OneOf), len(schema.AnyOf))
	for _, inner := range append(slices.Collect(maps.Values(properties(schema))), items(schema)) {
		if inner != nil {
			n = max(n, rounds(inner, above))
		}
	}
	return n
}

// A generator makes an instance. It counts the values, so that no two values are equal.
type generator struct{ round, count int }

func (g *generator) value(schema *openapi3.Schema, path string, above []*openapi3.Schema) any {
	g.count++
	switch {
	case len(schema.Enum) > 0:
		return schema.Enum[g.round%len(schema.Enum)]
	case len(schema.OneOf) > 0:
		return g.value(schema.OneOf[g.round%len(schema.OneOf)].Value, path, above)
	case len(schema.AnyOf) > 0:
		return g.value(schema.AnyOf[g.round%len(schema.AnyOf)].Value, path, above)
	case len(schema.AllOf) > 0 && len(properties(schema)) == 0:
		return g.value(schema.AllOf[0].Value, path, above)
	case schema.Type.Is(openapi3.TypeBoolean):
		return g.round%2 == 0
	case schema.Type.Is(openapi3.TypeInteger), schema.Type.Is(openapi3.TypeNumber):
		return g.number(schema)
	case schema.Type.Is(openapi3.TypeString):
		return g.text(schema, path)
	case schema.Type.Is(openapi3.TypeArray) || items(schema) != nil:
		if slices.Contains(above, schema) {
			return []any{}
		}
		above = append(slices.Clip(above), schema)
		return []any{g.value(items(schema), path+"[0]", above), g.value(items(schema), path+"[1]", above)}
	case schema.Type.Is(openapi3.TypeObject) || len(properties(schema)) > 0:
		return g.object(schema, path, above)
	}
	return []any{"any value", []any{"of", "several"}, map[string]any{"may": "be here"}}[g.round%3]
}

func (g *generator) object(schema *openapi3.Schema, path string, above []*openapi3.Schema) any {
	object := map[string]any{}
	if slices.Contains(above, schema) {
		return object
	}
	above = append(slices.Clip(above), schema)
	all := properties(schema)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name] != schema { // a schema does not contain itself again
			object[name] = g.value(all[name], path+"."+name, above)
		}
	}
	switch more := schema.AdditionalProperties; {
	case more.Schema != nil:
		object["another"] = g.value(more.Schema.Value, path+".another", above)
	case more.Has != nil && *more.Has:
		object["another"] = []any{"a text", []any{"two", "texts"}}[g.round%2]
	}
	return object
}

// number returns a number that every JSON decoder represents exactly. It exceeds 32
// bits if the schema documents 64 bits.
func (g *generator) number(schema *openapi3.Schema) any {
	n := float64(g.count)
	if schema.Format == "int64" {
		n += math.MaxInt32 + 1
	}
	if schema.Min != nil {
		n = max(n, *schema.Min)
	}
	if schema.Max != nil {
		n = min(n, *schema.Max)
	}
	return n
}

// text returns a time in one of the formats that GitHub sends, a URL, or else the path
// of the value with characters that JSON may escape.
func (g *generator) text(schema *openapi3.Schema, path string) any {
	switch {
	case schema.Format == "date-time", strings.HasSuffix(path, "_at"): // the description declares some times as plain strings
		form := []string{"2015-07-%02dT15:33:%02d-07:00", "2020-09-%02dT03:06:%02d.000+02:00", "2018-09-%02dT11:58:%02dZ"}[g.round%3]
		return fmt.Sprintf(form, 1+g.count%28, g.count%60)
	case schema.Format == "uri":
		return fmt.Sprintf("https://example.com/%d?%s{/template}", g.count, strings.Trim(path, "$."))
	}
	return fmt.Sprintf("%s #%d <é> & \"\u2028\"", path, g.count)
}
