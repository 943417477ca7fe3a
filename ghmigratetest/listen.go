package ghmigratetest

import (
	"context"
	"fmt"
	"net"
	"net/http"
)

// listen starts both origins and makes the client that reaches them.
func (s *Server) listen() {
	var o origins
	if s.cfg.inMemory {
		o = listenInMemory()
	} else {
		o = listenOnSockets(s.cfg.addr)
	}
	s.apiOrigin = "http://" + o.apiHost
	s.storageURL = "http://" + o.storageHost
	if s.cfg.ghes {
		s.storageURL = s.apiOrigin
	}
	s.client = &http.Client{Transport: &http.Transport{DialContext: o.dial}}
	s.serve(o.api, s.Handler())
	s.serve(o.storage, s.receive(Storage, s.serveStorage))
}

// origins are the listeners of a server, their host names, and the dial function
// of the server's client.
//
// Storage has another host name than the API, as at GitHub: net/http drops the
// Authorization header of a redirect only if the host name changes.
type origins struct {
	api, storage         net.Listener
	apiHost, storageHost string // with ports
	dial                 func(ctx context.Context, network, addr string) (net.Conn, error)
}

func listenInMemory() origins {
	api, storage := newPipeListener("127.0.0.1:8000"), newPipeListener("127.0.0.2:9000")
	o := origins{api: api, storage: storage, apiHost: api.addr.String(), storageHost: storage.addr.String()}
	o.dial = func(ctx context.Context, _, addr string) (net.Conn, error) {
		switch addr {
		case o.apiHost:
			return api.dial(ctx)
		case o.storageHost:
			return storage.dial(ctx)
		}
		return nil, fmt.Errorf("dial %s: not an origin of this ghmigratetest server", addr)
	}
	return o
}

func listenOnSockets(addr string) origins {
	const thisMachine = "127.0.0.1"
	o := origins{api: mustListen(addr)}
	host, port, _ := net.SplitHostPort(o.api.Addr().String())
	storageHost := host
	if net.ParseIP(host).IsLoopback() {
		storageHost = thisMachine
	}
	o.storage = mustListen(net.JoinHostPort(storageHost, "0"))
	_, storagePort, _ := net.SplitHostPort(o.storage.Addr().String())
	if net.ParseIP(host).IsUnspecified() {
		host, storageHost = thisMachine, thisMachine
	}
	reachable := net.JoinHostPort(storageHost, storagePort)
	if host == thisMachine {
		storageHost = "localhost"
	}
	o.apiHost, o.storageHost = net.JoinHostPort(host, port), net.JoinHostPort(storageHost, storagePort)
	o.dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr == o.storageHost {
			addr = reachable // this machine may resolve "localhost" to ::1
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	return o
}

func mustListen(addr string) net.Listener {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	if err != nil {
		panic(fmt.Sprintf("ghmigratetest: listen on %s: %v", addr, err))
	}
	return l
}

func (s *Server) serve(l net.Listener, h http.Handler) {
	// No timeouts: tests have clients that are slow or idle.
	srv := &http.Server{ //nolint:gosec // ReadHeaderTimeout, see above
		Handler:     h,
		ConnContext: s.connContext,
		ConnState:   s.connState,
	}
	s.servers = append(s.servers, srv)
	s.serving.Go(func() { _ = srv.Serve(l) })
}
