package ghmigratetest

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Server is a fake GitHub: one origin that answers the Migrations API, and a
// second one that stores archives, as GitHub keeps them in object storage.
// It is safe for concurrent use.
type Server struct {
	cfg        config
	operations []operation
	clock      *Clock
	signingKey []byte
	apiHost    string // scheme and host of the API
	storageURL string
	webURL     string // where people would read what the API serves
	client     *http.Client

	servers []*http.Server
	serving sync.WaitGroup // the accept loops
	conns   sync.WaitGroup // the connections and what they serve
	closed  chan struct{}
	closing sync.Once

	log    requestLog
	faults faultList

	mu           sync.Mutex // guards what follows
	accounts     map[string]*account
	user         *account
	repositories map[string]*repository
	migrations   []*migration // by id
	events       []event      // by time
	decide       func(Migration) Fate
	shapes       map[shape][]string // of repositories; nil until one is asked for
	imports      map[*repository]*sourceImport
	quotas       map[string]*quota // by resource
	lastID       map[string]int64
	dir          string // of temporary files; empty until one is needed
}

// An Option configures a Server.
type Option func(*config)

type config struct {
	inMemory       bool
	addr           string
	token          string
	scopes         []string
	login          string
	exportDuration time.Duration
	storageRate    int64
	urlLifetime    time.Duration
	rateLimit      int
	ghes           bool
	sourceImports  bool
	lfsStrings     bool
	retiredStatus  int
	lenient        bool
	requestLog     int
	tokenExpiry    time.Time
}

// InMemory makes the server listen on in-process pipes instead of sockets:
// only [Server.Client] reaches it. Nothing that the server then does keeps a
// testing/synctest bubble from being idle, so it works in virtual time; make
// it inside the bubble, and Close it before the bubble ends.
func InMemory() Option { return func(c *config) { c.inMemory = true } }

// WithAddr sets the address on which the API listens, "127.0.0.1:0" by
// default. Storage listens on a free port of the same host; beside a loopback
// address it is called localhost, which serves this machine only.
func WithAddr(addr string) Option { return func(c *config) { c.addr = addr } }

// WithExportDuration sets how long an export takes from start to end, 2
// seconds by default: it is pending for the first tenth, then exporting.
// Source imports take as long.
func WithExportDuration(d time.Duration) Option {
	return func(c *config) { c.exportDuration = d }
}

// WithStorageRate limits what storage sends on each connection.
func WithStorageRate(bytesPerSecond int64) Option {
	return func(c *config) { c.storageRate = bytesPerSecond }
}

// WithURLLifetime sets for how long a signed URL of an archive can be used:
// by default five minutes, one hour with [WithGHES].
func WithURLLifetime(d time.Duration) Option { return func(c *config) { c.urlLifetime = d } }

// WithGHES makes the server behave as GitHub Enterprise Server does: it has
// for users only list, start, get-archive and list-repos, no source imports,
// no rate limit headers, and it serves archives itself, below /storage/ of
// the API's own host, with a token in the query.
func WithGHES() Option { return func(c *config) { c.ghes = true } }

// WithSourceImports keeps the Source Imports API alive, which is retired by
// default.
func WithSourceImports() Option { return func(c *config) { c.sourceImports = true } }

// WithLFSStrings makes use_lfs of an import one of the strings "undecided",
// "opt_in" and "opt_out", as was recorded, instead of the boolean that
// GitHub's OpenAPI description promises.
func WithLFSStrings() Option { return func(c *config) { c.lfsStrings = true } }

// WithRetiredStatus sets the status that retired source imports answer, 404
// by default.
func WithRetiredStatus(status int) Option { return func(c *config) { c.retiredStatus = status } }

// WithUser sets the login of the user to whom [Server.Token] belongs,
// "octocat" by default.
func WithUser(login string) Option { return func(c *config) { c.login = login } }

// WithToken sets the token that the API accepts, for clients that must know
// it before the server runs. By default it is made up. One that begins as
// those of fine-grained tokens or GitHub Apps do (github_pat_, ghs_, ghu_) has
// no scopes, and is refused by all that is about migrations.
func WithToken(token string) Option { return func(c *config) { c.token = token } }

// WithTokenExpiry makes the token good until then only, by the server's clock,
// of which every answer tells in GitHub-Authentication-Token-Expiration.
func WithTokenExpiry(at time.Time) Option { return func(c *config) { c.tokenExpiry = at } }

// WithScopes sets the scopes of [Server.Token], by default admin:org and repo.
func WithScopes(scopes ...string) Option { return func(c *config) { c.scopes = scopes } }

// WithRateLimit sets how many requests an hour are allowed, 5000 by default.
func WithRateLimit(limit int) Option { return func(c *config) { c.rateLimit = limit } }

// WithRequestLog bounds what [Server.Requests] returns to the latest n, for
// tests of very many requests; by default there is no bound.
func WithRequestLog(n int) Option { return func(c *config) { c.requestLog = max(n, 0) } }

// Lenient drops the rules that are stricter than GitHub; the package comment
// lists them.
func Lenient() Option { return func(c *config) { c.lenient = true } }

// NewServer starts a server. It panics if it cannot listen. The caller must
// Close it.
func NewServer(opts ...Option) *Server {
	cfg := config{
		addr:           "127.0.0.1:0",
		scopes:         []string{"admin:org", "repo"},
		login:          "octocat",
		exportDuration: 2 * time.Second,
		rateLimit:      5000,
		retiredStatus:  http.StatusNotFound,
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

// listen opens the origins, and a client that reaches them.
//
// Storage has another host name than the API, as it has at GitHub: net/http
// drops the Authorization header of a redirect only when the name changes.
func (s *Server) listen() {
	api, storage := "127.0.0.1:8000", "127.0.0.2:9000"
	var apiListener, storageListener net.Listener
	var dial func(ctx context.Context, network, addr string) (net.Conn, error)
	if s.cfg.inMemory {
		pipes := map[string]*pipeListener{api: newPipeListener(api), storage: newPipeListener(storage)}
		apiListener, storageListener = pipes[api], pipes[storage]
		dial = func(ctx context.Context, _, addr string) (net.Conn, error) {
			l, ok := pipes[addr]
			if !ok {
				return nil, fmt.Errorf("dial %s: not an origin of this ghmigratetest server", addr)
			}
			return l.dial(ctx)
		}
	} else {
		apiListener = mustListen(s.cfg.addr)
		host, port, _ := net.SplitHostPort(apiListener.Addr().String())
		storageListener = mustListen(net.JoinHostPort(host, "0"))
		_, storagePort, _ := net.SplitHostPort(storageListener.Addr().String())
		storageHost := host
		if host == "127.0.0.1" || net.ParseIP(host).IsUnspecified() {
			host, storageHost = "127.0.0.1", "localhost"
		}
		api, storage = net.JoinHostPort(host, port), net.JoinHostPort(storageHost, storagePort)
		listening := net.JoinHostPort(host, storagePort)
		dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if addr == storage {
				addr = listening // whatever this machine makes of "localhost"
			}
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
	}
	s.apiHost = "http://" + api
	s.storageURL = "http://" + storage
	if s.cfg.ghes {
		s.storageURL = s.apiHost
	}
	s.client = &http.Client{Transport: &http.Transport{DialContext: dial}}
	s.serve(apiListener, http.HandlerFunc(s.serveAPIHost))
	s.serve(storageListener, s.receive(Storage, s.serveStorage))
}

func mustListen(addr string) net.Listener {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	if err != nil {
		panic(fmt.Sprintf("ghmigratetest: listen on %s: %v", addr, err))
	}
	return l
}

type connKey struct{}

func (s *Server) serve(l net.Listener, h http.Handler) {
	// No timeouts: a client that is slow, or idle, is what tests are about.
	srv := &http.Server{ //nolint:gosec // ReadHeaderTimeout, see above
		Handler: h,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c)
		},
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				s.conns.Add(1)
			case http.StateClosed, http.StateHijacked:
				s.conns.Done()
			case http.StateActive, http.StateIdle:
			}
		},
	}
	s.servers = append(s.servers, srv)
	s.serving.Go(func() { _ = srv.Serve(l) })
}

// serveAPIHost separates what GHES serves on one host.
func (s *Server) serveAPIHost(w http.ResponseWriter, r *http.Request) {
	if s.cfg.ghes && strings.HasPrefix(r.URL.Path, "/storage/") {
		s.receive(Storage, s.serveStorage).ServeHTTP(w, r)
		return
	}
	s.receive(API, s.serveAPI).ServeHTTP(w, r)
}

// Close stops both origins, breaks their connections and those of the client,
// removes the archives and waits until nothing of the server runs any more.
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

// tempDir returns the folder of the server's temporary files. The caller
// holds s.mu.
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

// sleep waits for d, and reports false as soon as there is nobody to wait for.
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

// URL returns the base URL of the API, without a slash at its end. It ends in
// /api/v3, so that clients that use absolute paths fail.
func (s *Server) URL() string { return s.apiHost + basePath }

const basePath = "/api/v3"

// StorageURL returns the origin that stores archives, without a slash at its
// end. It has another host name than the API, except with [WithGHES].
func (s *Server) StorageURL() string { return s.storageURL }

// Client returns a client that reaches both origins, always the same one. Its
// Transport is an *http.Transport. It sends no token.
func (s *Server) Client() *http.Client { return s.client }

// Token returns a classic personal access token that the API accepts.
func (s *Server) Token() string { return s.cfg.token }

// Clock returns the clock by which the server lives.
func (s *Server) Clock() *Clock { return s.clock }

// RequireSSO makes the API refuse the token for this organization, as if it
// had yet to be authorized for single sign-on. It panics if there is no such
// organization.
func (s *Server) RequireSSO(org string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.organization("RequireSSO", org).sso = true
}

// hasScopes reports whether the token has all of them, or such as include them.
func (s *Server) hasScopes(scopes []string) bool {
	including := map[string]string{"read:org": "write:org", "write:org": "admin:org"}
	for _, scope := range scopes {
		for scope != "" && !slices.Contains(s.cfg.scopes, scope) {
			scope = including[scope]
		}
		if scope == "" {
			return false
		}
	}
	return true
}

// nextID numbers things of one kind. The caller holds s.mu, or is NewServer.
func (s *Server) nextID(kind string) int64 {
	s.lastID[kind]++
	return s.lastID[kind]
}
