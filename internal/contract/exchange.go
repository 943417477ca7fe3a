package contract

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"

	"github.com/ghmigrate/ghmigrate"
)

// An Exchange is a request of the library and its response.
type Exchange struct {
	Call         Call
	Operation    *Operation // nil if the product has no such operation
	Request      *http.Request
	RequestBody  []byte
	Status       int         // of the response
	Header       http.Header // of the response
	ResponseBody []byte

	description *Description
	input       *openapi3filter.RequestValidationInput
}

// A responder returns the response to a request. The operation is nil if the
// description has no such operation.
type responder func(operation *Operation, req *http.Request) (status int, header http.Header, body []byte)

// A Recorder is a transport that responds instead of GitHub, and records each exchange.
type Recorder struct {
	Description *Description
	Next        http.RoundTripper // responds to requests, unless respond does
	Base        string            // base URL of the API at Next, instead of the described server
	Exchanges   []*Exchange

	call    Call      // the current call
	respond responder // if not nil, responds instead of Next
}

// client returns a client of the described product whose transport is the recorder.
func (r *Recorder) client() (*ghmigrate.Client, error) {
	return ghmigrate.NewClient(
		ghmigrate.WithHost(r.Description.host),
		ghmigrate.WithToken("ghp_contract"),
		ghmigrate.WithAPIVersion(r.Description.Version),
		ghmigrate.WithHTTPClient(&http.Client{Transport: r}),
		ghmigrate.WithMaxRetries(0),
		ghmigrate.WithMaxRateLimitWait(0),
	)
}

// RoundTrip implements [http.RoundTripper].
func (r *Recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	x := &Exchange{Call: r.call, Request: req.Clone(req.Context()), description: r.Description}
	if req.Body != nil {
		var err error
		if x.RequestBody, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		req.Body.Close()
		req.Body = readCloser(x.RequestBody)
	}
	if err := r.find(x); err != nil {
		return nil, err
	}
	res, err := r.roundTrip(x, req)
	if err != nil {
		return nil, err
	}
	x.Status, x.Header = res.StatusCode, res.Header
	x.ResponseBody, err = io.ReadAll(res.Body)
	res.Body.Close()
	res.Body = readCloser(x.ResponseBody)
	r.Exchanges = append(r.Exchanges, x)
	return res, err
}

// roundTrip gets the response from respond or Next.
func (r *Recorder) roundTrip(x *Exchange, req *http.Request) (*http.Response, error) {
	if r.respond == nil {
		return r.Next.RoundTrip(req)
	}
	status, header, body := r.respond(x.Operation, req)
	return &http.Response{
		StatusCode: status, Status: fmt.Sprint(status), Header: header, Request: req,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: readCloser(body), ContentLength: int64(len(body)),
	}, nil
}

// find sets the operation of an exchange.
func (r *Recorder) find(x *Exchange) error {
	d := r.Description
	if below, ok := strings.CutPrefix(x.Request.URL.String(), r.Base+"/"); ok && r.Base != "" {
		var err error
		if x.Request.URL, err = url.Parse(d.server + "/" + below); err != nil {
			return err
		}
		x.Request.Host = x.Request.URL.Host
	}
	route, params, err := d.router.FindRoute(x.Request)
	if err != nil {
		return nil //nolint:nilerr // the exchange has no operation
	}
	for _, operation := range d.Operations {
		if operation.Path == route.Path && operation.Method == route.Method {
			x.Operation = operation
		}
	}
	options := &openapi3filter.Options{
		RejectWhenRequestBodyNotSpecified: true,
		IncludeResponseStatus:             true,
		MultiError:                        true,
		SkipSettingDefaults:               true,
		AuthenticationFunc:                openapi3filter.NoopAuthenticationFunc,
	}
	// By default an error prints the whole schema.
	options.WithCustomSchemaErrorFunc(func(e *openapi3.SchemaError) string {
		return "/" + strings.Join(e.JSONPointer(), "/") + ": " + e.Reason
	})
	x.input = &openapi3filter.RequestValidationInput{
		Request: x.Request, PathParams: params, Route: route, Options: options,
	}
	return nil
}

// Exchanges calls every method with every kind of arguments, and returns the exchanges.
// Each request gets a documented success. Problems are calls that fail, and calls that
// do not send exactly one request.
func (d *Description) Exchanges(ctx context.Context, methods []Method) (all []*Exchange, problems []string) {
	r := &Recorder{Description: d, respond: success}
	client, err := r.client()
	if err != nil {
		return nil, []string{err.Error()}
	}
	for _, method := range methods {
		for _, call := range method.calls() {
			r.call, r.Exchanges = call, nil
			_, err := call.do(ctx, client)
			switch {
			case len(r.Exchanges) != 1:
				problems = append(problems, fmt.Sprintf("%v: %d requests instead of one (%v)", call, len(r.Exchanges), err))
			case err != nil && r.Exchanges[0].Operation != nil:
				problems = append(problems, fmt.Sprintf("%v: %v", call, err))
			}
			all = append(all, r.Exchanges...)
		}
	}
	return all, problems
}

// success is a responder that returns the documented success with every property. An
// object has the ID of the request, and a list has one page.
func success(operation *Operation, req *http.Request) (int, http.Header, []byte) {
	header := http.Header{
		"Content-Type": {"application/json; charset=utf-8"},
		"Link":         {`<` + req.URL.String() + `>; rel="first"`},
	}
	if operation == nil {
		return http.StatusTeapot, header, []byte(`{"message":"There is no such operation"}`)
	}
	response := operation.Success()
	if response.Status == http.StatusFound {
		header.Set("Location", "https://storage.example.com/archive?signature=secret")
		header.Del("Content-Type")
	}
	if response.Schema == nil {
		return response.Status, header, nil
	}
	return response.Status, header, encode(identified(response.Schema, instance(response.Schema, 0), req))
}

// identified returns an object with the properties that the library requires of a
// response to the request. These are the ID, which is the ID of the path if it has one,
// and the status of an import.
func identified(schema *openapi3.Schema, tree any, req *http.Request) any {
	object, ok := tree.(map[string]any)
	if !ok {
		return tree
	}
	object = maps.Clone(object)
	known := properties(schema)
	if id, err := strconv.Atoi(path.Base(req.URL.Path)); known["id"] != nil && err == nil {
		object["id"] = id
	} else if known["id"] != nil && object["id"] == nil {
		object["id"] = 7
	}
	if known["vcs_url"] != nil && object["status"] == nil {
		object["status"] = "importing"
	}
	return object
}

func readCloser(data []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(data)) }
