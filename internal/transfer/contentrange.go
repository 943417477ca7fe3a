package transfer

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// A contentRange is the value of a Content-Range header.
type contentRange struct {
	first, last int64 // -1 for the form "bytes */total"
	total       int64 // -1 for "*"
}

// parseContentRange parses "Content-Range: bytes first-last/total" in all forms
// that RFC 9110 allows, and with white space or another separator that some
// servers send.
func parseContentRange(h http.Header) (contentRange, bool) {
	values := slices.Compact(slices.Clone(h.Values("Content-Range")))
	if len(values) != 1 {
		return contentRange{}, false
	}
	const unit = "bytes"
	text := strings.TrimSpace(values[0])
	if len(text) <= len(unit) || !strings.EqualFold(text[:len(unit)], unit) || !strings.ContainsAny(text[len(unit):len(unit)+1], " \t=:") {
		return contentRange{}, false
	}
	bounds, size, ok := strings.Cut(strings.TrimLeft(text[len(unit):], " \t=:"), "/")
	if !ok {
		return contentRange{}, false
	}
	total := int64(-1)
	if size = strings.TrimSpace(size); size != "*" {
		if total, ok = parseNumber(size); !ok {
			return contentRange{}, false
		}
	}
	if strings.TrimSpace(bounds) == "*" {
		return contentRange{first: -1, last: -1, total: total}, true
	}
	from, to, ok := strings.Cut(bounds, "-")
	first, ok1 := parseNumber(strings.TrimSpace(from))
	last, ok2 := parseNumber(strings.TrimSpace(to))
	if !ok || !ok1 || !ok2 || first > last || last == unknownEnd-1 || total >= 0 && last >= total {
		return contentRange{}, false
	}
	return contentRange{first: first, last: last, total: total}, true
}

// parseNumber parses digits and nothing else: ParseInt alone takes a sign.
func parseNumber(digits string) (int64, bool) {
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil
}
