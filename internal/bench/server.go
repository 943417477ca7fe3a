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
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// A server is as much of GitHub and of its storage as the programs need, and
// counts what it sends.
type server struct {
	archive archive
	line    line
	list    []byte // a page of migrations
	single  []byte // one of them, without repositories

	busy        atomic.Int64 // responses, including responses that still wait
	sent        atomic.Int64 // bytes of the archive
	connections atomic.Int64

	mu      sync.Mutex
	sending int // connections
	most    int // of them at once
	took    time.Duration
	recent  []time.Time // requests of the last second
}

// counters is what a server tells about itself.
type counters struct {
	Sent, Busy int64
	Most       int           // connections that sent at once, since it was last asked for
	Took       time.Duration // of all connections in sum
}

// serve is the server, until its standard input ends, as it does when whoever
// started it is gone.
func serve(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	size := flags.Int64("size", 0, "")
	fixture := flags.String("fixture", "", "")
	s := &server{}
	s.line.bind(flags)
	err := flags.Parse(args)
	if err == nil && *fixture != "" {
		err = s.load(*fixture)
	}
	if err != nil {
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
	mux.HandleFunc("GET /orgs/{org}/migrations", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", `<https://api.github.com/organizations/1/migrations?page=1>; rel="prev"`) // the last page
		answerLikeGitHub(w, s.list)
	})
	mux.HandleFunc("GET /orgs/{org}/migrations/{id}", func(w http.ResponseWriter, _ *http.Request) { answerLikeGitHub(w, s.single) })
	mux.HandleFunc("DELETE /orgs/{org}/migrations/{id}/repos/{repo}/lock", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /orgs/{org}/migrations/{id}/archive", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "http://"+r.Host+"/storage/archive.tar.gz?X-Amz-Signature=made-up")
		w.WriteHeader(http.StatusFound)
	})
	mux.HandleFunc("GET /storage/", s.store)
	mux.HandleFunc("GET /counters", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		c := counters{Sent: s.sent.Load(), Busy: s.busy.Load(), Most: s.most, Took: s.took}
		if r.FormValue("most") == "forget" {
			s.most, s.recent = s.sending, nil
		}
		s.mu.Unlock()
		_ = json.NewEncoder(w).Encode(c)
	})
	return mux
}

func answerLikeGitHub(w http.ResponseWriter, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", fmt.Sprint(len(body)))
	h.Set("X-Ratelimit-Limit", "5000")
	h.Set("X-Ratelimit-Remaining", "4999")
	h.Set("X-Ratelimit-Used", "1")
	h.Set("X-Ratelimit-Reset", fmt.Sprint(time.Now().Add(time.Hour).Unix()))
	h.Set("X-Ratelimit-Resource", "core")
	h.Set("X-Github-Request-Id", "A214:55543D:FA68EEBE:4D0FD2F056")
	_, _ = w.Write(body)
}

// load makes a page out of one migration, of GitHub's default length, with 20
// repositories each, and without white space, as GitHub sends it.
func (s *server) load(fixture string) error {
	text, err := os.ReadFile(fixture)
	if err != nil {
		return err
	}
	var migration map[string]json.RawMessage
	var repositories []json.RawMessage
	if err := json.Unmarshal(text, &migration); err != nil {
		return fmt.Errorf("decode %s: %w", fixture, err)
	}
	if err := json.Unmarshal(migration["repositories"], &repositories); err != nil || len(repositories) == 0 {
		return fmt.Errorf("decode the repositories of %s: %w", fixture, err)
	}
	many := make([]json.RawMessage, pageRepositories)
	for i := range many {
		many[i] = repositories[0]
	}
	if migration["repositories"], err = json.Marshal(many); err != nil {
		return err
	}
	page := make([]any, pageMigrations)
	for i := range page {
		page[i] = migration
	}
	if s.list, err = json.Marshal(page); err != nil {
		return err
	}
	delete(migration, "repositories")
	s.single, err = json.Marshal(migration)
	return err
}

const (
	pageMigrations   = 30
	pageRepositories = 20
)
