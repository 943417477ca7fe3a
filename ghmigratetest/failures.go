package ghmigratetest

import (
	"fmt"
	"io"
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

// IgnoreRange makes storage send the whole object, with status 200, to
// requests for a range.
func IgnoreRange() Fault {
	return always(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		r.Header.Del("Range")
		next.ServeHTTP(w, r)
	})
}

// always is a fault of storage, of every request until [Server.ClearFaults].
func always(handler func(w http.ResponseWriter, r *http.Request, next http.Handler)) Fault {
	return Fault{Origin: Storage, Times: -1, Handler: handler}
}

// WrongContentRange makes storage answer ranges with a Content-Range that
// starts one byte later than asked for.
func WrongContentRange() Fault {
	return editing(func(h http.Header) {
		var first, last, total int64
		if _, err := fmt.Sscanf(h.Get("Content-Range"), "bytes %d-%d/%d", &first, &last, &total); err == nil {
			h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first+1, last+1, total+1))
		}
	})
}

// editing is a fault of storage that edits the header of what it answers.
func editing(edit func(h http.Header)) Fault {
	return always(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(&headerWriter{ResponseWriter: w, edit: edit}, r)
	})
}

// MultipartRange makes storage answer ranges as multipart/byteranges.
func MultipartRange() Fault {
	const boundary = "THIS_STRING_SEPARATES"
	return always(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		part := &partWriter{ResponseWriter: w, boundary: boundary}
		next.ServeHTTP(part, r)
		if part.split {
			_, _ = io.WriteString(w, "\r\n--"+boundary+"--\r\n")
		}
	})
}

// A partWriter makes a 206 the one part of a multipart body.
type partWriter struct {
	http.ResponseWriter
	boundary string
	split    bool
}

func (w *partWriter) WriteHeader(status int) {
	if status != http.StatusPartialContent {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.split = true
	h := w.Header()
	head := fmt.Sprintf("--%s\r\nContent-Type: %s\r\nContent-Range: %s\r\n\r\n",
		w.boundary, h.Get("Content-Type"), h.Get("Content-Range"))
	h.Del("Content-Range")
	h.Del("Content-Length")
	h.Set("Content-Type", "multipart/byteranges; boundary="+w.boundary)
	w.ResponseWriter.WriteHeader(status)
	_, _ = io.WriteString(w.ResponseWriter, head)
}

// IgnoreIfMatch makes storage disregard If-Match and If-Unmodified-Since.
func IgnoreIfMatch() Fault {
	return always(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		r.Header.Del("If-Match")
		r.Header.Del("If-Unmodified-Since")
		next.ServeHTTP(w, r)
	})
}

// NoValidators makes storage send neither ETag nor Last-Modified.
func NoValidators() Fault {
	return editing(func(h http.Header) {
		h.Del("ETag")
		h.Del("Last-Modified")
	})
}

// NoETag makes storage send no ETag, but Last-Modified.
func NoETag() Fault { return editing(func(h http.Header) { h.Del("ETag") }) }

// WeakETag makes storage send a weak ETag.
func WeakETag() Fault {
	return editing(func(h http.Header) {
		if etag := h.Get("ETag"); etag != "" {
			h.Set("ETag", "W/"+etag)
		}
	})
}

// Overlong makes storage send n bytes more than were to come, in a body
// without a length.
func Overlong(n int64) Fault {
	return always(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(&headerWriter{ResponseWriter: w, edit: func(h http.Header) { h.Del("Content-Length") }}, r)
		_, _ = io.CopyN(w, zeros{}, n)
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
