package contract

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// applyPatch applies a patch of a breaking change to part. An object is a merge patch
// (RFC 7396), and an array is a JSON patch (RFC 6902).
func applyPatch(part map[string]any, patch any) error {
	switch patch := patch.(type) {
	case map[string]any:
		return mergePatch(part, patch)
	case []any:
		for _, operation := range patch {
			if err := applyOperation(part, operation); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("patch in an unknown format: %v", patch)
}

// mergePatch applies a merge patch.
func mergePatch(part, patch map[string]any) error {
	for key, value := range patch {
		inner, isObject := value.(map[string]any)
		old, wasObject := part[key].(map[string]any)
		switch {
		case value == nil:
			delete(part, key)
			continue
		case !isObject:
			part[key] = value
			continue
		case inner["$ref"] != nil: // OpenAPI ignores other properties beside a reference
			part[key] = inner
			continue
		case wasObject && old["$ref"] != nil:
			return fmt.Errorf("%s is %v, a component that other parts share", key, old["$ref"])
		case !wasObject:
			old = map[string]any{}
			part[key] = old
		}
		if err := mergePatch(old, inner); err != nil {
			return err
		}
	}
	return nil
}

// applyOperation applies one operation of a JSON patch. GitHub uses add, remove and
// replace.
func applyOperation(part map[string]any, operation any) error {
	object, _ := operation.(map[string]any)
	op, _ := object["op"].(string)
	pointer, _ := object["path"].(string)
	if !strings.HasPrefix(pointer, "/") || !slices.Contains([]string{"add", "remove", "replace"}, op) {
		return fmt.Errorf("operation in an unknown format: %v", operation)
	}
	keys := strings.Split(pointer[1:], "/")
	for i, key := range keys {
		keys[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(key)
	}
	var at any = part
	for _, key := range keys[:len(keys)-1] {
		at = child(at, key)
	}
	target, ok := at.(map[string]any)
	last := keys[len(keys)-1]
	if !ok || op != "add" && target[last] == nil {
		return fmt.Errorf("%s %s: no such object", op, pointer)
	}
	if op == "remove" {
		delete(target, last)
	} else {
		target[last] = object["value"]
	}
	return nil
}

// child returns the value at a key of an object or an index of an array, or nil.
func child(of any, key string) any {
	switch of := of.(type) {
	case map[string]any:
		return of[key]
	case []any:
		if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(of) {
			return of[i]
		}
	}
	return nil
}
