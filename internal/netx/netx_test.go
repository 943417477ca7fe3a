package netx_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

func TestSleepEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		require.NoError(t, netx.Sleep(t.Context(), time.Minute))
		assert.Equal(t, time.Minute, time.Since(began))

		cause := errors.New("enough")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, cause)
		defer cancel()
		err := netx.Sleep(ctx, time.Minute)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, cause)
		assert.Equal(t, time.Minute+time.Second, time.Since(began))
	})
}

func TestBackoffDoublesWithinBounds(t *testing.T) {
	t.Parallel()
	for retries, milliseconds := range []int{500, 1000, 2000, 4000, 8000, 16000, 30000, 30000} {
		most := time.Duration(milliseconds) * time.Millisecond
		for range 100 {
			pause := netx.Backoff(retries)
			assert.GreaterOrEqual(t, pause, most/2)
			assert.Less(t, pause, most)
		}
	}
	assert.LessOrEqual(t, netx.Backoff(1<<30), 30*time.Second)
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	const date = "Sun, 29 Nov 2026 12:00:00 GMT"
	for value, want := range map[string]time.Duration{
		"7":                             7 * time.Second,
		"0":                             0,
		"-7":                            0,
		"2.5":                           2500 * time.Millisecond,
		"":                              0,
		"soon":                          0,
		"NaN":                           0,
		"Inf":                           0,
		"1e400":                         0,
		"99999999999999999999":          0,
		"Sun, 29 Nov 2026 12:00:09 GMT": 9 * time.Second,
		"Sun, 29 Nov 2026 11:00:00 GMT": 0,
		"Fri, 31 Dec 9999 23:59:59 GMT": 10 * 365 * 24 * time.Hour,
	} {
		header := http.Header{"Retry-After": {value}, "Date": {date}}
		assert.Equal(t, want, netx.RetryAfter(header), "%q", value)
	}
}

func TestDateIsTheLocalTimeWithoutAValidHeader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		assert.Equal(t, time.Now(), netx.Date(http.Header{}))
		assert.Equal(t, time.Now(), netx.Date(http.Header{"Date": {"today"}}))
		assert.Equal(t, time.Minute, netx.Until(time.Now().Add(time.Minute), nil))
	})
}
