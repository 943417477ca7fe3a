package ghmigratetest

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// editJSON removes values from a JSON text and sets others. A body that is not
// JSON stays as it is.
func editJSON(body []byte, set map[string]any, remove []string) []byte {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var doc any
	if err := dec.Decode(&doc); err != nil {
		return body
	}
	for _, pointer := range remove {
		doc, _ = edit(doc, tokens(pointer), nil)
	}
	for _, pointer := range slices.Sorted(maps.Keys(set)) {
		value := set[pointer]
		doc, _ = edit(doc, tokens(pointer), &value)
	}
	return encode(doc)
}

// tokens splits a JSON Pointer; the empty one has no tokens.
func tokens(pointer string) []string {
	parts := strings.Split(pointer, "/")[1:]
	for i, part := range parts {
		parts[i] = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
	}
	return parts
}

// edit returns a node in which the value that the tokens lead to is another
// one, or is gone if value is nil; then keep is false for the value itself.
func edit(node any, tokens []string, value *any) (edited any, keep bool) {
	if len(tokens) == 0 {
		if value == nil {
			return nil, false
		}
		return *value, true
	}
	token, rest := tokens[0], tokens[1:]
	switch node := node.(type) {
	case map[string]any:
		keys := []string{token}
		if token == "*" {
			keys = slices.Sorted(maps.Keys(node))
		}
		for _, key := range keys {
			child, exists := node[key]
			if !exists && len(rest) > 0 {
				continue
			}
			if child, keep := edit(child, rest, value); keep {
				node[key] = child
			} else {
				delete(node, key)
			}
		}
	case []any:
		elements := make([]any, 0, len(node))
		for i, child := range node {
			keep := true
			if token == "*" || token == strconv.Itoa(i) {
				child, keep = edit(child, rest, value)
			}
			if keep {
				elements = append(elements, child)
			}
		}
		return elements, true
	}
	return node, true
}
