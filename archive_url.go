package ghmigrate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// A SignedURL is the URL of an archive. It is valid for a few minutes, on a GHES
// for hours. It is a secret, since anyone can download the archive with it.
// Packages fmt, log/slog and encoding/json show it without its query.
type SignedURL struct {
	reveal  func() string // a closure, so that printing the struct does not show the URL
	shown   string
	expires time.Time
}

// Reveal returns the whole URL, which is a secret. It returns "" for the zero
// SignedURL.
func (u SignedURL) Reveal() string {
	if u.reveal == nil {
		return ""
	}
	return u.reveal()
}

// Expires returns the time, by the server's clock, until which the URL is valid.
// The time is a hint. It is zero if the URL does not contain it.
func (u SignedURL) Expires() time.Time { return u.expires }

// String returns the URL with its query redacted.
func (u SignedURL) String() string { return u.shown }

// Format prints what String returns, whatever the verb.
func (u SignedURL) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, u.shown) }

// LogValue logs what String returns.
func (u SignedURL) LogValue() slog.Value { return slog.StringValue(u.shown) }

// MarshalJSON encodes what String returns.
func (u SignedURL) MarshalJSON() ([]byte, error) { return encode(u.shown) }

func (a account) archiveURL(ctx context.Context, id int64) (SignedURL, error) {
	signedURL, _, err := a.locate(ctx, a.archive(id), id)
	return signedURL, err
}

// locate requests the URL of an archive. The duration is the time until the URL
// expires by the server's clock, 0 if that time is not known. GitHub may respond
// 404 for a moment after the end of the export: then locate retries.
func (a account) locate(ctx context.Context, r request, id int64) (SignedURL, time.Duration, error) {
	for retries, began := 0, time.Now(); ; retries++ {
		res, err := a.c.send(ctx, r)
		if err == nil {
			return a.c.signedURL(res)
		}
		if !errors.Is(err, ErrNotFound) {
			return SignedURL{}, 0, err
		}
		retry, err := a.explainNotFound(ctx, id, r.budget, err)
		if !retry || time.Since(began) >= maxLag { // a server with a slow clock must not cause endless retries
			return SignedURL{}, 0, err
		}
		a.c.log.LogAttrs(ctx, slog.LevelWarn, "archive not found right after the end of its export, retrying", slog.Int64("migration", id))
		if sleepErr := netx.Sleep(ctx, netx.Backoff(retries)); sleepErr != nil {
			return SignedURL{}, 0, r.wrap(withLastFailure(err, sleepErr))
		}
	}
}

// signedURL returns the target of the redirect to an archive, and the time until it
// expires.
func (c *Client) signedURL(res response) (SignedURL, time.Duration, error) {
	r, location := res.request, res.header.Get("Location")
	u, err := c.base.JoinPath(r.at.path).Parse(location)
	switch {
	case err != nil, location == "":
		return SignedURL{}, 0, r.wrap(netx.ErrLocation)
	case u.Scheme != "https" && (u.Scheme != "http" || c.base.Scheme == "https"):
		return SignedURL{}, 0, r.wrap(fmt.Errorf("the archive's URL is %s://%s: want https", u.Scheme, u.Host))
	case u.Host == "":
		return SignedURL{}, 0, r.wrap(netx.ErrLocation)
	case isLogin(u):
		return SignedURL{}, 0, r.wrap(fmt.Errorf("%w: a redirect to a login at %s", ErrUnexpectedAnswer, u.Host))
	}
	signedURL := newSignedURL(u)
	if signedURL.expires.IsZero() {
		return signedURL, 0, nil
	}
	return signedURL, signedURL.expires.Sub(res.date()), nil
}

// isLogin reports whether a redirect leads to a login page. Gateways, and a GHES in
// private mode, redirect to a login page.
func isLogin(u *url.URL) bool {
	for segment := range strings.SplitSeq(strings.ToLower(u.Path), "/") {
		switch name, _, _ := strings.Cut(segment, "."); name { // login.html, SSO.saml2
		case "login", "signin", "sign_in", "sign-in", "session", "sessions", "sso", "saml", "saml2", "oauth", "oauth2", "authorize", "adfs":
			return true
		}
	}
	return false
}

func newSignedURL(u *url.URL) SignedURL {
	raw := u.String()
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	return SignedURL{
		reveal:  func() string { return raw },
		shown:   shown.String() + "?REDACTED",
		expires: expiry(u.Query()),
	}
}

// expiry returns the time at which a URL of S3 (new and old) or Azure expires, zero
// for other URLs.
func expiry(query url.Values) time.Time {
	if from, err := time.Parse("20060102T150405Z", query.Get("X-Amz-Date")); err == nil {
		if seconds, err := strconv.Atoi(query.Get("X-Amz-Expires")); err == nil {
			return from.Add(time.Duration(seconds) * time.Second)
		}
	}
	if unix, err := strconv.ParseInt(query.Get("Expires"), 10, 64); err == nil {
		return time.Unix(unix, 0).UTC()
	}
	if at, err := time.Parse(time.RFC3339, query.Get("se")); err == nil {
		return at
	}
	return time.Time{}
}

// maxArchiveAge is how long GitHub keeps an archive.
const maxArchiveAge = 7 * 24 * time.Hour

// explainNotFound returns the reason why GitHub responded 404 to a request for an
// archive, or the 404 itself if the reason is not known. It also reports whether
// a retry may succeed, since the export has just ended.
func (a account) explainNotFound(ctx context.Context, id int64, budget *retryBudget, notFound error) (retry bool, reason error) {
	seen := &pollResult[Migration]{}
	switch err := a.poller(budget)(ctx, id, seen); {
	case ctx.Err() != nil:
		return false, withLastFailure(notFound, netx.ContextError(ctx))
	case errors.Is(err, ErrNotFound) && a.startedLately(id):
		return false, fmt.Errorf("migration %d was just started: %w: %w", id, ErrArchiveNotReady, notFound)
	case errors.Is(err, ErrNotFound):
		return false, notFound // the migration does not exist
	case err != nil:
		return false, fmt.Errorf("%w; the poll of the migration failed: %w", notFound, err)
	}
	m, age := seen.value, seen.date.Sub(seen.value.UpdatedAt)
	state := cmp.Or(netx.Printable(string(m.State)), "in an unknown state")
	switch {
	case m.State == StateFailed:
		return false, fmt.Errorf("migration %d: %w: %w", id, ErrMigrationFailed, notFound)
	case m.State != StateExported:
		return false, fmt.Errorf("migration %d is %s: %w: %w", id, state, ErrArchiveNotReady, notFound)
	case m.ArchiveURL == "":
		return false, fmt.Errorf("migration %d: %w: %w", id, ErrArchiveGone, notFound)
	case m.UpdatedAt.IsZero():
		return false, notFound
	case age > maxArchiveAge:
		return false, fmt.Errorf("migration %d was exported %d days ago: %w: %w", id, age/(24*time.Hour), ErrArchiveGone, notFound)
	}
	return age < maxLag, notFound
}
