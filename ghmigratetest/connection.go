package ghmigratetest

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"sync"
)

// A connection is a client's connection to one of the server's own listeners.
type connection struct {
	net.Conn
	number string
}

// connections numbers the connections of a server.
type connections struct {
	mu     sync.Mutex
	opened int
	open   map[net.Conn]string
}

type connKey struct{}

// connContext is the ConnContext function of the server's listeners. It numbers
// the connection.
func (s *Server) connContext(ctx context.Context, c net.Conn) context.Context {
	l := &s.connections
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opened++
	number := strconv.Itoa(l.opened)
	if l.open == nil {
		l.open = make(map[net.Conn]string)
	}
	l.open[c] = number
	return context.WithValue(ctx, connKey{}, &connection{c, number})
}

// connState is the ConnState function of the server's listeners.
func (s *Server) connState(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.conns.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.faults.forget(s.connections.remove(c))
		s.conns.Done()
	case http.StateActive, http.StateIdle:
	}
}

// remove removes a connection and returns its number.
func (l *connections) remove(c net.Conn) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	number := l.open[c]
	delete(l.open, c)
	return number
}

// connectionOf returns the number of a request's connection, or the client's
// address if another server accepted the connection.
func connectionOf(r *http.Request) string {
	if c, ok := r.Context().Value(connKey{}).(*connection); ok {
		return c.number
	}
	return r.RemoteAddr
}
