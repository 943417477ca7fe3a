package archive_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

func TestOpenVerifyAndExtractStopWithTheContext(t *testing.T) {
	t.Parallel()
	file := smallArchive(t)
	reason := errors.New("shutting down")
	for name, read := range map[string]func(context.Context, io.Reader) error{
		"Open": func(ctx context.Context, r io.Reader) error {
			a, err := archive.Open(ctx, r, nil)
			assert.Nil(t, a)
			return err
		},
		"Verify": func(ctx context.Context, r io.Reader) error {
			summary, err := archive.Verify(ctx, r, nil)
			assert.NotNil(t, summary)
			return err
		},
		"Extract": func(ctx context.Context, r io.Reader) error {
			summary, err := archive.Extract(ctx, r, t.TempDir(), nil)
			assert.NotNil(t, summary)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(t.Context())
			rest := bytes.NewReader(file)
			err := read(ctx, readerFunc(func(p []byte) (int, error) { // cancels the context after some bytes
				if rest.Len() < len(file) {
					cancel(reason)
				}
				return rest.Read(p[:min(len(p), 100)])
			}))
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, err, reason)
			_, isFault := errors.AsType[*archive.FaultError](err)
			assert.False(t, isFault, "%v", err)

			ctx, stop := context.WithCancel(t.Context())
			stop()
			err = read(ctx, readerFunc(func([]byte) (int, error) { t.Error("read"); return 0, io.EOF }))
			require.ErrorIs(t, err, context.Canceled)
		})
	}
}
