package transfer

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"time"
)

const (
	// Before a URL is known to die it is replaced: a request takes its time to
	// get there.
	expiryMargin = 10 * time.Second

	// A URL that has given bytes dies sooner or later. One that is refused from
	// the start may have met a slow clock, but hardly twice.
	maxFreshRefusals = 2
)

// An address keeps a signed URL that works, as far as anyone can tell.
type address struct {
	locate func(context.Context) (Location, error)
	logger *slog.Logger

	url      *url.URL // nil when it has to be asked for
	expires  time.Time
	got      int64     // bytes that url has given
	since    time.Time // when url was new
	located  bool      // whether there was a URL before
	refusals int       // of fresh URLs, one after the other
}

// renew asks for a fresh URL unless there is one that may still work.
func (a *address) renew(ctx context.Context) error {
	dying := !a.expires.IsZero() && time.Until(a.expires) < expiryMargin
	if a.url != nil && !dying {
		return nil
	}
	location, err := a.locate(ctx)
	if err != nil {
		return err
	}
	// The error of url.Parse quotes the URL.
	u, err := url.Parse(location.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("storage's address is not a URL")
	}
	if a.located {
		a.logger.WarnContext(ctx, "signed URL renewed", "host", u.Host, "path", u.Path)
	}
	a.url, a.expires, a.located = u, location.Expires, true
	a.got, a.since = 0, time.Now()
	return nil
}

// gave notes that storage gave bytes at the URL.
func (a *address) gave(n int) {
	a.got += int64(n)
	a.refusals = 0
}

// refused drops the URL. It reports whether a fresh one has a chance, and
// whether that should be given some time.
func (a *address) refused() (hopeless, wait bool) {
	a.url = nil
	if a.got > 0 {
		// One that dies as soon as it has given a little must not be asked for
		// again and again without a pause.
		return false, a.got < goodBytes && time.Since(a.since) < goodAge
	}
	a.refusals++
	return a.refusals >= maxFreshRefusals, true
}

// String returns the URL without its user, query and fragment.
func (a *address) String() string {
	return (&url.URL{Scheme: a.url.Scheme, Host: a.url.Host, Path: a.url.Path}).String()
}

// clean returns an error of net/http without what Clean takes out, and without
// what is secret of the URL.
func (a *address) clean(err error) error {
	err = Clean(err)
	if text := a.scrub(err.Error()); text != err.Error() {
		return errors.New(text)
	}
	return err
}

// scrub returns text, which somebody else wrote, without anything that looks
// like a query or is a value of the URL's query.
func (a *address) scrub(text string) string {
	const redacted = "REDACTED"
	secrets := []string{}
	for pair := range strings.SplitSeq(a.url.RawQuery, "&") {
		_, value, _ := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(value)
		if err != nil {
			plain = value
		}
		// A short value is no secret, and may be part of any word.
		if len(value) >= 8 {
			secrets = append(secrets, value, redacted, plain, redacted)
		}
	}
	text = strings.NewReplacer(secrets...).Replace(text)
	return regexp.MustCompile(`\?[^\s"'<>]+`).ReplaceAllLiteralString(text, "?"+redacted)
}
