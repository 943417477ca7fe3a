package transfer

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// A StatusError is a failed response of storage. A transfer returns a StatusError only
// if storage finally refuses the object: see temporary.
type StatusError struct {
	StatusCode int

	// Code, Message and RequestID come from the XML body that S3 and Azure send. The
	// request id may also come from a header. Each is empty if it was not sent.
	Code, Message, RequestID string
}

func (e *StatusError) Error() string {
	text := strings.TrimSpace(fmt.Sprintf("storage responded %d %s", e.StatusCode, cmp.Or(e.Code, http.StatusText(e.StatusCode))))
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.RequestID != "" {
		text += " (request " + e.RequestID + ")"
	}
	return text
}

// temporary returns the error of a request that may succeed later. Callers take a
// StatusError for a final refusal. Of a StatusError, temporary therefore keeps the
// text only.
func temporary(err error) error {
	if _, ok := errors.AsType[*StatusError](err); ok {
		return errors.New(err.Error())
	}
	return err
}

const (
	maxErrorBody = 64 << 10
	maxErrorText = 300
)

// decode reads the reason from the body of a response. It removes the given secrets
// and the secrets of a redirect.
func (e *StatusError) decode(resp *http.Response, secrets []string) {
	if resp.Request != nil {
		secrets = append(secrets, netx.URLSecrets(resp.Request.URL)...)
	}
	var body struct {
		Code, Message string
		RequestID     string `xml:"RequestId"`
	}
	// The body may be truncated or a page of a proxy: its errors are ignored.
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
