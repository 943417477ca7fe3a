package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBadArguments(t *testing.T) {
	for name, test := range map[string]struct {
		args   string
		status int
		says   string
	}{
		"unknown":            {"-nope", 2, "flag provided but not defined: -nope"},
		"no flag":            {"octo-org/a", 2, "an argument that is no flag"},
		"a negative rate":    {"-rate -1", 2, "a negative number"},
		"an address of none": {"-addr 192.0.2.1:0", 1, "listen on 192.0.2.1:0"},
		"a bare name":        {"-repo hello", 1, `"hello" is not owner/name`},
		"no git repository":  {"-repo o/a=/nowhere", 1, `FromGit("/nowhere")`},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			assert.Equal(t, test.status, run(t.Context(), strings.Fields(test.args), &stdout, &stderr))
			assert.Contains(t, stderr.String(), test.says)
			assert.Empty(t, stdout.String())
		})
	}
}

func TestHelp(t *testing.T) {
	var stdout, stderr bytes.Buffer
	assert.Equal(t, 0, run(t.Context(), []string{"-h"}, &stdout, &stderr))
	assert.Equal(t, usage, stdout.String())
	assert.Empty(t, stderr.String())
}

func TestServesUntilStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	script, stdout := io.Pipe()
	var log bytes.Buffer
	status := make(chan int, 1)
	go func() {
		status <- run(ctx, []string{"-repo", "octo-org/a", "-repo", "octocat/b"}, stdout, &log)
		stdout.Close()
	}()
	lines := make([]byte, 1<<10)
	n, err := script.Read(lines)
	require.NoError(t, err)
	go func() { _, _ = io.Copy(io.Discard, script) }()
	set := regexp.MustCompile(`(?m)^export GITHUB_TOKEN=(\S+)\nexport GITHUB_API_URL=(\S+)$`).FindStringSubmatch(string(lines[:n]))
	require.Len(t, set, 3, string(lines[:n]))

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, set[2]+"/orgs/octo-org/migrations?per_page=1", http.NoBody)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+set[1])
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("X-Github-Api-Version", "2022-11-28")
	answer, err := new(http.Client).Do(req)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	assert.Equal(t, http.StatusOK, answer.StatusCode)

	stop()
	assert.Equal(t, 0, <-status)
	assert.Regexp(t, `^\d\d:\d\d:\d\d GET /api/v3/orgs/octo-org/migrations 200 2 bytes \n$`, log.String())
}
