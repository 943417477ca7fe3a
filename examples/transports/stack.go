package main

import (
	"context"
	"net/http"
	"net/url"

	"github.com/gofri/go-github-ratelimit/v2/github_ratelimit"
	"github.com/gofri/go-github-ratelimit/v2/github_ratelimit/github_secondary_ratelimit"
	"github.com/gregjones/httpcache"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// A stack is other people's round trippers between the client and the wire:
//
//	to the API    seal, otelhttp, rate limits, cache, unseal, wire
//	to storage    seal, otelhttp,                     unseal, wire
//
// Each of them keeps what it sees. Otelhttp puts the whole URL of a request
// into its span, and the query of an archive's URL is a credential. The cache
// keeps the request headers that a response varies by, and GitHub's responses
// vary by Authorization. It keeps redirects, too, and the redirect of an
// archive leads to a signed URL. So nothing secret goes through them: it is
// taken out above them and put back below.
type stack struct {
	api           *url.URL
	outer         http.RoundTripper
	wire, storage *http.Transport
}

// newStack needs a cache that no other token's requests go through, as it
// cannot tell tokens apart. Limited is told of secondary rate limits.
func newStack(wire *http.Transport, api *url.URL, tracing trace.TracerProvider, cache httpcache.Cache, limited func()) *stack {
	s := &stack{api: api, wire: wire, storage: wire.Clone()}
	// What the client does by itself to an *http.Transport, to a clone for
	// storage alone: ranges over one HTTP/2 connection are no faster than one.
	s.storage.Protocols = new(http.Protocols)
	s.storage.Protocols.SetHTTP1(true)
	s.storage.DisableCompression = true
	s.storage.MaxIdleConnsPerHost = 16

	cached := httpcache.NewTransport(cache)
	cached.Transport = unseal{wire}
	limits := github_ratelimit.NewSecondaryLimiter(cached,
		// It only watches: the client waits, and knows how long it may.
		github_secondary_ratelimit.WithSingleSleepLimit(0, func(*github_secondary_ratelimit.CallbackContext) { limited() }))
	s.outer = otelhttp.NewTransport(fork{s.isAPI, limits, unseal{s.storage}}, otelhttp.WithTracerProvider(tracing))
	return s
}

func (s *stack) isAPI(u *url.URL) bool { return u.Scheme == s.api.Scheme && u.Host == s.api.Host }

// CloseIdleConnections is called by the client after each download.
func (s *stack) CloseIdleConnections() {
	s.wire.CloseIdleConnections()
	s.storage.CloseIdleConnections()
}

// sealed is what the round trippers in between do not see.
type sealed struct {
	authorization []string
	query         string // of a URL of archive storage
}

type sealedKey struct{}

// RoundTrip sends the request without what is secret.
func (s *stack) RoundTrip(r *http.Request) (*http.Response, error) {
	secret := &sealed{authorization: r.Header["Authorization"]}
	bare := r.Clone(context.WithValue(r.Context(), sealedKey{}, secret))
	bare.Header.Del("Authorization")
	if s.isAPI(r.URL) {
		// An answer that GitHub calls fresh for a minute would hold up the news
		// of a migration; asking whether it has changed costs no quota.
		bare.Header.Set("Cache-Control", "max-age=0")
	} else {
		secret.query, bare.URL.RawQuery = r.URL.RawQuery, ""
	}
	answer, err := s.outer.RoundTrip(bare)
	if err != nil {
		return nil, err
	}
	answer.Request = r
	return answer, nil
}

// An unseal is right above the wire.
type unseal struct{ wire http.RoundTripper }

func (u unseal) RoundTrip(bare *http.Request) (*http.Response, error) {
	r := bare.Clone(bare.Context())
	secret, _ := r.Context().Value(sealedKey{}).(*sealed)
	if secret.authorization != nil {
		r.Header["Authorization"] = secret.authorization
	}
	if secret.query != "" {
		r.URL.RawQuery = secret.query
	}
	answer, err := u.wire.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode == http.StatusFound {
		answer.Header.Set("Cache-Control", "no-store") // it leads to a signed URL
	}
	answer.Request = bare
	return answer, nil
}

// A fork leads to two sides: archives are too large for a cache.
type fork struct {
	isAPI        func(*url.URL) bool
	api, storage http.RoundTripper
}

func (f fork) RoundTrip(r *http.Request) (*http.Response, error) {
	if !f.isAPI(r.URL) {
		return f.storage.RoundTrip(r)
	}
	answer, err := f.api.RoundTrip(r)
	if err == nil && answer.Header.Get(httpcache.XFromCache) != "" {
		trace.SpanFromContext(r.Context()).SetAttributes(attribute.String("cache", "hit"))
	}
	return answer, err
}
