package main

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// lines hands over every line that is logged.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(bytes.TrimSpace(p))
	return len(p), nil
}

func TestWatchLogsEveryState(t *testing.T) {
	log := make(lines, 100)
	previous := slog.Default()
	t.Cleanup(func() { slog.SetDefault(previous) })
	slog.SetDefault(slog.New(slog.NewTextHandler(log, nil)))
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	var states []string
	ended := make(chan error, 1)
	go func() { ended <- watch(ctx, "", "octo-org") }()
	for !slices.Contains(states, "exported") && ctx.Err() == nil {
		select {
		case line := <-log:
			if _, state, ok := strings.Cut(line, "migration=79 state="); ok {
				state, _, _ = strings.Cut(state, " ")
				states = append(states, state)
			}
		case <-ctx.Done():
		}
	}
	stop()
	require.NoError(t, <-ended)
	assert.Equal(t, []string{"pending", "exporting", "exported"}, states)
}

func TestWatchNeedsAnOrganization(t *testing.T) {
	assert.ErrorContains(t, watch(t.Context(), "ghp_made-up", ""), "org is empty")
}
