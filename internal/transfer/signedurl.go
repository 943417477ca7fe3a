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
	// A URL is renewed expiryMargin before it expires, or its lifetime divided by
	// marginFactor before if that is shorter.
	expiryMargin = 10 * time.Second
	marginFactor = 10

	maxFreshRefusals = 2 // one refusal of a fresh URL may come from a slow clock

	// A refused URL is replaced at once if it brought progressMinimum or is this old.
	agedTime = 10 * time.Second
)

// signedURLs holds the signed URL that all workers use. When the URL expires or is
// refused, one worker requests a fresh one, and the other workers wait.
type signedURLs struct {
	locate  func(context.Context) (Location, error)
	logger  *slog.Logger
	renewal chan struct{} // a lock: holds a value while a worker checks or renews the URL

	mu        sync.Mutex
	latest    signedURL
	rejected  bool      // whether storage refused latest
	renewAt   time.Time // when latest must be renewed; zero if that is not known
	got       int64     // bytes that arrived with latest
	since     time.Time // when latest was requested
	refusals  int       // refusals of fresh URLs in a row
	failures  int       // refused URLs and failed calls of locate in a row; 1 before the first, so that it causes a delay
	notBefore time.Time // when locate may be called again
	lastErr   error     // the latest of these failures
}

func newSignedURLs(source Source, logger *slog.Logger) *signedURLs {
	return &signedURLs{locate: source.Locate, logger: logger, renewal: make(chan struct{}, 1), failures: 1}
}

// current returns the latest URL, or a fresh one if the latest is refused or about to
// expire. It fails with a retryableError of the kind tooEarly if a fresh URL may not
// be requested yet.
func (u *signedURLs) current(ctx context.Context) (signedURL, error) {
	select {
	case u.renewal <- struct{}{}:
		defer func() { <-u.renewal }()
	case <-ctx.Done():
		return signedURL{}, netx.ContextError(ctx)
	}
	if ctx.Err() != nil {
		return signedURL{}, netx.ContextError(ctx)
	}
	u.mu.Lock()
	latest, notBefore, lastErr := u.latest, u.notBefore, u.lastErr
	usable := latest.url != nil && !u.rejected && (u.renewAt.IsZero() || time.Now().Before(u.renewAt))
	u.mu.Unlock()
	if usable {
		return latest, nil
	}
	if wait := time.Until(notBefore); wait > 0 {
		return signedURL{}, &retryableError{kind: tooEarly, err: lastErr, wait: wait}
	}
	location, err := u.locate(ctx)
	fresh, malformed := url.Parse(location.URL) // its error quotes the URL and is not returned
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case err != nil:
		u.delay(err)
		return signedURL{}, err
	case malformed != nil || fresh.Host == "" || fresh.Scheme != "https" && fresh.Scheme != "http":
		return signedURL{}, errors.New("storage's address is not a URL")
	}
	if latest.url != nil {
		u.logger.WarnContext(ctx, "signed URL renewed", "host", fresh.Host, "path", fresh.Path)
	}
	u.latest = signedURL{url: fresh, number: latest.number + 1}
	u.rejected, u.got, u.since, u.renewAt = false, 0, time.Now(), time.Time{}
	// If a fresh URL has already expired, our clock is wrong.
	if life := time.Until(location.Expires); !location.Expires.IsZero() && life > 0 {
		u.renewAt = location.Expires.Add(-min(expiryMargin, life/marginFactor))
	}
	return u.latest, nil
}

// delay notes a failure, and makes the next call of locate wait.
func (u *signedURLs) delay(why error) {
	u.lastErr = why
	if u.failures++; u.failures > 1 {
		u.notBefore = time.Now().Add(netx.Backoff(u.failures - 2))
	}
}

// received notes that n bytes arrived with a URL. The URL may have been replaced since.
func (u *signedURLs) received(s signedURL, n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if s.number == u.latest.number {
		u.got += int64(n)
		u.refusals = 0
	}
}

// refused marks the URL that storage refused. It reports whether storage refuses fresh
// URLs too.
func (u *signedURLs) refused(why *retryableError) (fresh bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if why.url.number != u.latest.number {
		return false // another worker has renewed the URL
	}
	if !u.rejected {
		u.rejected = true
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

// allowAgain makes a refused URL usable for a request of another method.
func (u *signedURLs) allowAgain() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.rejected = false
}

// A signedURL is one of the signed URLs of a transfer.
type signedURL struct {
	url    *url.URL
	number int // 1 for the first URL
}

// String returns the URL without user, query and fragment.
func (s signedURL) String() string {
	return (&url.URL{Scheme: s.url.Scheme, Host: s.url.Host, Path: s.url.Path}).String()
}

// clean returns an error of net/http without the URL's secrets.
func (s signedURL) clean(err error) error { return netx.Clean(err, netx.URLSecrets(s.url)...) }
