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
		Short: "Wait for the ends of migrations",
		Long: `Wait waits until GitHub has exported the migrations, and prints the ID of each as
soon as its archive is ready. It fails if one of them fails, after all have ended.
Server errors, network errors and rate limits do not end it.

Exit status 3 means that the time is over, or that wait was stopped: it can be
run again.`,
		Example: "  ghmigrate wait --org octo-org 79 80 --timeout 5h",
		Args:    some("the ID of a migration"),
		RunE: func(cmd *cobra.Command, args []string) error {
			acct, numbers, err := a.migrations(cmd.Context(), args)
			if err != nil {
				return err
			}
			ctx, cancel := withTimeout(cmd.Context(), timeout)
			defer cancel()
			return a.waitFor(ctx, acct, numbers)
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "wait for `TIME` at most, such as 5h; otherwise without a limit")
	a.pollFlag(cmd)
	return a.accountFlags(a.jsonFlag(cmd, "the migrations"))
}

// withTimeout ends a context after the time; never if that is 0.
func withTimeout(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, timeout, fmt.Errorf("--timeout of %s is over: %w", timeout, context.DeadlineExceeded))
}

func (a *app) waitFor(ctx context.Context, acct *account, numbers []int64) error {
	var failures []error
	for m, err := range acct.Watch(ctx, numbers) {
		switch {
		case ctx.Err() != nil:
			return statusError{
				fmt.Errorf("not all migrations have ended: %w", errors.Join(append(failures, context.Cause(ctx))...)),
				statusUnfinished, "Run it again to go on waiting.",
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
