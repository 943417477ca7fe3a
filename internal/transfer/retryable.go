package transfer

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// A retryableError is the failure of a request that may succeed when it is retried.
type retryableError struct {
	kind failureKind
	err  error
	wait time.Duration // from Retry-After
	url  signedURL     // that storage refused
}

type failureKind int

const (
	broken     failureKind = iota // the connection was cut, or a server had an error
	noResponse                    // the line may be down, or may allow no more connections
	replaced                      // the transfer gave up the request for another request
	busy                          // storage asks for fewer requests
	refused                       // storage says that the URL is not valid
	faulty                        // the response contradicts the request, itself or earlier responses
	page                          // the response is not from storage
	tooEarly                      // a fresh URL may not be requested yet; no request was sent
)

func (e *retryableError) Error() string { return e.err.Error() }

func (e *retryableError) Unwrap() error { return e.err }

// Passing marks err as an error of Locate that may pass. The transfer calls Locate
// again as long as it makes progress.
func Passing(err error) error { return &retryableError{kind: broken, err: err} }

// A faultError says how a response contradicts the request or itself.
type faultError struct{ error }

func newFault(format string, args ...any) error { return faultError{fmt.Errorf(format, args...)} }

// retryFault returns a faultError after which the request is retried.
func retryFault(format string, args ...any) error {
	return &retryableError{kind: faulty, err: newFault(format, args...)}
}

func changed(how string) error { return fmt.Errorf("%w: %s", ErrChanged, how) }

var (
	errNoResume = errors.New("storage does not support resuming")
	errNoRanges = errors.New("storage ignores the range of a request")
	errNoMore   = newFault("storage has no more bytes, and does not send the size")
	errLineIsUp = errors.New("a plain request succeeds: ranges are tried once more")
	errEmpty    = errors.New("storage has an empty object")
)

// classify returns a retryableError for a status after which a request may succeed
// when it is retried, and e for other statuses. known reports whether storage has
// described the object before: then a refusal of the method may be stray, and counts
// as a faulty response.
func (e *StatusError) classify(h http.Header, url signedURL, known bool) error {
	wait := netx.RetryAfter(h)
	switch status := e.StatusCode; {
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusNotFound, status == http.StatusGone,
		status == http.StatusBadRequest && e.isAboutURL():
		return &retryableError{kind: refused, err: e, url: url}
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		return &retryableError{kind: busy, err: e, wait: wait}
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly,
		status >= http.StatusInternalServerError && status != http.StatusNotImplemented && status != http.StatusHTTPVersionNotSupported:
		return &retryableError{kind: broken, err: e, wait: wait}
	case known && mayFallBack(e):
		return &retryableError{kind: faulty, err: e, wait: wait}
	}
	return e
}

// isAboutURL reports whether storage refused the URL and not the request.
func (e *StatusError) isAboutURL() bool {
	return slices.Contains([]string{"ExpiredToken", "InvalidToken", "TokenRefreshRequired", "AuthenticationFailed"}, e.Code)
}
