package ghmigratetest

import (
	"net/http"
	"time"
)

// A Server is a fake GitHub: one origin that answers the Migrations API, and a
// second one that stores archives, as GitHub keeps them in object storage.
// It is safe for concurrent use.
type Server struct{}

// An Option configures a Server.
type Option func(*config)

type config struct{}

// InMemory makes the server listen on in-process pipes instead of sockets:
// only [Server.Client] reaches it. Nothing that the server then does keeps a
// testing/synctest bubble from being idle, so it works in virtual time; make
// it inside the bubble, and Close it before the bubble ends.
func InMemory() Option { panic("to do") }

// WithAddr sets the address on which the API listens, "127.0.0.1:0" by
// default. Storage listens on a free port of the same host.
func WithAddr(addr string) Option { panic("to do") }

// WithExportDuration sets how long an export takes from start to end, 2
// seconds by default: it is pending for the first tenth, then exporting.
// Source imports take as long.
func WithExportDuration(d time.Duration) Option { panic("to do") }

// WithStorageRate limits what storage sends on each connection.
func WithStorageRate(bytesPerSecond int64) Option { panic("to do") }

// WithURLLifetime sets for how long a signed URL of an archive can be used:
// by default five minutes, one hour with [WithGHES].
func WithURLLifetime(d time.Duration) Option { panic("to do") }

// WithGHES makes the server behave as GitHub Enterprise Server does: it has
// for users only list, start, get-archive and list-repos, no source imports,
// no rate limit headers, and it serves archives itself, below
// /storage/ of the API's own host, with a token in the query.
func WithGHES() Option { panic("to do") }

// WithSourceImports keeps the Source Imports API alive, which is retired by
// default.
func WithSourceImports() Option { panic("to do") }

// WithLFSStrings makes use_lfs of an import one of the strings "undecided",
// "opt_in" and "opt_out", as was recorded, instead of the boolean that
// GitHub's OpenAPI description promises.
func WithLFSStrings() Option { panic("to do") }

// WithRetiredStatus sets the status that retired source imports answer, 404
// by default.
func WithRetiredStatus(status int) Option { panic("to do") }

// WithUser sets the login of the user to whom [Server.Token] belongs,
// "octocat" by default.
func WithUser(login string) Option { panic("to do") }

// WithScopes sets the scopes of [Server.Token], by default admin:org and repo.
func WithScopes(scopes ...string) Option { panic("to do") }

// WithRateLimit sets how many requests an hour are allowed, 5000 by default.
func WithRateLimit(limit int) Option { panic("to do") }

// Lenient drops the rules that are stricter than GitHub; the package comment
// lists them.
func Lenient() Option { panic("to do") }

// NewServer starts a server. It panics if it cannot listen. The caller must
// Close it.
func NewServer(opts ...Option) *Server { panic("to do") }

// Close stops both origins, breaks their connections and those of the client,
// removes the archives and waits until nothing of the server runs any more.
func (s *Server) Close() { panic("to do") }

// URL returns the base URL of the API, without a slash at its end. It ends in
// /api/v3, so that clients that use absolute paths fail.
func (s *Server) URL() string { panic("to do") }

// StorageURL returns the origin that stores archives, without a slash at its
// end. It has another host name than the API, except with [WithGHES].
func (s *Server) StorageURL() string { panic("to do") }

// Client returns a client that reaches both origins, always the same one. Its
// Transport is an *http.Transport. It sends no token.
func (s *Server) Client() *http.Client { panic("to do") }

// Token returns a classic personal access token that the API accepts.
func (s *Server) Token() string { panic("to do") }

// Clock returns the clock by which the server lives.
func (s *Server) Clock() *Clock { panic("to do") }

// RequireSSO makes the API refuse the token for this organization until it
// were authorized for single sign-on.
func (s *Server) RequireSSO(org string) { panic("to do") }

// Origin says which of the server's origins was, or is to be, asked.
type Origin int

// The origins. AnyOrigin is for a [Fault] that may hit both.
const (
	AnyOrigin Origin = iota
	API
	Storage
)

// A Request is one that the server got.
type Request struct {
	Time   time.Time // by the server's clock
	Origin Origin
	Method string
	Path   string // escaped as it came, below [Server.URL] or [Server.StorageURL]; unchanged if outside
	Query  map[string][]string
	Header http.Header
	Body   []byte
	Status int // of the answer; 0 while there is none
}

// Requests returns the requests so far in the order in which they came, those
// that were refused too.
func (s *Server) Requests() []Request { panic("to do") }
