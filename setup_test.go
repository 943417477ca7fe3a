package ghmigrate_test

import (
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

// secretToken is the token of the tests without a fake GitHub.
const secretToken = "ghp_secretsecretsecretsecretsecretsecret"

// clientWithTransport returns a client whose requests go to a function.
func clientWithTransport(tb testing.TB, transport roundTripper, opts ...ghmigrate.Option) *ghmigrate.Client {
	tb.Helper()
	client, err := ghmigrate.NewClient(append([]ghmigrate.Option{ghmigrate.WithHTTPClient(&http.Client{Transport: transport})}, opts...)...)
	require.NoError(tb, err)
	return client
}

// A roundTripper is a function as a RoundTripper. It can return responses that no
// server sends.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// respond returns a response to a request.
func respond(req *http.Request, status int, header http.Header, body string) *http.Response {
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		StatusCode:    status,
		Header:        header,
		Body:          io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body)),
		Request:       req,
	}
}

// clientWithHandler returns a client for any base URL, whose requests go to
// a handler without a network.
func clientWithHandler(t *testing.T, baseURL string, handler http.HandlerFunc, opts ...ghmigrate.Option) *ghmigrate.Client {
	t.Helper()
	return clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
		req = req.Clone(req.Context())
		req.Host = req.URL.Host
		if req.Body == nil {
			req.Body = http.NoBody
		}
		defer req.Body.Close()
		w := httptest.NewRecorder()
		handler(w, req)
		res := w.Result()
		res.Request = req
		return res, nil
	}, append([]ghmigrate.Option{
		ghmigrate.WithBaseURL(baseURL), ghmigrate.WithToken(secretToken), ghmigrate.WithLogger(testclient.Logger(t, secretToken)),
	}, opts...)...)
}

// respondWith makes the API of the fake GitHub pass every request to handler.
func respondWith(server *ghmigratetest.Server, handler http.HandlerFunc) {
	server.Inject(ghmigratetest.Fault{
		Origin: ghmigratetest.API, Times: -1,
		Handler: func(w http.ResponseWriter, r *http.Request, _ http.Handler) { handler(w, r) },
	})
}

// sent is a request that the API received.
type sent struct{ Method, Path, Query, Body string }

// sentSince returns the requests that the API received after the first n requests
// to the server.
func sentSince(server *ghmigratetest.Server, n int) []sent {
	var all []sent
	for _, r := range server.Requests()[n:] {
		if r.Origin == ghmigratetest.API {
			all = append(all, sent{r.Method, r.Path, r.Query.Encode(), string(r.Body)})
		}
	}
	return all
}

// drain reads a sequence to its end.
func drain[T any](seq iter.Seq2[T, error]) error {
	_, err := ghmigrate.Collect(seq)
	return err
}
