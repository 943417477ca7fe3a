package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/ghmigrate/ghmigrate"
)

func (a *app) wait() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "wait ID... [flags]",
		Short: "Wait until migrations have ended",
		Long: `Wait prints the ID of each migration as soon as its archive is ready. If a migration
fails, wait still waits for the others, and then exits with status 1. Wait continues
after server errors, network errors and rate limits.

Exit status 3 means that wait was interrupted, or reached --timeout. Run it again to
continue.`,
		Example: "  ghmigrate wait --org octo-org 79 80 --timeout 5h",
		Args:    atLeastOne("the ID of a migration"),
		RunE: func(cmd *cobra.Command, args []string) error {
			acct, ids, err := a.migrations(cmd.Context(), args)
			if err != nil {
				return err
			}
			ctx, cancel := withTimeout(cmd.Context(), timeout)
			defer cancel()
			return a.waitFor(ctx, acct, ids)
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "wait at most `TIME`, such as 5h (default no limit)")
	a.pollFlag(cmd)
	return a.accountFlags(a.jsonFlag(cmd, "the migrations"))
}

// withTimeout returns a context that ends after the timeout. 0 is no limit: the flag is
// not set.
func withTimeout(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, timeout, fmt.Errorf("--timeout of %s has passed: %w", timeout, context.DeadlineExceeded))
}

func (a *app) waitFor(ctx context.Context, acct *account, ids []int64) error {
	var failures []error
	for m, err := range acct.Watch(ctx, ids) {
		switch {
		case ctx.Err() != nil:
			return statusError{
				fmt.Errorf("not all migrations have ended: %w", errors.Join(append(failures, context.Cause(ctx))...)),
				statusUnfinished, "Run it again to continue.",
			}
		case err != nil && m == nil:
			return errors.Join(append(failures, err)...)
		case err != nil:
			failures = append(failures, fmt.Errorf("migration %d: %w", m.ID, err))
		case m.State == ghmigrate.StateFailed:
			failures = append(failures, fmt.Errorf("migration %d: %w", m.ID, ghmigrate.ErrMigrationFailed))
		case m.State.Done():
			if err := a.print(idText(m.ID), m); err != nil {
				return err
			}
		default:
			a.show.Say("migration %d: %s", m.ID, m.State)
		}
	}
	return errors.Join(failures...)
}
