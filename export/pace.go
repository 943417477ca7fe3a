package export

import (
	"context"
	"fmt"
	"time"
)

// A pacer lets requests that change something through one at a time, and a
// second apart, as GitHub asks for.
// https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
type pacer chan time.Time // holds when the latest of them ended

const changeGap = time.Second

func newPacer() pacer {
	p := make(pacer, 1)
	p <- time.Time{}
	return p
}

// do sends a request when it is its turn.
func (p pacer) do(ctx context.Context, send func() error) error {
	var latest time.Time
	select {
	case latest = <-p:
	case <-ctx.Done():
		return contextError(ctx)
	}
	defer func() { p <- latest }()
	if err := sleepUntil(ctx, latest.Add(changeGap)); err != nil {
		return err
	}
	err := send()
	latest = time.Now()
	return err
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

// contextError matches both why a context ended and that it did.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == nil || cause == err { //nolint:errorlint // the same value says the same
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}
