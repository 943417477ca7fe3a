package ghmigratetest

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"sync"
)

// A connection is a connection to one of the server's own listeners.
type connection struct {
	net.Conn
	number string
}

// connections numbers the connections that are open.
type connections struct {
	mu     sync.Mutex
	opened int
	open   map[net.Conn]string
}

type connKey struct{}

// connected is the ConnContext of the server's listeners.
func (s *Server) connected(ctx context.Context, c net.Conn) context.Context {
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

// changed is the ConnState of the server's listeners.
func (s *Server) changed(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.conns.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.faults.forget(s.connections.remove(c))
		s.conns.Done()
	case http.StateActive, http.StateIdle:
	}
}

func (l *connections) remove(c net.Conn) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	number := l.open[c]
	delete(l.open, c)
	return number
}

// connectionOf identifies the connection of a request: by its number, or by
// the client's address where another server accepted it.
func connectionOf(r *http.Request) string {
	if c, ok := r.Context().Value(connKey{}).(*connection); ok {
		return c.number
	}
	return r.RemoteAddr
}
