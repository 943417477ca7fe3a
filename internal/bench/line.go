package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// A line is what a connection to storage is like.
type line struct {
	rate    int64         // bytes a second; 0 is as many as it takes
	latency time.Duration // to the first byte of an answer
	cut     int64         // bytes after which the connection is; 0 is never
}

func (l line) args() []string {
	return []string{"-rate", strconv.FormatInt(l.rate, 10), "-latency", l.latency.String(), "-cut", strconv.FormatInt(l.cut, 10)}
}

const (
	// Large enough not to cost much, and small enough for a line to run evenly.
	piece = 64 << 10
	// Who was late, because the machine has much to do, may catch up with this
	// much. More would be a line that saves up.
	burst = 50 * time.Millisecond
)

type connectionKey struct{}

// withConnection counts what is sent over each connection.
func withConnection(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, new(atomic.Int64))
}

// store answers as storage does, over a line.
func (s *server) store(w http.ResponseWriter, r *http.Request) {
	s.busy.Add(1)
	defer s.busy.Add(-1)
	if !pause(r.Context(), s.line.latency) {
		return
	}
	onConnection, ok := r.Context().Value(connectionKey{}).(*atomic.Int64)
	if !ok {
		onConnection = new(atomic.Int64)
	}
	w.Header().Set("Etag", `"bench"`)
	w.Header().Set("Content-Type", "application/x-gzip")
	a := &answer{ResponseWriter: w, ctx: r.Context(), server: s, onConnection: onConnection, due: time.Now()}
	http.ServeContent(a, r, "", time.Time{}, &reader{archive: s.archive})
}

// An answer is a body on its way over a line.
type answer struct {
	http.ResponseWriter
	ctx          context.Context
	server       *server
	onConnection *atomic.Int64
	due          time.Time // when what was sent was due
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
	ended := a.server.sends()
	defer ended()
	line, sent := a.server.line, int64(0)
	for sent < limited.N {
		most := limited.N - sent
		if line.rate > 0 {
			most = min(most, piece)
		}
		if line.cut > 0 {
			most = min(most, line.cut-a.onConnection.Load())
		}
		if most == 0 {
			panic(http.ErrAbortHandler) // which is how a handler hangs up
		}
		block := part.at(part.offset+sent, most)
		if line.rate > 0 && !a.wait(len(block)) {
			return sent, a.ctx.Err()
		}
		n, err := a.Write(block)
		sent += int64(n)
		a.server.sent.Add(int64(n))
		a.onConnection.Add(int64(n))
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
	a.due = a.due.Add(time.Duration(float64(n) / float64(a.server.line.rate) * float64(time.Second)))
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
