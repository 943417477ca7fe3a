package ghmigratetest

import (
	"cmp"
	"context"
	"crypto/rand"
	"net/http"
	"os"
	"sync"
	"time"
)

// A Server is a fake GitHub with two origins. One serves the Migrations API, and
// the other one stores archives, as object storage does for GitHub. A Server is
// safe for concurrent use.
type Server struct {
	cfg        config
	operations []operation
	clock      *Clock
	signingKey []byte
	apiOrigin  string // scheme and host of the API
	storageURL string
	webURL     string // of the web site
	client     *http.Client

	servers []*http.Server
	serving sync.WaitGroup // the accept loops
	conns   sync.WaitGroup // the open connections
	closed  chan struct{}
	closing sync.Once

	connections connections

	log    requestLog
	faults faultList

	mu           sync.Mutex // guards the following fields
	accounts     map[string]*account
	user         *account
	repositories map[string]*repository
	former       map[string]*repository // renamed repositories, by their former names
	migrations   []*migration           // sorted by ID
	events       []event                // sorted by time
	chooseFate   func(Migration) Fate
	templates    map[repositoryFormat][]string // nil until the first request for a repository
	imports      map[*repository]*sourceImport
	quotas       map[string]*quota // by resource of the rate limit
	lastID       map[string]int64  // by kind: account, repository, migration, author
	dir          string            // for temporary files; empty until the first one
}

// NewServer starts a server. It panics if the server cannot listen. The caller
// should call [Server.Close] when finished.
func NewServer(opts ...Option) *Server {
	cfg := config{
		addr:           "127.0.0.1:0",
		scopes:         []string{"admin:org", "repo"},
		login:          "octocat",
		exportDuration: 2 * time.Second,
		rateLimit:      5000,
		requestLog:     -1,
	}
	for _, opt := range opts {
		opt(&cfg)
	}
	cfg.token = cmp.Or(cfg.token, "ghp_"+(rand.Text() + rand.Text())[:36])
	if cfg.urlLifetime == 0 {
		cfg.urlLifetime = 5 * time.Minute
		if cfg.ghes {
			cfg.urlLifetime = time.Hour
		}
	}
	s := &Server{
		cfg:          cfg,
		operations:   operations(),
		clock:        new(Clock),
		signingKey:   []byte(rand.Text()),
		webURL:       "https://github.com",
		closed:       make(chan struct{}),
		log:          requestLog{limit: cfg.requestLog},
		accounts:     make(map[string]*account),
		quotas:       map[string]*quota{"core": new(quota), "graphql": new(quota)},
		repositories: make(map[string]*repository),
		former:       make(map[string]*repository),
		imports:      make(map[*repository]*sourceImport),
		lastID:       map[string]int64{"account": 583230, "repository": 1296268, "migration": 78, "author": 2268556},
	}
	if cfg.ghes {
		s.webURL = "https://ghes.example.com"
	}
	s.user = s.addAccount(cfg.login, "User")
	s.listen()
	return s
}

// Close stops both origins, closes their connections and the idle connections of
// [Server.Client], and removes the archives. It returns when all goroutines of
// the server have ended.
func (s *Server) Close() {
	s.closing.Do(func() {
		close(s.closed)
		for _, srv := range s.servers {
			_ = srv.Close()
		}
		s.client.CloseIdleConnections()
		s.serving.Wait()
		s.conns.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.dir != "" {
			_ = os.RemoveAll(s.dir)
		}
	})
}

// tempDir returns the directory of the server's temporary files, and creates it
// at the first call. The caller holds s.mu.
func (s *Server) tempDir() (string, error) {
	if s.dir == "" {
		dir, err := os.MkdirTemp("", "ghmigratetest-")
		if err != nil {
			return "", err
		}
		s.dir = dir
	}
	return s.dir, nil
}

// sleep waits for d, and reports whether d passed before the request or the
// server ended.
func (s *Server) sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
	case <-s.closed:
	}
	return false
}

// URL returns the base URL of the API, without a trailing slash. Its path is
// /api/v3, so that a client that drops the path of its base URL fails.
func (s *Server) URL() string { return s.apiOrigin + basePath }

const basePath = "/api/v3"

// graphQLPath is the path of GraphQL on a GHES. Some clients expect GraphQL there if the
// base URL ends in /api/v3.
const graphQLPath = "/api/graphql"

// StorageURL returns the base URL of storage, without a trailing slash. Its host
// name differs from the API's, unless [WithGHES] is set or [WithAddr] names a
// network address.
func (s *Server) StorageURL() string { return s.storageURL }

// Client returns the HTTP client that reaches both origins. Every call returns the
// same client. Its Transport is an *http.Transport, which sends no token.
func (s *Server) Client() *http.Client { return s.client }

// Token returns the token that the API accepts: a classic personal access token,
// or the token of [WithToken].
func (s *Server) Token() string { return s.cfg.token }

// Clock returns the clock of the server.
func (s *Server) Clock() *Clock { return s.clock }

// nextID returns the next ID of an account, repository, migration or author. The
// caller holds s.mu, or is NewServer.
func (s *Server) nextID(kind string) int64 {
	s.lastID[kind]++
	return s.lastID[kind]
}
