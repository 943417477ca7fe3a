package ghmigrate

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

// A RepositoryImportEvent reports the end of the import of a repository.
// [ParseRepositoryImportEvent] reads it from the request of a webhook.
//
// https://docs.github.com/webhooks/webhook-events-and-payloads#repository_import
type RepositoryImportEvent struct {
	Status       string        `json:"status"` // "success", "cancelled" or "failure"
	Repository   *Repository   `json:"repository"`
	Sender       *User         `json:"sender"`
	Organization *User         `json:"organization,omitzero"` // nil if a user owns the repository
	Enterprise   *Enterprise   `json:"enterprise,omitzero"`   // nil outside an enterprise
	Installation *Installation `json:"installation,omitzero"` // nil unless a GitHub App gets the event

	// DeliveryID is unique to the event. A redelivery of the event has the same ID.
	DeliveryID string `json:"-"`
}

// An Enterprise is an account that owns organizations.
type Enterprise struct {
	ID          int64     `json:"id"`
	NodeID      string    `json:"node_id"`
	Name        string    `json:"name"`
	Slug        string    `json:"slug"`
	Description string    `json:"description"` // empty if not set
	AvatarURL   string    `json:"avatar_url"`
	HTMLURL     string    `json:"html_url"`
	WebsiteURL  string    `json:"website_url"` // empty if not set
	CreatedAt   time.Time `json:"created_at,omitzero"`
	UpdatedAt   time.Time `json:"updated_at,omitzero"`
}

// An Installation is a GitHub App's access to an account.
type Installation struct {
	ID     int64  `json:"id"`
	NodeID string `json:"node_id"`
}

// maxEvent is GitHub's limit for the payload of a webhook.
const maxEvent = 25 << 20

// ParseRepositoryImportEvent reads the request of a webhook. It checks the
// signature before it parses the payload. The request must be signed with one of
// the secrets: pass the old and the new secret during a rotation. It is an error to
// pass no secret or an empty secret.
//
// The error matches [ErrWebhookSignature] if the signature is missing or wrong,
// and [ErrWebhookEvent] if the signed request carries another event, such as the
// ping of a new webhook. A payload that is not JSON, or is larger than GitHub's
// limit of 25 MiB, is an error too. ParseRepositoryImportEvent reads r.Body and
// does not close it.
//
// https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
func ParseRepositoryImportEvent(r *http.Request, secrets ...[]byte) (*RepositoryImportEvent, error) {
	event, err := parseRepositoryImportEvent(r, secrets)
	if err != nil {
		return nil, fmt.Errorf("repository_import webhook: %w", err)
	}
	return event, nil
}

func parseRepositoryImportEvent(r *http.Request, secrets [][]byte) (*RepositoryImportEvent, error) {
	switch {
	case r == nil || r.Body == nil:
		return nil, errors.New("there is no request")
	case len(secrets) == 0:
		return nil, errors.New("there is no secret: anyone could have sent the request")
	}
	for i, secret := range secrets {
		if len(secret) == 0 {
			return nil, fmt.Errorf("secret %d of %d is empty: anyone could have sent the request", i+1, len(secrets))
		}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxEvent+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the payload: %w", err)
	case len(body) > maxEvent:
		return nil, fmt.Errorf("the payload is larger than %d MiB", maxEvent>>20)
	}
	if len(body) == 0 && r.ContentLength != 0 {
		return nil, errors.New("the body was already read: parse the event first")
	}
	if err := checkSignature(r.Header, body, secrets); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWebhookSignature, err)
	}
	if name := r.Header.Get("X-Github-Event"); name != "repository_import" {
		return nil, fmt.Errorf("%w: %q", ErrWebhookEvent, name)
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return nil, fmt.Errorf("the content type is %q: set the webhook's content type to application/json", r.Header.Get("Content-Type"))
	}
	event := &RepositoryImportEvent{}
	odd, err := decode(body, event, exact)
	if err != nil {
		return nil, fmt.Errorf("decode the payload: %w", err)
	}
	if event.Status == "" && !odd.has("/status") || event.Repository == nil && !odd.has("/repository") {
		return nil, errors.New("the payload has no status or no repository")
	}
	event.DeliveryID = r.Header.Get("X-Github-Delivery")
	return event, nil
}

func checkSignature(h http.Header, body []byte, secrets [][]byte) error {
	signature := h.Get("X-Hub-Signature-256")
	switch {
	case signature == "" && h.Get("X-Hub-Signature") != "":
		return errors.New("it is SHA-1: want X-Hub-Signature-256")
	case signature == "":
		return errors.New("it is missing: is a secret set for the webhook?")
	}
	digest, ok := strings.CutPrefix(signature, "sha256=")
	got, err := hex.DecodeString(digest)
	if !ok || err != nil {
		return errors.New("it is malformed")
	}
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, secret)
		mac.Write(body)
		if hmac.Equal(got, mac.Sum(nil)) {
			return nil
		}
	}
	return errors.New("it matches no secret")
}
