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
	Limit     int       // requests that the current window allows
	Remaining int       // requests left in the window
	Used      int       // requests made in the window
	Reset     time.Time // when the next window begins, by GitHub's clock; zero if not sent
	Resource  string    // the kind of requests that are counted, such as "core"
}

// RateLimit returns the quota as of the latest response, without a request. It is
// zero before the first response, and on a GHES without rate limits.
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

// rateLimit returns how long a rate limit lasts, 0 if the response does not report
// a limit. A secondary limit often comes without any header. GitHub documents that
// a client then waits a minute, and longer if the limit persists.
//
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
	case res.header.Get("Retry-After") != "": // even if its value is 0 or absurd
	case !usedUp, e.lacksScope(), givesReason(e): // GitHub sends the quota in every response
		return 0, false
	}
	wait = e.retryAfter
	if reset := headerInt(res.header, "X-Ratelimit-Reset"); usedUp && reset > 0 {
		left := netx.Until(time.Unix(min(int64(reset), 1<<40), 0), res.header)
		unspecified = left == 0 && wait == 0 // the limit persists after its reset time
		wait = max(wait, left+time.Second)
	}
	if wait == 0 {
		return time.Minute, true
	}
	return wait, unspecified
}

// saysRateLimit reports whether the text of the response mentions a rate limit.
func saysRateLimit(e *APIError) bool {
	return strings.Contains(e.DocumentationURL, "rate-limit") || rateLimitWords.MatchString(fmt.Sprint(e.Message, " ", e.Errors))
}

var rateLimitWords = regexp.MustCompile(`(?i)(?:^|[^a-z])(?:rate[ _-]?limit|abuse detection|too many requests)`)

// givesReason reports whether the message of a 403 is more than "Forbidden".
func givesReason(e *APIError) bool {
	text := strings.Trim(strings.ToLower(e.Message), " .!:0123456789")
	return text != "" && text != "forbidden"
}

// limitPause returns the pause for a rate limit. If GitHub does not send the
// duration of the limit, the pause doubles with each limit in a row.
func (e *APIError) limitPause(before int) time.Duration {
	if e.unspecified {
		return e.RetryAfter << min(before, 6)
	}
	return e.RetryAfter
}
