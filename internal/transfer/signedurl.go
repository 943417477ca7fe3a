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
	// A URL is renewed so long before its end, or a tenth of its life.
	expiryMargin = 10 * time.Second
	marginShare  = 10

	maxFreshRefusals = 2 // a fresh URL may meet a slow clock, but hardly twice

	// A URL that gave progressMinimum, or lived so long, is replaced at once.
	agedTime = 10 * time.Second
)

// signedURLs keeps a signed URL that works, as far as anyone can tell. All
// workers share it: one worker asks for a fresh URL, and the others wait.
type signedURLs struct {
	locate func(context.Context) (Location, error)
	logger *slog.Logger
	asking chan struct{} // holds a value while a worker looks or asks

	mu       sync.Mutex
	now      signedURL
	dead     bool      // whether storage refused now
	renew    time.Time // when now is to be replaced; zero if that is not known
	got      int64     // bytes that now has given
	since    time.Time // when now was fresh
	refusals int       // of fresh URLs in a row
	failures int       // of URLs and of requests for them, in a row; 1 before the first
	again    time.Time // when a fresh URL may be asked for
	why      error     // the latest of these failures
}

func newSignedURLs(source Source, logger *slog.Logger) *signedURLs {
	return &signedURLs{locate: source.Locate, logger: logger, asking: make(chan struct{}, 1), failures: 1}
}

// current returns a URL that may still work, a fresh one if need be. Its error is
// a trouble of kind early if it is too early to ask for a fresh one.
func (u *signedURLs) current(ctx context.Context) (signedURL, error) {
	select {
	case u.asking <- struct{}{}:
		defer func() { <-u.asking }()
	case <-ctx.Done():
		return signedURL{}, netx.ContextError(ctx)
	}
	if ctx.Err() != nil {
		return signedURL{}, netx.ContextError(ctx)
	}
	u.mu.Lock()
	now, again, why := u.now, u.again, u.why
	usable := now.url != nil && !u.dead && (u.renew.IsZero() || time.Now().Before(u.renew))
	u.mu.Unlock()
	if usable {
		return now, nil
	}
	if wait := time.Until(again); wait > 0 {
		return signedURL{}, &trouble{kind: early, err: why, wait: wait}
	}
	location, err := u.locate(ctx)
	fresh, malformed := url.Parse(location.URL) // an error of which quotes the URL
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case err != nil:
		u.delay(err)
		return signedURL{}, err
	case malformed != nil || fresh.Host == "" || fresh.Scheme != "https" && fresh.Scheme != "http":
		return signedURL{}, errors.New("storage's address is not a URL")
	}
	if now.url != nil {
		u.logger.WarnContext(ctx, "signed URL renewed", "host", fresh.Host, "path", fresh.Path)
	}
	u.now = signedURL{url: fresh, number: now.number + 1}
	u.dead, u.got, u.since, u.renew = false, 0, time.Now(), time.Time{}
	if life := time.Until(location.Expires); !location.Expires.IsZero() && life > 0 { // or else our clock is wrong
		u.renew = location.Expires.Add(-min(expiryMargin, life/marginShare))
	}
	return u.now, nil
}

// delay makes the next request for a URL wait because of a failure.
func (u *signedURLs) delay(why error) {
	u.why = why
	if u.failures++; u.failures > 1 {
		u.again = time.Now().Add(netx.Backoff(u.failures - 2))
	}
}

// gave notes bytes of a URL. A connection may outlive its URL.
func (u *signedURLs) gave(s signedURL, n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if s.number == u.now.number {
		u.got += int64(n)
		u.refusals = 0
	}
}

// refused drops the URL that storage refused, and reports whether fresh ones are
// refused too.
func (u *signedURLs) refused(why *trouble) (hopeless bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if why.url.number != u.now.number {
		return false // there is another one already
	}
	if !u.dead {
		u.dead = true
		switch {
		case u.got == 0:
			u.refusals++
		case u.got >= progressMinimum || time.Since(u.since) >= agedTime:
			u.failures = 0
		}
		u.delay(why.err)
	}
	return u.refusals >= maxFreshRefusals
}

// revive lets a URL be used again for another kind of request.
func (u *signedURLs) revive() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.dead = false
}

// A signedURL is one of the URLs, in the order in which they came.
type signedURL struct {
	url    *url.URL
	number int
}

// String returns the URL without user, query and fragment.
func (s signedURL) String() string {
	return (&url.URL{Scheme: s.url.Scheme, Host: s.url.Host, Path: s.url.Path}).String()
}

// clean returns an error of net/http without the URL's secrets.
func (s signedURL) clean(err error) error { return netx.Clean(err, netx.URLSecrets(s.url)...) }
