// Package blobstore puts the archives of an export into a bucket: of Amazon S3,
// Google Cloud Storage, Azure Blob Storage or a folder, by gocloud.dev/blob.
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

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/ghmigrate/ghmigrate/export"
)

// mark is the metadata that tells the objects of a Store from other objects.
const mark, markValue = "ghmigrate", "export"

type store struct{ bucket *blob.Bucket }

// New returns a bucket as an [export.Store]. It writes whole objects only: an
// object becomes visible when all of it was written. It replaces its own objects,
// and refuses a name that another program's object has, with an error that matches
// [fs.ErrExist].
//
// A large object is uploaded in parts. A process that dies leaves parts behind that
// no listing shows: give the bucket a lifecycle rule that removes incomplete
// multipart uploads after some days. A file:// bucket does not sync its files:
// with one, DeleteArchives would trust the disk's cache.
func New(bucket *blob.Bucket) export.Store { return store{bucket} }

// Put writes an object.
func (s store) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	if err := s.check(ctx, name); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // before Close it ends the upload, and nothing becomes visible
	w, err := s.bucket.NewWriter(ctx, name, &blob.WriterOptions{
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
		cancel()
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

// check refuses a name that another program's object has.
func (s store) check(ctx context.Context, name string) error {
	found, err := s.bucket.Attributes(ctx, name)
	switch {
	case gcerrors.Code(err) == gcerrors.NotFound:
		return nil
	case err != nil:
		return err
	case found.Metadata[mark] != markValue:
		return fmt.Errorf("%s: another program has made that object: %w", name, fs.ErrExist)
	}
	return nil
}

// ignoreCanceled drops the error of an upload that was canceled on purpose.
func ignoreCanceled(err error) error {
	if errors.Is(err, context.Canceled) || gcerrors.Code(err) == gcerrors.Canceled {
		return nil
	}
	return err
}
