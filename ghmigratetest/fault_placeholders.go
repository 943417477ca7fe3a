package ghmigratetest

import (
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// elsewhere is the placeholder for another URL of the requested resource.
const elsewhere = "{elsewhere}"

// redirectMark is the end of the query of such a URL.
const redirectMark = "fake_redirected=1"

// placeholders returns the pattern of all placeholders.
func placeholders() *regexp.Regexp {
	return regexp.MustCompile(`\{(now|date|connection|elsewhere)([+-][0-9a-z.]+)?\}`)
}

// expand replaces the placeholders in the values of a header.
func (s *Server) expand(values []string, cand candidate, r *http.Request) []string {
	placeholder := placeholders()
	expanded := make([]string, len(values))
	for i, value := range values {
		expanded[i] = placeholder.ReplaceAllStringFunc(value, func(text string) string {
			parts := placeholder.FindStringSubmatch(text)
			offset, _ := time.ParseDuration(parts[2])
			at := s.clock.Now().Add(offset)
			switch parts[1] {
			case "now":
				return strconv.FormatInt(at.Add(time.Second-1).Unix(), 10)
			case "date":
				return at.Format(http.TimeFormat)
			case "connection":
				return cand.connection
			}
			separator := "?"
			if r.URL.RawQuery != "" {
				separator = "&"
			}
			return forwarded(r, "Prefix") + r.RequestURI + separator + redirectMark
		})
	}
	return expanded
}
