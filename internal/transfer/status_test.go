package transfer_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

func TestBusyStorageIsRetried(t *testing.T) {
	for _, code := range []int{408, 425, 429, 500, 502, 503, 504, 599} {
		run(t, fmt.Sprint(code), func(t *testing.T) {
			s := newStorage(t, 1000)
			s.respond = firstN(5, status(code))
			requireFetched(t, s, target(t), transfer.Options{})
			require.Len(t, s.waits(), 5)
			for i, wait := range s.waits() {
				limit := 500 * time.Millisecond << i
				assert.True(t, limit/2 <= wait && wait < limit, "wait %d was %v", i, wait)
			}
		})
	}
	for name, tt := range map[string]struct {
		header http.Header
		want   time.Duration
	}{
		"seconds":               {http.Header{"Retry-After": {"77"}}, 77 * time.Second},
		"a date and a Date":     {http.Header{"Retry-After": {"Thu, 13 Sep 2018 20:12:30 GMT"}, "Date": {"Thu, 13 Sep 2018 20:11:00 GMT"}}, 90 * time.Second},
		"a date without a Date": {http.Header{"Retry-After": {"Sat, 01 Jan 2000 00:01:30 GMT"}, "Date": nil}, 90 * time.Second},
	} {
		run(t, "Retry-After: "+name, func(t *testing.T) {
			s := newStorage(t, 1000)
			s.respond = inOrder(func(w http.ResponseWriter, r *http.Request) bool {
				maps.Copy(w.Header(), tt.header)
				return status(http.StatusTooManyRequests)(w, r)
			})
			requireFetched(t, s, target(t), transfer.Options{})
			assert.Equal(t, []time.Duration{tt.want}, s.waits())
		})
	}
	for _, value := range []string{"-5", "soon", "99999999999999999999", "Thu, 13 Sep 1018 20:12:30 GMT"} {
		run(t, "invalid Retry-After: "+value, func(t *testing.T) {
			s := newStorage(t, 1000)
			s.respond = inOrder(retryAfter(value))
			requireFetched(t, s, target(t), transfer.Options{})
			assert.Less(t, s.waits()[0], time.Second)
		})
	}
	run(t, "Retry-After of almost an hour in two waits", func(t *testing.T) {
		s := newStorage(t, 1000)
		s.respond = firstN(2, retryAfter("1700"))
		requireFetched(t, s, target(t), transfer.Options{})
		assert.Equal(t, []time.Duration{1700 * time.Second, 1700 * time.Second}, s.waits())
	})
	for name, tt := range map[string]struct {
		after string
		want  string
		took  time.Duration
	}{
		"in one wait":      {"7200", "storage asks for a wait of 2h0m0s, more than an hour in total: storage responded 503 Service Unavailable", 0},
		"in several waits": {"1500", "storage asks for a wait of 25m0s, more than an hour in total: storage responded 503 Service Unavailable", 50 * time.Minute},
	} {
		run(t, "Retry-After of more than an hour "+name, func(t *testing.T) {
			s := newStorage(t, 1000)
			s.respond = always(retryAfter(tt.after))
			begin := time.Now()
			_, err := transfer.File(t.Context(), s.source(t), target(t), transfer.Options{})
			require.EqualError(t, err, tt.want)
			assert.Equal(t, tt.took, time.Since(begin))
		})
	}
}

// A final response to a request with a Range is believed only when a request without
// Range gets it too. A redirect is final at once.
func TestFinalResponsesAreNotRetried(t *testing.T) {
	for code, reason := range map[int]string{301: "", 302: "", 304: "", 307: "", 400: "InvalidArgument", 405: "", 409: "", 412: "", 501: "NotImplemented", 505: ""} {
		run(t, fmt.Sprint(code), func(t *testing.T) {
			s := newStorage(t, 1000)
			path := target(t)
			s.respond = always(func(w http.ResponseWriter, r *http.Request) bool {
				w.Header().Set("Location", "https://elsewhere.test/?"+secret)
				return xmlError(code, reason, "no")(w, r)
			})
			_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
			got, ok := errors.AsType[*transfer.StatusError](err)
			require.True(t, ok, "%v", err)
			assert.Equal(t, code, got.StatusCode)
			want := []string{firstRange, ""}
			if code < 400 {
				want = want[:1]
			}
			assert.Equal(t, want, s.ranges())
			requireNoSecret(t, err.Error())
			assert.Empty(t, names(t, filepath.Dir(path)))
		})
	}
}

func TestRedirectsThatTheClientRefuses(t *testing.T) {
	refuse := func(req *http.Request, _ []*http.Request) error { return fmt.Errorf("not to %s", req.URL) }
	for name, tt := range map[string]struct{ location, want string }{
		"by CheckRedirect": {"https://elsewhere.test/?" + secret, "storage responded 302 Found: not to https://elsewhere.test/?REDACTED"},
		"malformed host":   {"http://%zz/?" + secret, "get http://storage.test/migration/25320/24575: redirect to a malformed Location"},
		"malformed path":   {"https://elsewhere.test/%zz? a&" + secret, "get http://storage.test/migration/25320/24575: redirect to a malformed Location"},
	} {
		run(t, name, func(t *testing.T) {
			s := newStorage(t, 1000)
			s.respond = always(func(w http.ResponseWriter, r *http.Request) bool {
				w.Header().Set("Location", tt.location)
				return status(http.StatusFound)(w, r)
			})
			source, path := s.source(t), target(t)
			source.Client.CheckRedirect = refuse
			_, err := transfer.File(t.Context(), source, path, transfer.Options{})
			require.EqualError(t, err, tt.want)
			assert.Len(t, s.requestHeaders(), 1)
			assert.Empty(t, names(t, filepath.Dir(path)))
		})
	}
}

func TestCertificateErrorsAreFinal(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	for name, url := range map[string]string{
		"unknown authority": server.URL, "no TLS": "https" + strings.TrimPrefix(plain.URL, "http"),
	} {
		t.Run(name, func(t *testing.T) {
			located := 0
			source := transfer.Source{
				Client: &http.Client{Transport: transport},
				Locate: func(context.Context) (transfer.Location, error) {
					located++
					return transfer.Location{URL: url + "/x?" + secret}, nil
				},
			}
			_, err := transfer.File(t.Context(), source, target(t), transfer.Options{})
			require.ErrorContains(t, err, "get https://127.0.0.1:")
			require.ErrorContains(t, err, "/x: ")
			requireNoSecret(t, err.Error())
			assert.Equal(t, 1, located)
		})
	}
}

func TestStatusErrorHasTheReasonOfStorage(t *testing.T) {
	cases := []struct {
		name, body string
		header     http.Header
		want       string
	}{
		{"S3", `<?xml version="1.0" encoding="UTF-8"?>` + "\n<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed</Message>" +
			"<ArgumentName>Authorization</ArgumentName><RequestId>4442587FB7D0A2F9</RequestId><HostId>x</HostId></Error>", nil,
			"storage responded 400 InvalidArgument: Only one auth mechanism allowed (request 4442587FB7D0A2F9)"},
		{"Azure", "\ufeff" + `<?xml version="1.0" encoding="utf-8"?><Error><Code>InvalidHeaderValue</Code><Message>The value is not right.` +
			"\nRequestId:1\nTime:2</Message><HeaderName>x</HeaderName></Error>", http.Header{"X-Ms-Request-Id": {"b8a3"}},
			"storage responded 400 InvalidHeaderValue: The value is not right. (request b8a3)"},
		{"a page of a proxy", "<html><body><h1>Bad Request</h1></body></html>", nil, "storage responded 400 Bad Request"},
		{"an empty body", "", http.Header{"X-Amz-Request-Id": {"44"}}, "storage responded 400 Bad Request (request 44)"},
		{"a truncated body", "<Error><Code>Half</Code><Message>It br", nil, "storage responded 400 Half"},
		{"a long message", "<Error><Message>" + strings.Repeat("é", 10_000) + "</Message></Error>", nil,
			"storage responded 400 Bad Request: " + strings.Repeat("é", 150) + "…"},
		{"control characters", "<Error><Message>a\u200b\u009bb\r\nc</Message></Error>", nil, "storage responded 400 Bad Request: ab"},
		{"a secret with an invisible character", "<Error><Message>5bb9c6e0\u200b%2Fdeadbeef</Message></Error>", nil, "storage responded 400 Bad Request: REDACTED"},
		{"a decoded secret", "<Error><Message>5bb9c6e0/deadbeef</Message></Error>", nil, "storage responded 400 Bad Request: REDACTED"},
	}
	for _, tt := range cases {
		run(t, tt.name, func(t *testing.T) {
			s := newStorage(t, 1000)
			s.respond = always(func(w http.ResponseWriter, _ *http.Request) bool {
				maps.Copy(w.Header(), tt.header)
				w.WriteHeader(http.StatusBadRequest)
				_, _ = w.Write([]byte(tt.body))
				return true
			})
			_, err := transfer.File(t.Context(), s.source(t), target(t), transfer.Options{})
			require.EqualError(t, err, tt.want)
		})
	}
}
