package transfer

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

const (
	// Before a URL is known to die it is replaced: a request takes its time to
	// get there.
	expiryMargin = 10 * time.Second

	// A URL that has given bytes dies sooner or later. One that is refused from
	// the start may have met a slow clock, but hardly twice.
	maxFreshRefusals = 2
)

// An address keeps a signed URL that works, as far as anyone can tell. All
// ranges of a transfer share it: what one of them learns helps all, and only
// one asks for a fresh URL while the others wait for it.
type address struct {
	locate func(context.Context) (Location, error)
	logger *slog.Logger
	pace   *pace

	mu       sync.Mutex
	signed   signed
	dead     bool // whether signed was refused
	expires  time.Time
	got      int64     // bytes that signed has given
	since    time.Time // when signed was new
	refusals int       // of fresh URLs, one after the other
	backoff  backoff
	again    time.Time // when a fresh one may be asked for, after a refusal
	asking   *asking   // while somebody asks for a fresh one
}

// An asking is a call of Locate for which several ranges wait.
type asking struct {
	after time.Time
	done  chan struct{}
	err   error
}

// current returns a URL that may still work, a fresh one if need be. It is for
// a range that waits.
func (a *address) current(ctx context.Context) (signed, error) {
	for {
		now, others, mine := a.look()
		switch {
		case now.url != nil:
			return now, nil
		case mine:
			return a.renew(ctx, others)
		}
		if err := a.join(ctx, others); err != nil {
			return signed{}, err
		}
	}
}

func (a *address) join(ctx context.Context, others *asking) error {
	a.pace.stop()
	defer a.pace.start()
	select {
	case <-others.done:
		return others.err
	case <-ctx.Done():
		return netx.ContextError(ctx)
	}
}

// look returns a URL that may still work, or else who asks for a fresh one, which
// may be the caller.
func (a *address) look() (now signed, who *asking, mine bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	dying := !a.expires.IsZero() && time.Until(a.expires) < expiryMargin
	if a.signed.url != nil && !a.dead && !dying {
		return a.signed, nil, false
	}
	if a.asking != nil {
		return signed{}, a.asking, false
	}
	a.asking = &asking{after: a.again, done: make(chan struct{})}
	return signed{}, a.asking, true
}

func (a *address) renew(ctx context.Context, mine *asking) (signed, error) {
	fresh, expires, err := a.ask(ctx, mine.after)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asking, mine.err = nil, err
	close(mine.done)
	if err != nil {
		return signed{}, err
	}
	if a.signed.url != nil {
		a.logger.WarnContext(ctx, "signed URL renewed", "host", fresh.Host, "path", fresh.Path)
	}
	a.signed = signed{url: fresh, number: a.signed.number + 1}
	a.dead, a.expires, a.got, a.since = false, expires, 0, time.Now()
	return a.signed, nil
}

func (a *address) ask(ctx context.Context, after time.Time) (*url.URL, time.Time, error) {
	if err := netx.Sleep(ctx, time.Until(after)); err != nil {
		return nil, time.Time{}, err
	}
	a.pace.stop() // Locate may wait for hours, for a rate limit
	defer a.pace.start()
	location, err := a.locate(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	// The error of url.Parse quotes the URL.
	u, err := url.Parse(location.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, time.Time{}, errors.New("storage's address is not a URL")
	}
	return u, location.Expires, nil
}

// gave notes that storage gave bytes at s. A connection outlives its URL: what
// comes over an old one says nothing about the present.
func (a *address) gave(s signed, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s.number == a.signed.number {
		a.got += int64(n)
		a.refusals = 0
	}
}

// refused drops s, and reports whether a fresh one has no chance. One that was
// refused from the start, or dies as soon as it has given a little, must not be
// asked for again and again without a pause.
func (a *address) refused(s signed) (hopeless bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s.number != a.signed.number {
		return false // there is another one already
	}
	if !a.dead {
		a.dead = true
		switch {
		case a.got == 0:
			a.refusals++
		case a.got >= goodBytes || time.Since(a.since) >= goodAge:
			a.backoff.good()
		}
		a.again = time.Now().Add(a.backoff.next())
	}
	return a.refusals >= maxFreshRefusals
}

// A signed is one of the URLs, in the order in which they came.
type signed struct {
	url    *url.URL
	number int
}

// String returns the URL without its user, query and fragment.
func (s signed) String() string {
	return (&url.URL{Scheme: s.url.Scheme, Host: s.url.Host, Path: s.url.Path}).String()
}

// clean returns an error of net/http without the URL's secrets.
func (s signed) clean(err error) error { return netx.Clean(err, netx.URLSecrets(s.url)...) }

// scrub returns storage's text without the URL's secrets.
func (s signed) scrub(text string) string { return netx.Redact(text, netx.URLSecrets(s.url)...) }
