package ghmigratetest

import "time"

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
	lenient        bool
	requestLog     int
	tokenExpiry    time.Time
	observe        func(Request)
	storageHost    string
}

// InMemory makes the server listen on in-process pipes instead of sockets:
// only [Server.Client] reaches it. Nothing that the server then does keeps a
// testing/synctest bubble from being idle, so it works in virtual time; make
// it inside the bubble, and Close it before the bubble ends.
func InMemory() Option { return func(c *config) { c.inMemory = true } }

// WithAddr sets the address on which the API listens, "127.0.0.1:0" by
// default. Storage listens on a free port. If addr is an address of the network,
// it has the same host; if it is a loopback address, or all addresses, another
// host name, which only this machine can reach.
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

// WithStorageHost makes [Server.Handler] take the requests for a host, with the
// port if its URL has one, for requests to storage. By default storage is below
// /storage/ of the API's host.
func WithStorageHost(host string) Option { return func(c *config) { c.storageHost = host } }

// WithObserver makes the server call observe with each request when its
// response has ended, also if it failed. The calls come from the goroutines
// that serve the requests, several at a time.
func WithObserver(observe func(Request)) Option { return func(c *config) { c.observe = observe } }

// Lenient drops the rules that are stricter than GitHub; the package comment
// lists them.
func Lenient() Option { return func(c *config) { c.lenient = true } }
