package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Examples returns GitHub's documented examples of successful responses, each as the
// content of a file, by file name. A file has the name of its operation, and a number
// if the operation has several examples.
//
// For a later version of the API, GitHub documents no examples, or the old examples
// with properties that the version removes. Examples then removes these properties
// from the old example, and the file name has the version. If the example of a product
// differs from the examples of earlier products, its file name has the product.
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
					tree = filterProperties(tree, "$", declared)
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

// addFile adds a file, unless the operation has a file with the same content.
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

// base returns the description of the same product in the first version.
func (d *Description) base(all []*Description) *Description {
	return all[slices.IndexFunc(all, func(old *Description) bool { return old.Product == d.Product && old.Version == baseVersion })]
}

// operation returns the operation with an ID, or nil.
func (d *Description) operation(id string) *Operation {
	i := slices.IndexFunc(d.Operations, func(o *Operation) bool { return o.ID == id })
	if i < 0 {
		return nil
	}
	return d.Operations[i]
}

// filterProperties returns a value without the properties whose paths are not declared.
func filterProperties(tree any, path string, declared []string) any {
	switch tree := tree.(type) {
	case map[string]any:
		fresh := map[string]any{}
		for name, value := range tree {
			if slices.Contains(declared, path+"."+name) {
				fresh[name] = filterProperties(value, path+"."+name, declared)
			}
		}
		return fresh
	case []any:
		fresh := []any{}
		for _, item := range tree {
			fresh = append(fresh, filterProperties(item, path+"[]", declared))
		}
		return fresh
	}
	return tree
}

// indent returns a value as indented JSON.
func indent(tree any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(tree)
	return b.Bytes(), err
}
