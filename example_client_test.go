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

// A client for GitHub.com needs only a token. NewClient sends no request, so a
// wrong token is reported by the first call.
func ExampleNewClient() {
	token := "ghp_0123456789" // for example from os.Getenv
	client, err := ghmigrate.NewClient(ghmigrate.WithToken(token))
	fmt.Println(client != nil, err)

	_, err = ghmigrate.NewClient(ghmigrate.WithToken(token), ghmigrate.WithAPIVersion("v3"))
	fmt.Println(err)
	// Output:
	// true <nil>
	// ghmigrate: WithAPIVersion: "v3" is not a date such as 2022-11-28
}

// Options for a service, with their defaults.
func ExampleNewClient_options() {
	client, err := ghmigrate.NewClient(
		ghmigrate.WithToken("ghp_0123456789"),
		ghmigrate.WithAPIVersion("2026-03-10"),             // default 2022-11-28
		ghmigrate.WithUserAgent("octo-backup/1.4"),         // default ghmigrate
		ghmigrate.WithLogger(slog.Default()),               // logs requests at debug, retries at warn
		ghmigrate.WithMaxRetries(5),                        // default 3
		ghmigrate.WithMaxRateLimitWait(10*time.Minute),     // default 90 seconds a call
		ghmigrate.WithPollInterval(time.Minute, time.Hour), // default 5 seconds to a minute
		ghmigrate.WithMaxOutage(12*time.Hour),              // default an hour of failed polls
	)
	fmt.Println(client != nil, err)
	// Output: true <nil>
}

// Clients for GHE.com, for a GitHub Enterprise Server, and for an API behind a
// gateway.
func ExampleWithHost() {
	for _, host := range []ghmigrate.Option{
		ghmigrate.WithHost("octocorp.ghe.com"),                       // https://api.octocorp.ghe.com
		ghmigrate.WithHost("ghes.example.com"),                       // https://ghes.example.com/api/v3
		ghmigrate.WithBaseURL("https://proxy.example.com/github/v3"), // used as it is
	} {
		client, err := ghmigrate.NewClient(host, ghmigrate.WithToken("ghp_0123456789"))
		fmt.Println(client != nil, err)
	}
	// Output:
	// true <nil>
	// true <nil>
	// true <nil>
}

// A vault returns its current token.
type vault struct{ token string }

func (v *vault) Token() (*oauth2.Token, error) {
	return &oauth2.Token{AccessToken: v.token}, nil
}

// Every attempt calls the TokenSource, so that the token of a client can be
// replaced.
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

// Do calls an endpoint for which the package has no method, here page by page. It
// uses the client's authentication, retries and rate limits.
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

// RateLimit returns the token's quota as of the latest response.
func ExampleClient_RateLimit() {
	github, client := fakeGitHub()
	defer github.Close()
	_, err := client.Do(context.Background(), http.MethodGet, "/user", nil, nil)
	check(err)

	limit := client.RateLimit()
	fmt.Println(limit.Remaining, "of", limit.Limit, "requests are left")
	fmt.Println("the next window begins in an hour:", time.Until(limit.Reset).Round(time.Hour) == time.Hour)
	// Output:
	// 4999 of 5000 requests are left
	// the next window begins in an hour: true
}

// enterpriseClient returns a client for a GitHub Enterprise Server behind a proxy,
// whose certificate is signed by a private CA. Requests to archive storage use the
// same proxy and CA, without the token.
func enterpriseClient(host, token, proxy string, ca []byte) (*ghmigrate.Client, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, err
	}
	if !pool.AppendCertsFromPEM(ca) {
		return nil, errors.New("no certificate in the CA's file")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone() // uses HTTPS_PROXY and NO_PROXY
	transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	if proxy != "" {
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

// A client with a proxy and a private CA.
func ExampleWithHTTPClient() {
	server := httptest.NewTLSServer(http.NotFoundHandler()) // has a certificate to use as the CA
	defer server.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})

	client, err := enterpriseClient("ghes.example.com", "ghp_0123456789", "http://proxy.example.com:3128", ca)
	fmt.Println(client != nil, err)
	// Output: true <nil>
}

// advice returns what a caller can do about an error.
func advice(err error) string {
	failure, _ := errors.AsType[*ghmigrate.APIError](err)
	switch {
	case errors.Is(err, ghmigrate.ErrRateLimited):
		return fmt.Sprintf("try again in %v", failure.RetryAfter)
	case errors.Is(err, ghmigrate.ErrUnauthorized):
		return "get another token"
	case errors.Is(err, ghmigrate.ErrSSORequired):
		return "authorize the token at " + failure.SSOURL
	case errors.Is(err, ghmigrate.ErrMissingScope):
		return fmt.Sprintf("give the token one of %v; it has %v", failure.AcceptedScopes, failure.TokenScopes)
	case errors.Is(err, ghmigrate.ErrValidation):
		return fmt.Sprintf("correct the request: %v", failure.Errors)
	case errors.Is(err, ghmigrate.ErrArchiveNotReady):
		return "wait for the export"
	case errors.Is(err, ghmigrate.ErrArchiveGone), errors.Is(err, ghmigrate.ErrMigrationFailed):
		return "export the repositories again"
	default:
		return err.Error()
	}
}

// errors.Is finds the kind of an error, and the APIError has the details.
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
	// correct the request: [Migration repositories invalid_value at index 0: octo-org/typo Migration repositories missing_field]
	// wait for the export
	// try again in 1h0m0s
}
