package contract

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"

	"github.com/ghmigrate/ghmigrate"
)

// CheckFailures responds to every operation with each of its documented failures. It
// finds failures that do not become an APIError, that match no error of the library,
// or that lose details. A 304 is a failure, too: GitHub documents it, but the library
// sends no conditional requests here.
func CheckFailures(ctx context.Context, d *Description, exchanges []*Exchange) (count Count, problems []string) {
	for _, operation := range d.Operations {
		i := slices.IndexFunc(exchanges, func(x *Exchange) bool { return x.Operation == operation })
		if i < 0 {
			continue
		}
		for _, response := range operation.documented() {
			if response.Status == operation.Success().Status {
				continue
			}
			count.All++
			if found := response.checkFailure(ctx, d, exchanges[i]); len(found) == 0 {
				count.Got++
			} else {
				for _, problem := range found {
					problems = append(problems, fmt.Sprintf("%s, status %d: %s", operation.ID, response.Status, problem))
				}
			}
		}
	}
	return count, problems
}

// checkFailure responds to the call of an exchange with each instance of the response.
func (response Response) checkFailure(ctx context.Context, d *Description, x *Exchange) (problems []string) {
	trees := []any{nil}
	if response.Schema != nil {
		trees = instances(response.Schema)
	}
	for _, tree := range trees {
		r := &Recorder{Description: d, call: x.Call, respond: func(operation *Operation, req *http.Request) (int, http.Header, []byte) {
			if operation != x.Operation { // the library asks why an archive is missing
				return success(operation, req)
			}
			header := http.Header{"Content-Type": {"application/json"}}
			if tree == nil {
				return response.Status, header, nil
			}
			return response.Status, header, encode(tree)
		}}
		client, err := r.client()
		if err != nil {
			return []string{err.Error()}
		}
		_, err = x.Call.do(ctx, client)
		problems = append(problems, checkError(response.Status, tree, err)...)
	}
	return problems
}

// checkError compares the error of a call with the failed response.
func checkError(status int, tree any, err error) (problems []string) {
	apiError, ok := errors.AsType[*ghmigrate.APIError](err)
	if !ok {
		return []string{fmt.Sprintf("the error is not an APIError but a %T: %v", err, err)}
	}
	if apiError.StatusCode != status {
		problems = append(problems, fmt.Sprintf("the error has the status %d", apiError.StatusCode))
	}
	if status < 400 {
		return problems
	}
	if kind := kindOf(status); kind == nil || !errors.Is(err, kind) {
		problems = append(problems, fmt.Sprintf("the error matches no error of the library: %v", err))
	}
	sent, _ := asDecoded(tree).(map[string]any)
	if apiError.Message != sent["message"] || apiError.DocumentationURL != sent["documentation_url"] {
		problems = append(problems, fmt.Sprintf("the error has the message %q and the URL %q instead of %q and %q",
			apiError.Message, apiError.DocumentationURL, sent["message"], sent["documentation_url"]))
	}
	var want []ghmigrate.ErrorDetail
	details, _ := sent["errors"].([]any)
	for _, item := range details {
		detail, _ := item.(map[string]any)
		text := func(name string) string { s, _ := detail[name].(string); return s }
		one := ghmigrate.ErrorDetail{
			Resource: text("resource"), Field: text("field"), Code: text("code"), Message: text("message"), Value: detail["value"],
		}
		if index, ok := detail["index"].(float64); ok {
			one.Index = new(int(index))
		}
		want = append(want, one)
	}
	if !reflect.DeepEqual(apiError.Errors, want) {
		problems = append(problems, fmt.Sprintf("the error has the details %+v instead of %+v", apiError.Errors, want))
	}
	return problems
}

// asDecoded returns a tree with the types that encoding/json gives it.
func asDecoded(tree any) (decoded any) {
	if err := json.Unmarshal(encode(tree), &decoded); err != nil {
		panic(err) // encode returns valid JSON
	}
	return decoded
}

// kindOf returns the error that matches a documented failure. Only source imports
// document 503.
func kindOf(status int) error {
	switch status {
	case http.StatusUnauthorized:
		return ghmigrate.ErrUnauthorized
	case http.StatusForbidden:
		return ghmigrate.ErrForbidden
	case http.StatusNotFound:
		return ghmigrate.ErrNotFound
	case http.StatusUnprocessableEntity:
		return ghmigrate.ErrValidation
	case http.StatusServiceUnavailable:
		return ghmigrate.ErrSourceImportsRetired
	}
	return nil
}
