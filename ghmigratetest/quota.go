package ghmigratetest

import (
	"net/http"
	"strconv"
	"time"
)

// A quota counts requests against the primary rate limit of an hour. A 304 does
// not count.
type quota struct {
	used  int
	reset time.Time
}

// exhausted starts a new hour when the old one is over, and reports whether the
// hour has no requests left.
func (q *quota) exhausted(now time.Time, cfg config) bool {
	if !now.Before(q.reset) {
		*q = quota{reset: now.Add(time.Hour).Truncate(time.Second)}
	}
	return q.used >= cfg.rateLimit && !cfg.ghes
}

func (q *quota) describe(h http.Header, cfg config, resource string) {
	h.Set("X-RateLimit-Limit", strconv.Itoa(cfg.rateLimit))
	h.Set("X-RateLimit-Used", strconv.Itoa(q.used))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(cfg.rateLimit-q.used, 0)))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(q.reset.Unix(), 10))
	h.Set("X-RateLimit-Resource", resource)
}
