package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

// A line is what a connection to storage is like.
type line struct {
	rate    int64         // bytes a second; 0 is no limit
	latency time.Duration // to the first byte of a response
	cut     int64         // bytes after which the connection is cut; 0 is never
	limit   int           // requests a second, beyond which storage answers 503; 0 is no limit
	origin  bool          // whether a proxy reads its origin from the start for each range
	slow    int           // each connection of this number has a twentieth of the rate; 0: no connection
}

// bind lets flags set the line.
func (l *line) bind(flags *flag.FlagSet) {
	flags.Int64Var(&l.rate, "rate", 0, "")
	flags.DurationVar(&l.latency, "latency", 0, "")
	flags.Int64Var(&l.cut, "cut", 0, "")
	flags.IntVar(&l.limit, "limit", 0, "")
	flags.BoolVar(&l.origin, "origin", false, "")
	flags.IntVar(&l.slow, "slow", 0, "")
}

// args returns the flags that set the line.
func (l *line) args() []string {
	return []string{
		"-rate", strconv.FormatInt(l.rate, 10), "-latency", l.latency.String(), "-cut", strconv.FormatInt(l.cut, 10),
		"-limit", strconv.Itoa(l.limit), "-origin=" + strconv.FormatBool(l.origin), "-slow", strconv.Itoa(l.slow),
	}
}

const (
	// Large enough not to cost much, and small enough for a line to run evenly.
	piece = 64 << 10
	// Who was late, because the machine has much to do, may catch up with this
	// much. More would be a line that saves up.
	burst = 50 * time.Millisecond
)

type connectionKey struct{}

// A connection knows how many others came before it, and how much it has sent.
type connection struct {
	number int64
	sent   atomic.Int64
}

// withConnection numbers connections.
func (s *server) withConnection(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, &connection{number: s.connections.Add(1)})
}

// tooMany reports whether storage has had as many requests as it takes in
// a second.
func (s *server) tooMany() bool {
	if s.line.limit == 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recent = slices.DeleteFunc(s.recent, func(t time.Time) bool { return time.Since(t) >= time.Second })
	if len(s.recent) >= s.line.limit {
		return true
	}
	s.recent = append(s.recent, time.Now())
	return false
}

// store answers as storage does, over a line.
func (s *server) store(w http.ResponseWriter, r *http.Request) {
	s.busy.Add(1)
	defer s.busy.Add(-1)
	if !pause(r.Context(), s.line.latency) {
		return
	}
	if s.tooMany() {
		http.Error(w, "<Error><Code>SlowDown</Code></Error>", http.StatusServiceUnavailable)
		return
	}
	conn, ok := r.Context().Value(connectionKey{}).(*connection)
	if !ok {
		conn = &connection{}
	}
	w.Header().Set("Etag", `"bench"`)
	w.Header().Set("Content-Type", "application/x-gzip")
	a := &answer{ResponseWriter: w, ctx: r.Context(), server: s, conn: conn, rate: s.line.rate, due: time.Now()}
	if s.line.slow > 0 && conn.number%int64(s.line.slow) == 0 {
		a.rate /= 20
	}
	http.ServeContent(a, r, "", time.Time{}, &reader{archive: s.archive})
}

// An answer is a body on its way over a line.
type answer struct {
	http.ResponseWriter
	ctx    context.Context
	server *server
	conn   *connection
	rate   int64     // bytes a second
	due    time.Time // when what was sent was due
}

// ReadFrom sends a range of the archive. [http.ServeContent] finds out which.
func (a *answer) ReadFrom(src io.Reader) (int64, error) {
	limited, ok := src.(*io.LimitedReader)
	if !ok {
		return 0, fmt.Errorf("%T is no part of the archive", src)
	}
	part, ok := limited.R.(*reader)
	if !ok {
		return 0, fmt.Errorf("%T is no archive", limited.R)
	}
	if a.server.line.origin && !pause(a.ctx, time.Duration(float64(part.offset)/float64(a.rate)*float64(time.Second))) {
		return 0, a.ctx.Err()
	}
	ended := a.server.sends()
	defer ended()
	line, sent := a.server.line, int64(0)
	a.due = time.Now()
	for sent < limited.N {
		most := limited.N - sent
		if line.rate > 0 {
			most = min(most, piece)
		}
		if line.cut > 0 {
			most = min(most, line.cut-a.conn.sent.Load())
		}
		if most <= 0 {
			panic(http.ErrAbortHandler) // which is how a handler hangs up
		}
		block := part.at(part.offset+sent, most)
		if line.rate > 0 && !a.wait(len(block)) {
			return sent, a.ctx.Err()
		}
		n, err := a.Write(block)
		sent += int64(n)
		a.server.sent.Add(int64(n))
		a.conn.sent.Add(int64(n))
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// sends counts a connection until the returned function is called.
func (s *server) sends() (ended func()) {
	began := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sending++
	s.most = max(s.most, s.sending)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.sending--
		s.took += time.Since(began)
	}
}

// wait waits for the moment at which the line has carried n more bytes. It
// reports whether the answer is still wanted.
func (a *answer) wait(n int) bool {
	if earliest := time.Now().Add(-burst); a.due.Before(earliest) {
		a.due = earliest
	}
	a.due = a.due.Add(time.Duration(float64(n) / float64(a.rate) * float64(time.Second)))
	return pause(a.ctx, time.Until(a.due))
}

// pause reports whether the time has passed before the context ended.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
