package ghmigrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strconv"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// A SignedURL is where an archive is for a few minutes, on a GHES for hours.
// Whoever has it has the archive, so it does not print: every verb of package fmt,
// package slog and package encoding/json show it without its query.
type SignedURL struct {
	reveal  func() string // a closure, out of reach of anything that prints a struct
	shown   string
	expires time.Time
}

// Reveal returns the whole URL, which is a secret; the zero SignedURL's is
// empty.
func (u SignedURL) Reveal() string {
	if u.reveal == nil {
		return ""
	}
	return u.reveal()
}

// Expires tells until when the URL can be used, by the server's clock. It is a
// hint, zero if the URL does not tell.
func (u SignedURL) Expires() time.Time { return u.expires }

// String returns the URL with its query redacted.
func (u SignedURL) String() string { return u.shown }

// Format prints what String returns, whatever the verb.
func (u SignedURL) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, u.shown) }

// LogValue logs what String returns.
func (u SignedURL) LogValue() slog.Value { return slog.StringValue(u.shown) }

// MarshalJSON encodes what String returns.
func (u SignedURL) MarshalJSON() ([]byte, error) { return json.Marshal(u.shown) }

func (a account) archiveURL(ctx context.Context, id int64) (SignedURL, error) {
	signed, _, err := a.locate(ctx, a.archive(id), id)
	return signed, err
}

// locate asks where an archive is. The duration is how much longer the URL
// lives, by the server's clock; 0 if that is not known.
func (a account) locate(ctx context.Context, r request, id int64) (SignedURL, time.Duration, error) {
	res, err := a.c.send(ctx, r)
	if errors.Is(err, ErrNotFound) {
		err = a.explain(ctx, id, r.patience, err)
	}
	if err != nil {
		return SignedURL{}, 0, err
	}
	location := res.header.Get("Location")
	u, err := a.c.base.JoinPath(r.at.path).Parse(location)
	switch {
	case err != nil || location == "":
		return SignedURL{}, 0, r.wrap(netx.ErrLocation)
	case u.Scheme != "https" && (u.Scheme != "http" || a.c.base.Scheme == "https"):
		return SignedURL{}, 0, r.wrap(fmt.Errorf("the archive's address is %s://%s: want https", u.Scheme, u.Host))
	case u.Host == "":
		return SignedURL{}, 0, r.wrap(netx.ErrLocation)
	}
	signed := newSignedURL(u)
	if signed.expires.IsZero() {
		return signed, 0, nil
	}
	return signed, signed.expires.Sub(res.date()), nil
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

// expiry reads what S3 (new and old) and Azure put into a query.
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

// explain finds out why there is no archive: GitHub says no more than 404.
func (a account) explain(ctx context.Context, id int64, patience *patience, notFound error) error {
	poller, seen := poller{account: a, patience: patience}, &polled[Migration]{}
	switch err := poller.poll(ctx, id, seen); {
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", netx.ContextError(ctx), notFound)
	case err != nil:
		return notFound // the migration itself is gone, or the reason is not to be had
	}
	m, age := seen.value, seen.date.Sub(seen.value.UpdatedAt)
	switch {
	case m.State == StateFailed:
		return fmt.Errorf("migration %d: %w: %w", id, ErrMigrationFailed, notFound)
	case m.State != StateExported:
		return fmt.Errorf("migration %d is %s: %w: %w", id, m.State, ErrArchiveNotReady, notFound)
	case m.ArchiveURL == "":
		return fmt.Errorf("migration %d: %w: %w", id, ErrArchiveGone, notFound)
	case age > maxArchiveAge:
		return fmt.Errorf("migration %d was exported %d days ago: %w: %w", id, age/(24*time.Hour), ErrArchiveGone, notFound)
	}
	return notFound
}
