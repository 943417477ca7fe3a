package temporal

import (
	"context"
	"fmt"

	"gocloud.dev/blob"

	"github.com/ghmigrate/ghmigrate/export"
)

// Activities send requests to GitHub and to the bucket. A worker registers one value
// for all accounts: see [Register].
type Activities struct {
	// Account returns the account of an order, with a client for its token. Use one
	// client for all orders with one token, so that it counts the requests that are
	// left. Give it [ghmigrate.WithMaxRateLimitWait](0), so that no worker waits for a
	// rate limit.
	Account func(ctx context.Context, order Order) (export.Account, error)

	// Bucket receives archives, manifests, and the state of runs. All workers must
	// have the same bucket.
	Bucket *blob.Bucket

	// Scratch is a folder for archives between download and upload. Orders with
	// Stream do not use it. If workers share the folder, they resume the downloads of
	// workers that died.
	Scratch string
}

// account returns the account of an order. A missing token is a fatal error.
func (a *Activities) account(ctx context.Context, order Order) (export.Account, error) {
	acct, err := a.Account(ctx, order)
	if err != nil {
		return nil, fatal(fmt.Errorf("the worker has no client for token %q: %w", order.token(), err))
	}
	return acct, nil
}
