package ghmigratetest_test

import (
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// A migration from its start to its archive, with net/http alone.
func Example() {
	srv := ghmigratetest.NewServer(ghmigratetest.WithExportDuration(time.Hour))
	defer srv.Close()
	srv.AddRepository("octo/hello", ghmigratetest.WithIssues(3))

	res := ask(srv, "POST", "/orgs/octo/migrations", `{"repositories":["octo/hello"]}`)
	fmt.Println(res.Status, stateOf(res))
	res = ask(srv, "GET", "/orgs/octo/migrations/79", "")
	fmt.Println(res.Status, stateOf(res))
	srv.Clock().Advance(time.Hour)
	res = ask(srv, "GET", "/orgs/octo/migrations/79", "")
	fmt.Println(res.Status, stateOf(res))

	res = ask(srv, "GET", "/orgs/octo/migrations/79/archive", "")
	defer res.Body.Close()
	n, err := io.Copy(io.Discard, res.Body)
	fmt.Println(res.Status, res.Header.Get("Content-Type"), n > 1000, err)

	// Output:
	// 201 Created pending
	// 200 OK pending
	// 200 OK exported
	// 200 OK application/x-gzip true <nil>
}

// The next request exceeds a rate limit.
func ExampleServer_Inject() {
	srv := ghmigratetest.NewServer()
	defer srv.Close()
	srv.Inject(ghmigratetest.SecondaryRateLimitAfter(time.Minute))

	for range 2 {
		res := ask(srv, "GET", "/user/migrations", "")
		res.Body.Close()
		fmt.Println(res.Status, res.Header.Get("Retry-After"))
	}

	// Output:
	// 403 Forbidden 60
	// 200 OK
}

// The response to a start is lost, although the start succeeded. Every download
// breaks after a kilobyte.
func ExampleFault() {
	srv := ghmigratetest.NewServer(ghmigratetest.WithExportDuration(0))
	defer srv.Close()
	srv.AddRepository("octo/hello")
	srv.Inject(ghmigratetest.Fault{Method: "POST", Path: "/orgs/*/migrations", Applied: true, Status: 502})
	srv.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, CutAfter: 1 << 10, Times: -1})

	res := ask(srv, "POST", "/orgs/octo/migrations", `{"repositories":["octo/hello"]}`)
	res.Body.Close()
	fmt.Println(res.Status, "and there is", len(srv.Migrations()), "migration")

	res = ask(srv, "GET", "/orgs/octo/migrations/79/archive", "")
	defer res.Body.Close()
	n, err := io.Copy(io.Discard, res.Body)
	fmt.Println(n, err)

	// Output:
	// 502 Bad Gateway and there is 1 migration
	// 1024 unexpected EOF
}

// About every tenth request fails, and the same requests fail in every run.
func ExampleServer_InjectFunc() {
	srv := ghmigratetest.NewServer()
	defer srv.Close()
	const seed = 1
	srv.InjectFunc(func(r ghmigratetest.Request, before int) (ghmigratetest.Fault, bool) {
		h := fnv.New64a()
		fmt.Fprint(h, r.Method, r.Path, before)
		chance := rand.New(rand.NewPCG(seed, h.Sum64()))
		return ghmigratetest.ServerError(502), chance.IntN(10) == 0
	})

	failed := 0
	for range 100 {
		res := ask(srv, "GET", "/user/migrations", "")
		res.Body.Close()
		if res.StatusCode == http.StatusBadGateway {
			failed++
		}
	}
	fmt.Println(failed, "of 100 requests failed")
	// Output: 10 of 100 requests failed
}

// Migrations of more than one repository fail, and locks come late.
func ExampleServer_SetFate() {
	srv := ghmigratetest.NewServer()
	defer srv.Close()
	srv.AddRepository("octo/hello")
	srv.AddRepository("octo/world")
	srv.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
		return ghmigratetest.Fate{Fails: len(m.Repositories) > 1, LocksAfter: time.Second}
	})

	ask(srv, "POST", "/orgs/octo/migrations", `{"repositories":["octo/hello","octo/world"]}`).Body.Close()
	ask(srv, "POST", "/orgs/octo/migrations", `{"repositories":["octo/hello"]}`).Body.Close()
	srv.Clock().Advance(time.Minute)
	for _, m := range srv.Migrations() {
		fmt.Println(m.ID, m.State, m.Repositories)
	}
	// Output:
	// 79 failed [octo/hello octo/world]
	// 80 exported [octo/hello]
}

// The clock advances by a week, and the archive is deleted.
func ExampleClock() {
	srv := ghmigratetest.NewServer()
	defer srv.Close()
	srv.AddRepository("octo/hello")
	ask(srv, "POST", "/orgs/octo/migrations", `{"repositories":["octo/hello"]}`).Body.Close()

	for _, d := range []time.Duration{time.Minute, 8 * 24 * time.Hour} {
		srv.Clock().Advance(d)
		res := ask(srv, "GET", "/orgs/octo/migrations/79/archive", "")
		res.Body.Close()
		fmt.Println(res.Status)
	}
	// Output:
	// 200 OK
	// 404 Not Found
}

// The list of requests shows whether a program sent its token to storage.
func ExampleServer_Requests() {
	srv := ghmigratetest.NewServer(ghmigratetest.WithExportDuration(0))
	defer srv.Close()
	srv.AddRepository("octo/hello")
	ask(srv, "POST", "/orgs/octo/migrations", `{"repositories":["octo/hello"]}`).Body.Close()
	ask(srv, "GET", "/orgs/octo/migrations/79/archive", "").Body.Close()

	for _, r := range srv.Requests() {
		where := "api"
		if r.Origin == ghmigratetest.Storage {
			where = "storage"
		}
		fmt.Println(where, r.Method, r.Status, "with token:", r.Header.Get("Authorization") != "")
	}
	// Output:
	// api POST 201 with token: true
	// api GET 302 with token: true
	// storage GET 200 with token: false
}

// A GitHub Enterprise Server has fewer operations for users.
func ExampleWithGHES() {
	srv := ghmigratetest.NewServer(ghmigratetest.WithGHES(), ghmigratetest.WithExportDuration(0))
	defer srv.Close()
	srv.AddRepository("octocat/hello")
	ask(srv, "POST", "/user/migrations", `{"repositories":["octocat/hello"]}`).Body.Close()

	for _, path := range []string{"/user/migrations", "/user/migrations/79", "/user/migrations/79/repositories"} {
		res := ask(srv, "GET", path, "")
		res.Body.Close()
		fmt.Println(path, res.Status)
	}
	// Output:
	// /user/migrations 200 OK
	// /user/migrations/79 404 Not Found
	// /user/migrations/79/repositories 200 OK
}
