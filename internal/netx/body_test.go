package netx_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// A slowReader has a number of empty Reads before each byte.
type slowReader struct {
	io.Reader
	empty, n int
}

func (r *slowReader) Read(p []byte) (int, error) {
	if r.n++; r.n%(r.empty+1) != 0 || len(p) == 0 {
		return 0, nil
	}
	return r.Reader.Read(p[:1])
}

func TestSteady(t *testing.T) {
	t.Parallel()
	got, err := io.ReadAll(netx.Steady(io.NopCloser(&slowReader{Reader: strings.NewReader("archive"), empty: 50})))
	require.NoError(t, err)
	assert.Equal(t, "archive", string(got))
	_, err = io.ReadAll(netx.Steady(io.NopCloser(&slowReader{empty: 1 << 40})))
	require.ErrorIs(t, err, io.ErrNoProgress)
}

type closer struct{ closed *int }

func (c closer) Close() error { *c.closed++; return nil }

type otherTransport struct{ http.RoundTripper }

func TestCloseAtEndClosesOnce(t *testing.T) {
	for _, transport := range []http.RoundTripper{nil, &http.Transport{}, otherTransport{}} {
		closed := 0
		ctx, cancel := context.WithCancel(t.Context())
		netx.CloseAtEnd(ctx, cancel, transport, closer{&closed})()
		assert.Equal(t, 1, closed, "%T", transport)
		cancel()
	}
}

// Only the bodies of other transports may ignore their context.
func TestCloseAtEndClosesWithTheContext(t *testing.T) {
	for transport, want := range map[http.RoundTripper]int{&http.Transport{}: 0, otherTransport{}: 1} {
		synctest.Test(t, func(t *testing.T) {
			closed := 0
			ctx, cancel := context.WithCancel(t.Context())
			closeNow := netx.CloseAtEnd(ctx, cancel, transport, closer{&closed})
			cancel()
			synctest.Wait()
			assert.Equal(t, want, closed, "%T", transport)
			closeNow()
			assert.Equal(t, 1, closed, "%T", transport)
		})
	}
}
