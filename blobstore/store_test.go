package blobstore_test

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob"
	_ "gocloud.dev/blob/memblob"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/blobstore"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// buckets runs a test with each kind of bucket that needs no network.
func buckets(t *testing.T, test func(t *testing.T, bucket *blob.Bucket)) {
	t.Helper()
	dir := strings.TrimPrefix(filepath.ToSlash(t.TempDir()), "/")
	for name, url := range map[string]string{"memory": "mem://", "folder": "file:///" + dir + "?no_tmp_dir=true"} {
		t.Run(name, func(t *testing.T) {
			bucket, err := blob.OpenBucket(t.Context(), url)
			require.NoError(t, err)
			defer func() { require.NoError(t, bucket.Close()) }()
			test(t, bucket)
		})
	}
}

func TestPutWritesCompleteObjectsOnly(t *testing.T) {
	buckets(t, func(t *testing.T, bucket *blob.Bucket) {
		store := blobstore.New(bucket)
		truncated := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(errTruncated))
		require.ErrorIs(t, store.Put(t.Context(), "a/b", truncated, 8), errTruncated)
		require.ErrorIs(t, store.Put(t.Context(), "a/b", strings.NewReader("half"), 8), io.ErrUnexpectedEOF)
		exists, err := bucket.Exists(t.Context(), "a/b")
		require.NoError(t, err)
		assert.False(t, exists)

		require.NoError(t, store.Put(t.Context(), "a/b", strings.NewReader("whole"), -1))
		require.NoError(t, store.Put(t.Context(), "a/b", strings.NewReader("again"), 5), "its own object")
		data, err := bucket.ReadAll(t.Context(), "a/b")
		require.NoError(t, err)
		assert.Equal(t, "again", string(data))
		require.ErrorIs(t, store.Put(t.Context(), "a/b", truncated, 8), errTruncated)
		data, err = bucket.ReadAll(t.Context(), "a/b")
		require.NoError(t, err)
		assert.Equal(t, "again", string(data), "the old object is unchanged")
	})
}

func TestPutKeepsObjectsOfOtherPrograms(t *testing.T) {
	buckets(t, func(t *testing.T, bucket *blob.Bucket) {
		require.NoError(t, bucket.WriteAll(t.Context(), "a/b", []byte("theirs"), nil))
		require.ErrorIs(t, blobstore.New(bucket).Put(t.Context(), "a/b", strings.NewReader("ours"), 4), fs.ErrExist)
		data, err := bucket.ReadAll(t.Context(), "a/b")
		require.NoError(t, err)
		assert.Equal(t, "theirs", string(data))
	})
}

func TestRunStreamsIntoABucket(t *testing.T) {
	buckets(t, func(t *testing.T, bucket *blob.Bucket) {
		fake := ghmigratetest.NewServer(ghmigratetest.WithExportDuration(0))
		defer fake.Close()
		fake.AddRepository("octo-org/hello")
		client, err := ghmigrate.NewClient(ghmigrate.WithToken(fake.Token()), ghmigrate.WithBaseURL(fake.URL()), ghmigrate.WithHTTPClient(fake.Client()))
		require.NoError(t, err)
		m, err := export.Run(t.Context(), export.OrgAccount(client, "octo-org"), export.Options{
			Repositories: []string{"octo-org/hello"}, Dir: t.TempDir(), Store: blobstore.New(bucket), Stream: true, DeleteArchives: true,
		})
		require.NoError(t, err)
		found, err := bucket.Attributes(t.Context(), m.Run+"/"+m.Repositories[0].Archive)
		require.NoError(t, err)
		assert.Equal(t, m.Repositories[0].Size, found.Size)
	})
}

var errTruncated = errors.New("truncated")
