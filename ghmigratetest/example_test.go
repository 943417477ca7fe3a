package ghmigratetest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// A migration from start to archive, with nothing but net/http.
func Example() {
	srv := ghmigratetest.NewServer()
	defer srv.Close()
	srv.AddRepository("octo/hello", ghmigratetest.WithIssues(3))

	ask := func(method, path, body string) *http.Response {
		req, err := http.NewRequestWithContext(context.Background(), method, srv.URL()+path, strings.NewReader(body))
		if err != nil {
			panic(err)
		}
		req.Header.Set("Accept", "application/vnd.github+json")
		req.Header.Set("Authorization", "Bearer "+srv.Token())
		req.Header.Set("X-GitHub-Api-Version", "2022-11-28")
		res, err := srv.Client().Do(req) // leaves the token behind when it is redirected to storage
		if err != nil {
			panic(err)
		}
		return res
	}
	var migration struct {
		ID    int64
		State string
	}
	decode := func(res *http.Response) {
		defer res.Body.Close()
		if err := json.NewDecoder(res.Body).Decode(&migration); err != nil {
			panic(err)
		}
		fmt.Println(res.Status, migration.State)
	}

	decode(ask("POST", "/orgs/octo/migrations", `{"repositories":["octo/hello"]}`))
	path := fmt.Sprintf("/orgs/octo/migrations/%d", migration.ID)
	decode(ask("GET", path, ""))
	srv.Clock().Advance(time.Minute)
	decode(ask("GET", path, ""))

	res := ask("GET", path+"/archive", "")
	defer res.Body.Close()
	n, err := io.Copy(io.Discard, res.Body)
	fmt.Println(res.Status, res.Header.Get("Content-Type"), n > 1000, err)

	// Output:
	// 201 Created pending
	// 200 OK pending
	// 200 OK exported
	// 200 OK application/x-gzip true <nil>
}

// The client of this module, as a program's tests would make it.
func ExampleNewServer() {
	server := ghmigratetest.NewServer()
	defer server.Close()
	server.AddRepository("octo-org/hello-world")

	client, err := ghmigrate.NewClient(
		ghmigrate.WithBaseURL(server.URL()),
		ghmigrate.WithHTTPClient(server.Client()),
		ghmigrate.WithToken(server.Token()),
	)
	if err != nil {
		panic(err)
	}

	m, err := client.OrgMigrations.Start(context.Background(), "octo-org", ghmigrate.StartMigrationRequest{
		Repositories: []string{"octo-org/hello-world"},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println("migration", m.ID, "is", m.State)

	// Output:
	// migration 79 is pending
}

// The next request is too many.
func ExampleServer_Inject() {
	srv := ghmigratetest.NewServer()
	defer srv.Close()
	srv.Inject(ghmigratetest.SecondaryRateLimitAfter(time.Minute))

	for range 2 {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, srv.URL()+"/user/migrations", nil)
		if err != nil {
			panic(err)
		}
		req.Header.Set("Accept", "application/vnd.github+json")
		req.Header.Set("Authorization", "Bearer "+srv.Token())
		req.Header.Set("X-GitHub-Api-Version", "2022-11-28")
		res, err := srv.Client().Do(req)
		if err != nil {
			panic(err)
		}
		res.Body.Close()
		fmt.Println(res.Status, res.Header.Get("Retry-After"))
	}

	// Output:
	// 403 Forbidden 60
	// 200 OK
}
