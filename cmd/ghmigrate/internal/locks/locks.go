// Package locks finds out which repositories are locked. Only GitHub's GraphQL API lists
// locks.
package locks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
)

// ErrUnknown means that the API has no GraphQL, so that locks are not known.
var ErrUnknown = errors.New("this address has no GraphQL API, so the locked repositories are not known")

// An Account is an [export.LockChecker] that asks GraphQL.
type Account struct {
	export.Account
	known map[string]bool // export checks a repository once for each of its migrations
}

// New returns an account as a LockChecker.
func New(acct export.Account) Account { return Account{acct, map[string]bool{}} }

// IsLocked reports whether a migration has locked the repository. It fails with
// ErrUnknown if the API has no GraphQL.
func (a Account) IsLocked(ctx context.Context, repository string) (bool, error) {
	if locked, known := a.known[repository]; known {
		return locked, nil
	}
	owner, name, _ := strings.Cut(repository, "/")
	query := map[string]any{
		"query":     `query($owner: String!, $name: String!) { repository(owner: $owner, name: $name) { lockReason } }`,
		"variables": map[string]string{"owner": owner, "name": name},
	}
	var response struct {
		Data   struct{ Repository struct{ LockReason string } }
		Errors []struct{ Type, Message string }
	}
	if _, err := a.Do(ctx, http.MethodPost, "/graphql", query, &response); errors.Is(err, ghmigrate.ErrNotFound) {
		return false, fmt.Errorf("%w: %w", ErrUnknown, err)
	} else if err != nil {
		return false, err
	}
	for _, e := range response.Errors {
		if e.Type != "NOT_FOUND" { // a repository that is gone is not locked
			return false, errors.New(e.Message)
		}
	}
	a.known[repository] = response.Data.Repository.LockReason == "MIGRATING"
	return a.known[repository], nil
}

// Locked returns the locked repositories, each with the latest migration that may
// have locked it. It fails with ErrUnknown if the API has no GraphQL.
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
