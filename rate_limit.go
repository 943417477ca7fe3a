package ghmigrate

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// A RateLimit is the state of a token's quota of requests.
//
// https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
type RateLimit struct {
	Limit     int       // requests in a window
	Remaining int       // requests left in it
	Used      int       // requests made in it
	Reset     time.Time // when the next window begins, by GitHub's clock
	Resource  string    // what is counted, such as "core"
}

// RateLimit returns the quota as of the latest response, without asking for it.
// It is zero before the first one, and on a GHES without rate limits.
func (c *Client) RateLimit() RateLimit {
	if latest := c.rateLimit.Load(); latest != nil {
		return *latest
	}
	return RateLimit{}
}

func (c *Client) noteRateLimit(h http.Header) {
	if h.Get("X-Ratelimit-Limit") == "" {
		return
	}
	c.rateLimit.Store(&RateLimit{
		Limit:     headerInt(h, "X-Ratelimit-Limit"),
		Remaining: headerInt(h, "X-Ratelimit-Remaining"),
		Used:      headerInt(h, "X-Ratelimit-Used"),
		Reset:     time.Unix(int64(headerInt(h, "X-Ratelimit-Reset")), 0).UTC(),
		Resource:  h.Get("X-Ratelimit-Resource"),
	})
}

func headerInt(h http.Header, key string) int {
	n, err := strconv.Atoi(h.Get(key))
	if err != nil {
		return 0
	}
	return n
}

// rateLimitWait is how long a rate limit lasts, and 0 if there is none. A
// secondary limit often comes without any header; GitHub wants a minute then,
// and more if it goes on.
// https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
func rateLimitWait(e *APIError, res response) (wait time.Duration, unspecified bool) {
	if e.StatusCode != http.StatusForbidden && e.StatusCode != http.StatusTooManyRequests {
		return 0, false
	}
	if reset := headerInt(res.header, "X-Ratelimit-Reset"); reset > 0 && res.header.Get("X-Ratelimit-Remaining") == "0" {
		left := netx.Until(time.Unix(min(int64(reset), 1<<40), 0), res.header)
		return left + time.Second, left == 0 // one that is over and goes on does not say how long it lasts
	}
	if e.retryAfter > 0 {
		return e.retryAfter, false
	}
	message := strings.ToLower(e.Message)
	if e.StatusCode == http.StatusTooManyRequests ||
		strings.HasSuffix(e.DocumentationURL, "secondary-rate-limits") ||
		strings.Contains(message, "rate limit") || strings.Contains(message, "abuse detection") {
		return time.Minute, true
	}
	return 0, false
}

// lasts is how long a rate limit is to be waited out after a number of them in
// a row. The longer one lasts that does not say so, the longer GitHub wants to
// be left alone.
func (e *APIError) lasts(before int) time.Duration {
	if e.unspecified {
		return e.RetryAfter << min(before, 6)
	}
	return e.RetryAfter
}
