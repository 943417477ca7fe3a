package ghmigrate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

// DownloadOptions tune a download.
type DownloadOptions struct {
	// Progress, if not nil, gets the number of fetched bytes, including the
	// bytes of earlier calls, and the size of the archive, -1 if the size is
	// unknown. It is called at most ten times a second, from one goroutine, and
	// a last time when the download ends. It is not called if the path was
	// refused.
	Progress func(written, total int64)
	// Concurrency is the number of ranges of the archive that are fetched at once,
	// each over a connection of its own: storage serves one connection slowly and
	// many fast. 0 means one for an archive of less than 32 MiB, and eight for
	// others. If storage refuses requests, or gives no ranges, there are fewer. More
	// than 16 are as 16. A negative number is an error.
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

// An ArchiveStream is an archive that is being fetched. It reads some megabytes
// ahead, so that a slow line and a slow reader do not wait for each other. It can
// be the body of an upload. One goroutine at a time may read it. Any goroutine may
// close it, which releases its connection.
type ArchiveStream struct {
	id     int64
	stream *transfer.Stream
	close  func()
}

// Read reads the next bytes, across cut connections and dead URLs. It returns
// [io.EOF] only when every byte has arrived. If the archive was replaced, it fails
// with [ErrArchiveChanged], and the bytes before are of no use.
func (s *ArchiveStream) Read(p []byte) (int, error) {
	n, err := s.stream.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // a Reader's end is io.EOF itself
		err = explainTransfer(s.id, err)
	}
	return n, err
}

// Close ends the stream and returns at once. A Read that waits, or comes later,
// fails with an error that matches [io/fs.ErrClosed], unless a Read failed before.
func (s *ArchiveStream) Close() error {
	err := s.stream.Close()
	s.close()
	return err
}

// Size returns the archive's size in bytes, -1 if storage does not tell.
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

// source is an archive as package transfer sees it: behind a URL that dies.
func (a account) source(ctx context.Context, id int64) (transfer.Source, error) {
	r := a.archive(id)
	if _, err := r.encode(ctx); err != nil {
		return transfer.Source{}, err
	}
	r.budget = &retryBudget{retries: a.c.budget.retries, limitWait: unlimitedWait}
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

// explainTransfer names the migration, and lets the error match one of this
// package's.
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

// A transferError is an error of package transfer that matches one of this
// package's too.
type transferError struct{ err, as error }

func (e *transferError) Error() string { return e.err.Error() }

func (e *transferError) Unwrap() []error { return []error{e.as, e.err} }
