package ghmigrate

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/netx"
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
			return res, r.wrap(netx.ContextError(ctx))
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
			wait = netx.Backoff(retries)
			if failure != nil {
				wait = max(wait, min(failure.retryAfter, time.Minute))
			}
			retries++
		}
		c.log.LogAttrs(ctx, slog.LevelWarn, "sending again", slog.String("method", r.method), slog.String("path", r.at.path),
			slog.Duration("wait", wait), slog.Bool("rate_limited", failure != nil && failure.RetryAfter > 0), slog.Any("error", err))
		if err := netx.Sleep(ctx, wait); err != nil {
			return res, r.wrap(err)
		}
	}
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
	return !argument && !token && !netx.IsFinal(err) && !errors.Is(err, errBodyTooLarge)
}

// isAbsence tells whether an answer says that there is no such thing, and not
// that the token may not see it or that the API itself is gone.
func isAbsence(e *APIError) bool {
	return e != nil && e.StatusCode == http.StatusNotFound && !e.lacksScope() && !e.retired
}
