package transfer_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

func TestLogsAndErrorsHaveNoQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 3<<20)
		path := target(t)
		quote := func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprintf(w, "<Error><Code>Bad</Code><Message>what is http://x%s?%s or %s</Message></Error>", s.path, secret, secret)
			return true
		}
		first := inOrder(s.cutAfter(2<<20), status(http.StatusServiceUnavailable), status(http.StatusForbidden))
		s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool { return first(n, w, r) || quote(w, r) }
		source, log := logged(s.source(t), slog.LevelDebug)
		_, err := transfer.File(t.Context(), source, path, transfer.Options{})
		require.EqualError(t, err, fmt.Sprintf("fetched %d of %d bytes to %s.part; the next call resumes: "+
			"storage responded 400 Bad: what is http://x%s?REDACTED or X-Amz-Signature=REDACTED", 2<<20, 3<<20, path, s.path))
		assert.Contains(t, log.String(), `level=WARN msg="transfer interrupted" error="unexpected EOF" offset=2097152`)
		assert.Contains(t, log.String(), `level=WARN msg="signed URL renewed" host=storage.test path=/migration/25320/24575`)
		assert.Contains(t, log.String(), `level=DEBUG msg="storage responded" host=storage.test path=/migration/25320/24575 offset=2097152 status=503`)
		assert.NotContains(t, log.String(), "deadbeef")
		written, err := os.ReadFile(path + ".part.log")
		require.NoError(t, err)
		requireNoSecret(t, string(written))
	})
}

// The transport of a caller may return a body whose errors quote the URL.
func TestABodyThatQuotesItsURL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, log := logged(newStorage(t, 1000).source(t), slog.LevelInfo)
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

// A quotingBody fails with an error that quotes a URL.
type quotingBody struct{ url string }

func (b quotingBody) Read([]byte) (int, error) {
	return 0, &url.Error{Op: "Get", URL: b.url, Err: errors.New("reset by a proxy at " + b.url)}
}

func (quotingBody) Close() error { return nil }

// Storage may redirect to a URL with secrets of its own.
func TestSecretsOfARedirect(t *testing.T) {
	const signature = "0123456789abcdef"
	synctest.Test(t, func(t *testing.T) {
		source, log := logged(newStorage(t, 1000).source(t), slog.LevelDebug)
		source.Client.CheckRedirect = nil
		source.Client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			resp := &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{}, Request: r, Body: http.NoBody}
			if r.URL.Host == "storage.test" {
				resp.StatusCode = http.StatusTemporaryRedirect
				resp.Header.Set("Location", "https://mirror.test/79?sig="+signature)
				return resp, nil
			}
			resp.Body = io.NopCloser(strings.NewReader("<Error><Code>Wrong</Code><Message>" + signature + " does not match</Message></Error>"))
			return resp, nil
		})
		_, err := transfer.File(t.Context(), source, target(t), transfer.Options{})
		require.ErrorContains(t, err, "storage responded 403 Wrong: REDACTED")
		for _, text := range []string{err.Error(), log.String()} {
			requireNoSecret(t, text)
			require.NotContains(t, text, signature)
		}
	})
}
