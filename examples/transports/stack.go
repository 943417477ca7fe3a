package main

import (
	"context"
	"net/http"
	"net/url"

	"github.com/gofri/go-github-ratelimit/v2/github_ratelimit"
	"github.com/gofri/go-github-ratelimit/v2/github_ratelimit/github_secondary_ratelimit"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/trace"
)

// A stack has round trippers of others between the client and the wire:
//
//	to the API    seal, otelhttp, rate limits, unseal, wire
//	to storage    seal, otelhttp,              unseal, wire
//
// A round tripper may keep the whole request. Otelhttp puts the URL into its span,
// and the query of an archive's URL is a credential. A cache keeps the request
// headers that a response varies by, and GitHub's responses vary by Authorization.
// The stack therefore removes credentials above the round trippers, and puts them
// back below.
type stack struct {
	api           *url.URL
	outer         http.RoundTripper
	wire, storage *http.Transport
}

// newStack calls limited for every secondary rate limit.
func newStack(wire *http.Transport, api *url.URL, tracing trace.TracerProvider, limited func()) *stack {
	s := &stack{api: api, wire: wire, storage: wire.Clone()}
	// The client sets these options by itself if its transport is an
	// *http.Transport. Ranges over one HTTP/2 connection are no faster than one.
	s.storage.Protocols = new(http.Protocols)
	s.storage.Protocols.SetHTTP1(true)
	s.storage.DisableCompression = true
	s.storage.MaxIdleConnsPerHost = 16

	limits := github_ratelimit.NewSecondaryLimiter(unseal{wire},
		// It only watches: the client waits, within its own limits.
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

// sealed holds the credentials that the round trippers in between do not see.
type sealed struct {
	authorization []string
	query         string // of a URL of archive storage
}

type sealedKey struct{}

// RoundTrip sends the request without its credentials.
func (s *stack) RoundTrip(r *http.Request) (*http.Response, error) {
	secret := &sealed{authorization: r.Header["Authorization"]}
	bare := r.Clone(context.WithValue(r.Context(), sealedKey{}, secret))
	bare.Header.Del("Authorization")
	if !s.isAPI(r.URL) {
		secret.query, bare.URL.RawQuery = r.URL.RawQuery, ""
	}
	response, err := s.outer.RoundTrip(bare)
	if err != nil {
		return nil, err
	}
	response.Request = r
	return response, nil
}

// An unseal puts the credentials back. It stands right above the wire.
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
	response, err := u.wire.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Request = bare
	return response, nil
}

// A fork sends requests to the API through one round tripper, and requests to
// storage through another.
type fork struct {
	isAPI        func(*url.URL) bool
	api, storage http.RoundTripper
}

func (f fork) RoundTrip(r *http.Request) (*http.Response, error) {
	if f.isAPI(r.URL) {
		return f.api.RoundTrip(r)
	}
	return f.storage.RoundTrip(r)
}
