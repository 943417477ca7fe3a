package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Examples returns GitHub's documented examples of the successes of all
// operations, each as the content of a file, by file name. A file has the name
// of its operation, and a number if there are several.
//
// For a later version of the API, GitHub documents no examples, or the old
// examples with properties that the version leaves out. Then the example is the
// old example without those properties, and the file name has the version. An
// example that a product does not share with those before it has a file of its
// own, that says the product.
func Examples(all []*Description) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, d := range all {
		old := d.base(all)
		for _, operation := range old.Operations {
			now := d.operation(operation.ID)
			if now == nil || operation.Success().Schema == nil {
				continue
			}
			declared := PropertyPaths(now.Success().Schema)
			isSame := slices.Equal(declared, PropertyPaths(operation.Success().Schema))
			examples := operation.Success().Content.Get("application/json").Examples
			for _, name := range slices.Sorted(maps.Keys(examples)) {
				tree := examples[name].Value.Value
				if !isSame {
					tree = only(tree, "$", declared)
				}
				content, err := indent(tree)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", operation.ID, err)
				}
				addFile(files, d, operation.ID, name, content)
			}
		}
	}
	return files, nil
}

// addFile adds a file, unless there is one of the operation already with the
// same content.
func addFile(files map[string][]byte, d *Description, id, example string, content []byte) {
	name := strings.TrimPrefix(id, "migrations/")
	if example != "default" {
		name += "-" + strings.TrimPrefix(example, "example-")
	}
	for other, old := range files {
		if strings.HasPrefix(other, name+".") && bytes.Equal(old, content) {
			return
		}
	}
	version := ""
	if d.Version != baseVersion {
		version = "." + d.Version
	}
	if _, taken := files[name+version+".json"]; taken {
		name += "." + d.Product
	}
	files[name+version+".json"] = content
}

// base is the description of the same product in the first version.
func (d *Description) base(all []*Description) *Description {
	return all[slices.IndexFunc(all, func(old *Description) bool { return old.Product == d.Product && old.Version == baseVersion })]
}

// operation is the one of an ID, nil if there is none.
func (d *Description) operation(id string) *Operation {
	i := slices.IndexFunc(d.Operations, func(o *Operation) bool { return o.ID == id })
	if i < 0 {
		return nil
	}
	return d.Operations[i]
}

// only returns a value with only the properties of some paths.
func only(tree any, path string, declared []string) any {
	switch tree := tree.(type) {
	case map[string]any:
		fresh := map[string]any{}
		for name, value := range tree {
			if slices.Contains(declared, path+"."+name) {
				fresh[name] = only(value, path+"."+name, declared)
			}
		}
		return fresh
	case []any:
		fresh := []any{}
		for _, item := range tree {
			fresh = append(fresh, only(item, path+"[]", declared))
		}
		return fresh
	}
	return tree
}

func indent(tree any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(tree)
	return b.Bytes(), err
}
