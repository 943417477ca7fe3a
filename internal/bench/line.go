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

// A line describes the connections to storage.
type line struct {
	rate    int64         // bytes a second; 0 is no limit
	latency time.Duration // to the first byte of a response
	cut     int64         // bytes after which the connection is cut; 0 is never
	limit   int           // requests a second, beyond which storage responds 503; 0 is no limit
	origin  bool          // whether a proxy reads its origin from the start for each range
	slow    int           // every connection with a multiple of this number is 20 times slower; 0 is no connection
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
	// piece is the size of a write to a line with a rate: large enough to be cheap,
	// and small enough for an even flow.
	piece = 64 << 10
	// burst is how far a connection may catch up after the machine was busy. With
	// more, an idle line would save bytes up.
	burst = 50 * time.Millisecond
)

type connectionKey struct{}

// A connection counts the bytes that it has sent. Its number counts from one, in
// the order of connections.
type connection struct {
	number int64
	sent   atomic.Int64
}

// withConnection numbers connections.
func (s *server) withConnection(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, &connection{number: s.connections.Add(1)})
}

// tooMany reports whether this request is beyond the limit of requests a second.
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

// serveArchive responds like archive storage, over the line.
func (s *server) serveArchive(w http.ResponseWriter, r *http.Request) {
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
	body := &body{ResponseWriter: w, ctx: r.Context(), server: s, conn: conn, rate: s.line.rate, due: time.Now()}
	if s.line.slow > 0 && conn.number%int64(s.line.slow) == 0 {
		body.rate /= 20
	}
	http.ServeContent(body, r, "", time.Time{}, &reader{archive: s.archive})
}

// A body is the body of a response, sent over a line.
type body struct {
	http.ResponseWriter
	ctx    context.Context
	server *server
	conn   *connection
	rate   int64     // bytes a second
	due    time.Time // when the bytes that were sent were due
}

// ReadFrom sends the range of the archive that [http.ServeContent] has chosen.
func (b *body) ReadFrom(src io.Reader) (int64, error) {
	limited, ok := src.(*io.LimitedReader)
	if !ok {
		return 0, fmt.Errorf("%T is not a range of the archive", src)
	}
	part, ok := limited.R.(*reader)
	if !ok {
		return 0, fmt.Errorf("%T is not an archive", limited.R)
	}
	if b.server.line.origin && !pause(b.ctx, time.Duration(float64(part.offset)/float64(b.rate)*float64(time.Second))) {
		return 0, b.ctx.Err()
	}
	line, sent := b.server.line, int64(0)
	b.due = time.Now()
	for sent < limited.N {
		most := limited.N - sent
		if line.rate > 0 {
			most = min(most, piece)
		}
		if line.cut > 0 {
			most = min(most, line.cut-b.conn.sent.Load())
		}
		if most <= 0 {
			panic(http.ErrAbortHandler) // cuts the connection
		}
		block := part.at(part.offset+sent, most)
		if line.rate > 0 && !b.wait(len(block)) {
			return sent, b.ctx.Err()
		}
		n, err := b.Write(block)
		sent += int64(n)
		b.server.sent.Add(int64(n))
		b.conn.sent.Add(int64(n))
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// wait waits until the line has carried n more bytes. It returns false if the
// client is gone.
func (b *body) wait(n int) bool {
	if earliest := time.Now().Add(-burst); b.due.Before(earliest) {
		b.due = earliest
	}
	b.due = b.due.Add(time.Duration(float64(n) / float64(b.rate) * float64(time.Second)))
	return pause(b.ctx, time.Until(b.due))
}

// pause waits for d. It returns false if the context ends first.
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
