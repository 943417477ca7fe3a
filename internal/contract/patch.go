package contract

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// applyPatch changes part as GitHub writes its breaking changes: an object is
// a merge patch (RFC 7396), an array is a JSON patch (RFC 6902).
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
	return fmt.Errorf("a patch of an unknown form: %v", patch)
}

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
		case inner["$ref"] != nil: // beside a reference nothing else counts
			part[key] = inner
			continue
		case wasObject && old["$ref"] != nil:
			return fmt.Errorf("%s is %v, and what that refers to belongs to others too", key, old["$ref"])
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

// applyOperation does one operation of a JSON patch. GitHub uses add, remove
// and replace.
func applyOperation(part map[string]any, operation any) error {
	object, _ := operation.(map[string]any)
	op, _ := object["op"].(string)
	pointer, _ := object["path"].(string)
	if !strings.HasPrefix(pointer, "/") || !slices.Contains([]string{"add", "remove", "replace"}, op) {
		return fmt.Errorf("an operation of an unknown form: %v", operation)
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
		return fmt.Errorf("%s %s: there is no such object", op, pointer)
	}
	if op == "remove" {
		delete(target, last)
	} else {
		target[last] = object["value"]
	}
	return nil
}

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
