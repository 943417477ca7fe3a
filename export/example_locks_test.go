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

// A checked account asks GraphQL whether a repository is locked, since REST
// does not tell.
type checked struct{ export.Account }

func (a checked) IsLocked(ctx context.Context, repository string) (bool, error) {
	owner, name, _ := strings.Cut(repository, "/")
	question := map[string]any{
		"query":     `query($owner: String!, $name: String!) { repository(owner: $owner, name: $name) { lockReason } }`,
		"variables": map[string]string{"owner": owner, "name": name},
	}
	var answer struct {
		Data struct {
			Repository struct{ LockReason string }
		}
		Errors []struct{ Message string }
	}
	if _, err := a.Do(ctx, http.MethodPost, "/graphql", question, &answer); err != nil {
		return false, err
	}
	if len(answer.Errors) > 0 {
		return false, fmt.Errorf("%s: %s", repository, answer.Errors[0].Message)
	}
	return answer.Data.Repository.LockReason == "MIGRATING", nil
}

// Which repositories does a migration hold locked?
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

	for c, err := range export.LockCandidates(ctx, checked{acct}) {
		check(err)
		fmt.Println(c.Repository, "is", c.State, "by migration", c.Migration)
	}
	// Output:
	// octo-org/hello-world is locked by migration 79
	// octo-org/spoon-knife is not locked by migration 79
}
