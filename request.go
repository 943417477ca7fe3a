package ghmigrate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// A request describes one call, which may take several attempts.
type request struct {
	method   string
	at       endpoint
	query    url.Values
	body     any          // sent as JSON; nil sends no body
	secrets  []string     // values in the body that no error may quote
	invalid  error        // why the arguments are refused
	etag     string       // sent as If-None-Match, which makes a 304 a success
	redirect bool         // success is a redirect, as for an archive
	creates  string       // the thing that the request creates, such as "the migration"
	pageSize int          // elements of a full page; 0 if the list has no pages
	budget   *retryBudget // nil means the client's
}

// encode returns the body as JSON. It fails if the arguments are refused.
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
	body, err := encode(r.body)
	if err != nil {
		return nil, &unsentError{r.wrap(fmt.Errorf("encode the request: %w", err))}
	}
	return body, nil
}

func (r request) wrap(err error) error {
	return fmt.Errorf("%s %s: %w", r.method, r.at.path, err)
}

// withCreated adds to an error after a status 2xx that the request may have created
// its object.
func (r request) withCreated(err error) error {
	if r.creates == "" {
		return err
	}
	return fmt.Errorf("%w; %s may exist nevertheless", err, r.creates)
}

// succeedsWith reports whether a response of this status means that the request
// succeeded.
func (r request) succeedsWith(status int) bool {
	if r.redirect {
		return status == http.StatusFound || status == http.StatusSeeOther
	}
	return isSuccess(status) || status == http.StatusNotModified && r.etag != ""
}

func isSuccess(status int) bool { return status >= 200 && status < 300 }

// A response is the response to one attempt, read to its end.
type response struct {
	request request
	sent    http.Header // the header of the request
	status  int         // 0 if there was no response
	header  http.Header
	body    []byte
	unsent  bool // with an error: the request never left this machine
}

// secrets lists the secrets that no text about the response may quote.
func (res response) secrets() []string {
	return append(netx.HeaderSecrets(res.sent), res.request.secrets...)
}

// isBlank reports whether the body is empty or white space.
func (res response) isBlank() bool { return len(bytes.Trim(res.body, "\ufeff \t\r\n")) == 0 }

// date returns the time of the response by the server's clock.
func (res response) date() time.Time { return netx.Date(res.header) }

// attempt sends a request once and reads the response to its end. It fails if
// there is no complete response, and succeeds whatever the response's status is.
func (c *Client) attempt(ctx context.Context, r request, target string, body []byte) (response, error) {
	start := time.Now()
	res, err := c.exchange(ctx, r, target, body)
	if err != nil {
		err = r.wrap(err)
	}
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
	return res, err
}

var errAttemptTimeout = errors.New("the attempt took too long")

// exchange does the work of attempt. It wraps and logs no error.
func (c *Client) exchange(caller context.Context, r request, target string, body []byte) (response, error) {
	failed := response{request: r, unsent: true}
	if caller.Err() != nil {
		return failed, netx.ContextError(caller)
	}
	ctx, cancel := context.WithTimeoutCause(caller, c.timeout, errAttemptTimeout)
	defer cancel()
	trace := &sendTrace{}
	req, err := http.NewRequestWithContext(trace.watch(ctx), r.method, target, bytes.NewReader(body))
	if err != nil {
		return failed, netx.Clean(err)
	}
	if err := c.setHeader(req, r); err != nil {
		return failed, err
	}
	clean := func(err error) error {
		if context.Cause(ctx) == errAttemptTimeout { //nolint:errorlint // the cause is set above, never wrapped
			return fmt.Errorf("no complete response within %v", c.timeout)
		}
		err = netx.Clean(err, secretsOf(req)...)
		if caller.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			return errors.New(err.Error()) // a timeout of the Transport must not match as the caller's
		}
		return err
	}
	httpResponse, err := c.api.Do(req) //nolint:bodyclose // closeBody closes it
	if err != nil {
		failed.unsent = trace.unsent()
		return failed, clean(err)
	}
	closeBody := netx.CloseAtEnd(ctx, cancel, c.api.Transport, httpResponse.Body)
	defer closeBody()
	c.noteRateLimit(httpResponse.Header)
	res := response{request: r, sent: req.Header, status: httpResponse.StatusCode, header: httpResponse.Header}
	if res.body, err = r.read(httpResponse); err != nil {
		return res, r.withCreated(fmt.Errorf("read the response: %w", clean(err)))
	}
	return res, nil
}

// secretsOf lists the secrets of a request, which a RoundTripper's error may quote.
func secretsOf(req *http.Request) []string {
	return append(netx.URLSecrets(req.URL), netx.HeaderSecrets(req.Header)...)
}

func (c *Client) target(r request) string {
	root := c.root
	if server, isServer := strings.CutSuffix(root, "/api/v3"); isServer && r.at.path == "/graphql" {
		root = server + "/api"
	}
	target := root + r.at.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	return target
}

// setHeader sets every header of a request. It alone decides where the token
// goes.
func (c *Client) setHeader(req *http.Request, r request) error {
	maps.Copy(req.Header, c.header)
	if r.etag != "" {
		req.Header.Set("If-None-Match", r.etag)
	}
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.authorize == nil || !sameOrigin(req.URL, c.base) {
		return nil
	}
	return c.authorize(req)
}

// A sendTrace records whether a request left this machine.
type sendTrace struct {
	trace       httptrace.ClientTrace
	gettingConn atomic.Bool
	wroteHeader atomic.Bool
}

// watch returns a context for the request to trace.
func (s *sendTrace) watch(ctx context.Context) context.Context {
	s.trace.GetConn = func(string) { s.gettingConn.Store(true) }
	s.trace.WroteHeaders = func() { s.wroteHeader.Store(true) }
	return httptrace.WithClientTrace(ctx, &s.trace)
}

// unsent reports whether the request certainly never left this machine. It returns
// false if the RoundTripper does not report to the trace.
func (s *sendTrace) unsent() bool { return s.gettingConn.Load() && !s.wroteHeader.Load() }

// maxBody and maxErrorBody limit the bytes that are read of a response.
const (
	maxBody      = 256 << 20
	maxErrorBody = 64 << 10
)

var errBodyTooLarge = fmt.Errorf("the response is larger than %d MiB", maxBody>>20)

// read reads the body of a response, in one allocation if its length is known. The
// body of a failed response, or of a response to a request for a redirect, is
// truncated to maxErrorBody. If reading such a body fails, read returns the part
// that arrived, since the status matters more.
func (r request) read(res *http.Response) (body []byte, err error) {
	content, limit, truncate := netx.Steady(res.Body), int64(maxBody), false
	if !r.succeedsWith(res.StatusCode) || r.redirect {
		limit, truncate = maxErrorBody, true
	}
	switch n := res.ContentLength; {
	case r.method == http.MethodHead, res.StatusCode == http.StatusNotModified: // without a body, in spite of Content-Length
		return nil, nil
	case n > limit && !truncate:
		return nil, errBodyTooLarge
	case n > 0 && n <= limit: // some RoundTrippers leave the length at 0
		var got int
		body = make([]byte, n)
		got, err = io.ReadFull(content, body)
		body = body[:got]
	default:
		body, err = io.ReadAll(io.LimitReader(content, limit+1))
	}
	switch {
	case truncate:
		return body[:min(int64(len(body)), limit)], nil
	case err != nil:
		return nil, err
	case int64(len(body)) > limit:
		return nil, errBodyTooLarge
	}
	return body, nil
}
