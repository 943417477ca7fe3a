package ghmigratetest

import "time"

// An Option configures a Server.
type Option func(*config)

// A config holds the values of all options.
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

// InMemory makes the server listen on in-process pipes instead of sockets: only
// [Server.Client] reaches it. The server then works in the virtual time of a
// testing/synctest bubble. The bubble must create the server, and close it before
// the bubble ends.
func InMemory() Option { return func(c *config) { c.inMemory = true } }

// WithAddr sets the address of the API's listener, "127.0.0.1:0" by default.
// Storage listens on a free port. If addr is an address of the network, storage
// listens on the same host. If addr is a loopback address, or means all
// addresses, storage has another host name, which only this machine reaches.
func WithAddr(addr string) Option { return func(c *config) { c.addr = addr } }

// WithExportDuration sets how long an export takes, 2 seconds by default. The
// migration is pending for the first tenth of d, then exporting. A source import
// takes d, too.
func WithExportDuration(d time.Duration) Option {
	return func(c *config) { c.exportDuration = d }
}

// WithStorageRate limits how fast storage sends on each connection. By default
// there is no limit.
func WithStorageRate(bytesPerSecond int64) Option {
	return func(c *config) { c.storageRate = bytesPerSecond }
}

// WithURLLifetime sets how long a signed URL of an archive is valid: by default
// five minutes, and one hour with [WithGHES].
func WithURLLifetime(d time.Duration) Option { return func(c *config) { c.urlLifetime = d } }

// WithGHES makes the server a GitHub Enterprise Server 3.19, which has only the API
// version 2022-11-28. For migrations of users it has only the operations list, start,
// get-archive and list-repos. It has no source imports and no rate limit. It serves
// archives below /storage/ of the API's own host, with a token in the query.
func WithGHES() Option { return func(c *config) { c.ghes = true } }

// WithSourceImports enables the Source Imports API, which is retired by default.
func WithSourceImports() Option { return func(c *config) { c.sourceImports = true } }

// WithLFSStrings makes use_lfs of an import a string: "undecided", "opt_in" or
// "opt_out". GitHub was recorded to send the string. Its OpenAPI description has a
// boolean, which is the default.
func WithLFSStrings() Option { return func(c *config) { c.lfsStrings = true } }

// WithUser sets the login of the user who owns [Server.Token], "octocat" by
// default.
func WithUser(login string) Option { return func(c *config) { c.login = login } }

// WithToken sets the token that the API accepts, for clients that must know the
// token before the server runs. By default the server makes up a token. A
// fine-grained token, or a token of a GitHub App (github_pat_, ghs_, ghu_), has no
// scopes, and the operations for migrations refuse it.
func WithToken(token string) Option { return func(c *config) { c.token = token } }

// WithTokenExpiry makes the token expire at a time of [Server.Clock]. Responses
// have the time in the header GitHub-Authentication-Token-Expiration.
func WithTokenExpiry(at time.Time) Option { return func(c *config) { c.tokenExpiry = at } }

// WithScopes sets the scopes of [Server.Token], admin:org and repo by default.
func WithScopes(scopes ...string) Option { return func(c *config) { c.scopes = scopes } }

// WithRateLimit sets how many requests an hour the API allows, 5000 by default.
func WithRateLimit(limit int) Option { return func(c *config) { c.rateLimit = limit } }

// WithRequestLog limits [Server.Requests] to the latest n requests, so that a test
// with very many requests saves memory. By default there is no limit.
func WithRequestLog(n int) Option { return func(c *config) { c.requestLog = max(n, 0) } }

// WithStorageHost makes [Server.Handler] serve storage on a separate host. host
// includes the port if the URL has one. By default storage is below /storage/ of
// the API's host.
func WithStorageHost(host string) Option { return func(c *config) { c.storageHost = host } }

// WithObserver makes the server call observe with each request, when the response
// ends or the connection breaks. Calls are concurrent.
func WithObserver(observe func(Request)) Option { return func(c *config) { c.observe = observe } }

// Lenient drops the rules that are stricter than GitHub's. The package comment
// lists these rules.
func Lenient() Option { return func(c *config) { c.lenient = true } }
