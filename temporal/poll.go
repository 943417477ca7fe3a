package temporal

import (
	"cmp"
	"context"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/ghmigrate/ghmigrate"
)

// A pollResult is the state of a migration in GitHub's list.
type pollResult struct {
	Migration int64                    `json:"migration"`
	State     ghmigrate.MigrationState `json:"state,omitempty"` // empty if the poll does not find the migration
}

// poll reads GitHub's list of migrations once, and returns the migrations that have
// ended or that it does not find. If there is no such migration, poll fails, and
// Temporal's next attempt is the next poll.
func (a *Activities) poll(ctx context.Context, order Order, ids []int64) ([]pollResult, error) {
	stop := heartbeat(ctx)
	defer stop()
	acct, err := a.account(ctx, order)
	if err != nil {
		return nil, err
	}
	states := map[int64]ghmigrate.MigrationState{}
	missing := len(ids)
	for m, err := range acct.List(ctx, &ghmigrate.ListOrgMigrationsOptions{OmitRepositories: true}) {
		switch wait := rateLimitPause(err); {
		case wait > 0:
			return nil, pollAgain(ctx, err.Error(), wait)
		case err != nil:
			return unknownResults(ids), nil
		}
		if slices.Contains(ids, m.ID) && states[m.ID] == "" {
			states[m.ID] = cmp.Or(m.State, ghmigrate.StatePending)
			missing--
		}
		if missing == 0 || m.ID < slices.Min(ids) {
			break
		}
	}
	var results []pollResult
	for _, id := range ids {
		if state := states[id]; state == "" || state.Done() {
			results = append(results, pollResult{id, state})
		}
	}
	if len(results) == 0 {
		return nil, pollAgain(ctx, "no export has ended yet", 0)
	}
	return results, nil
}

// unknownResults returns a result without a state for every migration. EffectWait then
// reads each migration, and its errors are classified.
func unknownResults(ids []int64) []pollResult {
	results := make([]pollResult, len(ids))
	for i, id := range ids {
		results[i].Migration = id
	}
	return results
}

// pollAgain returns an error that makes Temporal poll again: after 5 seconds at first,
// later after a minute, and not before the end of wait.
func pollAgain(ctx context.Context, reason string, wait time.Duration) error {
	wait = max(wait, min(5*time.Second<<min(activity.GetInfo(ctx).Attempt/2, 8), time.Minute))
	return temporal.NewApplicationErrorWithOptions(reason, "not yet", temporal.ApplicationErrorOptions{
		NextRetryDelay: wait, Category: temporal.ApplicationErrorCategoryBenign, // no alert
	})
}
