package transfer_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

// A body whose error quotes the URL, as a client's own transport may have it,
// tells nobody of that.
func TestABodyThatQuotesItsURL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		source := s.source(t)
		var log bytes.Buffer
		source.Logger = slog.New(slog.NewTextHandler(&log, nil))
		source.Client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{
				StatusCode: http.StatusOK, ProtoMajor: 1, Header: http.Header{}, ContentLength: 1000,
				Body: quotingBody{r.URL.String()}, Request: r,
			}, nil
		})
		_, err := transfer.File(t.Context(), source, target(t), transfer.Options{})
		require.ErrorContains(t, err, "reset by a proxy")
		requireNoSecret(t, err.Error())
		require.Contains(t, log.String(), "reset by a proxy")
		requireNoSecret(t, log.String())
	})
}

type quotingBody struct{ url string }

func (b quotingBody) Read([]byte) (int, error) {
	return 0, &url.Error{Op: "Get", URL: b.url, Err: errors.New("reset by a proxy at " + b.url)}
}

func (quotingBody) Close() error { return nil }

// Storage may redirect to a URL with secrets of its own.
func TestSecretsOfARedirect(t *testing.T) {
	const moved = "0123456789abcdef"
	synctest.Test(t, func(t *testing.T) {
		source := newStorage(t, 1000).source(t)
		var log bytes.Buffer
		source.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		source.Client.CheckRedirect = nil
		source.Client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			resp := &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{}, Request: r, Body: http.NoBody}
			if r.URL.Host == "storage.test" {
				resp.StatusCode = http.StatusTemporaryRedirect
				resp.Header.Set("Location", "https://mirror.test/79?sig="+moved)
				return resp, nil
			}
			resp.Body = io.NopCloser(strings.NewReader("<Error><Code>Wrong</Code><Message>" + moved + " does not match</Message></Error>"))
			return resp, nil
		})
		_, err := transfer.File(t.Context(), source, target(t), transfer.Options{})
		require.ErrorContains(t, err, "storage answered 403 Wrong: REDACTED")
		for _, text := range []string{err.Error(), log.String()} {
			requireNoSecret(t, text)
			require.NotContains(t, text, moved)
		}
	})
}
