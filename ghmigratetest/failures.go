package ghmigratetest

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// PrimaryRateLimit answers as the API does when the hour's requests are used
// up, with the reset so far ahead.
func PrimaryRateLimit(reset time.Duration) Fault {
	return Fault{
		Origin:         API,
		Status:         http.StatusForbidden,
		Body:           rateLimitBody,
		rateLimitReset: max(reset, 1),
	}
}

const rateLimitBody = `{"message":"API rate limit exceeded for user ID 583231.",` +
	`"documentation_url":"https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api","status":"403"}`

// SecondaryRateLimit answers as the API does when it is asked too fast, in the
// form that only its message tells: no header, no documentation URL.
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

// ServerError answers with this status and a JSON body as the API does.
func ServerError(status int) Fault {
	return Fault{
		Origin: API,
		Status: status,
		Body:   fmt.Sprintf(`{"message":"Server Error","status":"%d"}`, status),
	}
}

// HTMLError answers with this status and a page of HTML, as GitHub's load
// balancers do.
func HTMLError(status int) Fault {
	return Fault{
		Status: status,
		Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}},
		Body: "<!DOCTYPE html>\n<html>\n  <head><title>Unicorn! &middot; GitHub</title></head>\n" +
			"  <body><p><strong>We had issues producing the response to your request.</strong></p></body>\n</html>\n",
	}
}
