package ghmigratetest_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// ask sends a request to the API, as any client library would.
func ask(srv *ghmigratetest.Server, method, path, body string) *http.Response {
	req, err := http.NewRequestWithContext(context.Background(), method, srv.URL()+path, strings.NewReader(body))
	check(err)
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("Authorization", "Bearer "+srv.Token())
	req.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	res, err := srv.Client().Do(req) // leaves the token behind when it is redirected to storage
	check(err)
	return res
}

// stateOf reads the state of the migration that an answer tells of.
func stateOf(res *http.Response) string {
	defer res.Body.Close()
	var migration struct{ State string }
	check(json.NewDecoder(res.Body).Decode(&migration))
	return migration.State
}

// check ends an example that went wrong.
func check(err error) {
	if err != nil {
		panic(err)
	}
}
