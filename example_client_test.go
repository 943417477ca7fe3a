package ghmigrate_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// A token is enough for GitHub.com. NewClient sends no request: it reports
// a wrong option, and the first call reports a wrong token.
func ExampleNewClient() {
	token := "ghp_0123456789" // from os.Getenv, or where you keep it
	client, err := ghmigrate.NewClient(ghmigrate.WithToken(token))
	fmt.Println(client != nil, err)

	_, err = ghmigrate.NewClient(ghmigrate.WithToken(token), ghmigrate.WithAPIVersion("v3"))
	fmt.Println(err)
	// Output:
	// true <nil>
	// ghmigrate: WithAPIVersion: "v3" is not a date such as 2022-11-28
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
		ghmigrate.WithMaxOutage(12*time.Hour),              // otherwise an hour of failed polls
	)
	fmt.Println(client != nil, err)
	// Output: true <nil>
}

// Other GitHubs than GitHub.com.
func ExampleWithHost() {
	for _, host := range []ghmigrate.Option{
		ghmigrate.WithHost("octocorp.ghe.com"),                       // https://api.octocorp.ghe.com
		ghmigrate.WithHost("ghes.example.com"),                       // https://ghes.example.com/api/v3
		ghmigrate.WithBaseURL("https://proxy.example.com/github/v3"), // spelled out
	} {
		client, err := ghmigrate.NewClient(host, ghmigrate.WithToken("ghp_0123456789"))
		fmt.Println(client != nil, err)
	}
	// Output:
	// true <nil>
	// true <nil>
	// true <nil>
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

// enterpriseClient makes a client of a GitHub Enterprise Server whose
// certificate comes from a CA of your own, behind a proxy. Archive storage is
// reached the same way, without the token.
func enterpriseClient(host, token, proxy string, ca []byte) (*ghmigrate.Client, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, err
	}
	if !pool.AppendCertsFromPEM(ca) {
		return nil, errors.New("no certificate in the CA's file")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone() // takes HTTPS_PROXY and NO_PROXY from the environment
	transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	if proxy != "" { // or else what the environment says
		address, err := url.Parse(proxy)
		if err != nil {
			return nil, err
		}
		transport.Proxy = http.ProxyURL(address)
	}
	return ghmigrate.NewClient(
		ghmigrate.WithHost(host),
		ghmigrate.WithToken(token),
		ghmigrate.WithHTTPClient(&http.Client{Transport: transport}),
	)
}

// A proxy, and a CA of your own.
func ExampleWithHTTPClient() {
	server := httptest.NewTLSServer(http.NotFoundHandler()) // its certificate stands for the certificate of the CA
	defer server.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})

	client, err := enterpriseClient("ghes.example.com", "ghp_0123456789", "http://proxy.example.com:3128", ca)
	fmt.Println(client != nil, err)
	// Output: true <nil>
}

// advice says what to do about an error of this package: errors.Is tells its
// kind, and the APIError has what GitHub said.
func advice(err error) string {
	answer, _ := errors.AsType[*ghmigrate.APIError](err)
	switch {
	case errors.Is(err, ghmigrate.ErrRateLimited):
		return fmt.Sprintf("try again in %v", answer.RetryAfter)
	case errors.Is(err, ghmigrate.ErrUnauthorized):
		return "get another token"
	case errors.Is(err, ghmigrate.ErrSSORequired):
		return "authorize the token at " + answer.SSOURL
	case errors.Is(err, ghmigrate.ErrMissingScope):
		return fmt.Sprintf("give the token one of %v; it has %v", answer.AcceptedScopes, answer.TokenScopes)
	case errors.Is(err, ghmigrate.ErrValidation):
		return fmt.Sprintf("mend the request: %v", answer.Errors)
	case errors.Is(err, ghmigrate.ErrArchiveNotReady):
		return "wait for the export"
	case errors.Is(err, ghmigrate.ErrArchiveGone), errors.Is(err, ghmigrate.ErrMigrationFailed):
		return "export it again"
	default:
		return err.Error()
	}
}

// What went wrong is told by errors.Is, and in detail by the APIError.
func ExampleAPIError() {
	ctx := context.Background()
	github := ghmigratetest.NewServer(ghmigratetest.WithExportDuration(time.Hour))
	defer github.Close()
	github.AddRepository("octo-org/hello-world")
	client := clientOf(github)
	start := func(repository string) error {
		_, err := client.OrgMigrations.Start(ctx, "octo-org", ghmigrate.StartMigrationRequest{Repositories: []string{repository}})
		return err
	}

	fmt.Println(advice(start("octo-org/typo")))

	check(start("octo-org/hello-world"))
	_, err := client.OrgMigrations.ArchiveURL(ctx, "octo-org", 79)
	fmt.Println(advice(err))

	github.Inject(ghmigratetest.SecondaryRateLimitAfter(time.Hour))
	fmt.Println(advice(start("octo-org/hello-world")))

	// Output:
	// mend the request: [Migration repositories invalid_value at index 0: octo-org/typo Migration repositories missing_field]
	// wait for the export
	// try again in 1h0m0s
}
