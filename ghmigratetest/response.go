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

// A response is complete before the server sends it, so that the server does not
// hold its lock while it sends.
type response struct {
	status int
	header http.Header
	body   []byte
}

// withETag adds a validator to a response. The response becomes a 304 if
// known, the client's If-None-Match, has the validator.
func withETag(res response, known string) response {
	sum := sha256.Sum256(res.body)
	etag := `"` + hex.EncodeToString(sum[:]) + `"`
	if res.header == nil {
		res.header = make(http.Header)
	}
	res.header.Set("ETag", "W/"+etag)
	res.header.Set("Cache-Control", "private, max-age=60")
	res.header.Set("Vary", "Accept, Authorization, Cookie, X-GitHub-OTP")
	for known := range strings.SplitSeq(known, ",") {
		known = strings.TrimSpace(known)
		if known == "*" || strings.TrimPrefix(known, "W/") == etag {
			return response{status: http.StatusNotModified, header: res.header}
		}
	}
	return res
}

// A fieldError is an element of errors[].
type fieldError struct {
	Resource string `json:"resource,omitempty"`
	Field    string `json:"field,omitempty"`
	Index    *int   `json:"index,omitempty"`
	Code     string `json:"code"`
	Message  string `json:"message,omitempty"`
}

// strict is the message of a refusal that GitHub would not make. It names the
// options that lift it.
func strict(message string) string {
	return message + " (GitHub is not known to refuse this; ghmigratetest.Lenient takes it, and so does ghmigrate fake without --strict)"
}

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

func jsonResponse(status int, v any) response {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("ghmigratetest: encode a response: %v", err)) // cannot happen: all types are ours
	}
	return response{status: status, body: bytes.TrimSuffix(b.Bytes(), []byte("\n"))}
}
