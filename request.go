package ghmigrate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// A request is one call, before it is known how often it will be sent.
type request struct {
	method   string
	at       endpoint
	query    url.Values
	body     any       // sent as JSON; nil sends nothing
	invalid  error     // why the arguments are refused
	etag     string    // sent as If-None-Match; then 304 is an answer, not a failure
	redirect bool      // a redirect is the answer, as for an archive
	patience *patience // nil means the client's
}

// encode refuses what is wrong with a request and marshals its body.
func (r request) encode(ctx context.Context) ([]byte, error) {
	switch {
	case ctx == nil:
		return nil, badArgument("ctx", "is nil")
	case r.at.err != nil:
		return nil, r.at.err
	case r.invalid != nil:
		return nil, r.invalid
	case r.body == nil:
		return nil, nil
	}
	body, err := json.Marshal(r.body)
	if err != nil {
		return nil, r.wrap(fmt.Errorf("encode the request: %w", err))
	}
	return body, nil
}

func (r request) wrap(err error) error {
	return fmt.Errorf("%s %s: %w", r.method, r.at.path, err)
}

// attempt sends a request once and reads its answer to the end.
func (c *Client) attempt(ctx context.Context, r request, target string, body []byte) (response, error) {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, reader)
	if err != nil {
		return response{}, r.wrap(netx.Clean(err))
	}
	if err := c.setHeader(req, r); err != nil {
		return response{}, r.wrap(err)
	}
	start := time.Now()
	res, err := c.exchange(req, r)
	if c.log.Enabled(ctx, slog.LevelDebug) {
		attrs := []slog.Attr{
			slog.String("method", r.method), slog.String("path", r.at.path),
			slog.Int("status", res.status), slog.Duration("took", time.Since(start)),
			slog.String("request_id", res.header.Get("X-Github-Request-Id")),
		}
		if err != nil {
			attrs = append(attrs, slog.Any("error", err))
		}
		c.log.LogAttrs(ctx, slog.LevelDebug, "request", attrs...)
	}
	if err != nil {
		return res, r.wrap(err)
	}
	return res, nil
}

func (c *Client) target(r request) string {
	target := c.root + r.at.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	return target
}

// setHeader sets every header of a request, and here alone it is decided where
// the token goes.
func (c *Client) setHeader(req *http.Request, r request) error {
	maps.Copy(req.Header, c.header)
	if r.etag != "" {
		req.Header.Set("If-None-Match", r.etag)
	}
	if req.Body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.authorize == nil || !sameOrigin(req.URL, c.base) {
		return nil
	}
	return c.authorize(req)
}

func (c *Client) exchange(req *http.Request, r request) (response, error) {
	unsent := func() bool { return false }
	if r.method == http.MethodDelete {
		req, unsent = watchSending(req)
	}
	began := time.Now()
	answer, err := c.api.Do(req)
	if err != nil {
		return response{unsent: unsent()}, c.timedOut(req, began, netx.Clean(err, secrets(req)...))
	}
	defer func() { _ = answer.Body.Close() }()
	c.noteRateLimit(answer.Header)
	res := response{request: r, status: answer.StatusCode, header: answer.Header}
	if res.body, err = r.read(answer); err != nil {
		return res, fmt.Errorf("read the answer: %w", c.timedOut(req, began, netx.Clean(err, secrets(req)...)))
	}
	return res, nil
}

// secrets lists what a RoundTripper must not tell of a request.
func secrets(req *http.Request) []string {
	return append(netx.URLSecrets(req.URL), netx.HeaderSecrets(req.Header)...)
}

// watchSending returns a request that knows whether it never left: whether
// a connection was looked for, and no header was written to one.
func watchSending(req *http.Request) (watched *http.Request, unsent func() bool) {
	var sought, sent atomic.Bool
	trace := &httptrace.ClientTrace{
		GetConn:      func(string) { sought.Store(true) },
		WroteHeaders: func() { sent.Store(true) },
	}
	return req.WithContext(httptrace.WithClientTrace(req.Context(), trace)), func() bool { return sought.Load() && !sent.Load() }
}

// timedOut tells an attempt that took too long from a caller's context that
// ended: net/http has the same error for both, and for a dial that timed out.
func (c *Client) timedOut(req *http.Request, began time.Time, err error) error {
	switch {
	case !errors.Is(err, context.DeadlineExceeded) || req.Context().Err() != nil:
		return err
	case time.Since(began) >= c.api.Timeout:
		return fmt.Errorf("no whole answer within %v", c.api.Timeout)
	}
	return errors.New(err.Error()) // a shorter timeout, of the Transport
}

// answeredBy tells whether a status is what the request hoped for.
func (r request) answeredBy(status int) bool {
	if r.redirect {
		return isRedirect(status)
	}
	return status >= 200 && status < 300 || status == http.StatusNotModified && r.etag != ""
}

// A response is the answer to one call, read to its end.
type response struct {
	request request
	status  int
	header  http.Header
	body    []byte
	unsent  bool // beside an error: the request never left
}

// maxBody and maxErrorBody bound what is read of an answer.
const (
	maxBody      = 256 << 20
	maxErrorBody = 64 << 10
)

var errBodyTooLarge = fmt.Errorf("the answer is larger than %d MiB", maxBody>>20)

// read reads an answer to its end, in one allocation where its length is
// known. A failure, or an archive where its address should be, is cut short;
// of a failure that broke off, what arrived is kept: the status says most.
func (r request) read(res *http.Response) (body []byte, err error) {
	limit, cut := int64(maxBody), false
	if !r.answeredBy(res.StatusCode) || r.redirect {
		limit, cut = maxErrorBody, true
	}
	switch n := res.ContentLength; {
	case r.method == http.MethodHead:
		return nil, nil
	case n > limit && !cut:
		return nil, errBodyTooLarge
	case n > 0 && n <= limit: // 0 may be a RoundTripper that does not say
		var got int
		body = make([]byte, n)
		got, err = io.ReadFull(res.Body, body)
		body = body[:got]
	default:
		body, err = io.ReadAll(io.LimitReader(res.Body, limit+1))
	}
	switch {
	case cut:
		return body[:min(int64(len(body)), limit)], nil
	case err != nil:
		return nil, err
	case int64(len(body)) > limit:
		return nil, errBodyTooLarge
	}
	return body, nil
}

func (res response) decode(out any) error {
	if err := json.Unmarshal(res.body, out); err != nil {
		return res.request.wrap(fmt.Errorf("decode the answer: %w", err))
	}
	return nil
}

// date returns the server's time of the response.
func (res response) date() time.Time { return netx.Date(res.header) }
