package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A server is the part of GitHub and of its storage that the programs use. It
// counts the bytes that it sends.
type server struct {
	archive archive
	line    line

	busy        atomic.Int64 // responses, including responses that still wait
	sent        atomic.Int64 // bytes of the archive
	connections atomic.Int64

	mu     sync.Mutex
	recent []time.Time // requests of the last second
}

// counters are the bytes of the archive that a server has sent, and its open
// responses.
type counters struct{ Sent, Busy int64 }

// serve runs the server until its standard input ends. That is when the parent
// process is gone.
func serve(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	size := flags.Int64("size", 0, "")
	s := &server{}
	s.line.bind(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	s.archive = newArchive(*size)
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(stdout, "http://%s\n", listener.Addr()); err != nil {
		return err
	}
	h := &http.Server{Handler: s.handler(), ConnContext: s.withConnection, ReadHeaderTimeout: time.Minute}
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		_ = h.Close()
	}()
	if err := h.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orgs/{org}/migrations/{id}/archive", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "http://"+r.Host+"/storage/archive.tar.gz?X-Amz-Signature=made-up")
		w.WriteHeader(http.StatusFound)
	})
	mux.HandleFunc("GET /storage/", s.serveArchive)
	mux.HandleFunc("GET /counters", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		s.recent = nil // the next program's first request is within every limit
		s.mu.Unlock()
		_ = json.NewEncoder(w).Encode(counters{Sent: s.sent.Load(), Busy: s.busy.Load()})
	})
	return mux
}
