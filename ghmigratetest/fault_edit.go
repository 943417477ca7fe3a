package ghmigratetest

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A tombstone marks a value that a fault removes, so that the other elements of its
// list keep their indexes until all pointers have been resolved.
type tombstone struct{}

// editJSON removes values from a JSON text and sets others. It returns a body that
// is not JSON unchanged.
func editJSON(body []byte, set map[string]any, remove []string) []byte {
	doc, err := parse(body)
	if err != nil {
		return body
	}
	for _, pointer := range remove {
		doc = edit(doc, tokens(pointer), nil)
	}
	for _, pointer := range slices.Sorted(maps.Keys(set)) {
		doc = edit(doc, tokens(pointer), encode(set[pointer]))
	}
	return encode(withoutTombstones(doc))
}

// parse decodes JSON and keeps the text of numbers.
func parse(text []byte) (v any, err error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	err = dec.Decode(&v)
	return v, err
}

// tokens returns the tokens of a JSON Pointer. The empty pointer has no tokens.
func tokens(pointer string) []string {
	parts := strings.Split(pointer, "/")[1:]
	for i, part := range parts {
		parts[i] = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
	}
	return parts
}

// edit returns a node in which a copy of value, or a tombstone if value is nil,
// replaces the value at the tokens.
func edit(node any, tokens []string, value json.RawMessage) any {
	if len(tokens) == 0 {
		if value == nil {
			return tombstone{}
		}
		edited, _ := parse(value)
		return edited
	}
	token, rest := tokens[0], tokens[1:]
	adds := len(rest) == 0 && value != nil
	switch node := node.(type) {
	case map[string]any:
		for key, child := range node {
			if key == token || token == "*" && child != (tombstone{}) {
				node[key] = edit(child, rest, value)
			}
		}
		if _, exists := node[token]; !exists && adds && token != "*" {
			node[token] = edit(nil, rest, value)
		}
	case []any:
		for i, child := range node {
			if token == strconv.Itoa(i) || token == "*" && child != (tombstone{}) {
				node[i] = edit(child, rest, value)
			}
		}
		if adds && (token == "-" || token == strconv.Itoa(len(node))) {
			return append(node, edit(nil, rest, value))
		}
	}
	return node
}

// withoutTombstones returns a node without its removed values.
func withoutTombstones(node any) any {
	switch node := node.(type) {
	case map[string]any:
		maps.DeleteFunc(node, func(_ string, child any) bool { return child == (tombstone{}) })
		for key, child := range node {
			node[key] = withoutTombstones(child)
		}
	case []any:
		kept := slices.DeleteFunc(node, func(child any) bool { return child == (tombstone{}) })
		for i, child := range kept {
			kept[i] = withoutTombstones(child)
		}
		return kept
	}
	return node
}
