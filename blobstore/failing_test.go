package blobstore_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/gcerrors"

	"github.com/ghmigrate/ghmigrate/blobstore"
)

var errNoObject = errors.New("no object")

// A failingBucket has no objects, and its writers fail.
type failingBucket struct {
	driver.Bucket

	attributes error                           // of Attributes
	write      func(ctx context.Context) error // of Write
	partSize   int                             // of the latest upload
}

func (b *failingBucket) Attributes(context.Context, string) (*driver.Attributes, error) {
	return nil, b.attributes
}

func (b *failingBucket) NewTypedWriter(ctx context.Context, _, _ string, opts *driver.WriterOptions) (driver.Writer, error) {
	b.partSize = opts.BufferSize
	return &failingWriter{func() error { return b.write(ctx) }}, nil
}

func (b *failingBucket) ErrorCode(err error) gcerrors.ErrorCode {
	if errors.Is(err, errNoObject) {
		return gcerrors.NotFound
	}
	return gcerrors.Unknown
}

func (b *failingBucket) Close() error { return nil }

type failingWriter struct{ write func() error }

func (w *failingWriter) Write([]byte) (int, error) { return 0, w.write() }

func (w *failingWriter) Close() error { return nil }

// An error of net/http quotes the URL. With a SAS token of Azure, its query is a
// credential.
func TestErrorsHoldNoCredentials(t *testing.T) {
	refused := &url.Error{Op: "Head", URL: "https://octo.blob.core.windows.net/backups/a?se=2030&sig=c2VjcmV0", Err: syscall.ECONNREFUSED}
	bucket := blob.NewBucket(&failingBucket{attributes: refused})
	defer func() { require.NoError(t, bucket.Close()) }()
	err := blobstore.New(bucket).Put(t.Context(), "a", strings.NewReader("x"), 1)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	assert.NotContains(t, err.Error(), "c2VjcmV0")
}

func TestPutFailsIfTheBucketAcceptsNoBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bucket := blob.NewBucket(&failingBucket{attributes: errNoObject, write: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		defer func() { require.NoError(t, bucket.Close()) }()
		began := time.Now()
		err := blobstore.New(bucket).Put(t.Context(), "a", bytes.NewReader(make([]byte, 1<<20)), 1<<20)
		require.ErrorContains(t, err, "the bucket has accepted no bytes for 30m0s")
		assert.Equal(t, 30*time.Minute, time.Since(began))
	})
}

// GitHub may send the bytes of a streamed archive after the end of a rate limit.
func TestPutWaitsForItsReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bucket := memblob.OpenBucket(nil)
		defer func() { require.NoError(t, bucket.Close()) }()
		r := io.MultiReader(strings.NewReader("before, "), readerFunc(func(p []byte) (int, error) {
			time.Sleep(time.Hour)
			return copy(p, "after"), io.EOF
		}))
		require.NoError(t, blobstore.New(bucket).Put(t.Context(), "a", r, -1))
		data, err := bucket.ReadAll(t.Context(), "a")
		require.NoError(t, err)
		assert.Equal(t, "before, after", string(data))
	})
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// S3 allows 10,000 parts.
func TestLargeObjectsHaveLargeParts(t *testing.T) {
	driver := &failingBucket{attributes: errNoObject, write: func(context.Context) error { return errTruncated }}
	bucket := blob.NewBucket(driver)
	defer func() { require.NoError(t, bucket.Close()) }()
	for _, size := range []int64{1, 1 << 30, 70 << 30, 80 << 30, 1 << 40} {
		require.Error(t, blobstore.New(bucket).Put(t.Context(), "a", bytes.NewReader(make([]byte, 1<<20)), size))
		part := int64(driver.partSize)
		if part == 0 {
			part = 8 << 20 // the default of the driver for S3
		}
		assert.LessOrEqual(t, size, 10_000*part)
		assert.LessOrEqual(t, part, int64(128<<20))
	}
}
