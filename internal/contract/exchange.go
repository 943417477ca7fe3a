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

// An Exchange is a request of the library and its answer.
type Exchange struct {
	Call      Call
	Operation *Operation // nil if the product has none like it
	Request   *http.Request
	Body      []byte // of the request
	Status    int
	Header    http.Header // of the answer
	Answer    []byte      // the answer's body

	description *Description
	input       *openapi3filter.RequestValidationInput
}

// An answerer says what comes back for a request of an operation; the
// operation is nil if the description has none like it.
type answerer func(operation *Operation, req *http.Request) (status int, header http.Header, body []byte)

// A Recorder is a transport that answers in GitHub's place and keeps what was
// said.
type Recorder struct {
	Description *Description
	Next        http.RoundTripper // asked for the answers
	Base        string            // where Next has the API, in place of the described server
	Exchanges   []*Exchange

	call   Call     // what is being called
	answer answerer // asked in place of Next, if not nil
}

// client is a client of the described product that talks to the recorder.
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

// RoundTrip answers a request.
func (r *Recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	x := &Exchange{Call: r.call, Request: req.Clone(req.Context()), description: r.Description}
	if req.Body != nil {
		var err error
		if x.Body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		req.Body.Close()
		req.Body = readCloser(x.Body)
	}
	if err := r.find(x); err != nil {
		return nil, err
	}
	res, err := r.ask(x, req)
	if err != nil {
		return nil, err
	}
	x.Status, x.Header = res.StatusCode, res.Header
	x.Answer, err = io.ReadAll(res.Body)
	res.Body.Close()
	res.Body = readCloser(x.Answer)
	r.Exchanges = append(r.Exchanges, x)
	return res, err
}

func (r *Recorder) ask(x *Exchange, req *http.Request) (*http.Response, error) {
	if r.answer == nil {
		return r.Next.RoundTrip(req)
	}
	status, header, body := r.answer(x.Operation, req)
	return &http.Response{
		StatusCode: status, Status: fmt.Sprint(status), Header: header, Request: req,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: readCloser(body), ContentLength: int64(len(body)),
	}, nil
}

// find finds the operation that a request is of.
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
		return nil //nolint:nilerr // the exchange has no operation then
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
	// Otherwise an error prints whole schemas.
	options.WithCustomSchemaErrorFunc(func(e *openapi3.SchemaError) string {
		return "/" + strings.Join(e.JSONPointer(), "/") + ": " + e.Reason
	})
	x.input = &openapi3filter.RequestValidationInput{
		Request: x.Request, PathParams: params, Route: route, Options: options,
	}
	return nil
}

// Exchanges calls every method with every kind of arguments and returns what
// was asked, each answered with a documented success. Problems are calls that
// failed, and calls that do not send one request.
func (d *Description) Exchanges(ctx context.Context, methods []Method) (all []*Exchange, problems []string) {
	r := &Recorder{Description: d, answer: success}
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

// success responds to an operation as its description says, with every property
// there is. An object has the id that was asked for, and a list has one page.
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

// identified returns an object with the properties that make it a response to
// the request. It has the id of the path, or any id if the path has no id, and
// the status of an import.
func identified(schema *openapi3.Schema, tree any, req *http.Request) any {
	object, ok := tree.(map[string]any)
	if !ok {
		return tree
	}
	object = maps.Clone(object)
	known := properties(schema)
	if asked, err := strconv.Atoi(path.Base(req.URL.Path)); known["id"] != nil && err == nil {
		object["id"] = asked
	} else if known["id"] != nil && object["id"] == nil {
		object["id"] = 7
	}
	if known["vcs_url"] != nil && object["status"] == nil {
		object["status"] = "importing"
	}
	return object
}

func readCloser(data []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(data)) }
