package ghmigratetest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// The fake behind a TLS server of the test: its URLs lead there.
func ExampleServer_Handler() {
	srv := ghmigratetest.NewServer()
	defer srv.Close()
	srv.AddRepository("octo/hello")
	front := httptest.NewTLSServer(srv.Handler())
	defer front.Close()

	location := startAt(front.Client(), front.URL+"/api/v3", srv.Token())
	fmt.Println(strings.Replace(location, front.URL, "https://front", 1))
	// Output: https://front/api/v3/orgs/octo/migrations/79
}

// The fake behind a reverse proxy, which tells by which URL clients reach it.
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

	location := startAt(front.Client(), front.URL+"/api/v3", srv.Token())
	fmt.Println(strings.Replace(location, front.URL, "https://front", 1))
	// Output: https://front/api/v3/orgs/octo/migrations/79
}

// startAt starts a migration and returns the Location of the response.
func startAt(hc *http.Client, baseURL, token string) string {
	body := strings.NewReader(`{"repositories":["octo/hello"]}`)
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, baseURL+"/orgs/octo/migrations", body)
	check(err)
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	res, err := hc.Do(req)
	check(err)
	res.Body.Close()
	return res.Header.Get("Location")
}
