package ghmigratetest_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// ask sends a request to the API, as any client library does.
func ask(srv *ghmigratetest.Server, method, path, body string) *http.Response {
	// The client drops the token when the API redirects it to storage.
	return send(srv.Client(), method, srv.URL()+path, srv.Token(), body)
}

// send sends a request with the headers that the API requires.
func send(client *http.Client, method, url, token, body string) *http.Response {
	req, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
	check(err)
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	res, err := client.Do(req)
	check(err)
	return res
}

// stateOf returns the state of the migration in a response.
func stateOf(res *http.Response) string {
	defer res.Body.Close()
	var migration struct{ State string }
	check(json.NewDecoder(res.Body).Decode(&migration))
	return migration.State
}

// check panics if an example fails.
func check(err error) {
	if err != nil {
		panic(err)
	}
}
