package ghmigratetest

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// PrimaryRateLimit returns a fault that responds as the API does when no requests
// remain in the hour. reset is the time until the limit is reset.
func PrimaryRateLimit(reset time.Duration) Fault {
	return Fault{
		Origin: API,
		Status: http.StatusForbidden,
		Header: http.Header{
			"X-Ratelimit-Limit":     {"5000"},
			"X-Ratelimit-Used":      {"5000"},
			"X-Ratelimit-Remaining": {"0"},
			"X-Ratelimit-Reset":     {fmt.Sprintf("{now%+dns}", max(reset, 1).Nanoseconds())},
			"X-Ratelimit-Resource":  {"core"},
		},
		Body: rateLimitBody,
	}
}

const rateLimitMessage = "API rate limit exceeded for user ID 583231."

const rateLimitBody = `{"message":"` + rateLimitMessage + `",` +
	`"documentation_url":"https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api","status":"403"}`

// SecondaryRateLimit returns a fault that responds as the API does to requests that
// come too fast. Only the message says so: the response has no Retry-After header
// and no documentation URL.
func SecondaryRateLimit() Fault {
	return Fault{
		Origin: API,
		Status: http.StatusForbidden,
		Body:   `{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}`,
	}
}

// SecondaryRateLimitAfter returns a [SecondaryRateLimit] whose response has a
// Retry-After header of d, in whole seconds, and a documentation URL.
func SecondaryRateLimitAfter(d time.Duration) Fault {
	f := SecondaryRateLimit()
	f.Header = http.Header{"Retry-After": {strconv.Itoa(int((d + time.Second - 1) / time.Second))}}
	f.Body = `{"message":"You have exceeded a secondary rate limit and have been temporarily blocked from content creation. Please retry your request again later.",` +
		`"documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits","status":"403"}`
	return f
}

// FastChanges returns a fault that limits changes. It responds with a secondary rate
// limit to a POST, PUT, PATCH or DELETE that comes less than a second after the
// previous one. GitHub asks clients to wait a second.
func FastChanges() Fault {
	f := SecondaryRateLimitAfter(time.Minute)
	f.Method = "POST PUT PATCH DELETE"
	f.Within = time.Second
	return f
}

// ServerError returns a fault that responds with status and a JSON body, as the API
// does.
func ServerError(status int) Fault {
	return Fault{
		Origin: API,
		Status: status,
		Body:   fmt.Sprintf(`{"message":"Server Error","status":"%d"}`, status),
	}
}

// HTMLError returns a fault that responds with status and an HTML page, as GitHub's
// load balancers and other gateways do. A status of 0 means the status of the true
// response.
func HTMLError(status int) Fault {
	return Fault{
		Status: status,
		Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}},
		Body: "<!DOCTYPE html>\n<html>\n  <head><title>Unicorn! &middot; GitHub</title></head>\n" +
			"  <body><p><strong>We had issues producing the response to your request.</strong></p></body>\n</html>\n",
	}
}

// defaultBody returns the body that GitHub, or storage, usually sends with a status.
func defaultBody(origin Origin, status int, requestID string) string {
	switch {
	case status < http.StatusBadRequest:
		return ""
	case origin == Storage:
		return newStorageError(status).body(requestID)
	case status == http.StatusTooManyRequests:
		return SecondaryRateLimit().Body
	case status == http.StatusUnavailableForLegalReasons:
		return string(blocked().body)
	}
	message := map[int]string{
		http.StatusUnauthorized:        "Bad credentials",
		http.StatusForbidden:           "Must have admin rights to Repository.",
		http.StatusUnprocessableEntity: "Validation failed, or the endpoint has been spammed.",
	}[status]
	if message == "" {
		message = http.StatusText(status)
	}
	if status >= http.StatusInternalServerError || message == "" {
		message = "Server Error"
	}
	return string(failure(status, message).body)
}
