package contract

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate"
)

// lost returns the values that differ after decoding and encoding, except null. A
// secret is encoded as REDACTED. secrets has the secrets in the decoded value.
func lost(want, got any, path string, secrets map[string]bool) []string {
	switch want := want.(type) {
	case nil:
		return nil
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			break
		}
		var all []string
		for _, name := range slices.Sorted(maps.Keys(want)) {
			all = append(all, lost(want[name], object[name], path+"."+name, secrets)...)
		}
		return all
	case []any:
		array, ok := got.([]any)
		if !ok || len(array) != len(want) {
			break
		}
		var all []string
		for i := range want {
			all = append(all, lost(want[i], array[i], fmt.Sprintf("%s[%d]", path, i), secrets)...)
		}
		return all
	case bool:
		if strings.HasSuffix(path, ".use_lfs") && got == map[bool]string{true: "opt_in", false: "opt_out"}[want] {
			return nil
		}
	case string:
		if got == "REDACTED" && secrets[want] || sameTime(want, got) {
			return nil
		}
	}
	if reflect.DeepEqual(want, got) {
		return nil
	}
	return []string{fmt.Sprintf("%s is %.100v instead of %.100v", path, got, want)}
}

// sameTime reports whether two texts are the same time.
func sameTime(want string, got any) bool {
	text, _ := got.(string)
	a, errA := time.Parse(time.RFC3339, want)
	b, errB := time.Parse(time.RFC3339, text)
	return errA == nil && errB == nil && a.Equal(b)
}

// secrets returns the values of type Secret in a value.
func secrets(value reflect.Value) map[string]bool {
	all := map[string]bool{}
	collectSecrets(value, all)
	return all
}

func collectSecrets(value reflect.Value, into map[string]bool) {
	if value.IsValid() && value.Type() == reflect.TypeFor[ghmigrate.Secret]() {
		into[value.String()] = true
		return
	}
	switch value.Kind() { //nolint:exhaustive // the other kinds contain no values
	case reflect.Pointer, reflect.Interface:
		collectSecrets(value.Elem(), into)
	case reflect.Slice:
		for i := range value.Len() {
			collectSecrets(value.Index(i), into)
		}
	case reflect.Map:
		for _, inner := range value.Seq2() {
			collectSecrets(inner, into)
		}
	case reflect.Struct:
		for _, inner := range value.Fields() {
			collectSecrets(inner, into)
		}
	}
}
