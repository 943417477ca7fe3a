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

// onWire makes a client whose requests a function answers.
func onWire(tb testing.TB, transport wire, opts ...ghmigrate.Option) *ghmigrate.Client {
	tb.Helper()
	client, err := ghmigrate.NewClient(append([]ghmigrate.Option{ghmigrate.WithHTTPClient(&http.Client{Transport: transport})}, opts...)...)
	require.NoError(tb, err)
	return client
}

// wire is a RoundTripper that answers by itself, for what no server sends.
type wire func(*http.Request) (*http.Response, error)

func (w wire) RoundTrip(req *http.Request) (*http.Response, error) { return w(req) }

func answer(req *http.Request, status int, header http.Header, body string) *http.Response {
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

// offline makes a client of a GitHub anywhere, whose requests handler answers
// without a network.
func offline(t *testing.T, baseURL string, handler http.HandlerFunc, opts ...ghmigrate.Option) *ghmigrate.Client {
	t.Helper()
	return onWire(t, func(req *http.Request) (*http.Response, error) {
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

// answering makes the API of the fake GitHub answer every request with handler.
func answering(server *ghmigratetest.Server, handler http.HandlerFunc) {
	server.Inject(ghmigratetest.Fault{
		Origin: ghmigratetest.API, Times: -1,
		Handler: func(w http.ResponseWriter, r *http.Request, _ http.Handler) { handler(w, r) },
	})
}

// asked lists what the API of the fake GitHub was asked, as "GET /path".
func asked(server *ghmigratetest.Server) []string {
	var list []string
	for _, r := range server.Requests() {
		if r.Origin == ghmigratetest.API {
			list = append(list, r.Method+" "+r.Path)
		}
	}
	return list
}

// sent is a request as it went over the wire.
type sent struct{ Method, Path, Query, Body string }

// sentSince returns the requests that the server's API got after the first n.
func sentSince(server *ghmigratetest.Server, n int) []sent {
	var all []sent
	for _, r := range server.Requests()[n:] {
		if r.Origin == ghmigratetest.API {
			all = append(all, sent{r.Method, r.Path, r.Query.Encode(), string(r.Body)})
		}
	}
	return all
}

// startExports adds octo-org/hello and exports it n times. The first export
// has the ID 79.
func startExports(t *testing.T, server *ghmigratetest.Server, client *ghmigrate.Client, n int) []int64 {
	t.Helper()
	server.AddRepository("octo-org/hello")
	var ids []int64
	for range n {
		m, err := client.OrgMigrations.Start(t.Context(), "octo-org", ghmigrate.StartMigrationRequest{
			Repositories: []string{"octo-org/hello"}, OmitRepositories: true,
		})
		require.NoError(t, err)
		ids = append(ids, m.ID)
	}
	return ids
}

// drain reads a sequence to its end.
func drain[T any](seq iter.Seq2[T, error]) error {
	_, err := ghmigrate.Collect(seq)
	return err
}
