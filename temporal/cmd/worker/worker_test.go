package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/temporal"
)

func TestTokensComeFromTheEnvironment(t *testing.T) {
	environment := map[string]string{"GITHUB_TOKEN": "one", "GHMIGRATE_TOKEN_ACME_2": "two", "GHMIGRATE_TOKEN_EMPTY": ""}
	environ := make([]string, 0, len(environment))
	for name, value := range environment {
		environ = append(environ, name+"="+value)
	}
	a, err := newAccounts(environ, func(name string) string { return environment[name] }, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	assert.Len(t, a.clients, 2)
	for _, name := range []string{"", "acme-2", "ACME.2"} {
		acct, err := a.account(t.Context(), temporal.Order{Organization: "octo-org", Token: name})
		require.NoError(t, err)
		assert.Equal(t, "api.github.com/orgs/octo-org", acct.String())
	}
	assert.Len(t, a.clients, 2, "orders share the client of a token")
	for _, name := range []string{"acme-3", "empty"} {
		_, err = a.account(t.Context(), temporal.Order{Organization: "octo-org", Token: name})
		require.Error(t, err)
	}
	_, err = newAccounts([]string{"GHMIGRATE_TOKEN_EMPTY="}, func(string) string { return "" }, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "GITHUB_TOKEN")
}

func TestSweepRemovesOldRuns(t *testing.T) {
	scratch := t.TempDir()
	now := time.Now()
	old := now.Add(-9 * 24 * time.Hour)
	account := filepath.Join(scratch, "api.github.com", "orgs", "octo-org")
	for folder, changed := range map[string]time.Time{
		"20261101T100000Z-5f1c2a": old, // its file is old too
		"20261101T100000Z-aaaaaa": old, // but its file is new
		"20261129T100000Z-bbbbbb": now,
		"notes":                   old,
	} {
		file := filepath.Join(account, folder, "migration-79.tar.gz")
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		require.NoError(t, os.Chtimes(file, changed, changed))
		if folder == "20261101T100000Z-aaaaaa" {
			require.NoError(t, os.Chtimes(file, now, now))
		}
		require.NoError(t, os.Chtimes(filepath.Dir(file), changed, changed))
	}
	require.NoError(t, sweep(scratch, now.Add(-scratchAge), slog.New(slog.DiscardHandler)))
	left, err := os.ReadDir(account)
	require.NoError(t, err)
	names := make([]string, 0, len(left))
	for _, entry := range left {
		names = append(names, entry.Name())
	}
	assert.Equal(t, []string{"20261101T100000Z-aaaaaa", "20261129T100000Z-bbbbbb", "notes"}, names)
}
