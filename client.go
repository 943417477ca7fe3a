package ghmigrate

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// A Client talks to one GitHub: GitHub.com, a GHE.com subdomain or a GitHub
// Enterprise Server. It is safe for concurrent use and holds no goroutine of
// its own. Make one with [NewClient].
type Client struct {
	// UserMigrations exports repositories of the token's own account.
	UserMigrations *UserMigrations
	// OrgMigrations exports repositories of organizations.
	OrgMigrations *OrgMigrations
	// SourceImports imports repositories from elsewhere.
	//
	// Deprecated: GitHub retired the Source Imports API on 12 April 2024. On
	// GitHub.com and GHE.com every call fails with [ErrSourceImportsRetired];
	// it serves installations that still have the API.
	SourceImports *SourceImports

	// Behind a pointer, so that a Client printed by value shows no setting.
	*settings
}

// settings are the options, what NewClient made of them, and the latest rate
// limit.
type settings struct {
	config
	base      *url.URL // no slash at the end
	root      string   // base, as text
	api       *http.Client
	storage   *http.Client
	header    http.Header // of every request; its values are shared
	rateLimit atomic.Pointer[RateLimit]
}

// NewClient returns a client of GitHub.com, or of what the options say. It
// does no I/O and reads no environment: a wrong option is an error here, a
// wrong token is one of the first call.
func NewClient(opts ...Option) (*Client, error) {
	cfg := config{
		version:   "2022-11-28",
		userAgent: "ghmigrate",
		log:       slog.New(slog.DiscardHandler),
		patience:  patience{retries: 3, limitWait: 90 * time.Second},
		pollMin:   5 * time.Second,
		pollMax:   time.Minute,
	}
	for i, opt := range opts {
		if opt == nil {
			return nil, fmt.Errorf("ghmigrate: option %d is nil", i+1)
		}
		if err := opt(&cfg); err != nil {
			return nil, fmt.Errorf("ghmigrate: %w", err)
		}
	}
	base, err := cfg.apiRoot()
	if err != nil {
		return nil, fmt.Errorf("ghmigrate: %w", err)
	}
	caller := cmp.Or(cfg.httpClient, &http.Client{})
	c := &Client{settings: &settings{
		config:  cfg,
		base:    base,
		root:    base.String(),
		api:     apiClient(caller),
		storage: storageClient(caller),
		header: http.Header{
			"Accept":               {"application/vnd.github+json"},
			"X-Github-Api-Version": {cfg.version},
			"User-Agent":           {cfg.userAgent},
		},
	}}
	c.UserMigrations = &UserMigrations{c}
	c.OrgMigrations = &OrgMigrations{c}
	c.SourceImports = &SourceImports{c}
	return c, nil
}

// attemptTimeout bounds one attempt of a call, its body included, unless the
// caller's http.Client has a Timeout.
const attemptTimeout = 60 * time.Second

// apiClient is the caller's client for the API. It follows no redirect: the
// send loop does, where it can be seen that the token stays at home.
func apiClient(caller *http.Client) *http.Client {
	hc := *caller
	hc.Timeout = cmp.Or(hc.Timeout, attemptTimeout)
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &hc
}

// storageClient is the caller's client for archive storage: the same proxy and
// CAs, but no credentials, no cookies and no limit on the whole.
func storageClient(caller *http.Client) *http.Client {
	return &http.Client{Transport: storageTransport(caller.Transport), CheckRedirect: checkStorageRedirect}
}

// maxStorageConns is how many idle connections storage may keep for ranges.
const maxStorageConns = 16

func storageTransport(rt http.RoundTripper) http.RoundTripper {
	if rt == nil {
		rt = http.DefaultTransport //nolint:forbidigo // what a client without a Transport uses; cloned, not changed
	}
	t, ok := rt.(*http.Transport)
	if !ok {
		return rt
	}
	t = t.Clone()
	// Ranges over one HTTP/2 connection are no faster than one range.
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	t.ForceAttemptHTTP2 = false
	t.TLSNextProto = nil
	if t.TLSClientConfig != nil {
		t.TLSClientConfig.NextProtos = nil // an HTTP/2 transport that was used has h2 here
	}
	t.DisableCompression = true // transparent gzip would make range offsets wrong
	t.MaxIdleConnsPerHost = maxStorageConns
	return t
}

// CloseIdleConnections closes connections that no call uses at the moment.
func (c *Client) CloseIdleConnections() {
	c.api.CloseIdleConnections()
	c.storage.CloseIdleConnections()
}

// isCloud tells whether GitHub runs the server, on GitHub.com or GHE.com.
func (c *Client) isCloud() bool {
	name := strings.ToLower(c.base.Hostname())
	return name == "api.github.com" || strings.HasSuffix(name, ".ghe.com")
}

// Format prints the host that the client talks to and never a credential,
// whatever the verb.
func (c *Client) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "ghmigrate.Client(%s)", c.base.Host)
}

// Do calls any endpoint of the API under the client's policies: authentication,
// headers, retries, rate limits, errors. The path is relative to the API root
// and already escaped; it may have a query, as in "/orgs/octo/repos?page=2".
// A non-nil in is sent as JSON; the answer is decoded into a non-nil out, which
// an answer without a body leaves as it is. It returns the answer's header,
// also beside an error that is an [APIError]; nil if there was no answer.
//
// https://docs.github.com/rest
func (c *Client) Do(ctx context.Context, method, path string, in, out any) (http.Header, error) {
	if err := checkMethod(method); err != nil {
		return nil, err
	}
	at, query, err := parseRelative(path)
	if err != nil {
		return nil, err
	}
	res, err := c.send(ctx, request{method: method, at: at, query: query, body: in})
	if err != nil {
		return res.header, err
	}
	if out == nil || len(res.body) == 0 {
		return res.header, nil
	}
	return res.header, res.decode(out)
}

func checkMethod(method string) error {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return nil
	}
	return badArgument("method", "is %q: want GET, HEAD, POST, PUT, PATCH or DELETE", method)
}

// parseRelative takes a path of Do apart.
func parseRelative(path string) (endpoint, url.Values, error) {
	u, err := url.Parse(path)
	switch {
	case err != nil:
		return endpoint{}, nil, badArgument("path", "is not an escaped path")
	case u.Scheme != "" || u.Host != "" || u.User != nil || strings.HasPrefix(path, "//"):
		return endpoint{}, nil, badArgument("path", "is not relative to the API root")
	case u.Fragment != "" || strings.Contains(path, "#"):
		return endpoint{}, nil, badArgument("path", "has a fragment")
	case u.Path == "":
		return endpoint{}, nil, badArgument("path", "is empty")
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == "." || segment == ".." {
			return endpoint{}, nil, badArgument("path", "has a %q in it", segment)
		}
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return endpoint{}, nil, badArgument("path", "has a malformed query")
	}
	return endpoint{path: "/" + strings.TrimPrefix(u.EscapedPath(), "/")}, query, nil
}

// call sends one request and decodes its answer.
func call[T any](ctx context.Context, c *Client, r request) (*T, error) {
	res, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	out := new(T)
	if err := res.decode(out); err != nil {
		return nil, err
	}
	return out, nil
}

// run sends one request whose answer has no body.
func run(ctx context.Context, c *Client, r request) error {
	_, err := c.send(ctx, r)
	return err
}
