package ghmigrate

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

// A patience is how much trouble one call puts up with. That of a poll is none:
// the loop of polls is its retry.
type patience struct {
	retries   int           // after failures that may pass
	limitWait time.Duration // for rate limits, in all
}

// forever is a limitWait that only a context ends.
const forever = time.Duration(math.MaxInt64)

// send is the only way to the wire. It sends one request until there is an
// answer that stays:
//
//   - GET, HEAD and DELETE are sent again after a network error and after 500,
//     502, 503 and 504; a POST, PUT or PATCH never is, it may have happened;
//   - anything is sent again after a rate limit, which says that nothing
//     happened, while the waits fit into the call's patience;
//   - redirects are followed to the same origin with the same method.
func (c *Client) send(ctx context.Context, r request) (response, error) {
	body, err := r.encode(ctx)
	if err != nil {
		return response{}, err
	}
	patience := c.patience
	if r.patience != nil {
		patience = *r.patience
	}
	var (
		target    = c.target(r)
		redirects = 0
		retries   = 0
		limits    = 0
		waited    = time.Duration(0)
		ambiguous = false // an earlier attempt may have had its effect
	)
	for {
		res, err := c.attempt(ctx, r, target, body)
		if err == nil && isRedirect(res.status) && !r.redirect {
			if target, err = c.follow(res, target, redirects); err == nil {
				redirects++
				continue
			}
		}
		if err == nil && r.answeredBy(res.status) {
			return res, nil
		}
		if err == nil {
			err = c.newAPIError(res)
		}
		if ctx.Err() != nil {
			return res, r.wrap(contextError(ctx))
		}
		failure, _ := errors.AsType[*APIError](err)
		var wait time.Duration
		switch {
		case failure != nil && failure.RetryAfter > 0:
			failure.RetryAfter = failure.lasts(limits)
			wait = failure.RetryAfter
			if wait > patience.limitWait-waited {
				return res, err
			}
			waited += wait
			limits++
		case ambiguous && r.method == http.MethodDelete && isAbsence(failure):
			// An earlier attempt deleted it, and its answer was lost.
			return response{request: r, status: http.StatusNoContent, header: res.header}, nil
		case !r.mayRepeat(res.status) || !mayPass(err) || retries >= patience.retries:
			return res, err
		default:
			ambiguous = ambiguous || !res.unsent
			wait = backoff(retries)
			if failure != nil {
				wait = max(wait, min(failure.retryAfter, time.Minute))
			}
			retries++
		}
		c.log.LogAttrs(ctx, slog.LevelWarn, "sending again", slog.String("method", r.method), slog.String("path", r.at.path),
			slog.Duration("wait", wait), slog.Bool("rate_limited", failure != nil && failure.RetryAfter > 0), slog.Any("error", err))
		if err := sleep(ctx, wait); err != nil {
			return res, r.wrap(err)
		}
	}
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

func (c *Client) target(r request) string {
	target := c.root + r.at.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	return target
}

// attempt sends a request once and reads its answer to the end.
func (c *Client) attempt(ctx context.Context, r request, target string, body []byte) (response, error) {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, reader)
	if err != nil {
		return response{}, r.wrap(clean(err))
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

func (c *Client) exchange(req *http.Request, r request) (response, error) {
	unsent := func() bool { return false }
	if r.method == http.MethodDelete {
		req, unsent = watchSending(req)
	}
	answer, err := c.api.Do(req)
	if err != nil {
		return response{unsent: unsent()}, c.timedOut(req, clean(err))
	}
	defer func() { _ = answer.Body.Close() }()
	c.noteRateLimit(answer.Header)
	res := response{request: r, status: answer.StatusCode, header: answer.Header}
	if res.body, err = r.read(answer); err != nil {
		return res, fmt.Errorf("read the answer: %w", c.timedOut(req, clean(err)))
	}
	return res, nil
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
// ended: net/http has the same error for both.
func (c *Client) timedOut(req *http.Request, err error) error {
	if errors.Is(err, context.DeadlineExceeded) && req.Context().Err() == nil {
		return fmt.Errorf("no whole answer within %v", c.api.Timeout)
	}
	return err
}

// setHeader sets every header of a request, and here alone it is decided where
// the token goes.
func (c *Client) setHeader(req *http.Request, r request) error {
	req.Header = http.Header{
		"Accept":               c.accept,
		"X-Github-Api-Version": c.version,
		"User-Agent":           c.userAgent,
	}
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

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}

// answeredBy tells whether a status is what the request hoped for.
func (r request) answeredBy(status int) bool {
	if r.redirect {
		return isRedirect(status)
	}
	return status >= 200 && status < 300 || status == http.StatusNotModified && r.etag != ""
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// follow returns where a redirect leads, if the request may go there: to the
// same origin, and not as another method, as a DELETE must not become a GET.
func (c *Client) follow(res response, from string, redirects int) (string, error) {
	refuse := func(reason string) (string, error) {
		e := c.newAPIError(res)
		e.Message = "redirect refused: " + reason
		return "", e
	}
	to, err := resolve(from, res.header.Get("Location"))
	safe := res.request.method == http.MethodGet || res.request.method == http.MethodHead
	keeps := res.status == http.StatusTemporaryRedirect || res.status == http.StatusPermanentRedirect
	switch {
	case err != nil:
		return refuse("it has no valid Location")
	case !sameOrigin(to, c.base):
		return refuse("it leads to another origin, " + to.Scheme + "://" + to.Host)
	case !safe && !keeps:
		return refuse("it would turn the " + res.request.method + " into a GET")
	case redirects >= 10:
		return refuse("it is the 11th in a row")
	}
	return to.String(), nil
}

// resolve reads a Location, which may be relative to where the request went.
func resolve(from, location string) (*url.URL, error) {
	base, err := url.Parse(from)
	if err != nil || location == "" {
		return nil, cmp.Or(err, errLocation)
	}
	return base.Parse(location)
}

// mayRepeat tells whether a request can be sent again after an answer of this
// status, or after none. The 503 of source imports is documented as
// maintenance, which no retry of a call outlasts.
func (r request) mayRepeat(status int) bool {
	if r.at.isSourceImport() && status == http.StatusServiceUnavailable {
		return false
	}
	return r.method == http.MethodGet || r.method == http.MethodHead || r.method == http.MethodDelete
}

// mayPass tells whether a failure may be another's, and gone by the next
// attempt.
func mayPass(err error) bool {
	if e, ok := errors.AsType[*APIError](err); ok {
		switch e.StatusCode {
		case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return !e.retired
		}
		return false
	}
	_, argument := errors.AsType[*argumentError](err)
	_, token := errors.AsType[*tokenError](err)
	return !argument && !token && !transfer.IsCertificateError(err) && !errors.Is(err, errBodyTooLarge) && !errors.Is(err, errLocation)
}

// isAbsence tells whether an answer says that there is no such thing, and not
// that the token may not see it or that the API itself is gone.
func isAbsence(e *APIError) bool {
	return e != nil && e.StatusCode == http.StatusNotFound && !e.lacksScope() && !e.retired
}

// backoff grows from half a second to half a minute, less up to a half.
func backoff(retries int) time.Duration {
	d := min(500*time.Millisecond<<min(retries, 6), 30*time.Second)
	return d/2 + rand.N(d/2) //nolint:gosec // spreads load, keeps no secret
}

// sleep waits, or returns why the context ended.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return contextError(ctx)
	case <-timer.C:
		return nil
	}
}
