// Package blobstore stores the archives of an export in a bucket of Amazon S3, Google
// Cloud Storage or Azure Blob Storage. It uses gocloud.dev/blob.
//
//	bucket, err := blob.OpenBucket(ctx, "s3://backups?region=eu-central-1")
//	…
//	manifest, err := export.Run(ctx, acct, export.Options{Store: blobstore.New(bucket), …})
//
// Import the driver of the bucket, such as gocloud.dev/blob/s3blob.
package blobstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// mark is the metadata of the objects of a Store. Objects of other programs lack it.
const mark, markValue = "ghmigrate", "export"

type store struct{ bucket *blob.Bucket }

// New returns a bucket as an [export.Store]. An object becomes visible when all its
// bytes are written. The Store replaces its own objects. Put fails with an error that
// matches [fs.ErrExist] if another program has an object of the same name.
//
// Large objects are uploaded in parts. An upload that fails, or is killed, leaves parts
// that no listing shows: give the bucket a lifecycle rule that removes incomplete
// multipart uploads after some days. Put fails if the bucket accepts no bytes for half an
// hour. A file:// bucket does not sync its files, so do not use one with
// DeleteArchives.
func New(bucket *blob.Bucket) export.Store { return store{bucket} }

// Put writes an object. It fails if r has another size, unless size is negative.
func (s store) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	idle := time.AfterFunc(maxIdle, func() { cancel(errIdle) })
	defer idle.Stop()
	err := s.put(ctx, cancel, name, &watchedReader{r, idle}, size)
	if cause := context.Cause(ctx); err != nil && cause == errIdle { //nolint:errorlint // nothing wraps it
		return cause
	}
	return netx.CleanURLError(err)
}

// put is Put without a limit of time. It calls cancel before Close if the upload fails,
// so that no object becomes visible.
func (s store) put(ctx context.Context, cancel context.CancelCauseFunc, name string, r io.Reader, size int64) error {
	if err := s.checkOwner(ctx, name); err != nil {
		return err
	}
	w, err := s.bucket.NewWriter(ctx, name, &blob.WriterOptions{
		BufferSize:  partSize(size),
		ContentType: "application/octet-stream",
		Metadata:    map[string]string{mark: markValue},
	})
	if err != nil {
		return err
	}
	written, err := io.Copy(w, r)
	if err == nil && size >= 0 && written != size {
		err = fmt.Errorf("%w: %d bytes of %d", io.ErrUnexpectedEOF, written, size)
	}
	if err != nil {
		cancel(nil)
		return errors.Join(err, ignoreCanceled(w.Close()))
	}
	if err := w.Close(); err != nil {
		return err
	}
	found, err := s.bucket.Attributes(ctx, name)
	if err == nil && found.Size != written {
		err = fmt.Errorf("the bucket has %d bytes, not %d", found.Size, written)
	}
	return err
}

// maxIdle limits how long a bucket may accept no bytes. The clients of S3 and Azure have
// no such limit.
const maxIdle = 30 * time.Minute

var errIdle = fmt.Errorf("the bucket has accepted no bytes for %v", maxIdle)

// A watchedReader stops a timer during each Read: then the bucket waits for the reader.
type watchedReader struct {
	r    io.Reader
	idle *time.Timer
}

func (w *watchedReader) Read(p []byte) (int, error) {
	w.idle.Stop()
	defer w.idle.Reset(maxIdle)
	return w.r.Read(p)
}

// partSize returns the size of the parts of an upload; 0 is the default of the driver. S3
// allows 10,000 parts, which is 78 GiB by the driver's default of 8 MiB.
func partSize(size int64) int {
	const maxParts, defaultSize = 9_000, 8 << 20
	if size <= maxParts*defaultSize {
		return 0
	}
	return int(size/maxParts) + 1
}

// checkOwner fails if another program has an object of the name.
func (s store) checkOwner(ctx context.Context, name string) error {
	found, err := s.bucket.Attributes(ctx, name)
	switch {
	case gcerrors.Code(err) == gcerrors.NotFound:
		return nil
	case err != nil:
		return err
	case found.Metadata[mark] != markValue:
		return fmt.Errorf("%s belongs to another program: %w", name, fs.ErrExist)
	}
	return nil
}

// ignoreCanceled returns nil for the error of an upload that Put has canceled.
func ignoreCanceled(err error) error {
	if errors.Is(err, context.Canceled) || gcerrors.Code(err) == gcerrors.Canceled {
		return nil
	}
	return err
}
