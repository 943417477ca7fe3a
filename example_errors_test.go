package ghmigrate_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

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
	// mend the request: [Migration repositories invalid_value Migration repositories missing_field]
	// wait for the export
	// try again in 1h0m0s
}
