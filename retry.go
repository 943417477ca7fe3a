package ghmigrate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// A retryBudget limits the retries and rate-limit waits of one call. Polls get
// none: the poll loop retries.
type retryBudget struct {
	retries   int           // after failures that may pass
	limitWait time.Duration // for rate limits, in all
}

// unlimitedWait is a limitWait that only the context ends.
const unlimitedWait = time.Duration(math.MaxInt64)

const (
	// maxPause bounds one pause for a rate limit: a limit may be lifted early, and
	// a server may name any time.
	maxPause = time.Hour
	// unauthorizedPause precedes the second attempt after a 401: GitHub answers
	// good tokens with a stray one now and then.
	unauthorizedPause = time.Second
)

// send is the only way to the wire. It sends one request until a response
// stays:
//
//   - GET, HEAD and DELETE are retried after a network error, a 408 and every
//     5xx but 501 and 505. POST, PUT and PATCH are not, since the server may
//     have carried them out;
//   - every method is sent again after a rate limit, within the retry budget,
//     and once after a 401: both say that nothing happened;
//   - redirects are followed to the same origin with the same method.
func (c *Client) send(ctx context.Context, r request) (response, error) {
	body, err := r.encode(ctx)
	if err != nil {
		return response{}, err
	}
	t := tries{client: c, request: r, budget: c.budget, target: c.target(r)}
	if r.budget != nil {
		t.budget = *r.budget
	}
	for {
		res, err := c.attempt(ctx, r, t.target, body)
		if err == nil {
			err = t.judge(res)
		}
		switch {
		case err == nil && r.succeededBy(res.status):
			return res, nil
		case err == nil: // a redirect to follow
			continue
		case t.ambiguous && r.method == http.MethodDelete && isAbsenceByGitHub(err):
			// An earlier attempt deleted it, and its response was lost.
			return response{request: r, status: http.StatusNoContent}, nil
		}
		t.note(ctx, res, err)
		pause, again := t.next(res, err)
		if !again && ctx.Err() == nil {
			return res, t.final(res, err)
		}
		if ctx.Err() == nil {
			c.log.LogAttrs(ctx, slog.LevelWarn, "request failed, retrying", slog.String("method", r.method), slog.String("path", r.at.path),
				slog.Duration("wait", pause), slog.Bool("rate_limited", errors.Is(err, ErrRateLimited)), slog.Any("error", err))
			_ = netx.Sleep(ctx, pause)
		}
		if ctx.Err() != nil {
			return res, t.final(res, r.wrap(after(t.last, netx.ContextError(ctx))))
		}
	}
}

// tries is what the attempts of one call have seen so far.
type tries struct {
	client       *Client
	request      request
	budget       retryBudget
	target       string
	redirects    int
	retries      int
	limits       int           // rate limits
	waited       time.Duration // for rate limits
	unauthorized bool          // a 401 was seen
	ambiguous    bool          // an attempt may have been carried out
	last         error         // the last failure that is not the context's end
}

// judge returns nil for a response that the request asks for and for
// a redirect, which it follows.
func (t *tries) judge(res response) (err error) {
	switch {
	case t.request.succeededBy(res.status):
		return nil
	case isRedirect(res.status):
		t.target, err = t.client.follow(res, t.target, t.redirects)
		t.redirects++
		return err
	case isSuccess(res.status):
		return t.client.unexpected(res, "no redirect to an archive")
	}
	return t.client.newAPIError(res)
}

// next returns the pause before the next attempt, or false if there is none.
func (t *tries) next(res response, err error) (pause time.Duration, again bool) {
	failure, _ := errors.AsType[*APIError](err)
	switch {
	case failure != nil && failure.RetryAfter > 0:
		failure.RetryAfter = failure.lasts(t.limits)
		if failure.RetryAfter > t.budget.limitWait-t.waited {
			return 0, false
		}
		pause = min(failure.RetryAfter, maxPause)
		t.waited += pause
		t.limits++
		return pause, true
	case errors.Is(err, ErrUnauthorized) && t.client.authorize != nil && !t.unauthorized:
		t.unauthorized = true
		return unauthorizedPause, true
	case !t.request.mayRepeat(res.status) || !mayPass(err) || errors.Is(err, ErrUnexpectedAnswer) || t.retries >= t.budget.retries:
		return 0, false
	}
	pause = netx.Backoff(t.retries)
	if failure != nil {
		pause = max(pause, min(failure.retryAfter, time.Minute))
	}
	t.retries++
	return pause, true
}

// note remembers a failed attempt before the next one, or before the call ends
// with its context.
func (t *tries) note(ctx context.Context, res response, err error) {
	failure, ok := errors.AsType[*APIError](err)
	rejected := ok && failure.StatusCode < http.StatusInternalServerError && failure.StatusCode != http.StatusRequestTimeout
	t.ambiguous = t.ambiguous || !res.unsent && !rejected
	if ok || ctx.Err() == nil {
		t.last = err
	}
}

// final returns the error that ends the call. It matches ErrNotSent if no
// attempt can have been carried out.
func (t *tries) final(res response, err error) error {
	if res.unsent && !t.ambiguous {
		return &unsentError{err}
	}
	return err
}

// An unsentError is an error of a request that certainly never left.
type unsentError struct{ err error }

func (e *unsentError) Error() string { return e.err.Error() }

func (e *unsentError) Unwrap() error { return e.err }

func (e *unsentError) Is(target error) bool { return target == ErrNotSent }

// after adds the failure before a context's end, if there is one, to the error
// about that end.
func after(last, err error) error {
	if last == nil {
		return err
	}
	return fmt.Errorf("%w; the attempt before failed: %w", err, last)
}

// mayRepeat reports whether a call can send the request again after a response
// of this status, 0 for none. The 503 of source imports is documented as
// maintenance, which no call's retries outlast. A cache that sends a 304 to
// a request without If-None-Match sends another one.
func (r request) mayRepeat(status int) bool {
	if r.at.isSourceImport() && status == http.StatusServiceUnavailable || status == http.StatusNotModified {
		return false
	}
	return r.method == http.MethodGet || r.method == http.MethodHead || r.method == http.MethodDelete
}

// mayPass reports whether a failure may be gone by the next attempt.
func mayPass(err error) bool {
	if e, ok := errors.AsType[*APIError](err); ok {
		switch e.StatusCode {
		case http.StatusRequestTimeout, http.StatusNotModified:
			return true
		case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
			return false
		}
		return e.StatusCode >= http.StatusInternalServerError && !e.retired
	}
	_, argument := errors.AsType[*argumentError](err)
	_, token := errors.AsType[*tokenError](err)
	return !argument && !token && !netx.IsFinal(err) && !errors.Is(err, errBodyTooLarge)
}

// isAbsence reports whether a response says that there is no such thing, rather
// than that the token may not see it or that the API itself is gone.
func isAbsence(err error) bool {
	e, ok := errors.AsType[*APIError](err)
	return ok && e.StatusCode == http.StatusNotFound && !e.lacksScope() && !e.retired
}

// isAbsenceByGitHub excludes the 404 of a gateway that does not find GitHub.
func isAbsenceByGitHub(err error) bool {
	e, ok := errors.AsType[*APIError](err)
	return ok && e.worded && isAbsence(err)
}
