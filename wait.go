package ghmigrate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// wait polls a migration until it is exported.
func (a account) wait(ctx context.Context, id int64) (*Migration, error) {
	poll, seen := a.poller(new(retryBudget)), &pollResult[Migration]{}
	known := func() bool { return seen.value != nil || a.startedLately(id) }
	return wait(ctx, a.c, known, func() (*Migration, error) {
		err := poll(ctx, id, seen)
		return seen.value, err
	}, func(m *Migration) (bool, error) {
		if m.State == StateFailed {
			return true, fmt.Errorf("migration %d: %w", id, ErrMigrationFailed)
		}
		return m.State.Done(), nil
	})
}

// wait polls until done reports true, and returns the value of that poll. With
// every error it returns the value of the last successful poll, nil if no poll
// succeeded. A 401 or 404 ends the wait only if it persists or known reports
// false.
func wait[T any](ctx context.Context, c *Client, known func() bool, poll func() (*T, error), done func(*T) (bool, error)) (*T, error) {
	if ctx == nil {
		return nil, badArgument("ctx", "is nil")
	}
	var last *T
	clock := c.newPollClock()
	for {
		value, err := poll()
		if err == nil {
			last = value
			if ok, err := done(value); ok {
				return last, err
			}
		}
		if err := clock.pause(ctx, err, known()); err != nil {
			return last, err
		}
	}
}

// A migrationPoll requests one migration, without its repositories, and stores the
// response in seen.
type migrationPoll func(ctx context.Context, id int64, seen *pollResult[Migration]) error

// poller returns the function that polls the account's migrations.
func (a account) poller(budget *retryBudget) migrationPoll {
	if a.mayLackStatus() {
		return (&serverUserPolls{listPolls: newListPolls(a, budget)}).poll
	}
	return a.pollStatus(budget)
}

// pollStatus returns the function that polls the status endpoint.
func (a account) pollStatus(budget *retryBudget) migrationPoll {
	return func(ctx context.Context, id int64, seen *pollResult[Migration]) error {
		r := a.get(id, &GetOptions{OmitRepositories: true})
		r.budget = budget
		err := seen.poll(ctx, a.c, r, decodeObject[Migration])
		if seen.value != nil {
			seen.value.Repositories = nil // an older GHES ignores exclude
		}
		return err
	}
}

// A pollResult is the latest response to a request that is polled.
type pollResult[T any] struct {
	value *T
	date  time.Time // of the response, by the server's clock

	etag        string
	fetched     time.Time // when the value arrived, by the local clock
	notModified int       // responses with status 304 since then
}

// A proxy's cache may send 304 although the value has changed. After this number
// of responses with status 304, or after this time, a poll is not conditional.
const (
	maxNotModified    = 9
	maxNotModifiedAge = 5 * time.Minute
)

// poll sends the request. The request is conditional if possible, since a response
// with status 304 costs no quota.
func (p *pollResult[T]) poll(ctx context.Context, c *Client, r request, decode func(context.Context, *Client, response) (*T, error)) error {
	if p.notModified < maxNotModified && time.Since(p.fetched) < maxNotModifiedAge {
		r.etag = p.etag
	}
	res, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	if res.status == http.StatusNotModified {
		p.date = res.date()
		p.notModified++
		return nil
	}
	value, err := decode(ctx, c, res)
	if err != nil {
		return err
	}
	*p = pollResult[T]{value: value, date: res.date(), etag: res.header.Get("Etag"), fetched: time.Now()}
	return nil
}

// A pollClock pauses between polls and limits how long polls may fail.
type pollClock struct {
	log       *slog.Logger
	interval  time.Duration // before the next poll
	min, max  time.Duration // of interval
	maxOutage time.Duration

	outage time.Time // when polls began to fail; zero while they succeed
	denial denial
	limits int   // rate limits in a row
	last   error // of the latest poll; nil if it succeeded
}

func (c *Client) newPollClock() *pollClock {
	return &pollClock{log: c.log, interval: c.pollMin, min: c.pollMin, max: c.pollMax, maxOutage: c.maxOutage}
}

// pause waits for the time of the next poll after a poll that returned err. If err
// ends the polls, pause returns the error for the caller. A denial may be stray, and
// a refused redirect may be an outage, only if the resource is known to exist.
func (p *pollClock) pause(ctx context.Context, err error, known bool) error {
	failure, _ := errors.AsType[*APIError](err)
	limited := failure != nil && failure.RetryAfter > 0
	stray := known && isDenial(err)
	if ctx.Err() != nil {
		if !errors.Is(err, ctx.Err()) {
			p.last, err = cmp.Or(err, p.last), netx.ContextError(ctx)
		}
		return withLastFailure(p.last, err)
	}
	p.last = err
	switch {
	case err != nil && !limited && !stray && !isTemporary(err) && (!known || !isRefusedRedirect(err)):
		return err
	case stray && p.denial.persists():
		return err
	}
	wait := p.interval - rand.N(p.interval/10+1) //nolint:gosec // jitter spreads load and keeps no secret
	p.interval = min(p.interval+p.interval/2, p.max)
	switch {
	case err == nil:
		p.outage, p.denial, p.limits = time.Time{}, denial{}, 0
	case limited:
		wait = max(wait, min(failure.limitPause(p.limits), maxPause))
		p.outage = time.Time{}
		p.limits++
	case stray:
		wait = max(p.min, minDenialTime/(minDenials-1))
		p.outage = time.Time{}
	case p.outage.IsZero():
		p.outage = time.Now()
	}
	if !p.outage.IsZero() && time.Since(p.outage) >= p.maxOutage {
		return fmt.Errorf("polls have failed for %v: %w", time.Since(p.outage).Round(time.Second), err)
	}
	if failure != nil && !limited {
		wait = max(wait, min(failure.retryAfter, p.maxOutage, maxPause))
	}
	if err != nil {
		p.log.LogAttrs(ctx, slog.LevelWarn, "poll failed, polling again", slog.Duration("wait", wait), slog.Bool("rate_limited", limited), slog.Any("error", err))
	}
	if err := netx.Sleep(ctx, wait); err != nil {
		return fmt.Errorf("wait for the next poll: %w", withLastFailure(p.last, err))
	}
	return nil
}

// isDenial reports whether the response is a 401 or 404. GitHub sometimes sends
// a stray denial for a valid token and an existing resource.
func isDenial(err error) bool {
	return errors.Is(err, ErrUnauthorized) || isAbsence(err)
}

// A denial counts the denials in a row for a resource that is known to exist.
type denial struct {
	polls int
	since time.Time
}

const (
	minDenials    = 3
	minDenialTime = 30 * time.Second
)

// persists counts one more denial and reports whether there are too many for
// stray denials.
func (d *denial) persists() bool {
	if d.polls++; d.polls == 1 {
		d.since = time.Now()
	}
	return d.polls >= minDenials && time.Since(d.since) >= minDenialTime
}
