package ghmigrate_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// For GitHub.com a token is enough. NewClient asks nobody: a wrong option is
// an error here, a wrong token one of the first call.
func ExampleNewClient() {
	token := "ghp_0123456789" // from os.Getenv, or where you keep it
	client, err := ghmigrate.NewClient(ghmigrate.WithToken(token))
	check(err)
	fmt.Println(client) // never shows the token

	_, err = ghmigrate.NewClient(ghmigrate.WithAPIVersion("v3"))
	fmt.Println(err != nil)
	// Output:
	// ghmigrate.Client(api.github.com)
	// true
}

// Everything that can be set, as a service may want it.
func ExampleNewClient_options() {
	client, err := ghmigrate.NewClient(
		ghmigrate.WithToken("ghp_0123456789"),
		ghmigrate.WithAPIVersion("2026-03-10"),             // otherwise 2022-11-28
		ghmigrate.WithUserAgent("octo-backup/1.4"),         // otherwise ghmigrate
		ghmigrate.WithLogger(slog.Default()),               // requests at debug, retries at warn
		ghmigrate.WithMaxRetries(5),                        // otherwise 3
		ghmigrate.WithMaxRateLimitWait(10*time.Minute),     // otherwise 90 seconds a call
		ghmigrate.WithPollInterval(time.Minute, time.Hour), // otherwise 5 seconds to a minute
	)
	check(err)
	fmt.Println(client)
	// Output: ghmigrate.Client(api.github.com)
}

// Other GitHubs than GitHub.com.
func ExampleWithHost() {
	for _, host := range []ghmigrate.Option{
		ghmigrate.WithHost("octocorp.ghe.com"),                       // https://api.octocorp.ghe.com
		ghmigrate.WithHost("ghes.example.com"),                       // https://ghes.example.com/api/v3
		ghmigrate.WithBaseURL("https://proxy.example.com/github/v3"), // spelled out
	} {
		client, err := ghmigrate.NewClient(host, ghmigrate.WithToken("ghp_0123456789"))
		check(err)
		fmt.Println(client)
	}
	// Output:
	// ghmigrate.Client(api.octocorp.ghe.com)
	// ghmigrate.Client(ghes.example.com)
	// ghmigrate.Client(proxy.example.com)
}

// A vault is where tokens are kept, and replaced now and then.
type vault struct{ token string }

func (v *vault) Token() (*oauth2.Token, error) {
	return &oauth2.Token{AccessToken: v.token}, nil
}

// A TokenSource is asked before every attempt, so that a token can be replaced
// while a client lives.
func ExampleWithTokenSource() {
	ctx := context.Background()
	github := ghmigratetest.NewServer()
	defer github.Close()

	tokens := &vault{token: "ghp_revoked"}
	client, err := ghmigrate.NewClient(
		ghmigrate.WithTokenSource(tokens),
		ghmigrate.WithBaseURL(github.URL()),
		ghmigrate.WithHTTPClient(github.Client()),
	)
	check(err)

	_, err = ghmigrate.Collect(client.UserMigrations.List(ctx, nil))
	fmt.Println("unauthorized:", errors.Is(err, ghmigrate.ErrUnauthorized))

	tokens.token = github.Token()
	migrations, err := ghmigrate.Collect(client.UserMigrations.List(ctx, nil))
	check(err)
	fmt.Println("migrations:", len(migrations))

	// Output:
	// unauthorized: true
	// migrations: 0
}

// Call an endpoint that has no method, with the client's authentication,
// retries and rate limits: here page by page.
func ExampleClient_Do() {
	ctx := context.Background()
	github, client := fakeGitHub("octo-org/hello-world")
	defer github.Close()
	for range 3 {
		_, err := client.OrgMigrations.Start(ctx, "octo-org", ghmigrate.StartMigrationRequest{Repositories: []string{"octo-org/hello-world"}})
		check(err)
	}

	for page := 1; ; page++ {
		var migrations []struct {
			ID   int64
			GUID string
		}
		path := fmt.Sprintf("/orgs/octo-org/migrations?exclude=repositories&per_page=2&page=%d", page)
		header, err := client.Do(ctx, http.MethodGet, path, nil, &migrations)
		check(err)
		for _, m := range migrations {
			fmt.Println(m.ID, m.GUID)
		}
		if !strings.Contains(header.Get("Link"), `rel="next"`) {
			break
		}
	}

	// Output:
	// 81 0b989bf5-242f-11e5-81e1-c7b6966d2516
	// 80 0b989bf4-242f-11e5-81e1-c7b6966d2516
	// 79 0b989bf3-242f-11e5-81e1-c7b6966d2516
}

// How much of the token's quota is left, as of the latest answer.
func ExampleClient_RateLimit() {
	github, client := fakeGitHub()
	defer github.Close()
	_, err := client.Do(context.Background(), http.MethodGet, "/user", nil, nil)
	check(err)

	limit := client.RateLimit()
	fmt.Println(limit.Remaining, "of", limit.Limit, "requests are left until", limit.Reset.IsZero())
	// Output: 4999 of 5000 requests are left until false
}
