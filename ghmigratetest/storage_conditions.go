package ghmigratetest

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// failedCondition returns the name of the precondition that a request fails, or
// "".
func failedCondition(r *http.Request, o *object) string {
	if match := r.Header.Get("If-Match"); match != "" {
		for etag := range strings.SplitSeq(match, ",") {
			if etag = strings.TrimSpace(etag); etag == "*" || etag == o.etag {
				return ""
			}
		}
		return "If-Match"
	}
	since, err := http.ParseTime(r.Header.Get("If-Unmodified-Since"))
	if err == nil && o.modified.Truncate(time.Second).After(since) {
		return "If-Unmodified-Since"
	}
	return ""
}

// notModified reports whether the client that sent a request has the object already.
// Like http.ServeContent, it ignores If-Modified-Since beside If-None-Match.
func notModified(r *http.Request, o *object) bool {
	if match := r.Header.Get("If-None-Match"); match != "" {
		return matchesETag(match, o.etag)
	}
	since, err := http.ParseTime(r.Header.Get("If-Modified-Since"))
	return err == nil && !o.modified.Truncate(time.Second).After(since)
}

// ifRangeHolds reports whether a request has no If-Range, or one that matches the
// object.
func ifRangeHolds(r *http.Request, o *object) bool {
	validator := r.Header.Get("If-Range")
	return validator == "" || validator == o.etag ||
		validator == o.modified.UTC().Format(http.TimeFormat)
}

// A rangeResult is the result of parsing a Range header.
type rangeResult int

const (
	rangeValid rangeResult = iota
	rangeIgnored
	rangeUnsatisfiable
)

// parseRange parses a Range header. It ignores several ranges, as S3 does.
func parseRange(spec string, size int64) (first, last int64, result rangeResult) {
	bounds, ok := strings.CutPrefix(spec, "bytes=")
	from, to, ok2 := strings.Cut(bounds, "-")
	if !ok || !ok2 || strings.Contains(bounds, ",") {
		return 0, 0, rangeIgnored
	}
	if from == "" {
		n, err := parseOffset(to)
		switch {
		case err != nil:
			return 0, 0, rangeIgnored
		case n == 0 || size == 0:
			return 0, 0, rangeUnsatisfiable
		}
		return max(size-n, 0), size - 1, rangeValid
	}
	first, err := parseOffset(from)
	if err != nil {
		return 0, 0, rangeIgnored
	}
	last = size - 1
	if to != "" {
		if last, err = parseOffset(to); err != nil || last < first {
			return 0, 0, rangeIgnored
		}
	}
	if first >= size {
		return 0, 0, rangeUnsatisfiable
	}
	return first, min(last, size-1), rangeValid
}

// parseOffset parses digits without a sign.
func parseOffset(s string) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(n), err
}
