package contract

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"reflect"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/ghmigrate/ghmigrate"
)

// CheckEventFields finds documented properties of the webhook's payload that have no
// field.
func CheckEventFields(d *Description) (count Count, problems []string) {
	if d.Event == nil {
		return Count{}, nil
	}
	walkProperties(d.Event, "$", nil, func(path string, _ *openapi3.Schema) {
		count.All++
		if reason := lookUp(reflect.TypeFor[ghmigrate.RepositoryImportEvent](), path); reason == "" {
			count.Got++
		} else {
			problems = append(problems, fmt.Sprintf("repository_import: %s is lost: %s", path, reason))
		}
	})
	slices.Sort(problems)
	return count, problems
}

// CheckEventDecoding decodes and encodes every kind of payload that the description
// allows, and finds the values that are lost.
func CheckEventDecoding(ctx context.Context, d *Description) (problems []string) {
	if d.Event == nil {
		return nil
	}
	for _, payload := range schemaBodies(d.Event) {
		if payload.onlyDecodes {
			continue // the library rejects a payload without status or repository
		}
		event, err := parseEvent(ctx, encode(payload.tree))
		found := []string{fmt.Sprint(err)}
		if err == nil {
			found = payload.compare(d.Event, event)
		}
		for _, problem := range found {
			problems = append(problems, fmt.Sprintf("repository_import, %s: %s", payload.kind, problem))
		}
	}
	return problems
}

// parseEvent signs a payload and parses it with the library.
func parseEvent(ctx context.Context, payload []byte) (*ghmigrate.RepositoryImportEvent, error) {
	secret := []byte("contract")
	mac := hmac.New(sha256.New, secret)
	mac.Write(payload)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://example.com/webhook", bytes.NewReader(payload))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-GitHub-Event", "repository_import")
	req.Header.Set("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
	req.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	return ghmigrate.ParseRepositoryImportEvent(req, secret)
}
