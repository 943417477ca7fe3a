package main

import (
	"bytes"
	"log/slog"
	"regexp"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLogsEveryState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		require.NoError(t, demonstrate(t.Context(), slog.New(slog.NewTextHandler(&log, nil)), "octo-org"))
		changes := regexp.MustCompile(`msg=changed migration=79 (state=\w+) `).FindAllStringSubmatch(log.String(), -1)
		require.Len(t, changes, 3)
		assert.Equal(t, []string{"state=pending", "state=exporting", "state=exported"},
			[]string{changes[0][1], changes[1][1], changes[2][1]})
		assert.NotContains(t, log.String(), "ghp_")
	})
}

func TestNeedsAnOrganization(t *testing.T) {
	assert.ErrorContains(t, serve(t.Context(), slog.New(slog.DiscardHandler), "ghp_made-up", ""), "org is empty")
}
