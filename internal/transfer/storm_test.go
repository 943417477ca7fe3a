package transfer_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"
)

// A storm is a chaos whose storage is that of these tests. It can send wrong responses
// that ghmigratetest cannot send.
type storm struct {
	*chaos
	storage *storage
	calm    int  // how many of 100 requests succeed
	ignores bool // whether storage ignores conditions
	habit   int  // the kind of storage that it resembles: see respondByHabit
	status  int  // the status of requests that the habit refuses

	mu     sync.Mutex
	latest time.Time
}

func newStorm(t *testing.T, seed, stream uint64) *storm {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, stream))
	s := newStorage(t, 2+random.IntN(200_000))
	c := &storm{
		chaos:   &chaos{seed: seed, random: random, source: s.source},
		storage: s,
		calm:    30 + random.IntN(70),
		ignores: random.IntN(4) == 0,
		habit:   random.IntN(20),
		status:  []int{400, 403, 405, 416, 501, 503}[random.IntN(6)],
	}
	c.changes = random.IntN(4) == 0
	c.storm = func(on bool) {
		if s.respond = nil; on {
			s.respond = c.respond
		}
	}
	switch random.IntN(6) {
	case 0:
		s.etag = ""
	case 1:
		s.etag, s.modified = "", ""
	}
	c.addObject(s.object)
	// All objects are made here: handlers run at the same time.
	if c.changes && s.etag != "" {
		c.addChanges()
	}
	return c
}

// respond responds to a request in a random way.
func (c *storm) respond(n int, w http.ResponseWriter, r *http.Request) bool {
	s, random := c.storage, rand.New(rand.NewPCG(c.seed, uint64(n)))
	if c.changes && len(c.objects) > 1 && random.IntN(20) == 0 {
		i := random.IntN(len(c.objects))
		s.replace(c.objects[i], fmt.Sprintf(`"%d"`, i), fmt.Sprintf("Fri, 14 Sep 2018 00:00:0%d GMT", i))
	}
	if c.ignores {
		r.Header.Del("If-Match")
		r.Header.Del("If-Unmodified-Since")
	}
	w, done := c.respondByHabit(n, w, r)
	if done {
		return true
	}
	if random.IntN(100) < c.calm {
		return trickle(s, w, r, 1+random.IntN(100_000), time.Duration(random.IntN(2000))*time.Millisecond)
	}
	object, etag, _ := s.current()
	some := random.IntN(len(object) + 1)
	from, end, ranged := byteRange(r, len(object))
	header := func(name, value string) bool {
		c.unreliable.Store(true)
		s.serveFirst(len(object), &overridingWriter{ResponseWriter: w, name: name, value: value}, r)
		return true
	}
	switch random.IntN(20) {
	case 0, 1:
		return s.cut(some, w, r)
	case 2:
		return s.cut(some%max(1, end-from), w, r)
	case 3:
		return s.stall(some, w, r)
	case 4:
		return trickle(s, w, r, 1+random.IntN(50_000), time.Duration(random.IntN(40))*time.Second)
	case 5:
		w.WriteHeader([]int{403, 404, 429, 500, 503}[random.IntN(5)])
		return true
	case 6:
		w.Header().Set("Retry-After", strconv.Itoa(random.IntN(400)))
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	case 7:
		return xmlError(http.StatusForbidden, "AccessDenied", "Request has expired")(w, r)
	case 8: // another range than requested
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", some, some+max(1, end-from)-1))
		return false
	case 9: // another size
		return header("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, max(from, end-1), len(object)+random.IntN(3)))
	case 10:
		return header("Etag", []string{"", `"other` + etag[min(1, len(etag)):], `W/"weak"`}[random.IntN(3)])
	case 11: // the whole object, truncated
		r.Header.Del("Range")
		return s.cut(some, w, r)
	case 12:
		r.Header.Del("Range")
		return false
	case 13: // ignored conditions
		r.Header.Del("If-Match")
		r.Header.Del("If-Unmodified-Since")
		return false
	case 14:
		return unsatisfiable([]string{"", fmt.Sprintf("bytes */%d", some), fmt.Sprintf("bytes */%d", len(object))}[random.IntN(3)])(w, r)
	case 15:
		panic(http.ErrAbortHandler)
	case 16:
		_, _ = w.Write([]byte("<html>Sign in to the hotel's network</html>"))
		return true
	case 17: // more bytes than requested
		if ranged && from < len(object) {
			r.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
		}
		return false
	case 18: // fewer bytes than requested
		if ranged && from < end {
			r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, from+random.IntN(end-from)))
		}
		return false
	default: // more bytes than announced, chunked
		if !ranged || from >= end {
			return false
		}
		if etag != "" {
			w.Header().Set("Etag", etag)
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, end-1, len(object)))
		w.WriteHeader(http.StatusPartialContent)
		_ = http.NewResponseController(w).Flush()
		_, _ = w.Write(object[from:end])
		_, _ = w.Write([]byte("and more"))
		return true
	}
}

// respondByHabit makes storage behave as some storage always does. It reports whether
// it has sent the response.
func (c *storm) respondByHabit(n int, w http.ResponseWriter, r *http.Request) (http.ResponseWriter, bool) {
	from, end, ranged := byteRange(r, 1<<20)
	switch c.habit {
	case 0: // it accepts one request a second
		c.mu.Lock()
		defer c.mu.Unlock()
		if time.Since(c.latest) < time.Second {
			w.WriteHeader(http.StatusServiceUnavailable)
			return w, true
		}
		c.latest = time.Now()
	case 1: // it reads its origin from the start for each range
		return w, !pause(r, time.Duration(from)*time.Second/20_000)
	case 2: // it cuts each connection
		return &limitedWriter{w, 1 + int(c.seed%50_000)}, false
	case 3: // it sends another ETag on each connection
		c.unreliable.Store(true)
		r.Header.Del("If-Match")
		return &overridingWriter{ResponseWriter: w, name: "Etag", value: fmt.Sprintf(`"%d"`, n)}, false
	case 4: // it refuses ranges
		if ranged {
			w.WriteHeader(c.status)
		}
		return w, ranged
	case 5: // it refuses ranges that are not the first
		if from > 0 {
			w.WriteHeader(c.status)
		}
		return w, from > 0
	case 6: // it sends Content-Encoding: gzip
		w.Header().Set("Content-Encoding", "gzip")
	case 7: // it sends no size
		object, _, _ := c.storage.current()
		if ranged && from < len(object) {
			total := fmt.Sprintf("bytes %d-%d/*", from, min(end, len(object))-1)
			return &overridingWriter{ResponseWriter: w, name: "Content-Range", value: total}, false
		}
	case 8: // it ignores ranges
		r.Header.Del("Range")
	}
	return w, false
}
