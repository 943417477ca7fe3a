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

// A retryBudget limits the retries and rate-limit waits of one call. The budget of
// a poll is zero: the poll loop retries.
type retryBudget struct {
	retries   int           // after temporary failures
	limitWait time.Duration // for rate limits, in all
}

// unlimitedWait is a limitWait without a limit: only the context ends the wait.
const unlimitedWait = time.Duration(math.MaxInt64)

const (
	// maxPause limits one pause for a rate limit: a limit may be lifted early, and
	// a server may send an absurd delay.
	maxPause = time.Hour
	// unauthorizedPause is the pause before the retry after a 401: GitHub sometimes
	// sends a stray 401 to a valid token.
	unauthorizedPause = time.Second
)

// send sends one request and returns its final response. All requests to the API
// pass through send, which has these rules:
//
//   - GET, HEAD and DELETE requests are retried after a network error, a 408 and
//     every 5xx but 501 and 505. POST, PUT and PATCH requests are not, since the
//     server may have carried them out.
//   - Every request is retried after a rate limit, within the retry budget, and
//     once after a 401: in both cases the server has not carried it out.
//   - Redirects are followed to the same origin with the same method.
func (c *Client) send(ctx context.Context, r request) (response, error) {
	body, err := r.encode(ctx)
	if err != nil {
		return response{}, err
	}
	a := attempts{client: c, request: r, budget: c.budget, target: c.target(r)}
	if r.budget != nil {
		a.budget = *r.budget
	}
	for {
		res, err := c.attempt(ctx, r, a.target, body)
		if err == nil {
			err = a.check(res)
		}
		switch {
		case err == nil && r.succeedsWith(res.status):
			return res, nil
		case err == nil: // a redirect to follow
			continue
		case a.ambiguous && r.method == http.MethodDelete && isAbsenceByGitHub(err):
			// An earlier attempt deleted the resource, and its response was lost.
			return response{request: r, status: http.StatusNoContent}, nil
		}
		a.note(ctx, res, err)
		pause, retry := a.next(res, err)
		if !retry && ctx.Err() == nil {
			return res, a.final(res.unsent, err)
		}
		if ctx.Err() == nil {
			c.log.LogAttrs(ctx, slog.LevelWarn, "request failed, retrying", slog.String("method", r.method), slog.String("path", r.at.path),
				slog.Duration("wait", pause), slog.Bool("rate_limited", errors.Is(err, ErrRateLimited)), slog.Any("error", err))
			_ = netx.Sleep(ctx, pause)
		}
		if ctx.Err() != nil {
			return res, a.final(true, r.wrap(withLastFailure(a.last, netx.ContextError(ctx))))
		}
	}
}

// attempts is the state of one call between its attempts.
type attempts struct {
	client       *Client
	request      request
	budget       retryBudget
	target       string // the URL of the next attempt
	redirects    int
	retries      int
	limits       int           // rate limits
	waited       time.Duration // for rate limits
	unauthorized bool          // an attempt got a 401
	ambiguous    bool          // an attempt may have been carried out
	last         error         // the last failure that is not the context's end
}

// check returns an error for a failed response. It returns nil for a success, and
// for a redirect that the next attempt follows.
func (a *attempts) check(res response) (err error) {
	switch {
	case a.request.succeedsWith(res.status):
		return nil
	case isRedirect(res.status):
		a.target, err = a.client.follow(res, a.target, a.redirects)
		a.redirects++
		return err
	case isSuccess(res.status):
		return a.client.unexpectedResponse(res, "no redirect to an archive")
	}
	return a.client.newAPIError(res)
}

// next returns the pause before a retry, or false if the call fails.
func (a *attempts) next(res response, err error) (pause time.Duration, retry bool) {
	failure, _ := errors.AsType[*APIError](err)
	switch {
	case failure != nil && failure.RetryAfter > 0:
		failure.RetryAfter = failure.limitPause(a.limits)
		if failure.RetryAfter > a.budget.limitWait-a.waited {
			return 0, false
		}
		pause = min(failure.RetryAfter, maxPause)
		a.waited += pause
		a.limits++
		return pause, true
	case errors.Is(err, ErrUnauthorized) && a.client.authorize != nil && !a.unauthorized:
		a.unauthorized = true
		return unauthorizedPause, true
	case !a.request.mayRepeat(res.status) || !isTemporary(err) || errors.Is(err, ErrUnexpectedAnswer) || a.retries >= a.budget.retries:
		return 0, false
	}
	pause = netx.Backoff(a.retries)
	if failure != nil {
		pause = max(pause, min(failure.retryAfter, time.Minute))
	}
	a.retries++
	return pause, true
}

// note records a failed attempt.
func (a *attempts) note(ctx context.Context, res response, err error) {
	failure, ok := errors.AsType[*APIError](err)
	rejected := ok && failure.StatusCode < http.StatusInternalServerError && failure.StatusCode != http.StatusRequestTimeout
	a.ambiguous = a.ambiguous || !res.unsent && !rejected
	if ok || ctx.Err() == nil {
		a.last = err
	}
}

// final returns the error that ends the call. It matches ErrNotSent if no
// attempt can have been carried out. Unsent means that err is not from an attempt that
// left this machine.
func (a *attempts) final(unsent bool, err error) error {
	if unsent && !a.ambiguous {
		return &unsentError{err}
	}
	return err
}

// An unsentError is an error of a request that GitHub cannot have carried out.
type unsentError struct{ err error }

func (e *unsentError) Error() string { return e.err.Error() }

func (e *unsentError) Unwrap() error { return e.err }

func (e *unsentError) Is(target error) bool { return target == ErrNotSent }

// withLastFailure adds the last failure, if it is not nil, to the error about
// a context that has ended.
func withLastFailure(last, err error) error {
	if last == nil {
		return err
	}
	return fmt.Errorf("%w; the previous attempt failed: %w", err, last)
}

// mayRepeat reports whether a call may send the request again after a response with
// this status. Status 0 means that there was no response. The 503 of source imports
// is documented as maintenance, which takes longer than the retries of a call. A 304
// to a request without If-None-Match comes from a cache, which would repeat it.
func (r request) mayRepeat(status int) bool {
	if r.at.isSourceImport() && status == http.StatusServiceUnavailable || status == http.StatusNotModified {
		return false
	}
	return r.method == http.MethodGet || r.method == http.MethodHead || r.method == http.MethodDelete
}

// isTemporary reports whether a later attempt may succeed.
func isTemporary(err error) bool {
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

// isAbsence reports whether a 404 means that the resource does not exist, rather
// than that the token may not see it or that the API is retired.
func isAbsence(err error) bool {
	e, ok := errors.AsType[*APIError](err)
	return ok && e.StatusCode == http.StatusNotFound && !e.lacksScope() && !e.retired
}

// isAbsenceByGitHub reports whether GitHub itself sent the 404 of an absence. The 404
// may also come from a gateway that cannot reach GitHub.
func isAbsenceByGitHub(err error) bool {
	e, ok := errors.AsType[*APIError](err)
	return ok && e.fromGitHub && isAbsence(err)
}
