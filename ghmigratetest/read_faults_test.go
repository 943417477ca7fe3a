package ghmigratetest_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

func TestReadFaults(t *testing.T) {
	const text = `{
		"$comment": "every field of a fault",
		"faults": [{
			"name": "all", "origin": "api", "operation": "migrations/*", "method": "GET POST", "path": "/orgs/", "has_header": "Range",
			"migration": 79, "repository": "octo/hello", "from": "90s", "until": "1h30m", "within": "1s",
			"probability": 0.5, "seed": 42, "after": 1, "times": -1, "each_migration": true, "whole_connections": true, "continue": true,
			"repositories": {"octo/a": "octo/b", "octo/c": "removed"}, "applied": true, "delay": "1ms", "stall": true, "reset": true, "hidden": "5s",
			"fate": {"duration": "1h", "fails": true, "locks_after": "-1s", "frees_locks": true, "archive_after": "30s", "missing": ["octo/a"]},
			"status": 503, "header": {"retry-after": "60", "Link": ["a", "b"], "ETag": null}, "body": "text",
			"rate": 1000, "cut_after": -1, "stall_after": 7
		}, {
			"body": {"message": "x"}
		}, {
			"body": "", "set": {"/id": null}, "remove": ["/state"], "body": null
		}, {
			"body": ""
		}]
	}`
	faults, err := ghmigratetest.ReadFaults(strings.NewReader(text))
	require.ErrorContains(t, err, "fault 3: set and remove change the true response")
	assert.Nil(t, faults)

	faults, err = ghmigratetest.ReadFaults(strings.NewReader(strings.Replace(text, `, "body": null`, "", 1)))
	require.ErrorContains(t, err, "fault 3")
	assert.Nil(t, faults)

	faults, err = ghmigratetest.ReadFaults(strings.NewReader(strings.Replace(text, `"body": "", "set": {"/id": null}, "remove": ["/state"], "body": null`,
		`"set": {"/id": null}, "remove": ["/state"]`, 1)))
	require.NoError(t, err)
	assert.Equal(t, []ghmigratetest.Fault{
		{
			Name: "all", Origin: ghmigratetest.API, Operation: "migrations/*", Method: "GET POST", Path: "/orgs/", HasHeader: "Range",
			Migration: 79, Repository: "octo/hello", From: 90 * time.Second, Until: 90 * time.Minute, Within: time.Second,
			Probability: 0.5, Seed: 42, After: 1, Times: -1, EachMigration: true, WholeConnections: true, Continue: true,
			Repositories: map[string]string{"octo/a": "octo/b", "octo/c": "removed"},
			Applied:      true, Delay: time.Millisecond, Stall: true, Reset: true, Hidden: 5 * time.Second,
			Fate: &ghmigratetest.Fate{
				Duration: time.Hour, Fails: true, LocksAfter: -time.Second, FreesLocks: true, ArchiveAfter: 30 * time.Second, Missing: []string{"octo/a"},
			},
			Status: 503, Header: http.Header{"Retry-After": {"60"}, "Link": {"a", "b"}, "Etag": nil}, Body: "text",
			Rate: 1000, CutAfter: ghmigratetest.AfterHeader, StallAfter: 7,
		},
		{Body: `{"message": "x"}`},
		{Set: map[string]any{"/id": nil}, Remove: []string{"/state"}},
		{Body: ghmigratetest.NoBody},
	}, faults)
}

// Every field of Fault and Fate has a name in JSON, except functions.
func TestEveryFieldOfAFaultHasAJSONName(t *testing.T) {
	for _, typ := range []reflect.Type{reflect.TypeFor[ghmigratetest.Fault](), reflect.TypeFor[ghmigratetest.Fate]()} {
		for field := range typ.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if field.Type.Kind() == reflect.Func {
				assert.Equal(t, "-", name, field.Name)
				continue
			}
			assert.Equal(t, strings.ToLower(field.Name), strings.ReplaceAll(name, "_", ""), field.Name)
		}
	}
}

func TestErrorsOfReadFaults(t *testing.T) {
	for text, message := range map[string]string{
		``:              "unexpected end of JSON input",
		`7`:             "read faults: number in place of a list",
		`null`:          "null in place of the list",
		`[null]`:        "fault 1: null in place of an object",
		`{"fault": []}`: `the object has no list "faults"`,
		`[{"name":"night","times":1},{"name":"day","tmes":1}]`: `fault 2 day: unknown field "tmes"; the fields are name, origin,`,
		`[{"Status":500}]`:                        `unknown field "Status"`,
		`[{"delay":5}]`:                           `fault 1: delay: 5 is not a string such as "90s"`,
		`[{"delay":"5 min"}]`:                     `delay: time: unknown unit " min"`,
		`[{"status":"500"}]`:                      "fault 1: status: string in place of a whole number",
		`[{"status":5000}]`:                       "status 5000 is not between 200 and 599",
		`[{"origin":"s3"}]`:                       `origin: "s3" is not api or storage`,
		`[{"operation":"start"}]`:                 `operation "start" is not one of`,
		`[{"header":{"A":1}}]`:                    "header: A is not a string, a list of strings or null",
		`[{"fate":{"failed":true}}]`:              `fate: unknown field "failed"; the fields are duration, fails,`,
		`[{"fate":{"duration":1}}]`:               "fate: duration: 1 is not a string",
		`[{"repositories":{"octo/a":"deleted"}}]`: `octo/a: "deleted" is not owner/name, nor one of`,
		`[{"handler":"x"}]`:                       `unknown field "handler"`,
		`[{"set":{"id":1}}]`:                      `set: "id" is not a JSON Pointer`,
		`[[]]`:                                    "fault 1: array in place of an object",
		`[{"origin":3}]`:                          "origin: number in place of a string",
		`[{"applied":1}]`:                         "applied: number in place of true or false",
		`[{"remove":"/id"}]`:                      "remove: string in place of a list",
		`[{"header":["A"]}]`:                      "header: array in place of an object",
		`[{"header":{"A B":"x"}}]`:                `header: "A B" is not the name of a header`,
		`[{"header":{"":"x"}}]`:                   `header: "" is not the name of a header`,
		`[{"header":{"A":"{now+1d}"}}]`:           `header: A: {now+1d}: time: unknown unit "d"`,
		`[{"repositories":{"octo":"removed"}}]`:   `repositories: octo: "octo" is not owner/name`,
	} {
		_, err := ghmigratetest.ReadFaults(strings.NewReader(text))
		require.ErrorContains(t, err, message, text)
	}
}

// Programs on Windows write a byte order mark at the beginning of a file.
func TestReadFaultsWithAByteOrderMark(t *testing.T) {
	for _, text := range []string{`[{"status":500}]`, `{"faults":[{"status":500}]}`} {
		faults, err := ghmigratetest.ReadFaults(strings.NewReader("\ufeff" + text))
		require.NoError(t, err)
		assert.Equal(t, []ghmigratetest.Fault{{Status: 500}}, faults)
	}
}

func FuzzReadFaults(f *testing.F) {
	f.Add([]byte(`[{"status":502,"probability":0.1,"body":{"a":1}}]`))
	f.Add([]byte(`{"faults":[{"fate":{"fails":true},"header":{"A":null}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		faults, err := ghmigratetest.ReadFaults(strings.NewReader(string(data)))
		if err != nil {
			return
		}
		require.True(t, json.Valid(data))
		c := newServer(t)
		c.Inject(faults...)
	})
}
