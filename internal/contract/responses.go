package contract

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"
)

// A Response is one that an operation documents.
type Response struct {
	Status int
	Schema *openapi3.Schema // nil if it has no body
	*openapi3.Response
}

// documented are the responses of an operation, by status.
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

// Success is the one response of an operation that is a success: it has a
// status below 300, or leads to an archive.
func (o *Operation) Success() Response {
	all := slices.DeleteFunc(o.documented(), func(r Response) bool { return r.Status >= 300 && r.Status != 302 })
	if len(all) != 1 {
		panic(fmt.Sprintf("%s documents %d successes instead of one", o.ID, len(all)))
	}
	return all[0]
}

func encode(tree any) []byte {
	data, err := json.Marshal(tree)
	if err != nil {
		panic(err) // a tree of what JSON has
	}
	return data
}
