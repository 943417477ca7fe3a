package ghmigrate

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"net/http"
	"regexp"
	"strings"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// newAPIError returns a failed response as an error.
func (c *Client) newAPIError(res response) *APIError {
	e := &APIError{
		StatusCode:     res.status,
		Method:         res.request.method,
		Path:           res.request.at.path,
		RequestID:      res.header.Get("X-Github-Request-Id"),
		TokenScopes:    scopes(res.header, "X-Oauth-Scopes"),
		AcceptedScopes: scopes(res.header, "X-Accepted-Oauth-Scopes"),
		retired:        res.request.at.isSourceImport() && c.retiresSourceImports(res.status),
		retryAfter:     netx.RetryAfter(res.header),
	}
	e.readBody(res)
	e.RetryAfter, e.unspecified = rateLimit(e, res)
	if e.RetryAfter == 0 && e.StatusCode == http.StatusForbidden {
		e.SSOURL = ssoURL(res.header)
	}
	return e
}

// scopes returns the scopes that a header lists, nil if there is no such header.
func scopes(h http.Header, key string) []string {
	if len(h.Values(key)) == 0 {
		return nil
	}
	list := []string{}
	for scope := range strings.SplitSeq(strings.Join(h.Values(key), ","), ",") {
		if scope = strings.TrimSpace(scope); scope != "" {
			list = append(list, scope)
		}
	}
	return list
}

// ssoURL returns the URL of a header such as `required; url=https://…`.
func ssoURL(h http.Header) string {
	for value := range strings.SplitSeq(h.Get("X-Github-Sso"), ";") {
		if u, ok := strings.CutPrefix(strings.TrimSpace(value), "url="); ok {
			return u
		}
	}
	return ""
}

// readBody reads the reasons of a failed response: GitHub's error object, whose
// properties may have any type, or the title of a gateway's page. It removes the
// secrets of the request, which a response may quote.
func (e *APIError) readBody(res response) {
	var wire struct {
		Message          any `json:"message"`
		Error            any `json:"error"` // some endpoints send it instead of message
		DocumentationURL any `json:"documentation_url"`
		Errors           any `json:"errors"`
		Block            any `json:"block"` // why a repository was taken down
	}
	if _, err := decode(res.body, &wire, exact); err != nil {
		e.Message = summary(res)
		return
	}
	secrets := res.secrets()
	for _, value := range []*any{&wire.Message, &wire.Error, &wire.DocumentationURL, &wire.Errors, &wire.Block} {
		*value = withoutSecrets(*value, secrets)
	}
	e.Message, e.DocumentationURL = textOf(wire.Message), textOf(wire.DocumentationURL)
	switch reason := textOf(wire.Error); {
	case e.Message == "":
		e.Message = reason
	case reason != "" && reason != e.Message:
		e.Errors = append(e.Errors, ErrorDetail{Message: reason})
	}
	e.fromGitHub = e.Message != "" && (e.DocumentationURL != "" || e.RequestID != "") // gateways send a message too
	e.Errors = appendDetails(e.Errors, wire.Errors)
	if wire.Block != nil {
		e.Errors = append(e.Errors, ErrorDetail{Code: "blocked", Message: "blocked: " + textOf(wire.Block)})
	}
}

// withoutSecrets returns a decoded JSON value and redacts the secrets in its
// strings and names.
func withoutSecrets(v any, secrets []string) any {
	switch v := v.(type) {
	case string:
		return netx.WithoutSecrets(v, secrets...)
	case []any:
		for i := range v {
			v[i] = withoutSecrets(v[i], secrets)
		}
	case map[string]any:
		clean := make(map[string]any, len(v))
		for name, value := range v {
			clean[netx.WithoutSecrets(name, secrets...)] = withoutSecrets(value, secrets)
		}
		return clean
	}
	return v
}

// appendDetails appends the errors of a response, which are an object, a string, or
// a list of objects and strings.
func appendDetails(all []ErrorDetail, errs any) []ErrorDetail {
	switch v := errs.(type) {
	case nil:
		return all
	case []any:
		for _, element := range v {
			all = appendDetails(all, element)
		}
		return all
	case map[string]any:
		detail := ErrorDetail{
			Resource: textOf(v["resource"]),
			Field:    textOf(v["field"]),
			Code:     textOf(v["code"]),
			Message:  textOf(v["message"]),
			Value:    v["value"],
		}
		if index, ok := v["index"].(float64); ok && index >= 0 && index <= math.MaxInt32 {
			detail.Index = new(int(index))
		}
		if detail == (ErrorDetail{}) {
			detail.Message = textOf(v)
		}
		return append(all, detail)
	}
	return append(all, ErrorDetail{Message: textOf(errs)})
}

// textOf returns a decoded JSON value as text: a string as it is, the message, reason
// or description of an object with its link, and any other value as JSON.
func textOf(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case map[string]any:
		for _, key := range []string{"message", "reason", "description"} {
			if text, ok := v[key].(string); ok && text != "" {
				if url, ok := v["html_url"].(string); ok && url != "" {
					text += ", see " + url
				}
				return text
			}
		}
	}
	text, err := encode(v)
	if err != nil {
		return ""
	}
	return string(text)
}

const maxSummary = 200 // characters

var pageTitle = regexp.MustCompile(`(?i)<title[^>]*>([^<]*)`)

// summary returns the title of a web page, or the first line of another body.
func summary(res response) string {
	body := bytes.TrimSpace(res.body)
	if isWebPage(res) {
		title := pageTitle.FindSubmatch(body[:min(len(body), maxErrorBody)])
		if body = nil; title != nil {
			body = title[1]
		}
	}
	text := strings.ToValidUTF8(string(body[:min(len(body), 4096)]), "")
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	line = netx.Redact(html.UnescapeString(line), res.secrets()...)
	if runes := []rune(line); len(runes) > maxSummary {
		line = string(runes[:maxSummary]) + "…"
	}
	return line
}

// isWebPage reports whether the body is HTML. It ignores the Content-Type, since
// GitHub labels the redirect to an archive as HTML too.
func isWebPage(res response) bool {
	body := bytes.TrimPrefix(bytes.TrimSpace(res.body), []byte("\ufeff"))
	return bytes.HasPrefix(bytes.TrimSpace(body), []byte("<"))
}

// unexpectedResponse returns an ErrUnexpectedAnswer about a response of status 2xx.
func (c *Client) unexpectedResponse(res response, problem string) error {
	quote := summary(res)
	switch {
	case res.isBlank():
		problem = "an empty body"
	case isWebPage(res) && !c.isCloud() && !strings.HasSuffix(c.root, "/api/v3"):
		problem = "a web page; the API of a GitHub Enterprise Server is below /api/v3"
	case isWebPage(res):
		problem = "a web page, maybe of a proxy or a login"
	}
	text := fmt.Sprintf("status %d with %s", res.status, netx.Redact(problem, res.secrets()...))
	if quote != "" {
		text += fmt.Sprintf(": %q", quote)
	}
	return res.request.wrap(res.request.withCreated(fmt.Errorf("%w: %s", ErrUnexpectedAnswer, text)))
}
