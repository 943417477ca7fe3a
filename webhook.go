package ghmigrate

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

// A RepositoryImportEvent tells that a repository was imported, or was not. Read
// it with [ParseRepositoryImportEvent].
//
// https://docs.github.com/webhooks/webhook-events-and-payloads#repository_import
type RepositoryImportEvent struct {
	Status       string        `json:"status"` // "success", "cancelled" or "failure"
	Repository   *Repository   `json:"repository"`
	Sender       *User         `json:"sender"`
	Organization *User         `json:"organization,omitzero"` // nil if a user owns the repository
	Enterprise   *Enterprise   `json:"enterprise,omitzero"`   // nil outside an enterprise
	Installation *Installation `json:"installation,omitzero"` // nil unless a GitHub App gets the event

	// DeliveryID is unique to the event, and the same when it is sent again.
	DeliveryID string `json:"-"`
}

// An Enterprise is an account that owns organizations.
type Enterprise struct {
	ID          int64     `json:"id"`
	NodeID      string    `json:"node_id"`
	Name        string    `json:"name"`
	Slug        string    `json:"slug"`
	Description string    `json:"description"` // empty if there is none
	AvatarURL   string    `json:"avatar_url"`
	HTMLURL     string    `json:"html_url"`
	WebsiteURL  string    `json:"website_url"` // empty if there is none
	CreatedAt   time.Time `json:"created_at,omitzero"`
	UpdatedAt   time.Time `json:"updated_at,omitzero"`
}

// An Installation is a GitHub App's access to an account.
type Installation struct {
	ID     int64  `json:"id"`
	NodeID string `json:"node_id"`
}

// maxEvent is GitHub's own limit of a webhook's payload.
const maxEvent = 25 << 20

// ParseRepositoryImportEvent reads a webhook's request. Its signature is
// checked with the webhook's secret before anything is parsed; an empty secret
// is refused. A missing or wrong signature, another event, a payload that is not
// JSON or is larger than GitHub sends (25 MiB) is an error. It reads r.Body and
// does not close it.
//
// https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
func ParseRepositoryImportEvent(r *http.Request, secret []byte) (*RepositoryImportEvent, error) {
	event, err := parseRepositoryImportEvent(r, secret)
	if err != nil {
		return nil, fmt.Errorf("repository_import webhook: %w", err)
	}
	return event, nil
}

func parseRepositoryImportEvent(r *http.Request, secret []byte) (*RepositoryImportEvent, error) {
	if r == nil || r.Body == nil {
		return nil, errors.New("there is no request")
	}
	if len(secret) == 0 {
		return nil, errors.New("the secret is empty, so that anyone could have sent this")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxEvent+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the payload: %w", err)
	case len(body) > maxEvent:
		return nil, fmt.Errorf("the payload is larger than %d MiB", maxEvent>>20)
	}
	if err := checkSignature(r.Header.Get("X-Hub-Signature-256"), body, secret); err != nil {
		return nil, err
	}
	if name := r.Header.Get("X-Github-Event"); name != "repository_import" {
		return nil, fmt.Errorf("the event is %q", name)
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return nil, fmt.Errorf("the content type is %q: set the webhook's to application/json", r.Header.Get("Content-Type"))
	}
	event := &RepositoryImportEvent{DeliveryID: r.Header.Get("X-Github-Delivery")}
	if err := json.Unmarshal(body, event); err != nil {
		return nil, fmt.Errorf("decode the payload: %w", err)
	}
	if event.Status == "" || event.Repository == nil {
		return nil, errors.New("the payload has no status or no repository")
	}
	return event, nil
}

func checkSignature(signature string, body, secret []byte) error {
	if signature == "" {
		return errors.New("the signature is missing: is a secret set for the webhook?")
	}
	digest, ok := strings.CutPrefix(signature, "sha256=")
	got, err := hex.DecodeString(digest)
	if !ok || err != nil {
		return errors.New("the signature is malformed")
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	if !hmac.Equal(got, mac.Sum(nil)) {
		return errors.New("the signature does not match")
	}
	return nil
}
