package export

import (
	"context"
	"net/http/httptrace"
	"sync/atomic"
)

// A wire tells which requests may have reached GitHub. An error does not: that
// of a token source or of a dial looks like that of an answer that was lost.
// But every request that leaves has got a connection before, and net/http says
// so.
type wire struct {
	tells atomic.Bool // a client with a transport of its own may not
}

// A passage is that of one call, which may send its request several times.
type passage struct {
	wire  *wire
	conns atomic.Int32
}

// watch returns a context for one call.
func (w *wire) watch(ctx context.Context) (context.Context, *passage) {
	p := &passage{wire: w}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) {
		p.conns.Add(1)
		w.tells.Store(true)
	}}), p
}

// never tells whether it is known that the request never left.
func (p *passage) never() bool { return p.wire.tells.Load() && p.conns.Load() == 0 }

// once tells whether it is known that the request left no more than once.
func (p *passage) once() bool { return p.conns.Load() == 1 }
