package ghmigratetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// A response is a complete response of the API. The server builds it under its
// lock, and sends it after it releases the lock.
type response struct {
	status int
	header http.Header
	body   []byte
}

// withETag adds an ETag to a response. The response becomes a 304 if ifNoneMatch,
// the client's header, has the ETag.
func withETag(res response, ifNoneMatch string) response {
	sum := sha256.Sum256(res.body)
	etag := `"` + hex.EncodeToString(sum[:]) + `"`
	if res.header == nil {
		res.header = make(http.Header)
	}
	res.header.Set("ETag", "W/"+etag)
	res.header.Set("Cache-Control", "private, max-age=60")
	res.header.Set("Vary", "Accept, Authorization, Cookie, X-GitHub-OTP")
	if matchesETag(ifNoneMatch, etag) {
		return response{status: http.StatusNotModified, header: res.header}
	}
	return res
}

// matchesETag reports whether an If-None-Match header has the ETag. A weak ETag and the
// strong one with the same text are equal.
func matchesETag(ifNoneMatch, etag string) bool {
	for known := range strings.SplitSeq(ifNoneMatch, ",") {
		known = strings.TrimSpace(known)
		if known == "*" || strings.TrimPrefix(known, "W/") == strings.TrimPrefix(etag, "W/") {
			return true
		}
	}
	return false
}

// A fieldError is an element of errors[] in a failed response.
type fieldError struct {
	Resource string `json:"resource,omitempty"`
	Field    string `json:"field,omitempty"`
	Index    *int   `json:"index,omitempty"`
	Code     string `json:"code"`
	Message  string `json:"message,omitempty"`
}

// strict returns the message of a refusal that GitHub is not known to send. The
// message names the options that prevent the refusal.
func strict(message string) string {
	return message + " (GitHub is not known to refuse this; ghmigratetest.Lenient accepts it, and so does ghmigrate fake without --strict)"
}

// failure returns a failed response in GitHub's format.
func failure(status int, message string, errs ...fieldError) response {
	return jsonResponse(status, struct {
		Message          string       `json:"message"`
		Errors           []fieldError `json:"errors,omitempty"`
		DocumentationURL string       `json:"documentation_url"`
		Status           string       `json:"status"`
	}{message, errs, "https://docs.github.com/rest/migrations", strconv.Itoa(status)})
}

func notFound() response { return failure(http.StatusNotFound, "Not Found") }

func invalid(errs ...fieldError) response {
	return failure(http.StatusUnprocessableEntity, "Validation Failed", errs...)
}

// blocked returns the response about a repository that GitHub has taken down.
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

// jsonResponse returns a response with a value as JSON.
func jsonResponse(status int, v any) response {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("ghmigratetest: encode a response: %v", err)) // no type here fails to encode
	}
	return response{status: status, body: bytes.TrimSuffix(b.Bytes(), []byte("\n"))}
}
