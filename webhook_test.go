package ghmigrate_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

var webhookSecret = []byte("It's a Secret to Everybody")

// signature returns the header with which GitHub signs a webhook.
func signature(secret, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// delivery returns the request of a webhook as GitHub sends it.
func delivery(tb testing.TB, body []byte) *http.Request {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodPost, "/webhook", bytes.NewReader(body))
	r.Header = http.Header{
		"Content-Type":        {"application/json"},
		"User-Agent":          {"GitHub-Hookshot/044aadd"},
		"X-Github-Delivery":   {"72d3162e-cc78-11e3-81ab-4c9367dc0958"},
		"X-Github-Event":      {"repository_import"},
		"X-Hub-Signature-256": {signature(webhookSecret, body)},
	}
	return r
}

// importEvent returns GitHub's example of the payload.
func importEvent(tb testing.TB) []byte {
	tb.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", "repository_import.json"))
	require.NoError(tb, err)
	return body
}

func TestARepositoryImportEventIsParsedCompletely(t *testing.T) {
	t.Parallel()
	body := importEvent(t)
	event, err := ghmigrate.ParseRepositoryImportEvent(delivery(t, body), webhookSecret)
	require.NoError(t, err)
	assertSurvives(t, body, event)
	assert.Equal(t, "octo-org/Hello-World", event.Repository.FullName)
	assert.Equal(t, map[string]any{"team": "platform", "tiers": []any{"gold", "silver"}}, event.Repository.CustomProperties)
	assert.Equal(t, "octocat", event.Sender.Login)
	event.Repository, event.Sender = nil, nil
	assert.Equal(t, &ghmigrate.RepositoryImportEvent{
		Status: "success",
		Organization: &ghmigrate.User{
			Login: "octo-org", ID: 1, NodeID: "MDEyOk9yZ2FuaXphdGlvbjE=", Description: "A great organization",
			AvatarURL: "https://github.com/images/error/octocat_happy.gif", URL: "https://api.github.com/orgs/octo-org",
			UserURLs: ghmigrate.UserURLs{
				ReposURL:         "https://api.github.com/orgs/octo-org/repos",
				EventsURL:        "https://api.github.com/orgs/octo-org/events",
				HooksURL:         "https://api.github.com/orgs/octo-org/hooks",
				IssuesURL:        "https://api.github.com/orgs/octo-org/issues",
				MembersURL:       "https://api.github.com/orgs/octo-org/members{/member}",
				PublicMembersURL: "https://api.github.com/orgs/octo-org/public_members{/member}",
			},
		},
		Enterprise: &ghmigrate.Enterprise{
			ID: 42, NodeID: "MDEwOlJlcG9zaXRvcnkxMjk2MjY5", Name: "Octo Business", Slug: "octo-business", Description: "Octopuses",
			AvatarURL: "https://avatars.githubusercontent.com/b/42?v=4", HTMLURL: "https://github.com/enterprises/octo-business",
			WebsiteURL: "https://octo.example",
			CreatedAt:  time.Date(2019, 1, 26, 19, 1, 12, 0, time.UTC), UpdatedAt: time.Date(2019, 1, 26, 19, 14, 43, 0, time.UTC),
		},
		Installation: &ghmigrate.Installation{ID: 1, NodeID: "MDQ6VXNlcjU4MzIzMQ=="},
		DeliveryID:   "72d3162e-cc78-11e3-81ab-4c9367dc0958",
	}, event)
}

func TestARepositoryImportEventOfAUserHasNoOrganization(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"success", "cancelled", "failure", "new status"} {
		r := delivery(t, []byte(`{"status": "`+status+`", "repository": {"id": 7}, "sender": {"id": 1}, "new_property": {}}`))
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
		event, err := ghmigrate.ParseRepositoryImportEvent(r, webhookSecret)
		require.NoError(t, err)
		assert.Equal(t, &ghmigrate.RepositoryImportEvent{
			Status:     status,
			Repository: &ghmigrate.Repository{ID: 7},
			Sender:     &ghmigrate.User{ID: 1},
			DeliveryID: "72d3162e-cc78-11e3-81ab-4c9367dc0958",
		}, event)
	}
}

func TestAWebhookSecretCanBeRotated(t *testing.T) {
	t.Parallel()
	body := []byte(`{"status": "success", "repository": {"id": 7}}`)
	for _, secrets := range [][][]byte{{webhookSecret, []byte("next")}, {[]byte("previous"), webhookSecret}} {
		event, err := ghmigrate.ParseRepositoryImportEvent(delivery(t, body), secrets...)
		require.NoError(t, err)
		assert.Equal(t, "success", event.Status)
	}
	_, err := ghmigrate.ParseRepositoryImportEvent(delivery(t, body), webhookSecret, nil)
	require.EqualError(t, err, "repository_import webhook: secret 2 of 2 is empty: anyone could have sent the request")
	_, err = ghmigrate.ParseRepositoryImportEvent(delivery(t, body), []byte("previous"), []byte("next"))
	require.ErrorIs(t, err, ghmigrate.ErrWebhookSignature)
}

func TestGitHubsExampleOfASignature(t *testing.T) {
	t.Parallel()
	// https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
	r := delivery(t, []byte("Hello, World!"))
	r.Header.Set("X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")
	_, err := ghmigrate.ParseRepositoryImportEvent(r, webhookSecret)
	require.EqualError(t, err, "repository_import webhook: decode the payload: malformed JSON",
		"only the payload is wrong")
}

func TestInvalidWebhooksAreRefused(t *testing.T) {
	t.Parallel()
	good := []byte(`{"status": "success", "repository": {"id": 7}, "sender": {"id": 1}}`)
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	tests := map[string]struct {
		body   []byte
		edit   func(r *http.Request)
		secret []byte
		want   string
	}{
		"no secret": {good, header("X-Hub-Signature-256", signature(nil, good)), nil, "there is no secret: anyone could have sent the request"},
		"empty secret": {good, header("X-Hub-Signature-256", signature([]byte{}, good)), []byte{},
			"secret 1 of 1 is empty: anyone could have sent the request"},
		"no signature": {good, func(r *http.Request) { r.Header.Del("X-Hub-Signature-256") }, webhookSecret,
			"invalid signature: it is missing: is a secret set for the webhook?"},
		"older signature only": {good, func(r *http.Request) {
			mac := hmac.New(sha1.New, webhookSecret)
			mac.Write(good)
			r.Header.Set("X-Hub-Signature", "sha1="+hex.EncodeToString(mac.Sum(nil)))
			r.Header.Del("X-Hub-Signature-256")
		}, webhookSecret, "invalid signature: it is SHA-1: want X-Hub-Signature-256"},
		"another secret":              {good, func(*http.Request) {}, []byte("It's another"), "invalid signature: it matches no secret"},
		"signature of another body":   {good, header("X-Hub-Signature-256", signature(webhookSecret, good[1:])), webhookSecret, "invalid signature: it matches no secret"},
		"signature with a bit off":    {good, header("X-Hub-Signature-256", flip(signature(webhookSecret, good))), webhookSecret, "invalid signature: it matches no secret"},
		"half a signature":            {good, header("X-Hub-Signature-256", signature(webhookSecret, good)[:39]), webhookSecret, "invalid signature: it matches no secret"},
		"no digest":                   {good, header("X-Hub-Signature-256", "sha256="), webhookSecret, "invalid signature: it matches no secret"},
		"digest of another algorithm": {good, header("X-Hub-Signature-256", "sha1="+strings.Repeat("0", 40)), webhookSecret, "invalid signature: it is malformed"},
		"digest alone":                {good, header("X-Hub-Signature-256", signature(webhookSecret, good)[7:]), webhookSecret, "invalid signature: it is malformed"},
		"digest that is not hex":      {good, header("X-Hub-Signature-256", "sha256="+strings.Repeat("x", 64)), webhookSecret, "invalid signature: it is malformed"},
		"digest of odd length":        {good, header("X-Hub-Signature-256", "sha256=abc"), webhookSecret, "invalid signature: it is malformed"},
		"another event":               {good, header("X-Github-Event", "push"), webhookSecret, `another event: "push"`},
		"ping":                        {[]byte(`{"zen": "Keep it logically awesome."}`), header("X-Github-Event", "ping"), webhookSecret, `another event: "ping"`},
		"no event":                    {good, func(r *http.Request) { r.Header.Del("X-Github-Event") }, webhookSecret, `another event: ""`},
		"form": {[]byte("payload=" + url.QueryEscape(string(good))), header("Content-Type", "application/x-www-form-urlencoded"), webhookSecret,
			`the content type is "application/x-www-form-urlencoded": set the webhook's content type to application/json`},
		"no content type":  {good, func(r *http.Request) { r.Header.Del("Content-Type") }, webhookSecret, `the content type is "": set the webhook's content type to application/json`},
		"not JSON":         {[]byte("status=success"), func(*http.Request) {}, webhookSecret, "decode the payload: malformed JSON"},
		"empty payload":    {nil, func(*http.Request) {}, webhookSecret, "decode the payload: malformed JSON"},
		"half the payload": {good[:30], func(*http.Request) {}, webhookSecret, "decode the payload: malformed JSON"},
		"null":             {[]byte("null"), func(*http.Request) {}, webhookSecret, "the payload has no status or no repository"},
		"no status":        {[]byte(`{"repository": {}}`), func(*http.Request) {}, webhookSecret, "the payload has no status or no repository"},
		"no repository":    {[]byte(`{"status": "success", "repository": null}`), func(*http.Request) {}, webhookSecret, "the payload has no status or no repository"},
		"body that breaks": {good, func(r *http.Request) { r.Body = io.NopCloser(broken{}) }, webhookSecret, "read the payload: connection reset"},
		"body that was read": {good, func(r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }, webhookSecret,
			"the body was already read: parse the event first"},
		"body of unknown length that was read": {nil, func(r *http.Request) { r.ContentLength = -1 }, webhookSecret,
			"the body was already read: parse the event first"},
		"no body": {good, func(r *http.Request) { r.Body = nil }, webhookSecret, "there is no request"},
		"the signature is checked before the JSON": {[]byte("{"), header("X-Hub-Signature-256", signature(nil, []byte("{"))), webhookSecret, "invalid signature: it matches no secret"},
		"the signature is checked before the event": {[]byte("{"), func(r *http.Request) {
			r.Header.Set("X-Github-Event", "push")
			r.Header.Set("X-Hub-Signature-256", signature(nil, []byte("{")))
		}, webhookSecret, "invalid signature: it matches no secret"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := delivery(t, test.body)
			test.edit(r)
			var secrets [][]byte
			if test.secret != nil {
				secrets = append(secrets, test.secret)
			}
			event, err := ghmigrate.ParseRepositoryImportEvent(r, secrets...)
			require.EqualError(t, err, "repository_import webhook: "+test.want)
			assert.Equal(t, strings.HasPrefix(test.want, "invalid signature"), errors.Is(err, ghmigrate.ErrWebhookSignature))
			assert.Equal(t, strings.HasPrefix(test.want, "another event"), errors.Is(err, ghmigrate.ErrWebhookEvent))
			assert.Nil(t, event)
			testclient.AssertNoSecret(t, err.Error(), string(webhookSecret), signature(webhookSecret, test.body)[7:])
		})
	}
	event, err := ghmigrate.ParseRepositoryImportEvent(nil, webhookSecret)
	require.EqualError(t, err, "repository_import webhook: there is no request")
	assert.Nil(t, event)
}

// flip changes the last digit of a signature.
func flip(signature string) string {
	last := len(signature) - 1
	if signature[last] == '0' {
		return signature[:last] + "1"
	}
	return signature[:last] + "0"
}

// A broken body fails at the first Read.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestAWebhooksPayloadIsLimited(t *testing.T) {
	t.Parallel()
	endless := &endlessBody{}
	r := delivery(t, nil)
	r.Body = io.NopCloser(endless)
	event, err := ghmigrate.ParseRepositoryImportEvent(r, webhookSecret)
	require.EqualError(t, err, "repository_import webhook: the payload is larger than 25 MiB")
	assert.Nil(t, event)
	assert.LessOrEqual(t, endless.n, int64(26<<20))
}

// An endlessBody is blanks without an end. It counts the bytes that are read.
type endlessBody struct{ n int64 }

func (b *endlessBody) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	b.n += int64(len(p))
	return len(p), nil
}

func FuzzParseRepositoryImportEvent(f *testing.F) {
	f.Add(importEvent(f), "repository_import", "application/json", "", true)
	f.Add([]byte(`{"status":"success","repository":{},"sender":null}`), "repository_import", "application/json", "", true)
	f.Add([]byte(`null`), "ping", "application/json; charset=utf-8", "sha256=00", false)
	f.Add([]byte(`[]`), "", "", "sha256=zz", false)
	f.Fuzz(func(t *testing.T, body []byte, event, contentType, sent string, sign bool) {
		r := delivery(t, body)
		r.Header.Set("X-Github-Event", event)
		r.Header.Set("Content-Type", contentType)
		if !sign {
			r.Header.Set("X-Hub-Signature-256", sent)
		}
		got, err := ghmigrate.ParseRepositoryImportEvent(r, webhookSecret)
		if err != nil {
			assert.Nil(t, got)
			assert.True(t, strings.HasPrefix(err.Error(), "repository_import webhook: "), err)
			return
		}
		assert.True(t, sign, "accepted with the signature %q", sent)
		assert.True(t, json.Valid(body))
		assert.NotEmpty(t, got.Status)
		assert.NotNil(t, got.Repository)
		assert.Equal(t, "repository_import", event)
	})
}
