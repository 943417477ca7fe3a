package ghmigratetest_test

import (
	"fmt"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// The fake behind a TLS server of the test. URLs in responses lead to the TLS
// server.
func ExampleServer_Handler() {
	srv := ghmigratetest.NewServer()
	defer srv.Close()
	srv.AddRepository("octo/hello")
	front := httptest.NewTLSServer(srv.Handler())
	defer front.Close()

	fmt.Println(startAt(front, srv.Token()))
	// Output: https://front/api/v3/orgs/octo/migrations/79
}

// The fake behind a reverse proxy, which passes on the URL of the client in
// X-Forwarded headers.
func ExampleServer_Handler_reverseProxy() {
	srv := ghmigratetest.NewServer()
	defer srv.Close()
	srv.AddRepository("octo/hello")
	target, err := url.Parse(srv.URL())
	check(err)
	target.Path = ""
	front := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.SetXForwarded()
	}})
	defer front.Close()

	fmt.Println(startAt(front, srv.Token()))
	// Output: https://front/api/v3/orgs/octo/migrations/79
}

// startAt starts a migration at a server in front of the fake. It returns the
// Location of the response, in which "front" replaces the host.
func startAt(front *httptest.Server, token string) string {
	res := send(front.Client(), "POST", front.URL+"/api/v3/orgs/octo/migrations", token, `{"repositories":["octo/hello"]}`)
	res.Body.Close()
	return strings.Replace(res.Header.Get("Location"), front.URL, "https://front", 1)
}
