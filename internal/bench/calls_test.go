package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"testing"

	"github.com/google/go-github/v93/github"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
)

const (
	pageMigrations   = 30 // GitHub's default
	pageRepositories = 20
)

// BenchmarkListPage decodes a page of 30 migrations with 20 repositories each.
func BenchmarkListPage(b *testing.B) {
	page, _ := bodies(b)
	benchmarkBoth(b, page,
		func(ctx context.Context, client *ghmigrate.Client) (int, error) {
			got, err := ghmigrate.Collect(client.OrgMigrations.List(ctx, organization, nil))
			return len(got), err
		},
		func(ctx context.Context, client *github.Client) (int, error) {
			got, _, err := client.Migrations.ListMigrations(ctx, organization, nil)
			return len(got), err
		}, pageMigrations)
}

// BenchmarkGet gets the status of a migration: a small response.
func BenchmarkGet(b *testing.B) {
	_, single := bodies(b)
	benchmarkBoth(b, single,
		func(ctx context.Context, client *ghmigrate.Client) (int, error) {
			got, err := client.OrgMigrations.Get(ctx, organization, migration, nil)
			if err != nil {
				return 0, err
			}
			return int(got.ID), nil
		},
		func(ctx context.Context, client *github.Client) (int, error) {
			got, _, err := client.Migrations.MigrationStatus(ctx, organization, migration)
			return int(got.GetID()), err
		}, migration)
}

// BenchmarkUnlock unlocks a repository: a response without a body.
func BenchmarkUnlock(b *testing.B) {
	benchmarkBoth(b, nil,
		func(ctx context.Context, client *ghmigrate.Client) (int, error) {
			return 0, client.OrgMigrations.UnlockRepository(ctx, organization, migration, "hello-world")
		},
		func(ctx context.Context, client *github.Client) (int, error) {
			_, err := client.Migrations.UnlockRepo(ctx, organization, migration, "hello-world")
			return 0, err
		}, 0)
}

// benchmarkBoth makes the same call with both libraries, which get the same
// response from a round tripper: the figures are the costs of the libraries alone.
func benchmarkBoth(b *testing.B, body []byte, ours func(context.Context, *ghmigrate.Client) (int, error), theirs func(context.Context, *github.Client) (int, error), want int) {
	b.Helper()
	const root = "https://github.example.com/api/v3/"
	httpClient := &http.Client{Transport: canned(body)}
	client, err := ghmigrate.NewClient(ghmigrate.WithBaseURL(root), ghmigrate.WithToken("made-up"), ghmigrate.WithHTTPClient(httpClient))
	require.NoError(b, err)
	peer, err := github.NewClient(github.WithURLs(new(root), new(root)), github.WithAuthToken("made-up"), github.WithHTTPClient(httpClient))
	require.NoError(b, err)
	benchmark := func(name string, call func() (int, error)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				got, err := call()
				if err != nil || got != want {
					b.Fatalf("got %d and %v, want %d", got, err, want)
				}
			}
		})
	}
	benchmark("ghmigrate", func() (int, error) { return ours(b.Context(), client) })
	benchmark("go-github", func() (int, error) { return theirs(b.Context(), peer) })
}

// canned responds to every request with one body, and to a DELETE without a body.
type canned []byte

func (c canned) RoundTrip(req *http.Request) (*http.Response, error) {
	res := &http.Response{
		StatusCode: http.StatusOK, ProtoMajor: 2, Request: req,
		Body: io.NopCloser(bytes.NewReader(c)), ContentLength: int64(len(c)),
		Header: http.Header{
			"Content-Type":          {"application/json; charset=utf-8"},
			"Link":                  {`<https://github.example.com/api/v3/organizations/1/migrations?page=1>; rel="prev"`}, // the last page
			"X-Ratelimit-Limit":     {"5000"},
			"X-Ratelimit-Remaining": {"4999"},
			"X-Ratelimit-Used":      {"1"},
			"X-Ratelimit-Reset":     {"1796000000"},
			"X-Ratelimit-Resource":  {"core"},
			"X-Github-Request-Id":   {"A214:55543D:FA68EEBE:4D0FD2F056"},
		},
	}
	if req.Method == http.MethodDelete {
		res.StatusCode = http.StatusNoContent
	}
	return res, nil
}

// bodies returns a page of a list, and one migration without repositories. Both
// repeat GitHub's example, without white space, as GitHub sends it.
func bodies(tb testing.TB) (page, single []byte) {
	tb.Helper()
	text, err := os.ReadFile("../../testdata/get-status-for-org.json")
	require.NoError(tb, err)
	var example map[string]json.RawMessage
	require.NoError(tb, json.Unmarshal(text, &example))
	var repositories []json.RawMessage
	require.NoError(tb, json.Unmarshal(example["repositories"], &repositories))
	many := make([]json.RawMessage, pageRepositories)
	for i := range many {
		many[i] = repositories[0]
	}
	delete(example, "repositories")
	single, err = json.Marshal(example)
	require.NoError(tb, err)
	example["repositories"], err = json.Marshal(many)
	require.NoError(tb, err)
	all := make([]any, pageMigrations)
	for i := range all {
		all[i] = example
	}
	page, err = json.Marshal(all)
	require.NoError(tb, err)
	return page, single
}
