package contract

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"
)

// A Response is a documented response of an operation.
type Response struct {
	Status int
	Schema *openapi3.Schema // nil if the response has no body
	*openapi3.Response
}

// documented returns the responses of an operation, sorted by status.
func (o *Operation) documented() []Response {
	var all []Response
	for status, ref := range o.Responses.Map() {
		code, err := strconv.Atoi(status)
		if err != nil {
			panic(fmt.Sprintf("%s documents the status %q", o.ID, status))
		}
		r := Response{Status: code, Response: ref.Value}
		if media := ref.Value.Content.Get("application/json"); media != nil && media.Schema != nil {
			r.Schema = media.Schema.Value
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b Response) int { return cmp.Compare(a.Status, b.Status) })
	return all
}

// Success returns the successful response of an operation, whose status is below 300,
// or 302 for an archive. It panics if there is not exactly one such response.
func (o *Operation) Success() Response {
	all := slices.DeleteFunc(o.documented(), func(r Response) bool { return r.Status >= 300 && r.Status != 302 })
	if len(all) != 1 {
		panic(fmt.Sprintf("%s documents %d successes instead of one", o.ID, len(all)))
	}
	return all[0]
}

// encode returns a value of decoded JSON as JSON.
func encode(tree any) []byte {
	data, err := json.Marshal(tree)
	if err != nil {
		panic(err) // tree has only values of JSON
	}
	return data
}
