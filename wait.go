package ghmigrate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// wait polls again and again until done says so. Beside every error it returns
// the last value seen.
func wait[T any](ctx context.Context, c *Client, poll func() (*T, error), done func(*T) (bool, error)) (*T, error) {
	var last *T
	pace := c.newPace()
	for {
		value, err := poll()
		if err == nil {
			last = value
			if ok, err := done(value); ok {
				return last, err
			}
		}
		if err := pace.pause(ctx, err); err != nil {
			return last, err
		}
	}
}

// A pace is the rhythm of polls, and how long they may go on failing.
type pace struct {
	log           *slog.Logger
	interval, max time.Duration
	failing       time.Time // since when; zero while polls succeed
	limits        int       // rate limits in a row
}

func (c *Client) newPace() *pace { return &pace{log: c.log, interval: c.pollMin, max: c.pollMax} }

// maxOutage is how long polls may go on failing.
const maxOutage = 15 * time.Minute

// pause waits for the next poll after one that ended in err, or returns the
// error that ends the polls.
func (p *pace) pause(ctx context.Context, err error) error {
	failure, _ := errors.AsType[*APIError](err)
	limited := failure != nil && failure.RetryAfter > 0
	switch {
	case err != nil && !limited && !mayPass(err):
		return err
	case ctx.Err() == nil:
	case errors.Is(err, ctx.Err()):
		return err
	default:
		return netx.ContextError(ctx)
	}
	wait := p.interval - rand.N(p.interval/10+1) //nolint:gosec // spreads load, keeps no secret
	p.interval = min(p.interval+p.interval/2, p.max)
	switch {
	case err == nil:
		p.failing, p.limits = time.Time{}, 0
	case limited:
		wait = max(wait, failure.lasts(p.limits))
		p.failing = time.Time{}
		p.limits++
	case p.failing.IsZero():
		p.failing = time.Now()
	case time.Since(p.failing) >= maxOutage:
		return fmt.Errorf("polls have failed for %v: %w", time.Since(p.failing).Round(time.Second), err)
	}
	if failure != nil {
		wait = max(wait, min(failure.retryAfter, maxOutage))
	}
	if err != nil {
		p.log.LogAttrs(ctx, slog.LevelWarn, "polling again", slog.Duration("wait", wait), slog.Bool("rate_limited", limited), slog.Any("error", err))
	}
	if err := netx.Sleep(ctx, wait); err != nil {
		return fmt.Errorf("wait for the next poll: %w", err)
	}
	return nil
}

// polled is the latest answer to a request that is sent again and again.
type polled[T any] struct {
	value *T
	etag  string
	next  url.Values // the query of the next page; nil if there is none
	date  time.Time  // when that was, by the server's clock
}

// poll sends the request. An answer that says nothing changed costs no quota.
func (p *polled[T]) poll(ctx context.Context, c *Client, r request) error {
	r.etag = p.etag
	res, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	p.date = res.date()
	if res.status == http.StatusNotModified {
		return nil
	}
	value := new(T)
	if err := res.decode(value); err != nil {
		return err
	}
	p.value, p.etag, p.next = value, res.header.Get("Etag"), nextQuery(res)
	return nil
}

func (a account) wait(ctx context.Context, id int64) (*Migration, error) {
	poller, seen := poller{account: a, patience: new(patience)}, &polled[Migration]{}
	return wait(ctx, a.c, func() (*Migration, error) {
		err := poller.poll(ctx, id, seen)
		return seen.value, err
	}, func(m *Migration) (bool, error) {
		if m.State == StateFailed {
			return true, fmt.Errorf("migration %d: %w", id, ErrMigrationFailed)
		}
		return m.State.Done(), nil
	})
}

// A poller asks for single migrations.
type poller struct {
	account
	patience   *patience
	listServes bool // there is no status endpoint; learned from a 404
	pages      map[string]*polled[[]Migration]
}

// poll asks for one migration without its repositories. A GHES has no such
// call for users; there it is taken from the list.
func (p *poller) poll(ctx context.Context, id int64, seen *polled[Migration]) error {
	if p.listServes {
		if err := p.findInList(ctx, id, seen); !errors.Is(err, errNotListed) {
			return err
		}
	}
	r := p.get(id, &GetOptions{OmitRepositories: true})
	r.patience = p.patience
	err := seen.poll(ctx, p.c, r)
	if p.user && !p.listServes && !p.c.isCloud() && errors.Is(err, ErrNotFound) {
		if listErr := p.findInList(ctx, id, seen); !errors.Is(listErr, errNotListed) {
			p.listServes = listErr == nil
			return listErr
		}
	}
	if seen.value != nil {
		seen.value.Repositories = nil // an older GHES does not know exclude
	}
	return err
}

var errNotListed = errors.New("not in the list")

func (p *poller) findInList(ctx context.Context, id int64, seen *polled[Migration]) error {
	for page, err := range p.list(ctx, false) {
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(*page.value, func(m Migration) bool { return m.ID == id }); i >= 0 {
			found := (*page.value)[i]
			seen.value, seen.date = &found, page.date
			return nil
		}
	}
	return errNotListed
}

// list polls page after page of the list. Those that are read are known the
// next time, if the list is not left for an error.
func (p *poller) list(ctx context.Context, omitRepositories bool) iter.Seq2[*polled[[]Migration], error] {
	return func(yield func(*polled[[]Migration], error) bool) {
		r := p.listing(ListOptions{}, omitRepositories)
		r.patience = p.patience
		read := map[string]*polled[[]Migration]{}
		for r.query != nil {
			key := r.query.Encode()
			if read[key] != nil {
				yield(nil, r.wrap(errPageLoop))
				return
			}
			page := cmp.Or(p.pages[key], &polled[[]Migration]{})
			if err := page.poll(ctx, p.c, r); err != nil {
				yield(nil, err)
				return
			}
			for i := range *page.value {
				(*page.value)[i].Repositories = nil // a user's list has them
			}
			read[key], r.query = page, page.next
			if !yield(page, nil) {
				break
			}
		}
		p.pages = read
	}
}
