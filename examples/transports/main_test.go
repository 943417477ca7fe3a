package main

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

func TestRunPrintsNoSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stdout bytes.Buffer
		require.NoError(t, run(t.Context(), &stdout))
		text := stdout.String()
		assert.Regexp(t, `\nHTTP POST +403 +https?://\S+/orgs/octo-org/migrations\nHTTP POST +201 +`, text, "the client waits for a rate limit")
		assert.Contains(t, text, "\nRate limits: 1. The client")
		assert.Regexp(t, `\nHTTP GET +302 .*/orgs/octo-org/migrations/79/archive\nHTTP GET +206 +http://[^?]+\n`, text)
		assert.Regexp(t, `\nRequests with the token: (\d+) of (\d+) to the API, 0 of 1 to storage\.\n`, text)
		assert.Regexp(t, `\nThe token, or an archive's signature, in 8 spans: 0 times\.\n$`, text)
		assert.NotContains(t, text, "X-Amz")
		assert.NotContains(t, text, "ghp_")
	})
}

// exportThrough exports through a round tripper, and returns the spans of otelhttp.
func exportThrough(t *testing.T, newTransport func(*http.Transport, *url.URL, *sdktrace.TracerProvider) http.RoundTripper) (
	fake *ghmigratetest.Server, spans tracetest.SpanStubs,
) {
	t.Helper()
	fake = ghmigratetest.NewServer(ghmigratetest.InMemory())
	t.Cleanup(fake.Close)
	fake.AddRepository(repository)
	api, err := url.Parse(fake.URL())
	require.NoError(t, err)
	exporter := tracetest.NewInMemoryExporter()
	tracing := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	transport := newTransport(fake.Client().Transport.(*http.Transport), api, tracing)
	client, err := ghmigrate.NewClient(ghmigrate.WithToken(fake.Token()), ghmigrate.WithBaseURL(fake.URL()),
		ghmigrate.WithHTTPClient(&http.Client{Transport: transport}))
	require.NoError(t, err)
	require.NoError(t, export(t.Context(), client, tracing))
	return fake, exporter.GetSpans()
}

func TestOtelhttpRecordsSignedURLs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, spans := exportThrough(t, func(wire *http.Transport, _ *url.URL, tracing *sdktrace.TracerProvider) http.RoundTripper {
			return otelhttp.NewTransport(wire, otelhttp.WithTracerProvider(tracing))
		})
		require.Error(t, checkSecrets(io.Discard, fake.Requests(), fake.Token(), spans), "a span has the signed URL of an archive")
		require.NoError(t, checkSecrets(io.Discard, fake.Requests(), fake.Token(), nil), "storage gets no token")
	})
}

func TestRequestsSucceedThroughTheStack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *stack
		fake, spans := exportThrough(t, func(wire *http.Transport, api *url.URL, tracing *sdktrace.TracerProvider) http.RoundTripper {
			s = newStack(wire, api, tracing, func() {})
			return s
		})
		require.NoError(t, checkSecrets(io.Discard, fake.Requests(), fake.Token(), spans))
		for _, r := range fake.Requests() {
			assert.Less(t, r.Status, 400, r.Path)
		}
		assert.True(t, s.storage.Protocols.HTTP1())
		assert.False(t, s.storage.Protocols.HTTP2())
	})
}
