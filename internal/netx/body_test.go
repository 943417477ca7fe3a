package netx_test

import (
	"io"
	"strings"
	"testing"

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
