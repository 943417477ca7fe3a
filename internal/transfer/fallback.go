package transfer

import (
	"errors"
	"net/http"
)

// A method is how the object is requested. When storage does not accept requests of
// one method, the transfer falls back to the next method.
type method int

const (
	sideBySide method = iota // several ranges at once
	oneRange                 // one range at a time, to the end of the object
	plainGet                 // the whole object, without Range and without conditions
)

func (m method) String() string {
	return [...]string{"parallel ranges", "one range", "a plain request"}[m]
}

// mayFallBack reports whether storage may have refused the method of a request. The
// method does not cause a redirect, a missing archive or a network error.
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

// A fallBackError ends an attempt. The next attempt uses a plain request.
type fallBackError struct{ error }

func (e *fallBackError) Unwrap() error { return e.error }
