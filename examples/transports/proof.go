package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// prove looks for credentials in the spans, and in requests to storage as the
// server saw them. It fails if it finds one.
func prove(w io.Writer, requests []ghmigratetest.Request, token string, spans tracetest.SpanStubs) error {
	got, authorized := map[ghmigratetest.Origin]int{}, map[ghmigratetest.Origin]int{}
	secrets := map[string]bool{token: true}
	for _, r := range requests {
		got[r.Origin]++
		if r.Header.Get("Authorization") == "Bearer "+token {
			authorized[r.Origin]++
		}
		if r.Origin == ghmigratetest.Storage {
			secrets[r.Query.Get("X-Amz-Signature")] = true
		}
	}
	const api, storage = ghmigratetest.API, ghmigratetest.Storage
	fmt.Fprintf(w, "Requests with the token: %d of %d to the API, %d of %d to storage.\n",
		authorized[api], got[api], authorized[storage], got[storage])

	found := 0
	for _, span := range spans {
		for secret := range secrets {
			if strings.Contains(fmt.Sprintf("%+v", span), secret) {
				found++
			}
		}
	}
	fmt.Fprintf(w, "The token, or an archive's signature, in %d spans: %d times.\n", len(spans), found)
	if found > 0 || authorized[storage] > 0 || authorized[api] != got[api] {
		return errors.New("a secret is where it should not be")
	}
	return nil
}
