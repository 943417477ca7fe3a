package temporal

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
)

// fatal returns an error that fails the workflow: Temporal does not retry it.
func fatal(err error) error {
	return temporal.NewNonRetryableApplicationError(err.Error(), "ghmigrate", nil)
}

// retryOrFail returns the error of an activity. Temporal retries it if the error is
// temporary, after a rate limit if there is one.
func retryOrFail(err error) error {
	switch export.Classify(err) { //nolint:exhaustive // all others are final
	case export.ClassRetry:
		return err
	case export.ClassWait:
		return temporal.NewApplicationErrorWithOptions(err.Error(), "rate limit", temporal.ApplicationErrorOptions{NextRetryDelay: rateLimitPause(err)})
	}
	return fatal(err)
}

// maxRefusals limits the attempts of retryRefusal, which are half a minute apart.
const maxRefusals = 10

// retryRefusal is retryOrFail for a request that GitHub has accepted before: Temporal
// also retries a refusal, which may be temporary.
func retryRefusal(ctx context.Context, err error) error {
	explained := retryOrFail(err)
	if app, ok := errors.AsType[*temporal.ApplicationError](explained); ok && app.NonRetryable() && activity.GetInfo(ctx).Attempt < maxRefusals {
		return temporal.NewApplicationErrorWithOptions(err.Error(), "refused", temporal.ApplicationErrorOptions{NextRetryDelay: 30 * time.Second})
	}
	return explained
}

// rateLimitPause returns how long a rate limit lasts; 0 if the error is not one.
func rateLimitPause(err error) time.Duration {
	if api, ok := errors.AsType[*ghmigrate.APIError](err); ok {
		return api.RetryAfter
	}
	return 0
}

// quotaPause returns how long all exports with the token must pause, because few
// requests are left until the rate limit resets. It keeps a twentieth of the limit for
// requests under way.
func quotaPause(acct export.Account) time.Duration {
	client, ok := acct.(interface{ RateLimit() ghmigrate.RateLimit })
	if !ok {
		return 0
	}
	limit := client.RateLimit()
	if limit.Limit == 0 || limit.Remaining > limit.Limit/20 {
		return 0
	}
	return max(time.Until(limit.Reset), 0)
}
