package ghmigrate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/internal/race"
)

// oddValues are values of every JSON type, sent instead of a documented value.
var oddValues = map[string]string{
	"a string":              `"odd"`,
	"a number":              `12345`,
	"a fraction":            `1.5`,
	"a number beyond int64": `9223372036854775808`,
	"a huge number":         `1e300`,
	"a boolean":             `true`,
	"null":                  `null`,
	"a list":                `[[[1]]]`,
	"an empty list":         `[]`,
	"an object":             `{"odd": [1]}`,
	"an empty object":       `{}`,
	"a malformed time":      `"2015-07-06 15:33"`,
}

// The test replaces every property of every response, in turn, by every odd value.
func TestAnOddValueLeavesOtherPropertiesIntact(t *testing.T) {
	t.Parallel()
	depths := map[string]int{"get-status-for-org": 2, "start-for-org": 1, "list-for-org": 2, "list-repos-for-org": 3, "the webhook of import": 2}
	for operation, target := range map[string]any{
		"get-status-for-org":    &ghmigrate.Migration{},
		"start-for-org":         &ghmigrate.Migration{},
		"list-for-org":          &[]*ghmigrate.Migration{},
		"list-repos-for-org":    &[]*ghmigrate.Repository{},
		"get-import-status":     &ghmigrate.Import{},
		"get-commit-authors":    &[]*ghmigrate.ImportAuthor{},
		"map-commit-author":     &ghmigrate.ImportAuthor{},
		"get-large-files":       &[]*ghmigrate.LargeFile{},
		"the webhook of import": &ghmigrate.RepositoryImportEvent{},
	} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			kind := reflect.TypeOf(target).Elem()
			whole := complete(kind, 0)
			if object, ok := whole.(map[string]any); ok && object["id"] != nil {
				object["id"] = map[string]any{"map-commit-author": 2268557}[operation]
				if object["id"] == nil {
					object["id"] = 79
				}
			}
			checks := 0
			for _, path := range pathsOf(whole, nil) {
				if depth, ok := depths[operation]; ok && len(path) > depth {
					continue // a shorter path has the same type
				}
				left, fits := decodedExactly(marshal(t, without(whole, path)), kind)
				require.True(t, fits, path)
				for name, odd := range oddValues {
					if checks++; race.Enabled && checks%10 != 0 {
						continue
					}
					checkOddValue(t, operation, kind, whole, left, path, name, odd)
				}
			}
		})
	}
}

// checkOddValue checks the call for a document whose value at a path is odd. Left
// is the document without this value, decoded.
func checkOddValue(t *testing.T, operation string, kind reflect.Type, whole, left any, path []string, name, odd string) {
	t.Helper()
	at := "/" + strings.Join(path, "/")
	body := marshal(t, replaced(whole, path, json.RawMessage(odd)))
	documentedType, isElement := typeAt(kind, path), isIndex(path[len(path)-1])
	_, fits := decodedExactly([]byte(odd), documentedType)
	if odd == "null" && isElement && documentedType.Kind() == reflect.Struct {
		fits = false // encoding/json decodes it to a zero element
	}
	warned, want := !fits, left
	switch {
	case fits:
		want, _ = decodedExactly(body, kind)
	case documentedType.Kind() == reflect.Slice && odd[0] == '[': // its elements do not fit
		want, _ = decodedExactly(marshal(t, replaced(whole, path, []any{})), kind)
	}

	warnings := &warnings{}
	got, err := callWith(t, operation, body, warnings)
	context := fmt.Sprintf("%s: %s at %s", operation, name, at)
	switch {
	case strings.HasPrefix(operation, "the webhook"):
		if odd == "null" && (at == "/status" || at == "/repository") {
			require.Error(t, err, context)
			return
		}
	case at == "/id" && (operation != "start-for-org" || name != "a number"):
		require.ErrorIs(t, err, ghmigrate.ErrUnexpectedAnswer, context)
		return
	}
	require.NoError(t, err, context)
	require.Equal(t, want, got, context)
	if strings.HasPrefix(operation, "the webhook") {
		return // ParseRepositoryImportEvent does not log
	}
	if !warned {
		require.Empty(t, warnings.properties, context)
		return
	}
	require.Len(t, warnings.properties, 1, context)
	require.True(t, warnings.properties[0] == at || strings.HasPrefix(warnings.properties[0], at+"/"), "%s: warned of %s", context, warnings.properties[0])
}

// callWith makes the call of an operation and responds with body.
func callWith(t *testing.T, operation string, body []byte, handler slog.Handler) (any, error) {
	t.Helper()
	if strings.HasPrefix(operation, "the webhook") {
		return ghmigrate.ParseRepositoryImportEvent(delivery(t, body), webhookSecret)
	}
	client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
		return respond(req, http.StatusOK, nil, string(body)), nil
	}, ghmigrate.WithLogger(slog.New(handler)))
	return documented[operation](t, client)
}

// warnings collects the paths of odd values from the log.
type warnings struct{ properties []string }

func (w *warnings) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

func (w *warnings) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "property" {
			w.properties = append(w.properties, a.Value.String())
		}
		return true
	})
	return nil
}

func (w *warnings) WithAttrs([]slog.Attr) slog.Handler { return w }

func (w *warnings) WithGroup(string) slog.Handler { return w }

// complete returns a JSON document in which every property of a type has a value.
func complete(t reflect.Type, depth int) any {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return "2015-07-06T15:33:38-07:00"
	case t.Kind() == reflect.Pointer:
		return complete(t.Elem(), depth)
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.String:
		return []any{"one", "two"}
	case t.Kind() == reflect.Slice:
		return []any{complete(t.Elem(), depth), map[string]any{"id": 80, "vcs": "git", "path": "large", "mode": "ALWAYS"}}
	case t.Kind() == reflect.Map, t.Kind() == reflect.Interface:
		return map[string]any{"team": "core"}
	case t.Kind() == reflect.Bool:
		return true
	case t.Kind() == reflect.String:
		return "text"
	case t.Kind() != reflect.Struct:
		return 7
	}
	if t == reflect.TypeFor[ghmigrate.User]() && depth > 1 {
		return map[string]any{"login": "octo", "id": 7} // only the sender of the webhook needs all properties
	}
	object := map[string]any{}
	for _, field := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous || name == "-" || field.Type == reflect.PointerTo(t) && depth > 0 || depth > 2 {
			continue
		}
		object[name] = complete(field.Type, depth+1)
	}
	return object
}

// pathsOf lists the paths of all values in a document.
func pathsOf(v any, path []string) [][]string {
	var all [][]string
	step := func(name string, child any) {
		at := append(append([]string{}, path...), name)
		all = append(append(all, at), pathsOf(child, at)...)
	}
	switch v := v.(type) {
	case map[string]any:
		for name, child := range v {
			step(name, child)
		}
	case []any:
		for i, child := range v {
			step(strconv.Itoa(i), child)
		}
	}
	return all
}

// replaced returns a copy of a document with another value at a path.
func replaced(v any, path []string, value any) any {
	return edited(v, path, func(container any, last string) any {
		if list, ok := container.([]any); ok {
			list[index(last)] = value
			return list
		}
		container.(map[string]any)[last] = value
		return container
	})
}

// without returns a copy of a document without the value at a path.
func without(v any, path []string) any {
	return edited(v, path, func(container any, last string) any {
		if list, ok := container.([]any); ok {
			return append(list[:index(last):index(last)], list[index(last)+1:]...)
		}
		delete(container.(map[string]any), last)
		return container
	})
}

// edited copies the containers along a path and edits the last one.
func edited(v any, path []string, edit func(container any, last string) any) any {
	var shallow any
	switch v := v.(type) {
	case map[string]any:
		object := maps.Clone(v)
		shallow = object
		if len(path) > 1 {
			object[path[0]] = edited(object[path[0]], path[1:], edit)
		}
	case []any:
		list := append([]any{}, v...)
		shallow = list
		if len(path) > 1 {
			list[index(path[0])] = edited(list[index(path[0])], path[1:], edit)
		}
	}
	if len(path) > 1 {
		return shallow
	}
	return edit(shallow, path[0])
}

func index(step string) int {
	i, err := strconv.Atoi(step)
	if err != nil {
		panic(err)
	}
	return i
}

func isIndex(step string) bool { return strings.Trim(step, "0123456789") == "" }

// typeAt returns the type of the value at a path, without pointers.
func typeAt(t reflect.Type, path []string) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if len(path) == 0 {
		return t
	}
	switch t.Kind() { //nolint:exhaustive // the others have no elements
	case reflect.Slice, reflect.Map:
		return typeAt(t.Elem(), path[1:])
	case reflect.Struct:
		for _, field := range reflect.VisibleFields(t) {
			if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name == path[0] && !field.Anonymous {
				return typeAt(field.Type, path[1:])
			}
		}
	}
	return reflect.TypeFor[any]()
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	body, err := json.Marshal(v)
	require.NoError(t, err)
	return body
}

// decodedExactly decodes a document with encoding/json. It reports whether all
// values have the documented types.
func decodedExactly(body []byte, kind reflect.Type) (any, bool) {
	v := reflect.New(kind)
	err := json.Unmarshal(body, v.Interface())
	if kind.Kind() == reflect.Slice {
		return v.Elem().Interface(), err == nil
	}
	if event, ok := reflect.TypeAssert[*ghmigrate.RepositoryImportEvent](v); ok {
		event.DeliveryID = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
	}
	return v.Interface(), err == nil
}

func TestDoToleratesOddValues(t *testing.T) {
	t.Parallel()
	warnings := &warnings{}
	client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
		return respond(req, http.StatusOK, nil, `{"Login": "octo", "id": "x", "plan": [1], "teams": [{"id": 1}, 5, null, {"id": "y", "name": "b"}], "any": {"x": [1]}}`), nil
	}, ghmigrate.WithLogger(slog.New(warnings)))
	type team struct {
		ID   int
		Name string
	}
	var out struct {
		Login string
		ID    *int
		Plan  map[string]int `json:"plan,omitempty"`
		Teams []team
		Any   any
	}
	header, err := client.Do(t.Context(), http.MethodGet, "/user", nil, &out)
	require.NoError(t, err)
	assert.NotNil(t, header)
	assert.Equal(t, "octo", out.Login)
	assert.Nil(t, out.ID)
	assert.Nil(t, out.Plan)
	assert.Equal(t, []team{{ID: 1}, {Name: "b"}}, out.Teams)
	assert.Equal(t, map[string]any{"x": []any{1.0}}, out.Any)
	assert.Equal(t, []string{"/id"}, warnings.properties)
}

func TestAByteOrderMarkIsIgnored(t *testing.T) {
	t.Parallel()
	client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
		if strings.HasSuffix(req.URL.Path, "/79") {
			return respond(req, http.StatusOK, nil, "\ufeff{\"id\": 79}"), nil
		}
		return respond(req, http.StatusOK, nil, "\ufeff\n[{\"id\": 79}]"), nil
	})
	m, err := client.UserMigrations.Get(t.Context(), 79, nil)
	require.NoError(t, err)
	assert.Equal(t, int64(79), m.ID)
	all, err := ghmigrate.Collect(client.UserMigrations.List(t.Context(), nil))
	require.NoError(t, err)
	assert.Len(t, all, 1)
}

// FuzzDecode decodes any body as a migration, as a list, and for Do.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"id": 79, "repositories": [null, 5, {"id": "x", "owner": 7}]}`))
	f.Add([]byte(`[{"id": 79}, null, 1e400, "\ud800", {"id": 79, "id": 80}]`))
	f.Add([]byte(`{"id": 79, "created_at": 1`))
	f.Fuzz(func(t *testing.T, body []byte) {
		client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
			return respond(req, http.StatusOK, http.Header{"Link": {`<?page=1>; rel="first"`}}, string(body)), nil
		})
		m, err := client.OrgMigrations.Get(t.Context(), "octo-org", 79, nil)
		if err != nil {
			require.ErrorIs(t, err, ghmigrate.ErrUnexpectedAnswer)
			assert.Nil(t, m)
		} else {
			assert.Equal(t, int64(79), m.ID)
		}
		if _, err = ghmigrate.Collect(client.OrgMigrations.List(t.Context(), "octo-org", nil)); err != nil {
			require.ErrorIs(t, err, ghmigrate.ErrUnexpectedAnswer)
		}
		var out any
		if _, err = client.Do(t.Context(), http.MethodGet, "/any", nil, &out); err != nil {
			require.ErrorIs(t, err, ghmigrate.ErrUnexpectedAnswer)
		}
	})
}

// Do decodes a response as package encoding/json does, with and without an odd
// value.
func TestDoDecodesAsEncodingJSON(t *testing.T) {
	t.Parallel()
	type types struct {
		Quoted  int            `json:"quoted,string"`
		Keys    map[int]string `json:"keys"`
		Own     decodesNull    `json:"own"`
		Kept    int            `json:"kept"`
		Array   [2]int         `json:"array"`
		Bytes   []byte         `json:"bytes"`
		Number  json.Number    `json:"number"`
		Raw     json.RawMessage
		Any     any   `json:"any"`
		Numbers []int `json:"numbers"`
	}
	const body = `{"quoted": "5", "keys": {"5": "a"}, "own": null, "kept": null, "array": [1, 2, 3], "bytes": "aGk=",
		"number": 1.50, "raw": {"a": [null]}, "any": {"a": [null, 1]}, "numbers": [1, null, 3]`
	want := types{Kept: 7}
	require.NoError(t, json.Unmarshal([]byte(body+"}"), &want))
	for _, odd := range []string{"", `, "odd": "x"`} {
		got := struct {
			types
			Odd []int
		}{types: types{Kept: 7}}
		client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
			return respond(req, http.StatusOK, nil, body+odd+"}"), nil
		})
		_, err := client.Do(t.Context(), http.MethodGet, "/any", nil, &got)
		require.NoError(t, err)
		assert.Equal(t, want, got.types, odd)
	}
}

// decodesNull records whether its UnmarshalJSON was called.
type decodesNull struct{ Called bool }

func (d *decodesNull) UnmarshalJSON([]byte) error {
	d.Called = true
	return nil
}

// The length of a path grows with its depth. If every odd value kept its path, the
// memory would be the product of depth and number of values. The test is not
// parallel, since it measures the memory of the process.
func TestTheMemoryForOddValuesIsLimited(t *testing.T) {
	const depth, elements = 1000, 50_000
	for _, element := range []string{"5,", `"a",`, "null,", "[],"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
			return respond(req, http.StatusOK, nil, `{"id": 79, "repositories": [`+strings.Repeat(`{"template_repository": `, depth)+
				`{"topics": [`+strings.Repeat(element, elements)+"5]}"+strings.Repeat("}", depth)+"]}"), nil
		})
		m, err := client.OrgMigrations.Get(t.Context(), "octo-org", 79, nil)
		require.NoError(t, err)
		assert.Len(t, m.Repositories, 1)
		runtime.ReadMemStats(&after)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(512<<20), element)
	}
}

// The page has more odd values than decode keeps.
func TestAPageWithManyOddElementsIsFull(t *testing.T) {
	t.Parallel()
	client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
		if req.URL.Query().Get("page") == "2" {
			return respond(req, http.StatusOK, nil, `[{"id": 3}]`), nil
		}
		return respond(req, http.StatusOK, nil, `[{"id": 1, "exclude": [`+strings.Repeat("5,", 1000)+"5]}"+strings.Repeat(",5", 99)+"]"), nil
	})
	all, err := ghmigrate.Collect(client.UserMigrations.List(t.Context(), &ghmigrate.ListOptions{PerPage: 100}))
	require.NoError(t, err)
	assert.Len(t, all, 2)
}
