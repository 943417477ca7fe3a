package ghmigratetest

import (
	"net/http"
	"strconv"
	"time"
)

// A quota is the primary rate limit: so many requests an hour, 304s free.
type quota struct {
	used  int
	reset time.Time
}

// exhausted begins a new hour when it is time, and reports whether this one
// has no requests left.
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
