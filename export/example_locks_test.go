package export_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
)

// A lockChecker asks GitHub's GraphQL API whether a repository is locked, because the
// REST API does not report locks.
type lockChecker struct{ export.Account }

func (a lockChecker) IsLocked(ctx context.Context, repository string) (bool, error) {
	owner, name, _ := strings.Cut(repository, "/")
	query := map[string]any{
		"query":     `query($owner: String!, $name: String!) { repository(owner: $owner, name: $name) { lockReason } }`,
		"variables": map[string]string{"owner": owner, "name": name},
	}
	var response struct {
		Data struct {
			Repository struct{ LockReason string }
		}
		Errors []struct{ Message string }
	}
	if _, err := a.Do(ctx, http.MethodPost, "/graphql", query, &response); err != nil {
		return false, err
	}
	if len(response.Errors) > 0 {
		return false, fmt.Errorf("%s: %s", repository, response.Errors[0].Message)
	}
	return response.Data.Repository.LockReason == "MIGRATING", nil
}

// List the repositories that migrations have locked, with the state of their locks.
func ExampleLockChecker() {
	ctx := context.Background()
	server, acct, dir := exampleServer("octo-org/hello-world", "octo-org/spoon-knife")
	defer server.Close()
	defer func() { check(os.RemoveAll(dir)) }()
	m, err := acct.Start(ctx, ghmigrate.StartMigrationRequest{
		Repositories:     []string{"octo-org/hello-world", "octo-org/spoon-knife"},
		LockRepositories: true,
	})
	check(err)
	check(acct.UnlockRepository(ctx, m.ID, "spoon-knife"))

	for c, err := range export.LockCandidates(ctx, lockChecker{acct}) {
		check(err)
		fmt.Println(c.Repository, "is", c.State, "by migration", c.Migration)
	}
	// Output:
	// octo-org/hello-world is locked by migration 79
	// octo-org/spoon-knife is not locked by migration 79
}
