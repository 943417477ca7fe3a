package ghmigrate

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync/atomic"
	"time"
)

// A Client calls the API of one GitHub: GitHub.com, a GHE.com subdomain or
// a GitHub Enterprise Server. [NewClient] makes a Client. It is safe for
// concurrent use. Its goroutines end with their call, or after the Close of an
// [ArchiveStream].
type Client struct {
	// UserMigrations exports repositories of the token's own account.
	UserMigrations *UserMigrations
	// OrgMigrations exports repositories of organizations.
	OrgMigrations *OrgMigrations
	// SourceImports imports repositories from other version control servers.
	//
	// Deprecated: GitHub retired the Source Imports API on 12 April 2024. On
	// GitHub.com and GHE.com every call fails with [ErrSourceImportsRetired].
	// Older servers may still have the API.
	SourceImports *SourceImports

	*settings // a pointer, so that a Client printed by value shows no setting
}

// settings holds the options, the values that NewClient derives from them, and
// the state that the client keeps between calls.
type settings struct {
	config
	base      *url.URL // the API root, without a slash at the end
	root      string   // base, as text
	api       *http.Client
	timeout   time.Duration // of one attempt, body included
	storage   *http.Client
	header    http.Header // of every request; the requests share its values
	rateLimit atomic.Pointer[RateLimit]
	started   startedMigrations
}

// NewClient returns a client for GitHub.com, unless the options name another
// GitHub. It does no I/O and reads no environment variables. NewClient fails if an
// option is wrong. A token that GitHub rejects is reported by the first call.
func NewClient(opts ...Option) (*Client, error) {
	cfg := config{
		version:   "2022-11-28",
		userAgent: "ghmigrate",
		log:       slog.New(slog.DiscardHandler),
		budget:    retryBudget{retries: 3, limitWait: 90 * time.Second},
		pollMin:   5 * time.Second,
		pollMax:   time.Minute,
		maxOutage: time.Hour,
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
		timeout: cmp.Or(caller.Timeout, attemptTimeout),
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

// apiClient returns a copy of the caller's client that follows no redirects and
// has no Timeout. The send loop follows redirects, so that the token stays on the
// API's origin. The send loop also limits the time of an attempt.
func apiClient(caller *http.Client) *http.Client {
	hc := *caller
	hc.Timeout = 0
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &hc
}

// storageClient returns a client for archive storage with the caller's proxy
// and CAs, but without credentials, cookies and a Timeout.
func storageClient(caller *http.Client) *http.Client {
	return &http.Client{Transport: storageTransport(caller.Transport), CheckRedirect: checkStorageRedirect}
}

// maxStorageConns is the number of idle connections to keep for ranges.
const maxStorageConns = 16

// storageTransport returns a copy of the caller's transport that fetches ranges
// fast. A RoundTripper of another type is returned as it is.
func storageTransport(rt http.RoundTripper) http.RoundTripper {
	if rt == nil {
		rt = http.DefaultTransport //nolint:forbidigo // what a client without a Transport uses; cloned, not changed
	}
	t, ok := rt.(*http.Transport)
	if !ok {
		return rt
	}
	t = t.Clone()
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	t.TLSNextProto = nil
	if t.DialTLSContext != nil || t.DialTLS != nil { //nolint:staticcheck // a caller may still set DialTLS
		// The caller's dial offers its own protocols, so the server may choose HTTP/2.
		t.Protocols.SetHTTP2(true)
	} else if t.TLSClientConfig != nil {
		t.TLSClientConfig.NextProtos = nil // contains h2 if the transport was used with HTTP/2
	}
	// Ranges over one HTTP/2 connection are as slow as one range.
	t.ForceAttemptHTTP2 = t.Protocols.HTTP2()
	t.DisableCompression = true // transparent gzip would make range offsets wrong
	t.MaxIdleConnsPerHost = maxStorageConns
	return t
}

// CloseIdleConnections closes the connections that no call is using.
func (c *Client) CloseIdleConnections() {
	c.api.CloseIdleConnections()
	c.storage.CloseIdleConnections()
}

// Host returns the host of the API, such as "api.github.com" or
// "ghes.example.com:8443". It has a port only if the options have one.
func (c *Client) Host() string { return c.base.Host }

// isCloud reports whether the server is GitHub.com or a GHE.com subdomain.
func (c *Client) isCloud() bool {
	name := strings.ToLower(c.base.Hostname())
	return name == "api.github.com" || strings.HasSuffix(name, ".ghe.com")
}

// Do calls any endpoint of the API with the client's authentication, headers,
// retries, rate limits and errors. The path is relative to the API root and
// already escaped. It may have a query, as in "/orgs/octo/repos?page=2". The path
// "/graphql" is GraphQL, also on a GitHub Enterprise Server, which has GraphQL at
// /api/graphql and not below the API root.
//
// Do sends a non-nil in as JSON and decodes the response into a non-nil out, as
// package encoding/json does. A response without a body leaves out unchanged.
// A property of another type than in out is left zero and logged. Do fails with
// [ErrUnexpectedAnswer] if the response is a web page, is not JSON, or is an object
// where out is a list.
//
// Do returns the header of the response, even with an error. The header is nil if
// there was no response. A DELETE that returns neither an error nor a header was
// done by an attempt whose response was lost: its retry got 404.
//
// https://docs.github.com/rest
func (c *Client) Do(ctx context.Context, method, path string, in, out any) (http.Header, error) {
	if err := checkMethod(method); err != nil {
		return nil, err
	}
	if v := reflect.ValueOf(out); out != nil && (v.Kind() != reflect.Pointer || v.IsNil()) {
		return nil, badArgument("out", "is a %T: want a pointer that is not nil", out)
	}
	at, query, err := parseRelative(path)
	if err != nil {
		return nil, err
	}
	res, err := c.send(ctx, request{method: method, at: at, query: query, body: in})
	switch {
	case err != nil:
	case isWebPage(res):
		err = c.unexpectedResponse(res, "a web page")
	case out != nil && !res.isBlank():
		_, err = c.decode(ctx, res, out, classic)
	}
	return res.header, err
}

func checkMethod(method string) error {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return nil
	}
	return badArgument("method", "is %q: want GET, HEAD, POST, PUT, PATCH or DELETE", method)
}

// parseRelative splits a path of Do into path and query.
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

// call sends one request and decodes the object of the response.
func call[T any, P object[T]](ctx context.Context, c *Client, r request) (*T, error) {
	res, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	return decodeObject[T, P](ctx, c, res)
}

// run sends one request whose response must have no body.
func run(ctx context.Context, c *Client, r request) error {
	res, err := c.send(ctx, r)
	if err == nil && !res.isBlank() {
		err = c.unexpectedResponse(res, "an unexpected body")
	}
	return err
}

// An object is a decoded response that can be compared with its request.
type object[T any] interface {
	*T
	// mismatch says why the object is not the response to r. It returns "" if the
	// object is the response to r.
	mismatch(r request) string
}

// decodeObject decodes the object of a response and checks that it is the object
// that was requested.
func decodeObject[T any, P object[T]](ctx context.Context, c *Client, res response) (*T, error) {
	out := P(new(T))
	if _, err := c.decode(ctx, res, out, exact); err != nil {
		return nil, err
	}
	if problem := out.mismatch(res.request); problem != "" {
		return nil, c.unexpectedResponse(res, problem)
	}
	return (*T)(out), nil
}

// decode decodes a response into out. It logs the first value whose type does not
// fit.
func (c *Client) decode(ctx context.Context, res response, out any, options decodeOptions) (oddValues, error) {
	odd, err := decode(res.body, out, options)
	if err != nil {
		return odd, c.unexpectedResponse(res, err.Error())
	}
	if odd.count > 0 {
		c.log.LogAttrs(ctx, slog.LevelWarn, "response has a value of an unexpected type", slog.String("method", res.request.method),
			slog.String("path", res.request.at.path), slog.String("property", odd.first[0].path), slog.String("got", odd.first[0].got),
			slog.String("want", odd.first[0].want), slog.Int("more", odd.count-1))
	}
	return odd, nil
}
