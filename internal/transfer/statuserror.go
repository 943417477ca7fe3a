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
	text := strings.TrimSpace(fmt.Sprintf("storage answered %d %s", e.StatusCode, cmp.Or(e.Code, http.StatusText(e.StatusCode))))
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.RequestID != "" {
		text += " (request " + e.RequestID + ")"
	}
	return text
}

const (
	maxErrorBody = 64 << 10
	maxErrorText = 300
)

// decode reads the reason from the body of a response, without these secrets
// and the secrets of a redirect.
func (e *StatusError) decode(resp *http.Response, secrets []string) {
	if resp.Request != nil {
		secrets = append(secrets, netx.URLSecrets(resp.Request.URL)...)
	}
	var body struct {
		Code, Message string
		RequestID     string `xml:"RequestId"`
	}
	// A page of a proxy, or a truncated body, tells what it can.
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	_ = xml.Unmarshal(text, &body)
	id := cmp.Or(body.RequestID, resp.Header.Get("X-Amz-Request-Id"), resp.Header.Get("X-Ms-Request-Id"))
	tidy := func(text string) string {
		text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
		if text = netx.Redact(netx.Printable(text), secrets...); len(text) > maxErrorText {
			text = strings.ToValidUTF8(text[:maxErrorText], "") + "…"
		}
		return text
	}
	e.Code, e.Message, e.RequestID = tidy(body.Code), tidy(body.Message), tidy(id)
}
