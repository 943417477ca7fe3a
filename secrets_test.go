package ghmigrate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
)

// FuzzSecretsInURLs puts a secret into every URL that a caller, a server or a proxy
// can give, and into errors that quote the URL. It looks for the secret in all
// output.
func FuzzSecretsInURLs(f *testing.F) {
	for _, secret := range []string{"SIGNATURE0123456789", "p@ss:w/rd?#0", `quo"ted\0123`, "%zz%41%2f0", "pass word 123", "püsswörd0", "://012345", "user:x@y.zz"} {
		f.Add(secret)
	}
	f.Fuzz(func(t *testing.T, secret string) {
		if len(secret) < 8 || strings.Contains("REDACTED REDACTED https://storage.example.com/migrations/79/archive", secret) { //nolint:gocritic // a part of ordinary words
			return
		}
		out := &bytes.Buffer{}
		logger := ghmigrate.WithLogger(slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug})))
		show := func(values ...any) {
			for _, v := range values {
				_, _ = fmt.Fprintf(out, "%v\n%+v\n%#v\n%s\n%q\n", v, v, v, v, v)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()

		// URLs of the caller.
		for _, raw := range []string{
			"https://octo:" + secret + "@ghes.example.com/api/v3", "https://ghes.example.com/api/v3?key=" + secret,
			"https://ghes.example.com/api/v3#" + secret, "https://ghes.example.com:" + secret,
		} {
			_, err := ghmigrate.NewClient(ghmigrate.WithBaseURL(raw))
			show(err)
			_, err = ghmigrate.NewClient(ghmigrate.WithHost(raw))
			show(err)
		}

		// Errors of proxies.
		query := url.Values{"X-Amz-Signature": {secret}}.Encode()
		proxy := &url.URL{Scheme: "http", Host: "127.0.0.1:1", User: url.UserPassword("octo", secret)}
		rawProxy := "http://octo:" + secret + "@127.0.0.1:1"
		_, parseErr := url.Parse(rawProxy)
		for _, transport := range []http.RoundTripper{
			&http.Transport{Proxy: http.ProxyURL(proxy)},
			&http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return nil, parseErr }},
			&http.Transport{Proxy: func(*http.Request) (*url.URL, error) {
				return nil, fmt.Errorf("invalid proxy address %q: %v", rawProxy, parseErr) //nolint:errorlint // as golang.org/x/net does
			}},
			// Errors of RoundTrippers, and responses.
			roundTripper(func(req *http.Request) (*http.Response, error) {
				return nil, fmt.Errorf("traced %s %v with %v", req.Method, "https://"+secret+":x@"+req.URL.Host+"?"+query, req.Header)
			}),
			roundTripper(func(req *http.Request) (*http.Response, error) {
				return respond(req, http.StatusFound, http.Header{"Location": {"https://octo:" + url.PathEscape(secret) + "@elsewhere.example.com?" + query}}, "https://elsewhere.example.com?"+query), nil
			}),
			roundTripper(func(req *http.Request) (*http.Response, error) {
				return respond(req, http.StatusOK, nil, "<html><title>gone to https://storage.example.com/79?"+query+"</title></html>"), nil
			}),
			roundTripper(func(req *http.Request) (*http.Response, error) {
				return respond(req, http.StatusBadGateway, nil, "cannot reach https://storage.example.com/79?"+query), nil
			}),
			// A signed URL, and responses and errors of storage.
			roundTripper(func(req *http.Request) (*http.Response, error) {
				if req.URL.Host != "storage.example.com" {
					return respond(req, http.StatusFound, http.Header{"Location": {"https://storage.example.com/79?" + query}}, ""), nil
				}
				if req.URL.Query().Get("X-Amz-Signature") != secret {
					return nil, errors.New("the signature is missing")
				}
				return respond(req, http.StatusBadRequest, nil, "<Error><Code>Bad</Code><Message>"+req.URL.String()+"</Message></Error>"), nil
			}),
			roundTripper(func(req *http.Request) (*http.Response, error) {
				if req.URL.Host != "storage.example.com" {
					return respond(req, http.StatusFound, http.Header{"Location": {"https://storage.example.com/79?" + query}}, ""), nil
				}
				if ctx.Err() == nil {
					cancel() // requests to storage are retried until the context ends
				}
				return nil, fmt.Errorf("traced %q: %w", req.URL, context.Canceled)
			}),
		} {
			client, err := ghmigrate.NewClient(ghmigrate.WithHTTPClient(&http.Client{Transport: transport}), ghmigrate.WithToken(secretToken),
				ghmigrate.WithMaxRetries(0), logger)
			require.NoError(t, err)
			_, err = client.Do(ctx, http.MethodGet, "/things", nil, nil)
			show(err)
			signed, err := client.OrgMigrations.ArchiveURL(ctx, "octo-org", 79)
			show(signed, err)
			_, err = client.OrgMigrations.DownloadArchive(ctx, "octo-org", 79, filepath.Join(t.TempDir(), "archive.tar.gz"), nil)
			require.Error(t, err)
			show(err, client)
		}

		shown := out.String()
		assert.NotContains(t, shown, secretToken)
		for _, spelling := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(fmt.Sprintf("%q", secret), `"`)} {
			if i := strings.Index(shown, spelling); i >= 0 {
				t.Fatalf("%q is in: %s", spelling, shown[max(0, i-200):min(len(shown), i+200)])
			}
		}
	})
}
