package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/examples/internal/locks"
	"github.com/ghmigrate/ghmigrate/export"
)

// preflight prints what would keep an export from succeeding, and what is
// locked; unlock is the command that unlocks it.
func preflight(ctx context.Context, acct locks.Account, w io.Writer, unlock string) error {
	found, err := export.Preflight(ctx, acct, nil)
	if err != nil {
		return err
	}
	fmt.Fprint(w, found)
	if !found.OK() {
		return errors.New("an export would fail")
	}
	fmt.Fprintln(w, "nothing stands in the way of an export")
	locked, err := acct.Locked(ctx)
	for _, name := range slices.Sorted(maps.Keys(locked)) {
		fmt.Fprintf(w, "locked: %s, perhaps by migration %d\n", name, locked[name])
	}
	if len(locked) > 0 {
		fmt.Fprintf(w, "to unlock what no export needs any more: %s\n", unlock)
	}
	if errors.Is(err, ghmigrate.ErrNotFound) {
		fmt.Fprintln(w, "locked: nobody tells, as there is no GraphQL at this address")
		return nil
	}
	return err
}

// unlock unlocks these repositories, or else all that are locked.
func unlock(ctx context.Context, acct locks.Account, names []string, w io.Writer) error {
	if len(names) == 0 {
		locked, err := acct.Locked(ctx)
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
