package ghmigrate

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// A RateLimit is the quota of requests of a token.
//
// https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
type RateLimit struct {
	Limit     int       // requests in a window
	Remaining int       // requests left in it
	Used      int       // requests made in it
	Reset     time.Time // when the next window begins, by GitHub's clock; zero if not told
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
	latest := &RateLimit{
		Limit:     headerInt(h, "X-Ratelimit-Limit"),
		Remaining: headerInt(h, "X-Ratelimit-Remaining"),
		Used:      headerInt(h, "X-Ratelimit-Used"),
		Resource:  h.Get("X-Ratelimit-Resource"),
	}
	if reset := headerInt(h, "X-Ratelimit-Reset"); reset > 0 {
		latest.Reset = time.Unix(int64(reset), 0).UTC()
	}
	c.rateLimit.Store(latest)
}

func headerInt(h http.Header, key string) int {
	n, err := strconv.Atoi(h.Get(key))
	if err != nil {
		return 0
	}
	return n
}

// rateLimit returns how long a rate limit lasts, 0 if the response does not
// report a limit. A secondary limit often comes without any header: GitHub asks
// for a minute then, and for more if the limit goes on.
// https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
func rateLimit(e *APIError, res response) (wait time.Duration, unspecified bool) {
	if e.StatusCode != http.StatusForbidden && e.StatusCode != http.StatusTooManyRequests {
		return 0, false
	}
	usedUp := res.header.Get("X-Ratelimit-Remaining") == "0"
	switch {
	case e.StatusCode == http.StatusTooManyRequests, saysRateLimit(e):
	case ssoURL(res.header) != "":
		return 0, false
	case res.header.Get("Retry-After") != "": // of any value: 0 and an absurd one too
	case !usedUp, e.lacksScope(), givesReason(e): // GitHub tells the quota in every response
		return 0, false
	}
	wait = e.retryAfter
	if reset := headerInt(res.header, "X-Ratelimit-Reset"); usedUp && reset > 0 {
		left := netx.Until(time.Unix(min(int64(reset), 1<<40), 0), res.header)
		unspecified = left == 0 && wait == 0 // a limit that is over and goes on
		wait = max(wait, left+time.Second)
	}
	if wait == 0 {
		return time.Minute, true
	}
	return wait, unspecified
}

// saysRateLimit reports whether the response tells a rate limit in words.
func saysRateLimit(e *APIError) bool {
	return strings.Contains(e.DocumentationURL, "rate-limit") || rateLimitWords.MatchString(fmt.Sprint(e.Message, " ", e.Errors))
}

var rateLimitWords = regexp.MustCompile(`(?i)(?:^|[^a-z])(?:rate[ _-]?limit|abuse detection|too many requests)`)

// givesReason reports whether a 403 says more than that it is one.
func givesReason(e *APIError) bool {
	text := strings.Trim(strings.ToLower(e.Message), " .!:0123456789")
	return text != "" && text != "forbidden"
}

// lasts returns the pause for a rate limit, after a number of limits in a row.
// The longer a limit lasts that does not say so, the longer the pause.
func (e *APIError) lasts(before int) time.Duration {
	if e.unspecified {
		return e.RetryAfter << min(before, 6)
	}
	return e.RetryAfter
}
