// Package locks tells which repositories are locked. GitHub tells it in GraphQL alone.
package locks

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/ghmigrate/ghmigrate/export"
)

// An Account is an [export.LockChecker] that asks GraphQL.
type Account struct {
	export.Account
	known map[string]bool // a repository comes with each migration of it
}

// Ask makes an account a LockChecker.
func Ask(acct export.Account) Account { return Account{acct, map[string]bool{}} }

// IsLocked reports whether a migration has locked the repository.
func (a Account) IsLocked(ctx context.Context, repository string) (bool, error) {
	if locked, known := a.known[repository]; known {
		return locked, nil
	}
	owner, name, _ := strings.Cut(repository, "/")
	question := map[string]any{
		"query":     `query($owner: String!, $name: String!) { repository(owner: $owner, name: $name) { lockReason } }`,
		"variables": map[string]string{"owner": owner, "name": name},
	}
	var answer struct {
		Data   struct{ Repository struct{ LockReason string } }
		Errors []struct{ Type, Message string }
	}
	if _, err := a.Do(ctx, http.MethodPost, "/graphql", question, &answer); err != nil {
		return false, err
	}
	for _, e := range answer.Errors {
		if e.Type != "NOT_FOUND" { // a repository that is gone is not locked
			return false, errors.New(e.Message)
		}
	}
	a.known[repository] = answer.Data.Repository.LockReason == "MIGRATING"
	return a.known[repository], nil
}

// Locked returns the locked repositories, each with the latest migration that may
// have locked it.
// It fails with ghmigrate.ErrNotFound if there is no GraphQL at the API's address.
func (a Account) Locked(ctx context.Context) (map[string]int64, error) {
	locked := map[string]int64{}
	for c, err := range export.LockCandidates(ctx, a) {
		if err != nil {
			return nil, err
		}
		if _, later := locked[c.Repository]; c.State == export.Locked && !later {
			locked[c.Repository] = c.Migration
		}
	}
	return locked, nil
}
