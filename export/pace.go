package export

import (
	"context"
	"fmt"
	"time"

	"github.com/ghmigrate/ghmigrate"
)

// A pacedAccount sends starts, deletions and unlocks one at a time and a second
// apart, as GitHub asks for.
// https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
type pacedAccount struct {
	Account
	latest chan time.Time // holds the time when the latest of these requests ended
}

const changeGap = time.Second

// pace returns a pacedAccount. It returns acct itself if acct is one already.
func pace(acct Account) Account {
	switch a := acct.(type) {
	case pacedAccount:
		return a
	case *performer:
		return pace(a.Account)
	}
	p := pacedAccount{acct, make(chan time.Time, 1)}
	p.latest <- time.Time{}
	return p
}

// change waits until changeGap after the end of the previous request, and then calls
// send.
func (p pacedAccount) change(ctx context.Context, send func(context.Context) error) error {
	var latest time.Time
	select {
	case latest = <-p.latest:
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ghmigrate.ErrNotSent, contextError(ctx))
	}
	defer func() { p.latest <- latest }()
	if err := sleepUntil(ctx, latest.Add(changeGap)); err != nil {
		return fmt.Errorf("%w: %w", ghmigrate.ErrNotSent, err)
	}
	err := send(ctx)
	latest = time.Now()
	return err
}

// Start starts a migration. If ctx ends after the request was sent, Start waits
// responseGrace longer for the response.
func (p pacedAccount) Start(ctx context.Context, req ghmigrate.StartMigrationRequest) (m *ghmigrate.Migration, err error) {
	err = p.change(ctx, func(ctx context.Context) (err error) {
		longer, cancel := extend(ctx, responseGrace)
		defer cancel()
		m, err = p.Account.Start(longer, req)
		return err
	})
	return m, err
}

// DeleteArchive deletes an archive.
func (p pacedAccount) DeleteArchive(ctx context.Context, id int64) error {
	return p.change(ctx, func(ctx context.Context) error { return p.Account.DeleteArchive(ctx, id) })
}

// UnlockRepository unlocks a repository.
func (p pacedAccount) UnlockRepository(ctx context.Context, id int64, repo string) error {
	return p.change(ctx, func(ctx context.Context) error { return p.Account.UnlockRepository(ctx, id, repo) })
}

// extend returns a context that ends the given time after ctx.
func extend(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		time.AfterFunc(by, func() { cancel(context.Cause(ctx)) })
	})
	return longer, func() {
		stop()
		cancel(nil)
	}
}

func sleepUntil(ctx context.Context, t time.Time) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	wait := time.Until(t)
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return contextError(ctx)
	}
}

// contextError returns an error that matches both ctx.Err and the cause.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == nil || cause == err { //nolint:errorlint // the cause is ctx.Err itself
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}
