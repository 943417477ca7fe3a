package ghmigratetest

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// editJSON removes values from a JSON text and sets others. It returns a body that
// is not JSON unchanged.
func editJSON(body []byte, set map[string]any, remove []string) []byte {
	doc, err := parse(body)
	if err != nil {
		return body
	}
	for _, pointer := range remove {
		doc, _ = edit(doc, tokens(pointer), nil)
	}
	for _, pointer := range slices.Sorted(maps.Keys(set)) {
		doc, _ = edit(doc, tokens(pointer), encode(set[pointer]))
	}
	return encode(doc)
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

// edit returns a node in which a copy of value replaces the value at the tokens.
// If value is nil, edit removes the value at the tokens instead; keep is false if
// the node itself is to be removed.
func edit(node any, tokens []string, value json.RawMessage) (edited any, keep bool) {
	if len(tokens) == 0 {
		if value == nil {
			return nil, false
		}
		edited, _ = parse(value)
		return edited, true
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
		if value != nil && len(rest) == 0 && (token == "-" || token == strconv.Itoa(len(node))) {
			added, _ := parse(value)
			elements = append(elements, added)
		}
		return elements, true
	}
	return node, true
}
