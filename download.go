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

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

// A SignedURL is where an archive is for a few minutes. Whoever has it has the
// archive, so it does not print: every verb of package fmt, package slog and
// package encoding/json show it without its query.
type SignedURL struct {
	reveal  func() string // a closure, out of reach of anything that prints a struct
	shown   string
	expires time.Time
}

// Reveal returns the whole URL, which is a secret.
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
		return SignedURL{}, 0, r.wrap(transfer.ErrLocation)
	case u.Scheme != "https" && (u.Scheme != "http" || a.c.base.Scheme == "https"):
		return SignedURL{}, 0, r.wrap(fmt.Errorf("the archive's address is %s://%s: want https", u.Scheme, u.Host))
	case u.Host == "":
		return SignedURL{}, 0, r.wrap(transfer.ErrLocation)
	}
	signed := newSignedURL(u)
	if signed.expires.IsZero() {
		return signed, 0, nil
	}
	return signed, signed.expires.Sub(res.date()), nil
}

// maxArchiveAge is how long GitHub keeps an archive.
const maxArchiveAge = 7 * 24 * time.Hour

// explain finds out why there is no archive: GitHub says no more than 404.
func (a account) explain(ctx context.Context, id int64, patience *patience, notFound error) error {
	poller, seen := poller{account: a, patience: patience}, &polled[Migration]{}
	switch err := poller.poll(ctx, id, seen); {
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", transfer.ContextError(ctx), notFound)
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

// DownloadOptions tune a download.
type DownloadOptions struct {
	// Progress, if not nil, is told how many bytes are fetched, those of
	// earlier calls included, and how many there are in all, -1 if that is not
	// known: at most ten times a second, from one goroutine, and a last time
	// when the download ends. It is not called if the path was refused.
	Progress func(written, total int64)
	// Concurrency is how many ranges of the archive are fetched at once, each over
	// a connection of its own: storage serves one connection slowly and many
	// fast. 0 picks: one for an archive of less than 32 MiB, and one for others as
	// long as that brings 200 MB/s, else eight. Storage
	// that says it is busy is asked for fewer, and storage that gives no ranges
	// for one. More than 16 are as 16; a negative number is an error.
	Concurrency int
}

// A DownloadResult is what landed on disk.
type DownloadResult struct {
	Path    string // as given
	Size    int64  // bytes
	SHA256  string // hex, of all of them
	Resumed int64  // bytes that an earlier call had already fetched
}

func (a account) download(ctx context.Context, id int64, path string, opts *DownloadOptions) (*DownloadResult, error) {
	if opts == nil {
		opts = &DownloadOptions{}
	}
	if path == "" {
		return nil, badArgument("path", "is empty")
	}
	if opts.Concurrency < 0 {
		return nil, badArgument("Concurrency", "is %d: want 0 or more", opts.Concurrency)
	}
	source, err := a.source(ctx, id)
	if err != nil {
		return nil, err
	}
	defer a.c.storage.CloseIdleConnections()
	result, err := transfer.File(ctx, source, path, transfer.Options{Progress: opts.Progress, Concurrency: opts.Concurrency})
	if err != nil {
		return nil, explainTransfer(id, err)
	}
	return &DownloadResult{Path: path, Size: result.Size, SHA256: result.SHA256, Resumed: result.Resumed}, nil
}

// An ArchiveStream is an archive that is being fetched. It reads some megabytes
// ahead, so that a slow line and a slow reader do not wait for each other, and
// can be the body of an upload. Read returns [io.EOF] only when every byte has
// arrived. Close it to release its connection.
type ArchiveStream struct {
	id     int64
	stream *transfer.Stream
	close  func()
}

// Read reads the next bytes, across cut connections and dead URLs.
func (s *ArchiveStream) Read(p []byte) (int, error) {
	n, err := s.stream.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // a Reader's end is io.EOF itself
		err = explainTransfer(s.id, err)
	}
	return n, err
}

// Close ends the stream at once, whoever is reading.
func (s *ArchiveStream) Close() error {
	err := s.stream.Close()
	s.close()
	return err
}

// Size is the archive's size in bytes, -1 if storage does not tell.
func (s *ArchiveStream) Size() int64 { return s.stream.Size() }

// SHA256 is the digest of the whole archive in hex, after [io.EOF]; before, it
// is empty.
func (s *ArchiveStream) SHA256() string { return s.stream.SHA256() }

func (a account) open(ctx context.Context, id int64) (*ArchiveStream, error) {
	source, err := a.source(ctx, id)
	if err != nil {
		return nil, err
	}
	stream, err := transfer.Open(ctx, source)
	if err != nil {
		a.c.storage.CloseIdleConnections()
		return nil, explainTransfer(id, err)
	}
	return &ArchiveStream{id: id, stream: stream, close: a.c.storage.CloseIdleConnections}, nil
}

// source is an archive as package transfer sees it: behind a URL that dies.
func (a account) source(ctx context.Context, id int64) (transfer.Source, error) {
	r := a.archive(id)
	if _, err := r.encode(ctx); err != nil {
		return transfer.Source{}, err
	}
	r.patience = &patience{retries: a.c.patience.retries, limitWait: forever}
	located := false
	return transfer.Source{
		Locate: func(ctx context.Context) (transfer.Location, error) {
			signed, lives, err := a.locate(ctx, r, id)
			if err != nil && located && mayPass(err) {
				err = transfer.Passing(err) // what has come is worth more patience
			}
			if err != nil {
				return transfer.Location{}, err
			}
			located = true
			location := transfer.Location{URL: signed.Reveal()}
			if lives > 0 {
				location.Expires = time.Now().Add(lives)
			}
			return location, nil
		},
		Client:    a.c.storage,
		Identity:  a.c.base.Host + r.at.path,
		UserAgent: a.c.userAgent,
		Logger:    a.c.log,
	}, nil
}

func explainTransfer(id int64, err error) error {
	if errors.Is(err, transfer.ErrChanged) {
		err = fmt.Errorf("%w: %w", ErrArchiveChanged, err)
	}
	return fmt.Errorf("download archive of migration %d: %w", id, err)
}
