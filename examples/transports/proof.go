package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/gregjones/httpcache"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// A record is a cache that remembers all that was ever put into it.
type record struct {
	httpcache.Cache
	mu  sync.Mutex
	all []string
}

func (r *record) Set(key string, answer []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, key+"\n"+string(answer))
	r.Cache.Set(key, answer)
}

// prove looks for what is secret where it should not be, with the eyes of the
// server, and fails if it is there.
func prove(w io.Writer, requests []ghmigratetest.Request, token string, spans tracetest.SpanStubs, cached []string) error {
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

	seen := append([]string{}, cached...)
	for _, span := range spans {
		seen = append(seen, fmt.Sprintf("%+v", span))
	}
	found := 0
	for secret := range secrets {
		for _, text := range seen {
			if strings.Contains(text, secret) {
				found++
			}
		}
	}
	fmt.Fprintf(w, "The token, or an archive's signature, in %d spans and %d cached answers: %d times.\n", len(spans), len(cached), found)
	if found > 0 || authorized[storage] > 0 || authorized[api] != got[api] {
		return errors.New("a secret is where it should not be")
	}
	return nil
}
