package ghmigrate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

// DownloadOptions are the options of a download.
type DownloadOptions struct {
	// Progress, if not nil, is called with the number of fetched bytes, including
	// the bytes of earlier calls, and the size of the archive, -1 if the size is
	// unknown. Progress is called at most ten times a second, from one goroutine,
	// and a last time when the download ends. It is not called if the path is
	// refused.
	Progress func(written, total int64)
	// Concurrency is the number of byte ranges that are fetched at once. Each range
	// has its own connection, since storage limits the speed of a connection. 0
	// means 1 for an archive of less than 32 MiB, and 8 for a larger archive. The
	// maximum is 16: a larger number counts as 16, and a negative number is an
	// error. Fewer ranges are fetched if storage refuses requests or ranges.
	Concurrency int
}

// A DownloadResult describes a complete file.
type DownloadResult struct {
	Path    string // as given
	Size    int64  // bytes
	SHA256  string // hex, of all bytes
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

// An ArchiveStream is a download that the caller reads, such as the body of an
// upload. It reads some megabytes ahead, so that a slow connection and a slow
// reader do not wait for each other. One goroutine at a time may read the stream.
// Any goroutine may close it, which releases its connection.
type ArchiveStream struct {
	id     int64
	stream *transfer.Stream
	close  func()
}

// Read reads the next bytes. It retries after broken connections and expired URLs.
// It returns [io.EOF] only when every byte has arrived. If storage replaced the
// archive, Read fails with [ErrArchiveChanged], and the caller must discard the
// bytes before.
func (s *ArchiveStream) Read(p []byte) (int, error) {
	n, err := s.stream.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // a Reader's end is io.EOF itself
		err = explainTransfer(s.id, err)
	}
	return n, err
}

// Close ends the stream and returns at once. A waiting Read and every later Read
// fail with an error that matches [io/fs.ErrClosed], unless a Read failed before.
func (s *ArchiveStream) Close() error {
	err := s.stream.Close()
	s.close()
	return err
}

// Size returns the archive's size in bytes, -1 if storage does not send it.
func (s *ArchiveStream) Size() int64 { return s.stream.Size() }

// SHA256 returns the SHA-256 of the whole archive in hex after [io.EOF], and an
// empty string before.
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

// source returns the archive as a source for package transfer. Its Locate requests
// a new URL.
func (a account) source(ctx context.Context, id int64) (transfer.Source, error) {
	r := a.archive(id)
	if _, err := r.encode(ctx); err != nil {
		return transfer.Source{}, err
	}
	r.budget = &retryBudget{retries: a.c.budget.retries, limitWait: unlimitedWait}
	located := false
	var denials denial // of requests for a URL
	return transfer.Source{
		Locate: func(ctx context.Context) (transfer.Location, error) {
			signedURL, validFor, err := a.locate(ctx, r, id)
			switch {
			case err != nil && located && mayPass(err, &denials):
				return transfer.Location{}, transfer.Passing(err) // retry longer, to keep the fetched bytes
			case err != nil:
				return transfer.Location{}, err
			}
			located, denials = true, denial{}
			location := transfer.Location{URL: signedURL.Reveal()}
			if validFor > 0 {
				location.Expires = time.Now().Add(validFor)
			}
			return location, nil
		},
		Client:    a.c.storage,
		Identity:  a.c.base.Host + r.at.path,
		UserAgent: a.c.userAgent,
		Logger:    a.c.log,
	}, nil
}

// mayPass reports whether a later request for the URL of an archive may succeed,
// although this one failed with err. Earlier requests have succeeded.
func mayPass(err error, denials *denial) bool {
	switch {
	case errors.Is(err, ErrArchiveGone), errors.Is(err, ErrMigrationFailed):
		return false
	case isDenial(err): // it may be stray
		return !denials.persists()
	}
	return isTemporary(err) || isRefusedRedirect(err)
}

// explainTransfer adds the migration to an error of package transfer. The result
// matches an error of this package too.
func explainTransfer(id int64, err error) error {
	storage, refused := errors.AsType[*transfer.StatusError](err)
	switch {
	case errors.Is(err, transfer.ErrChanged):
		err = &transferError{err, ErrArchiveChanged}
	case errors.Is(err, transfer.ErrInUse):
		err = &transferError{err, ErrInUse}
	case refused:
		err = &transferError{err, (*StorageError)(storage)}
	}
	return fmt.Errorf("download archive of migration %d: %w", id, err)
}

// A transferError is an error of package transfer that matches an error of this
// package too.
type transferError struct{ err, as error }

func (e *transferError) Error() string { return e.err.Error() }

func (e *transferError) Unwrap() []error { return []error{e.as, e.err} }
