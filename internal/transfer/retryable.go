package transfer

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// A trouble is a failed request that another request may be spared.
type trouble struct {
	kind troubleKind
	err  error
	wait time.Duration // as storage asks
	url  signedURL     // that storage refused
}

type troubleKind int

const (
	broken     troubleKind = iota // the connection was cut, or a server had an error
	unanswered                    // no response: the line may be down, or bear no more connections
	replaced                      // the schedule ended the request
	busy                          // storage wants fewer requests
	refused                       // storage says that the URL is not valid
	faulty                        // the response contradicts the request or itself
	page                          // the response is not from storage
	early                         // a fresh URL may not be asked for yet, and nothing was requested
)

func (t *trouble) Error() string { return t.err.Error() }

func (t *trouble) Unwrap() error { return t.err }

// Passing returns err as an error that Locate may not meet again. The transfer
// tries again for as long as it makes progress.
func Passing(err error) error { return &trouble{kind: broken, err: err} }

// A faultError tells how a response contradicts the request or itself.
type faultError struct{ error }

func faultf(format string, args ...any) error { return faultError{fmt.Errorf(format, args...)} }

func fault(format string, args ...any) error {
	return &trouble{kind: faulty, err: faultf(format, args...)}
}

func changed(how string) error { return fmt.Errorf("%w: %s", ErrChanged, how) }

var (
	errNoResume = errors.New("storage gives nothing to resume by") // no validator
	errNoRanges = errors.New("storage gives no part of it but the first")
	errNoMore   = faultf("storage has no more bytes, and does not tell the size")
	errEmpty    = errors.New("storage has an empty object")
)

// A method is how the object is asked for. When storage does not take requests of
// one method, the transfer falls back to the next one.
type method int

const (
	sideBySide method = iota // several ranges at once
	oneRange                 // one range at a time, to the end of the object
	plainGet                 // the whole object, without Range and without conditions
)

func (m method) String() string {
	return [...]string{"ranges side by side", "one range", "a plain request"}[m]
}

// mayFallBack reports whether err may be about how storage was asked. A redirect,
// a missing archive and an error of the line are not.
func mayFallBack(err error) bool {
	if status, ok := errors.AsType[*StatusError](err); ok {
		switch code := status.StatusCode; code {
		case http.StatusUnauthorized, http.StatusNotFound, http.StatusGone:
			return false
		default:
			return code < http.StatusMultipleChoices || code >= http.StatusBadRequest
		}
	}
	_, isFault := errors.AsType[faultError](err)
	return isFault || errors.Is(err, errNoRanges) || errors.Is(err, errEmpty)
}

// A fallBackError ends an attempt that is to be repeated with a plain request.
type fallBackError struct{ error }

func (e *fallBackError) Unwrap() error { return e.error }

// classify turns a status that gives no bytes into a trouble, if another request
// may be spared it.
func (e *StatusError) classify(h http.Header, url signedURL) error {
	wait := netx.RetryAfter(h)
	switch status := e.StatusCode; {
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusNotFound, status == http.StatusGone,
		status == http.StatusBadRequest && e.isAboutURL():
		return &trouble{kind: refused, err: e, url: url}
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		return &trouble{kind: busy, err: e, wait: wait}
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		return &trouble{kind: broken, err: e, wait: wait}
	case status == http.StatusNotImplemented, status == http.StatusHTTPVersionNotSupported:
		return e
	case status >= http.StatusInternalServerError:
		return &trouble{kind: broken, err: e, wait: wait}
	}
	return e
}

// isAboutURL reports whether storage refused the URL and not the request.
func (e *StatusError) isAboutURL() bool {
	return slices.Contains([]string{"ExpiredToken", "InvalidToken", "TokenRefreshRequired", "AuthenticationFailed"}, e.Code)
}
