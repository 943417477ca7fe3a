package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
)

// An account is an [export.LockChecker], too: it asks GraphQL.
type account struct {
	export.Account
	locked map[string]bool // what is known: a repository comes with each migration of it
}

func (a account) IsLocked(ctx context.Context, repository string) (bool, error) {
	if locked, known := a.locked[repository]; known {
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
	a.locked[repository] = answer.Data.Repository.LockReason == "MIGRATING"
	return a.locked[repository], nil
}

// locks lists what is locked, and a migration that may have done it.
func (a account) locks(ctx context.Context) (map[string]int64, error) {
	locked := map[string]int64{}
	for c, err := range export.LockCandidates(ctx, a) {
		if err != nil {
			return nil, err
		}
		if c.State == export.Locked {
			locked[c.Repository] = c.Migration
		}
	}
	return locked, nil
}

// preflight prints what would keep an export from succeeding, and what is
// locked.
func preflight(ctx context.Context, acct account, w io.Writer) error {
	found, err := export.Preflight(ctx, acct)
	if err != nil {
		return err
	}
	fmt.Fprint(w, found)
	if !found.OK() {
		return errors.New("an export would fail")
	}
	locked, err := acct.locks(ctx)
	for _, name := range slices.Sorted(maps.Keys(locked)) {
		fmt.Fprintf(w, "locked: %s, perhaps by migration %d\n", name, locked[name])
	}
	if errors.Is(err, ghmigrate.ErrNotFound) {
		fmt.Fprintln(w, "locked: nobody tells, as there is no GraphQL at this address")
		return nil
	}
	return err
}

// unlock unlocks these repositories, or else all that are locked.
func unlock(ctx context.Context, acct account, names []string, w io.Writer) error {
	if len(names) == 0 {
		locked, err := acct.locks(ctx)
		if errors.Is(err, ghmigrate.ErrNotFound) { // no GraphQL there, to tell what is locked
			return export.UnlockAll(ctx, acct)
		}
		if err != nil {
			return err
		}
		if names = slices.Sorted(maps.Keys(locked)); len(names) == 0 {
			fmt.Fprintln(w, "nothing is locked by a migration")
			return nil
		}
	}
	if err := export.Unlock(ctx, acct, names...); err != nil {
		return err
	}
	for _, name := range names {
		fmt.Fprintf(w, "unlocked: %s\n", name)
	}
	return nil
}
