package ghmigratetest

import (
	"net/http"
	"strconv"
	"time"
)

// A quota counts requests against the primary rate limit of an hour. A request
// that gets a 304 does not count.
type quota struct {
	used  int
	reset time.Time
}

// exhausted reports whether no requests remain in the hour. It starts a new hour if
// the previous hour has ended.
func (q *quota) exhausted(now time.Time, cfg config) bool {
	if !now.Before(q.reset) {
		*q = quota{reset: now.Add(time.Hour).Truncate(time.Second)}
	}
	return q.used >= cfg.rateLimit && !cfg.ghes
}

// setHeader sets the rate limit headers.
func (q *quota) setHeader(h http.Header, cfg config, resource string) {
	h.Set("X-RateLimit-Limit", strconv.Itoa(cfg.rateLimit))
	h.Set("X-RateLimit-Used", strconv.Itoa(q.used))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(cfg.rateLimit-q.used, 0)))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(q.reset.Unix(), 10))
	h.Set("X-RateLimit-Resource", resource)
}

// uncount corrects the count, and the headers of a response, for a request that gets
// a 304 only because a fault edited the response.
func (s *Server) uncount(h http.Header) {
	s.mu.Lock()
	defer s.mu.Unlock()
	resource := h.Get("X-RateLimit-Resource")
	if q := s.quotas[resource]; q != nil {
		q.used = max(q.used-1, 0)
		q.setHeader(h, s.cfg, resource)
	}
}
