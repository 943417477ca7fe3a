package ghmigratetest

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// PrimaryRateLimit answers as the API does when the hour's requests are used
// up, with the reset so far ahead.
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

const rateLimitBody = `{"message":"API rate limit exceeded for user ID 583231.",` +
	`"documentation_url":"https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api","status":"403"}`

// SecondaryRateLimit answers as the API does when requests come too fast, in
// the form that only its message tells: no header, no documentation URL.
func SecondaryRateLimit() Fault {
	return Fault{
		Origin: API,
		Status: http.StatusForbidden,
		Body:   `{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}`,
	}
}

// SecondaryRateLimitAfter is a secondary rate limit with a Retry-After header.
func SecondaryRateLimitAfter(d time.Duration) Fault {
	f := SecondaryRateLimit()
	f.Header = http.Header{"Retry-After": {strconv.Itoa(int((d + time.Second - 1) / time.Second))}}
	f.Body = `{"message":"You have exceeded a secondary rate limit and have been temporarily blocked from content creation. Please retry your request again later.",` +
		`"documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits","status":"403"}`
	return f
}

// FastChanges answers with a secondary rate limit whenever a request that
// changes something comes less than a second after another one. GitHub asks
// for that pause.
func FastChanges() Fault {
	f := SecondaryRateLimitAfter(time.Minute)
	f.Method = "POST PUT PATCH DELETE"
	f.Within = time.Second
	return f
}

// ServerError answers with this status and a JSON body as the API does.
func ServerError(status int) Fault {
	return Fault{
		Origin: API,
		Status: status,
		Body:   fmt.Sprintf(`{"message":"Server Error","status":"%d"}`, status),
	}
}

// HTMLError answers with this status and a page of HTML, as GitHub's load
// balancers and other gateways do. Status 0 is the true response's.
func HTMLError(status int) Fault {
	return Fault{
		Status: status,
		Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}},
		Body: "<!DOCTYPE html>\n<html>\n  <head><title>Unicorn! &middot; GitHub</title></head>\n" +
			"  <body><p><strong>We had issues producing the response to your request.</strong></p></body>\n</html>\n",
	}
}

// usualBody returns the body that GitHub, or storage, sends with a status.
func usualBody(origin Origin, status int) string {
	switch {
	case status < http.StatusBadRequest:
		return ""
	case origin == Storage:
		return usualStorageBody(status)
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

// blocked is the response for a repository that was taken down.
func blocked() response {
	return jsonResponse(http.StatusUnavailableForLegalReasons, map[string]any{
		"message": "Repository access blocked",
		"block": map[string]any{
			"reason":     "dmca",
			"created_at": "2019-02-26T19:26:49Z",
			"html_url":   "https://github.com/github/dmca/blob/master/2019/02/2019-02-26-example.md",
		},
	})
}

func usualStorageBody(status int) string {
	e := map[int]storageError{
		http.StatusForbidden:                    {Code: "AccessDenied", Message: "Access Denied"},
		http.StatusNotFound:                     {Code: "NoSuchKey", Message: "The specified key does not exist."},
		http.StatusMethodNotAllowed:             {Code: "MethodNotAllowed", Message: "The specified method is not allowed against this resource."},
		http.StatusPreconditionFailed:           {Code: "PreconditionFailed", Message: "At least one of the pre-conditions you specified did not hold"},
		http.StatusRequestedRangeNotSatisfiable: {Code: "InvalidRange", Message: "The requested range is not satisfiable"},
		http.StatusInternalServerError:          {Code: "InternalError", Message: "We encountered an internal error. Please try again."},
		http.StatusNotImplemented:               {Code: "NotImplemented", Message: "A header you provided implies functionality that is not implemented"},
		http.StatusServiceUnavailable:           {Code: "SlowDown", Message: "Please reduce your request rate."},
	}[status]
	if e.Code == "" {
		e = storageError{Code: "InvalidRequest", Message: http.StatusText(status)}
	}
	e.RequestID, e.HostID = requestID(), "fake"
	body, err := xml.Marshal(e)
	if err != nil {
		panic(fmt.Sprintf("ghmigratetest: encode a response of storage: %v", err)) // cannot happen: all types are ours
	}
	return xml.Header + string(body)
}
