package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// checkSecrets searches for credentials in the spans, and in the requests that storage
// got. It fails if it finds a credential.
func checkSecrets(w io.Writer, requests []ghmigratetest.Request, token string, spans tracetest.SpanStubs) error {
	received, authorized := map[ghmigratetest.Origin]int{}, map[ghmigratetest.Origin]int{}
	secrets := map[string]bool{token: true}
	for _, r := range requests {
		received[r.Origin]++
		if r.Header.Get("Authorization") == "Bearer "+token {
			authorized[r.Origin]++
		}
		if r.Origin == ghmigratetest.Storage {
			secrets[r.Query.Get("X-Amz-Signature")] = true
		}
	}
	const api, storage = ghmigratetest.API, ghmigratetest.Storage
	fmt.Fprintf(w, "Requests with the token: %d of %d to the API, %d of %d to storage.\n",
		authorized[api], received[api], authorized[storage], received[storage])

	found := 0
	for _, span := range spans {
		for secret := range secrets {
			if strings.Contains(fmt.Sprintf("%+v", span), secret) {
				found++
			}
		}
	}
	fmt.Fprintf(w, "The token, or an archive's signature, in %d spans: %d times.\n", len(spans), found)
	if found > 0 || authorized[storage] > 0 || authorized[api] != received[api] {
		return errors.New("a span or a request to storage holds a credential, or a request to the API has no token")
	}
	return nil
}
