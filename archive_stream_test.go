package ghmigrate_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

func TestOpenArchive(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		data := archiveBytes(2<<20+1, 1)
		prepareArchive(t, server, client, data)
		stream, err := client.OrgMigrations.OpenArchive(t.Context(), "octo-org", 79)
		require.NoError(t, err)
		assert.Equal(t, int64(len(data)), stream.Size())
		assert.Empty(t, stream.SHA256(), "not yet known")

		h := sha256.New()
		half, err := io.CopyN(h, stream, 1<<20)
		require.NoError(t, err)
		assert.Empty(t, stream.SHA256())
		// A slow reader may outlast the URL, the connection and the five minutes in
		// which a download must make progress.
		time.Sleep(time.Hour)
		rest, err := io.Copy(h, stream)
		require.NoError(t, err)
		assert.Equal(t, int64(len(data)), half+rest)
		assert.Equal(t, sha256Of(data), fmt.Sprintf("%x", h.Sum(nil)))
		assert.Equal(t, sha256Of(data), stream.SHA256())
		_, err = stream.Read(make([]byte, 1))
		assert.Equal(t, io.EOF, err)
		require.NoError(t, stream.Close())

		m, err := client.UserMigrations.OpenArchive(t.Context(), 79)
		require.ErrorIs(t, err, ghmigrate.ErrNotFound, "the migration belongs to the organization")
		assert.Nil(t, m)
	})
}

func TestOpenArchiveEndsByCloseAndContext(t *testing.T) {
	reason := errors.New("the user is gone")
	for name, end := range map[string]func(stream *ghmigrate.ArchiveStream, cancel context.CancelCauseFunc) error{
		"by Close":       func(stream *ghmigrate.ArchiveStream, _ context.CancelCauseFunc) error { return stream.Close() },
		"by its context": func(_ *ghmigrate.ArchiveStream, cancel context.CancelCauseFunc) error { cancel(reason); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server)
				prepareArchive(t, server, client, archiveBytes(2<<20, 1))
				server.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, StallAfter: 1 << 20})
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				stream, err := client.OrgMigrations.OpenArchive(ctx, "octo-org", 79)
				require.NoError(t, err)
				defer stream.Close()
				_, err = io.CopyN(io.Discard, stream, 1<<20)
				require.NoError(t, err)

				time.AfterFunc(10*time.Second, func() { assert.NoError(t, end(stream, cancel)) })
				began := time.Now()
				n, err := stream.Read(make([]byte, 1<<20))
				assert.Zero(t, n)
				assert.Equal(t, 10*time.Second, time.Since(began), "at once, during a Read")
				require.Error(t, err)
				require.NotErrorIs(t, err, io.EOF)
				require.ErrorContains(t, err, "download archive of migration 79: ")
				if name == "by Close" {
					require.ErrorIs(t, err, fs.ErrClosed)
				} else {
					require.ErrorIs(t, err, context.Canceled)
					require.ErrorIs(t, err, reason)
				}
				assert.Empty(t, stream.SHA256())
				_, again := stream.Read(make([]byte, 1))
				require.Error(t, again)
				synctest.Wait()
			})
		})
	}
}

func TestOpenArchiveRetriesAfterTemporaryStorageFailures(t *testing.T) {
	for name, faults := range temporaryStorageFailures() {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server)
				data := archiveBytes(1<<20, 1)
				prepareArchive(t, server, client, data)
				for _, f := range faults {
					server.Inject(f)
				}
				stream, err := client.OrgMigrations.OpenArchive(t.Context(), "octo-org", 79)
				require.NoError(t, err)
				defer stream.Close()
				got, err := io.ReadAll(stream)
				require.NoError(t, err)
				assert.True(t, bytes.Equal(data, got))
				assert.Equal(t, sha256Of(data), stream.SHA256())
			})
		})
	}
}
