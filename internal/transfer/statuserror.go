package transfer

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// A StatusError is a response of storage without bytes of the object.
type StatusError struct {
	StatusCode int

	// Code, Message and RequestID are from the body, as S3 and Azure write it,
	// and the request id also from the header. They are empty if not sent.
	Code, Message, RequestID string
}

func (e *StatusError) Error() string {
	var s strings.Builder
	fmt.Fprintf(&s, "storage answered %d", e.StatusCode)
	if text := cmp.Or(e.Code, http.StatusText(e.StatusCode)); text != "" {
		s.WriteString(" " + text)
	}
	if e.Message != "" {
		s.WriteString(": " + e.Message)
	}
	if e.RequestID != "" {
		s.WriteString(" (request " + e.RequestID + ")")
	}
	return s.String()
}

const (
	maxErrorBody = 64 << 10
	maxErrorText = 300
)

// decode reads the reason from the body of a response. scrub takes secrets out of
// it.
func (e *StatusError) decode(resp *http.Response, scrub func(string) string) {
	var body struct {
		Code, Message string
		RequestID     string `xml:"RequestId"`
	}
	// A page of a proxy, or a truncated body, tells what it can.
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	_ = xml.Unmarshal(text, &body)
	id := cmp.Or(body.RequestID, resp.Header.Get("X-Amz-Request-Id"), resp.Header.Get("X-Ms-Request-Id"))
	tidy := func(text string) string { return bounded(scrub(firstLine(text))) }
	e.Code, e.Message, e.RequestID = tidy(body.Code), tidy(body.Message), tidy(id)
}

// firstLine returns the printable part of the first line of text.
func firstLine(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	return netx.Printable(text)
}

func bounded(text string) string {
	if len(text) <= maxErrorText {
		return text
	}
	return strings.ToValidUTF8(text[:maxErrorText], "") + "…"
}
