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

// A stack is a round tripper with third-party round trippers inside:
//
//	to the API    hide, otelhttp, rate limits, reveal, network
//	to storage    hide, otelhttp,              reveal, network
//
// A round tripper may keep the whole request. Otelhttp writes the URL into its span,
// and the query of an archive's URL is a credential. A cache keeps the request
// headers that a response varies by, and GitHub's responses vary by Authorization.
// The stack therefore hides the credentials from the third-party round trippers, and
// restores them for the network.
type stack struct {
	api           *url.URL
	thirdParty    http.RoundTripper
	wire, storage *http.Transport
}

// newStack returns a stack. It calls limited for every secondary rate limit.
func newStack(wire *http.Transport, api *url.URL, tracing trace.TracerProvider, limited func()) *stack {
	s := &stack{api: api, wire: wire, storage: wire.Clone()}
	// The client sets these options by itself if its transport is an
	// *http.Transport. Ranges over one HTTP/2 connection are no faster than one.
	s.storage.Protocols = new(http.Protocols)
	s.storage.Protocols.SetHTTP1(true)
	s.storage.DisableCompression = true
	s.storage.MaxIdleConnsPerHost = 16

	limits := github_ratelimit.NewSecondaryLimiter(reveal{wire},
		// With a limit of 0, the round tripper does not sleep: the client waits.
		github_secondary_ratelimit.WithSingleSleepLimit(0, func(*github_secondary_ratelimit.CallbackContext) { limited() }))
	s.thirdParty = otelhttp.NewTransport(fork{s.isAPI, limits, reveal{s.storage}}, otelhttp.WithTracerProvider(tracing))
	return s
}

func (s *stack) isAPI(u *url.URL) bool { return u.Scheme == s.api.Scheme && u.Host == s.api.Host }

// CloseIdleConnections closes idle connections. The client calls it after a download.
func (s *stack) CloseIdleConnections() {
	s.wire.CloseIdleConnections()
	s.storage.CloseIdleConnections()
}

// A secret has the credentials of a request, in the request's context.
type secret struct {
	authorization []string
	query         string // of a URL of archive storage
}

type secretKey struct{}

// RoundTrip hides the credentials of the request from the third-party round trippers.
func (s *stack) RoundTrip(r *http.Request) (*http.Response, error) {
	hidden := &secret{authorization: r.Header["Authorization"]}
	bare := r.Clone(context.WithValue(r.Context(), secretKey{}, hidden))
	bare.Header.Del("Authorization")
	if !s.isAPI(r.URL) {
		hidden.query, bare.URL.RawQuery = r.URL.RawQuery, ""
	}
	response, err := s.thirdParty.RoundTrip(bare)
	if err != nil {
		return nil, err
	}
	response.Request = r
	return response, nil
}

// reveal restores the credentials of a request, and sends it.
type reveal struct{ wire http.RoundTripper }

func (t reveal) RoundTrip(bare *http.Request) (*http.Response, error) {
	r := bare.Clone(bare.Context())
	hidden, _ := r.Context().Value(secretKey{}).(*secret)
	if hidden.authorization != nil {
		r.Header["Authorization"] = hidden.authorization
	}
	if hidden.query != "" {
		r.URL.RawQuery = hidden.query
	}
	response, err := t.wire.RoundTrip(r)
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
